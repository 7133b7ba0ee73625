"""Nets as they come: each kind through a whole fit, and its losses against a plain loop."""

import copy

import numpy as np
import pytest
import torch
import torchvision
from skorch import NeuralNet, NeuralNetClassifier
from torch import nn

from sufficiency import LandscapeSufficiencyEstimator, UnsupportedNetError, per_sample_losses

pytestmark = pytest.mark.filterwarnings("ignore::sufficiency.exceptions.SufficiencyWarning")

N, N_CLASSES, N_TOKENS = 60, 3, 20


class Recurrent(nn.Module):
    def __init__(self, kind=nn.LSTM):
        super().__init__()
        self.cells, self.head = kind(4, 6, batch_first=True), nn.Linear(6, N_CLASSES)

    def forward(self, X):
        return self.head(self.cells(X)[0][:, -1])


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        layer = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.head = nn.Linear(4, N_CLASSES)

    def forward(self, X):
        return self.head(self.encoder(X).mean(1))


class Grouped(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(1, 4, 3), nn.GroupNorm(2, 4), nn.ReLU())
        self.head = nn.Linear(4, N_CLASSES)

    def forward(self, X):
        return self.head(self.layers(X).mean((2, 3)))


class Bag(nn.Module):
    def __init__(self):
        super().__init__()
        self.bag, self.head = nn.EmbeddingBag(N_TOKENS, 5), nn.Linear(5, N_CLASSES)

    def forward(self, X):
        return self.head(self.bag(X))


class Tied(nn.Module):
    """A next-token model whose input and output embeddings are one tensor."""

    def __init__(self):
        super().__init__()
        self.inputs, self.outputs = nn.Embedding(N_TOKENS, 5), nn.Linear(5, N_TOKENS, bias=False)
        self.outputs.weight = self.inputs.weight

    def forward(self, X):
        return self.outputs(self.inputs(X)).transpose(1, 2)


class Frozen(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head = nn.Linear(5, 8), nn.Linear(8, N_CLASSES)
        self.body.requires_grad_(False)

    def forward(self, X):
        return self.head(self.body(X).relu())


class NewHead(nn.Module):
    """A torchvision model with a new head; only the head learns."""

    def __init__(self):
        super().__init__()
        self.model = torchvision.models.shufflenet_v2_x0_5(weights=None)
        self.model.requires_grad_(False)
        self.model.fc = nn.Linear(self.model.fc.in_features, N_CLASSES)

    def forward(self, X):
        return self.model(X)


class Half(nn.Module):
    """Half precision throughout; NumPy knows float16, and bfloat16 is cast by the module."""

    def __init__(self, dtype=torch.float16):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, N_CLASSES)).to(dtype)

    def forward(self, X):
        return self.layers(X.to(self.layers[0].weight.dtype))


class Brain(Half):
    def __init__(self):
        super().__init__(torch.bfloat16)

    def forward(self, X):
        return super().forward(X).float()


