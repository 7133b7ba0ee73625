"""Modules that nobody prepared for: each is measured, or one sentence says what to do instead."""

import dataclasses

import numpy as np
import pytest
import torch
import torchvision
from skorch import NeuralNet, NeuralNetClassifier
from torch import nn
from torch.nn.utils import parametrizations

from sufficiency import LandscapeSufficiencyEstimator, UnsupportedNetError, per_sample_losses
from sufficiency.fit.plan import plan_fit
from tests.helpers import regressor

pytestmark = [
    pytest.mark.filterwarnings("ignore::sufficiency.exceptions.SufficiencyWarning"),
    pytest.mark.filterwarnings("ignore:vmap does not take this net"),
]

N, TOKENS = 40, 10
RNG = np.random.default_rng(0)
LABELS = RNG.permutation(np.arange(N) % 2)
TABLE = (RNG.normal(size=(N, 5)) + LABELS[:, None]).astype("float32")
SERIES = RNG.normal(size=(N, 7, 4)).astype("float32")
IMAGES = RNG.normal(size=(N, 3, 32, 32)).astype("float32")
# padded with zeros to six
WORDS = RNG.integers(1, TOKENS, (N, 6)) * (np.arange(6) < RNG.integers(2, 7, (N, 1)))
SETTINGS = {"sizes": [8, 16], "n_repeats": 1, "n_draws": 2, "n_candidates": 8, "min_steps": 2}


class Layers(nn.Module):
    def __init__(self, dtype=torch.float32):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 2)).to(dtype)

    def forward(self, X):
        return self.layers(X)


@dataclasses.dataclass
class ModelOutput:
    loss: torch.Tensor | None
    logits: torch.Tensor


class OfDict(Layers):
    def forward(self, X):
        return {"hidden": X, "logits": self.layers(X)}


class OfDataclass(Layers):
    def forward(self, X):
        return ModelOutput(None, self.layers(X))


class LossInside(Layers):
    """As models of language do it: labels in, mean loss out."""

    def forward(self, X, labels):
        logits = self.layers(X)
        return ModelOutput(nn.functional.cross_entropy(logits, labels), logits)


class Auxiliary(Layers):
    """As torchvision's inception: more outputs while it trains."""

    def forward(self, X):
        output = self.layers(X)
        return (output, output) if self.training else output


