import copy

import numpy as np
import pytest
import torch
from sklearn.base import clone
from skorch import NeuralNet, NeuralNetClassifier
from torch import nn

from sufficiency import LandscapeSufficiencyEstimator, per_sample_losses
from sufficiency._random import isolated_rng
from sufficiency.datasets import load_digits, load_text
from sufficiency.engine.loss_matrix import can_vectorize
from sufficiency.models import (
    MLP,
    ConvNet,
    Transformer,
    convnet_classifier,
    language_model,
    mlp_classifier,
)
from sufficiency.probes import CurvatureSubspace
from tests.helpers import same_weights, weights_of

CODES, NEXT, VOCABULARY = load_text(8)

MAKERS = {
    "mlp": (lambda **params: mlp_classifier(64, 10, **params), MLP),
    "convnet": (
        lambda **params: convnet_classifier(
            1, 10, **({"module__image_size": 8, "module__channels": 4} | params)
        ),
        ConvNet,
    ),
    "language": (
        lambda **params: language_model(
            **({"n_tokens": len(VOCABULARY), "context": 8, "module__width": 8} | params)
        ),
        Transformer,
    ),
}


@pytest.fixture(params=list(MAKERS))
def name(request):
    return request.param


@pytest.fixture
def make(name):
    return MAKERS[name][0]


@pytest.fixture
def data(name):
    if name == "language":
        return CODES[:80], NEXT[:80]
    X, y = load_digits()
    return X[:80], y[:80]


def test_training_is_the_papers(name, make):
    net = make()
    assert not net.initialized_
    assert net.module is MAKERS[name][1]
    assert isinstance(net, NeuralNetClassifier) == (name != "language")
    assert isinstance(net, NeuralNet)
    assert net.criterion is nn.CrossEntropyLoss
    assert net.optimizer is torch.optim.Adam
    assert net.lr == 3e-4
    assert net.batch_size == 64
    assert net.train_split is None
    assert net.verbose == 0
    assert net.initialize().optimizer_.param_groups[0]["lr"] == 3e-4
    batches = net.get_iterator(net.get_dataset(np.zeros((5, 8))), training=True)
    assert isinstance(batches.sampler, torch.utils.data.RandomSampler)


def test_everything_can_be_overridden(make):
    net = make(
        optimizer=torch.optim.SGD,
        lr=0.1,
        batch_size=7,
        max_epochs=3,
        iterator_train__shuffle=False,
        module__depth=1,
        module__dropout=0.25,
    ).initialize()
    assert isinstance(net.optimizer_, torch.optim.SGD)
    assert (net.lr, net.batch_size, net.max_epochs) == (0.1, 7, 3)
    assert any(isinstance(m, nn.Dropout) and m.p == 0.25 for m in net.module_.modules())
    deeper = make().initialize()
    assert len(weights_of(net)) < len(weights_of(deeper))


def test_unknown_parameters_are_refused(make):
    with pytest.raises(ValueError, match=r"unexpected argument\(s\) batchsize"):
        make(batchsize=3).initialize()


def test_clones_start_fresh_and_learn_alike(make, data):
    net = make(max_epochs=1)
    fitted = []
    for seed in (0, 0, 1):
        with isolated_rng(seed):
            fitted.append(weights_of(clone(net).fit(*data)))
    assert same_weights(fitted[0], fitted[1])
    assert not same_weights(fitted[0], fitted[2])
    assert not net.initialized_


def test_training_lowers_the_loss(make, data):
    with isolated_rng(0):
        net = make(max_epochs=30, lr=3e-3).fit(*data)
    losses = net.history[:, "train_loss"]
    assert losses[-1] < 0.9 * losses[0]


# name of a net, and what is switched on in it
SWITCHES = {
    "mlp": ("mlp", {}),
    "convnet": ("convnet", {}),
    "language": ("language", {}),
    "mlp with norms": ("mlp", {"module__batch_norm": True, "module__dropout": 0.2}),
    "convnet with norms": ("convnet", {"module__batch_norm": True, "module__dropout": 0.2}),
    "language with dropout": ("language", {"module__dropout": 0.2}),
}


@pytest.mark.parametrize(("name", "switches"), SWITCHES.values(), ids=list(SWITCHES))
def test_losses_at_stacked_weights_are_those_of_a_loop(make, data, switches, rng):
    """A loop over copies of the module that are given the weights, as anybody would write it."""
    X, y = data[0][:8], data[1][:8]
    with isolated_rng(0):
        net = make(max_epochs=1, **switches).fit(*data)
    assert can_vectorize(net, X, y)
    stacked = {
        name: p.detach().numpy() + 0.1 * rng.normal(size=(5, *p.shape)).astype(np.float32)
        for name, p in net.module_.named_parameters()
    }
    expected = []
    for draw in range(5):
        twin = copy.deepcopy(net.module_).eval()
        with torch.no_grad():
            for name, p in twin.named_parameters():
                p.copy_(torch.from_numpy(stacked[name][draw]))
            criterion = nn.CrossEntropyLoss(reduction="none")
            losses = criterion(twin(torch.from_numpy(X)), torch.from_numpy(y))
        expected.append((losses.mean(1) if losses.ndim > 1 else losses).numpy())
    found = per_sample_losses(net, X, y, weights=stacked)
    # losses of about two from logits of order one, whose sums go in another order: a few dozen
    # roundings of 6e-8
    np.testing.assert_allclose(found, expected, rtol=50 * 2**-23, atol=50 * 2**-23)


def small_estimator(net, **settings):
    defaults = {"sizes": 2, "n_repeats": 2, "n_draws": 4, "n_candidates": 16, "min_steps": 0}
    defaults |= {"curve": "theory", "random_state": 0}
    return LandscapeSufficiencyEstimator(net, **(defaults | settings))


# two epochs settle nothing
@pytest.mark.filterwarnings("ignore::sufficiency.exceptions.SufficiencyWarning")
@pytest.mark.parametrize(("name", "switches"), SWITCHES.values(), ids=list(SWITCHES))
def test_a_whole_fit_of_the_estimator(name, make, data, switches):
    X, y = data
    estimator = small_estimator(make(max_epochs=2, **switches)).fit(X, y)
    assert not any(cell.failure for cell in estimator.result_.cells)
    assert (estimator.deltas_ > 0).all()
    assert np.isfinite(estimator.delta_stderr_).all()
    prediction = estimator.predict(X[:3])
    assert prediction.shape == ((3, len(VOCABULARY), 8) if name == "language" else (3,))


@pytest.mark.filterwarnings("ignore::sufficiency.exceptions.SufficiencyWarning")
@pytest.mark.parametrize(
    "settings", [{"method": "gaussian_moment"}, {"probe": CurvatureSubspace(dim=2)}]
)
def test_hessians_of_every_net(make, data, settings):
    estimator = small_estimator(make(max_epochs=2), n_repeats=1, **settings).fit(*data)
    assert not any(cell.failure for cell in estimator.result_.cells)
    assert (estimator.deltas_ > 0).all()