class Autocast(nn.Module):
    """Weights in float32, products in bfloat16."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, N_CLASSES))

    def forward(self, X):
        with torch.autocast("cpu", torch.bfloat16):
            return self.layers(X).float()


class Multilabel(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 4))

    def forward(self, X):
        return self.layers(X)


def floats(*shape):
    return lambda rng: rng.normal(size=(N, *shape)).astype("float32")


def tokens(rng):
    return rng.integers(0, N_TOKENS, (N, 6))


def labels(rng, X):
    return rng.integers(0, N_CLASSES, N)


# Module, its inputs, and whether vmap takes it and gives what a loop gives to float32's precision.
KINDS = {
    "lstm": (Recurrent, floats(7, 4), False),
    "attention": (Attention, floats(7, 4), True),
    "group norm": (Grouped, floats(1, 6, 6), True),
    "embedding bag": (Bag, tokens, False),
    "tied weights": (Tied, tokens, True),
    "frozen body": (Frozen, floats(5), True),
    "torchvision with a new head": (NewHead, floats(3, 32, 32), True),
    "float16": (Half, floats(5), True),
    "bfloat16": (Brain, floats(5), False),
    "autocast": (Autocast, floats(5), False),
    "multi-label": (Multilabel, floats(5), True),
}


def targets_of(name, rng, X):
    if name == "tied weights":
        return (X + 1) % N_TOKENS
    if name == "multi-label":
        return rng.integers(0, 2, (N, 4)).astype("float32")
    return rng.integers(0, N_CLASSES, N)


def net_of(name, module=None):
    module = module or KINDS[name][0]
    sequences = name in ("tied weights", "multi-label")
    criterion = nn.BCEWithLogitsLoss if name == "multi-label" else nn.CrossEntropyLoss
    return (NeuralNet if sequences else NeuralNetClassifier)(
        module, criterion=criterion, max_epochs=2, lr=0.05, train_split=None, verbose=0
    )


@pytest.fixture(params=list(KINDS))
def name(request):
    return request.param


@pytest.fixture
def data(name, rng):
    X = KINDS[name][1](rng)
    return X, targets_of(name, rng, X)


def estimator(name, **kwargs):
    settings = {"sizes": [20, 40], "n_repeats": 1, "n_draws": 3, "n_candidates": 10}
    settings |= {"min_steps": 4, "curve": "theory", "random_state": 0}
    return LandscapeSufficiencyEstimator(net_of(name), **(settings | kwargs))


def test_a_whole_fit(name, data):
    """With a warning where vmap does not take the net, and none where it does."""
    if KINDS[name][2]:
        est = estimator(name).fit(*data)
    else:
        with pytest.warns(UserWarning, match="vmap does not take this net"):
            est = estimator(name).fit(*data)
    assert (est.deltas_ > 0).all()
    assert not any(cell.failure for cell in est.result_.cells)
    assert len(est.predict(data[0][:2])) == 2


def test_losses_at_other_weights_are_those_of_a_copy_with_these_weights(name, data):
    """A loop over copies of the module that are given the weights, as anybody would write it."""
    X, y = data[0][:8], data[1][:8]
    X = X.astype("float16") if name == "float16" else X
    net = net_of(name).initialize()
    trainable = {n: p.detach() for n, p in net.module_.named_parameters() if p.requires_grad}
    generator = torch.Generator().manual_seed(0)
    stacked, expected = {n: [] for n in trainable}, []
    for _ in range(3):
        twin = copy.deepcopy(net.module_).eval()
        with torch.no_grad():
            for n, p in twin.named_parameters():
                if n in trainable:
                    p += 0.1 * torch.randn(p.shape, generator=generator).to(p.dtype)
                    stacked[n].append(p.detach().float().numpy())
            criterion = type(net.criterion_)(reduction="none")
            losses = criterion(twin(torch.as_tensor(X)), torch.as_tensor(y))
        expected.append(losses.flatten(1).mean(1) if losses.ndim > 1 else losses)
    found = per_sample_losses(net, X, y, weights={n: np.stack(w) for n, w in stacked.items()})
    # results of about one are rounded to the criterion's dtype, sums in another order a few times
    eps = {"float16": 2**-10, "autocast": 2**-7, "bfloat16": 2**-7}.get(name, 2**-23)
    np.testing.assert_allclose(
        found, torch.stack(expected).double().numpy(), rtol=50 * eps, atol=50 * eps
    )


def test_frozen_parameters_stay_as_they_are(rng):
    module = Frozen()
    before = copy.deepcopy(module.body.state_dict())
    X = floats(5)(rng)
    est = estimator("frozen body").set_params(net=net_of("frozen body", module))
    draws, _ = est.fit(X, labels(rng, X)).unit_draws(2)
    assert set(draws) == {"head.weight", "head.bias"}
    for key, tensor in module.body.state_dict().items():
        assert torch.equal(tensor, before[key])


def test_tied_weights_are_one_parameter(rng):
    X = tokens(rng)
    draws, _ = estimator("tied weights").fit(X, (X + 1) % N_TOKENS).unit_draws(2)
    assert set(draws) == {"inputs.weight"}


def test_what_has_no_second_derivative_is_refused_for_what_needs_it(rng):
    X = tokens(rng)
    with pytest.raises(UnsupportedNetError, match=r"no second derivatives: .*embedding_bag"):
        estimator("embedding bag", method="gaussian_moment").fit(X, labels(rng, X))
    with pytest.raises(UnsupportedNetError, match=r"no second derivatives: .*embedding_bag"):
        estimator("embedding bag", probe="curvature").fit(X, labels(rng, X))


def test_a_module_that_does_not_take_float32_is_refused(rng):
    """NumPy has no bfloat16: the module itself must cast."""

    class Strict(Brain):
        def forward(self, X):
            return self.layers(X)

    net = net_of("bfloat16", Strict)
    X = floats(5)(rng)
    with pytest.raises(UnsupportedNetError, match=r"cannot compute losses .* dtype float32"):
        estimator("bfloat16").set_params(net=net).fit(X, labels(rng, X))