class TwoHeads(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.of_class, self.of_sum = nn.Linear(5, 4), nn.Linear(4, 2), nn.Linear(4, 1)

    def forward(self, X):
        hidden = self.body(X).relu()
        return self.of_class(hidden), self.of_sum(hidden)


class Gated(nn.Module):
    def __init__(self):
        super().__init__()
        self.cells, self.head = nn.GRU(4, 6, batch_first=True), nn.Linear(6, 2)

    def forward(self, X):
        return self.head(self.cells(X)[0][:, -1])


class MaskedAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(TOKENS, 8, padding_idx=0)
        self.attention, self.head = nn.MultiheadAttention(8, 2, batch_first=True), nn.Linear(8, 2)

    def forward(self, X):
        padding, words = X == 0, self.words(X)
        seen, _ = self.attention(words, words, words, key_padding_mask=padding, need_weights=False)
        kept = (~padding).unsqueeze(2).to(seen.dtype)
        return self.head((seen * kept).sum(1) / kept.sum(1))


class Parametrized(nn.Module):
    def __init__(self, form):
        super().__init__()
        self.body, self.head = form(nn.Linear(5, 4)), nn.Linear(4, 2)

    def forward(self, X):
        return self.head(self.body(X).relu())


class Lazy(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head = nn.LazyLinear(4), nn.LazyLinear(2)

    def forward(self, X):
        return self.head(self.body(X).relu())


class Complex(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(5, 2, dtype=torch.complex64))

    def forward(self, X):
        return (X.to(torch.complex64) @ self.weight).abs()


class OwnStatistics(Layers):
    def __init__(self):
        super().__init__()
        self.layers.insert(1, nn.BatchNorm1d(4, track_running_stats=False))


class Brain(Layers):
    """In bfloat16 throughout."""

    def __init__(self):
        super().__init__(torch.bfloat16)


class BrainAfterCast(Brain):
    def forward(self, X):
        return super().forward(X.to(torch.bfloat16))


class Logits(NeuralNetClassifier):
    def infer(self, x, **fit_params):
        output = super().infer(x, **fit_params)
        return output["logits"] if isinstance(output, dict) else output.logits


class BothLosses(NeuralNetClassifier):
    def get_loss(self, y_pred, y_true, X=None, training=False):
        of_class, of_sum = y_pred
        squares = (of_sum[:, 0] - X.sum(1)) ** 2
        # the reduction is that of the criterion, which is how single losses are asked for
        squares = squares if self.criterion_.reduction == "none" else squares.mean()
        return super().get_loss(of_class, y_true, X=X, training=training) + squares


class LossOfModule(NeuralNetClassifier):
    def get_loss(self, y_pred, y_true, X=None, training=False):
        return y_pred.loss


class Penalized(NeuralNetClassifier):
    penalty = 0.25

    def get_loss(self, y_pred, y_true, X=None, training=False):
        return super().get_loss(y_pred, y_true, X=X, training=training) + self.penalty


def net_of(module, kind=NeuralNetClassifier, **params):
    settings = {"criterion": nn.CrossEntropyLoss, "lr": 0.05, "max_epochs": 1, "batch_size": 8}
    return kind(module, **(settings | params))


def estimator(net, **changes):
    settings = {"curve": "theory", "refit": False, "random_state": 0} | SETTINGS
    return LandscapeSufficiencyEstimator(net, **(settings | changes))


def parametrized(name):
    return net_of(Parametrized, module__form=getattr(parametrizations, name))


MEASURED = {
    "a dict, of which the net takes one": (lambda: net_of(OfDict, Logits), TABLE),
    "a dataclass, likewise": (lambda: net_of(OfDataclass, Logits), TABLE),
    "several outputs and losses": (lambda: net_of(TwoHeads, BothLosses), TABLE),
    "GRU": (lambda: net_of(Gated), SERIES),
    "attention with a mask": (lambda: net_of(MaskedAttention), WORDS),
    "weight norm": (lambda: parametrized("weight_norm"), TABLE),
    "spectral norm": (lambda: parametrized("spectral_norm"), TABLE),
    "LazyLinear": (lambda: net_of(Lazy), TABLE),
    "float64": (lambda: net_of(Layers, module__dtype=torch.float64), TABLE),
    "DataParallel": (lambda: net_of(lambda: nn.DataParallel(Layers())), TABLE),
}


@pytest.mark.parametrize("case", MEASURED)
def test_is_measured(case):
    make, X = MEASURED[case]
    est = estimator(make(), refit=True).fit(X, LABELS)
    assert (est.deltas_ > 0).all()
    assert not any(cell.failure for cell in est.result_.cells)
    assert set(est.predict(X)) <= {0, 1}
    # the mean of single losses is what the net's own loss says of all, to float32's rounding
    net = est.net_
    losses = per_sample_losses(net, est._predictor.cast(X), LABELS)
    inputs, targets = torch.as_tensor(est._predictor.cast(X)), torch.as_tensor(LABELS)
    net.module_.eval()
    with torch.no_grad():
        whole = net.get_loss(net.infer(inputs), targets, X=inputs, training=False)
    assert losses.mean() == pytest.approx(float(whole), rel=1e-5)


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small"])
def test_torchvision_models_are_measured_on_small_images(name):
    net = net_of(getattr(torchvision.models, name), module__num_classes=2, batch_size=4)
    est = estimator(net, sizes=[4, 8], n_candidates=4, n_draws=1, min_steps=1)
    est.set_params(train_together=False).fit(IMAGES[:16], LABELS[:16])
    assert (est.deltas_ > 0).all()
    assert not any(cell.failure for cell in est.result_.cells)


REFUSED = {
    "a dict": (lambda: net_of(OfDict), r"gives dict \(hidden, logits\).*fit_params\)\['logits'\]`"),
    "a dataclass": (
        lambda: net_of(OfDataclass),
        r"gives ModelOutput \(loss, logits\).*`def infer.*fit_params\)\.logits`",
    ),
    "several outputs": (lambda: net_of(TwoHeads), r"gives tuple, no tensor.*its get_loss"),
    "several outputs in training": (
        lambda: net_of(Auxiliary),
        "cannot make a training step.*gives tuple.*in training mode",
    ),
    "a weight norm that is there already": (
        lambda: net_of(Parametrized(parametrizations.weight_norm)),
        "no reset_parameters.*pass the module's class",
    ),
    "compiled": (lambda: net_of(Layers, compile=True), "set compile=False"),
    "complex": (lambda: net_of(Complex), r"complex ones \['weight'\].*torch.view_as_complex"),
    "scripted": (
        lambda: net_of(lambda: torch.jit.script(Layers())),
        "ScriptModule.*pass the module's class",
    ),
    "bfloat16": (lambda: net_of(Brain), r"begin with X.to\(torch.bfloat16\) and end with .float"),
    "bfloat16 at the end": (lambda: net_of(BrainAfterCast), r"got bfloat16.*end with .float\(\)"),
    "logits for the default criterion": (
        lambda: net_of(Layers, criterion=nn.NLLLoss),
        "must give probabilities, got values from -.*criterion=torch.nn.CrossEntropyLoss",
    ),
    "logits for NLLLoss of a plain net": (
        lambda: net_of(Layers, NeuralNet, criterion=nn.NLLLoss),
        "must give logarithms of probabilities.*criterion=torch.nn.CrossEntropyLoss",
    ),
    "batch norm without statistics": (
        lambda: net_of(OwnStatistics),
        r"its batch norm \['layers.1'\] keeps no running statistics; set track_running_stats=True",
    ),
    "no whole batch": (
        lambda: net_of(Layers, batch_size=12, iterator_train__drop_last=True),
        r"no batch of 12 from \[8\] samples.*smaller batch_size",
    ),
}


# torch itself deprecates scripting
@pytest.mark.filterwarnings("ignore:`torch.jit.script")
@pytest.mark.parametrize("case", REFUSED)
def test_is_refused_with_the_remedy_before_any_training(case):
    make, told = REFUSED[case]
    with pytest.raises(UnsupportedNetError, match=told):
        plan_fit(estimator(make()), TABLE, LABELS)


def test_a_mean_loss_computed_in_the_module_is_refused_with_the_remedy():
    est = estimator(net_of(LossInside, LossOfModule))
    with pytest.raises(UnsupportedNetError, match="where the module computes a mean itself"):
        plan_fit(est, {"X": TABLE, "labels": LABELS}, LABELS)


def test_a_penalty_of_the_weights_cancels_in_delta_and_counts_in_losses():
    """As docs/how-to/nets.md says; a constant one leaves the training as it is."""
    plain, penalized = (estimator(net_of(Layers, kind)).fit(TABLE, LABELS).result_
                        for kind in (NeuralNetClassifier, Penalized))  # fmt: skip
    # losses of about one in float32, whose differences are a tenth: a few roundings of 6e-8
    np.testing.assert_allclose(penalized.deltas, plain.deltas, rtol=1e-4)
    losses = [result.to_frame()["unseen_loss"] for result in (penalized, plain)]
    np.testing.assert_allclose(losses[0] - losses[1], Penalized.penalty, rtol=1e-5)


def test_weights_of_samples_are_refused_with_the_reason():
    with pytest.raises(TypeError, match=r"`sample_weight` must be None: .* keep each row"):
        estimator(net_of(Layers)).fit(TABLE, LABELS, sample_weight=np.ones(N))
    with pytest.raises(TypeError, match=r"fit\(\) got an unexpected keyword argument 'weights'"):
        estimator(net_of(Layers)).fit(TABLE, LABELS, weights=np.ones(N))


def test_without_a_refit_predict_says_why_it_is_not_there():
    est = estimator(net_of(Layers))
    for method in ("predict", "predict_proba", "score"):
        assert not hasattr(est, method)
        with pytest.raises(AttributeError, match=rf"`{method}` needs .*fit again with refit=True"):
            getattr(est, method)


@pytest.mark.parametrize("net", [None, regressor()])
def test_one_value_for_all_samples_is_nothing_to_learn(net):
    with pytest.raises(ValueError, match=r"`y` must vary for a regressor, got 3.5 for every sampl"):
        plan_fit(estimator(net), TABLE[:, :3], np.full(N, 3.5))
