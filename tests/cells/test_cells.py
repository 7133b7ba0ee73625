import dataclasses
import math

import numpy as np
import pytest
import torch
from skorch import NeuralNetBinaryClassifier
from skorch.callbacks import EarlyStopping
from torch import nn

from sufficiency._random import child_seed, isolated_rng
from sufficiency.cells.cell import CELL_COLUMNS, Cell
from sufficiency.data.samples import Samples
from sufficiency.data.splits import Split
from sufficiency.nets.predictor import own_score
from sufficiency.nets.targets import fit_target_codec
from sufficiency.probes import IsotropicGaussian
from sufficiency.training.settings import FitSettings
from tests.helpers import (
    Perceptron,
    classifier,
    labeled,
    measure_cell,
    measured,
    regressor,
    untouched_generators,
)

SPLIT = Split(np.arange(30)[::-1].copy(), np.arange(30, 45), np.empty(0, np.int64))
VALIDATING = dataclasses.replace(SPLIT, validation=np.arange(45, 50))
PROBE = IsotropicGaussian(0.3)


class Double(Perceptron):
    """In double precision, so that sums in any order agree to 1e-12."""

    def __init__(self, **params):
        super().__init__(**params)
        self.double()


def prepare(net, n=50, **changes):
    """Settings and samples for a net of any kind, double precision."""
    X, y = labeled(n) if hasattr(net, "classes") else measured(n)
    y = y if hasattr(net, "classes") else y[:, 0]
    X = X.astype(np.float64)
    codec = fit_target_codec(net, y, torch.float64)
    defaults = {
        "net": net,
        "codec": codec,
        "probe": PROBE,
        "scorer": own_score,
        "root": 5,
        "n_draws": 4,
        "n_eval": None,
        "order": 2,
        "center": "last",
        "min_steps": 0,
        "method": "monte_carlo",
        "train": "each_size",
        "vectorize": True,
        "verbose": 0,
    }
    return FitSettings(**(defaults | changes)), Samples(X, codec.encode(y), y)


def double_regressor(module=Double, **params):
    return regressor(module, **({"max_epochs": 10, "batch_size": -1} | params))


def own_training(samples, indices, n_epochs, seed, lr=0.05):
    """Gradient descent in a loop of its own."""
    with isolated_rng(seed):
        module = Double()
    X, y = torch.tensor(samples.X[indices]), torch.tensor(samples.encoded[indices])
    for _ in range(n_epochs):
        module.zero_grad()
        ((module(X) - y) ** 2).mean().backward()
        with torch.no_grad():
            for parameter in module.parameters():
                parameter -= lr * parameter.grad
    return {name: t.detach().clone() for name, t in module.named_parameters()}


def squared_errors(weights, samples, indices):
    """The perceptron written out in NumPy."""
    w = {name: t.numpy() for name, t in weights.items()}
    hidden = np.tanh(samples.X[indices] @ w["hidden.weight"].T + w["hidden.bias"])
    output = hidden @ w["out.weight"].T + w["out.bias"]
    return (output[:, 0] - samples.y[indices]) ** 2


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("vectorize", [False, True])
def test_a_cell_is_what_its_definition_says(order, vectorize):
    settings, samples = prepare(double_regressor(), order=order, vectorize=vectorize)
    repeat, size = 3, 12
    cell = measure_cell(settings, samples, None, SPLIT, repeat, size)

    train, candidates = SPLIT.order[:size], SPLIT.candidates
    seed = child_seed(5, "training", repeat, size)
    center = own_training(samples, train, 10, seed)
    sampler = PROBE.prepare(center)
    terms = []
    for t in range(4):
        generator = torch.Generator().manual_seed(child_seed(5, "probe", repeat, size, t))
        draw = sampler(generator)
        gap = (
            squared_errors(draw, samples, candidates) - squared_errors(draw, samples, train).mean()
        )
        terms.append(gap)
    differences = np.array(terms)
    point = (
        squared_errors(center, samples, candidates) - squared_errors(center, samples, train).mean()
    )
    spread = differences.var(axis=1, ddof=1)
    earlier = own_training(samples, train, 9, seed)  # nine tenths of ten steps
    expected = {
        "delta": (np.abs(differences) ** order).mean() / 13**order,
        "delta_point": (np.abs(point) ** order).mean() / 13**order,
        "gap_sq": (differences.mean(axis=1) ** 2 - spread / 15).mean(),
        "spread": spread.mean(),
        "train_loss": squared_errors(center, samples, train).mean(),
        "unseen_loss": squared_errors(center, samples, candidates).mean(),
        "loss_drift": abs(
            squared_errors(earlier, samples, train).mean()
            - squared_errors(center, samples, train).mean()
        ),
    }
    if order == 2:
        expected["delta_mean_sq"] = (differences.mean(axis=0) ** 2).mean() / 13**2
        expected["delta_variance"] = differences.var(axis=0).mean() / 13**2
    # Double precision throughout. Two trainings of ten steps and sums in other orders: a hundred
    # or so roundings of 1e-16, on differences of losses a tenth of their terms.
    for name, value in expected.items():
        assert getattr(cell, name) == pytest.approx(value, rel=1e-11), name
    y = samples.y[candidates]
    r_squared = 1 - cell.unseen_loss / y.var()
    assert cell.unseen_score == pytest.approx(r_squared, rel=1e-11)
    assert (cell.repeat, cell.size, cell.failure) == (repeat, size, "")
    assert cell.fit_seconds > 0
    assert cell.probe_seconds > 0
    elsewhere = {"delta_in_sample", "quadratic_error"}  # other trainings, other methods
    elsewhere |= {"delta_mean_sq", "delta_variance"} if order == 1 else set()
    for name in CELL_COLUMNS:
        assert math.isfinite(getattr(cell, name)) == (name not in elsewhere), name


def test_the_gradient_norm_is_that_of_the_training_loss():
    settings, samples = prepare(double_regressor(max_epochs=3))
    cell = measure_cell(settings, samples, None, SPLIT, 0, 12)
    train = SPLIT.order[:12]
    center = own_training(samples, train, 3, child_seed(5, "training", 0, 12))
    total, step = 0.0, 1e-5
    for name, tensor in center.items():
        for index in np.ndindex(tuple(tensor.shape)):
            ends = []
            for sign in (1, -1):
                moved = dict(center)
                moved[name] = tensor.clone()
                moved[name][index] += sign * step
                ends.append(squared_errors(moved, samples, train).mean())
            total += ((ends[0] - ends[1]) / (2 * step)) ** 2
    # central differences: step² = 1e-10 and rounding 1e-16/step = 1e-11, relative to order 1
    assert cell.grad_norm == pytest.approx(math.sqrt(total), rel=1e-7)


def test_without_width_a_probe_gives_the_point():
    settings, samples = prepare(double_regressor(), probe=IsotropicGaussian(0.0))
    cell = measure_cell(settings, samples, None, SPLIT, 0, 12)
    assert cell.delta == pytest.approx(cell.delta_point, rel=1e-13)


def test_own_candidates_replace_the_reserved_ones():
    settings, samples = prepare(double_regressor())
    own = samples.take(np.arange(45, 50))
    cell = measure_cell(settings, samples, own, SPLIT, 0, 12)
    assert not len(cell.unseen.others)  # their rows would be mistaken for those of `own`
    reserved = dataclasses.replace(SPLIT, candidates=np.arange(45, 50))
    same = measure_cell(settings, samples, None, reserved, 0, 12)
    same = dataclasses.replace(same, unseen=same.unseen.some(np.arange(5), np.arange(0)))
    assert numbers(cell) == numbers(same)
    assert numbers(cell) != numbers(measure_cell(settings, samples, None, SPLIT, 0, 12))


def numbers(cell: Cell) -> dict[str, float]:
    """Everything but the durations; NaN as None, which equals itself."""
    row = {n: getattr(cell, n) for n in CELL_COLUMNS if not n.endswith("_seconds")}
    unseen = {n: np.asarray(v).tolist() for n, v in vars(cell.unseen).items()}
    row |= {n: v for n, v in unseen.items() if n != "candidates"}
    return {n: None if isinstance(v, float) and math.isnan(v) else v for n, v in row.items()}


def test_the_same_cell_has_the_same_bits_and_others_have_others():
    settings, samples = prepare(classifier(Double, module__n_outputs=3, module__dropout=0.3))
    with untouched_generators():
        first = measure_cell(settings, samples, None, SPLIT, 0, 12)
    torch.rand(7)
    measure_cell(settings, samples, None, SPLIT, 1, 20)
    assert numbers(measure_cell(settings, samples, None, SPLIT, 0, 12)) == numbers(first)
    for other in (
        measure_cell(settings, samples, None, SPLIT, 1, 12),
        measure_cell(settings, samples, None, SPLIT, 0, 13),
        measure_cell(dataclasses.replace(settings, root=6), samples, None, SPLIT, 0, 12),
    ):
        assert other.train_loss != first.train_loss
        assert other.delta != first.delta


def test_the_probe_does_not_touch_the_training_or_the_other_draws():
    settings, samples = prepare(double_regressor())
    few = measure_cell(settings, samples, None, SPLIT, 0, 12)
    many = measure_cell(dataclasses.replace(settings, n_draws=8), samples, None, SPLIT, 0, 12)
    assert few.train_loss == many.train_loss
    assert few.delta_point == many.delta_point
    assert few.delta != many.delta


def test_one_candidate_has_neither_score_nor_error():
    settings, samples = prepare(double_regressor())
    single = dataclasses.replace(SPLIT, candidates=np.array([40]))
    cell = measure_cell(settings, samples, None, single, 0, 12)
    assert math.isfinite(cell.delta)
    for name in ("stderr", "gap_sq", "spread", "unseen_score"):
        assert math.isnan(getattr(cell, name))


def test_scorers_see_the_users_labels():
    seen = []

    def scorer(predictor, X, y):
        seen.append((predictor.predict(X), predictor.classes_, X, y))
        return 0.25

    settings, samples = prepare(classifier(Double, module__n_outputs=3), scorer=scorer)
    names = np.array(["ant", "bee", "cat"])
    codec = dataclasses.replace(settings.codec, classes=names)
    samples = Samples(samples.X, samples.encoded, names[samples.encoded])
    settings = dataclasses.replace(settings, codec=codec)
    assert measure_cell(settings, samples, None, SPLIT, 0, 12).unseen_score == 0.25
    ((predicted, classes, X, y),) = seen
    assert set(predicted) <= set(names)
    assert classes.tolist() == names.tolist()
    np.testing.assert_array_equal(X, samples.X[SPLIT.candidates])
    np.testing.assert_array_equal(y, samples.y[SPLIT.candidates])


def test_nets_without_score_have_none():
    settings, samples = prepare(double_regressor(), scorer=None)
    assert math.isnan(measure_cell(settings, samples, None, SPLIT, 0, 12).unseen_score)


def test_validation_samples_reach_the_net():
    # without them, the callback has nothing to monitor and skorch fails
    net = double_regressor(callbacks=[EarlyStopping(patience=2)], train_split=None)
    settings, samples = prepare(net)
    assert measure_cell(settings, samples, None, VALIDATING, 0, 12).failure == ""
    with pytest.raises(KeyError, match="valid_loss"):
        measure_cell(settings, samples, None, SPLIT, 0, 12)


def test_a_subset_that_lacks_classes_is_measured():
    known = []

    def scorer(predictor, X, y):
        known.append(predictor.net.classes_.tolist())
        return predictor.score(X, y)

    settings, samples = prepare(classifier(Double, module__n_outputs=3), scorer=scorer)
    y = np.sort(samples.encoded)
    samples = Samples(samples.X, y, y)
    split = dataclasses.replace(SPLIT, order=np.arange(12))
    assert set(y[:12]) == {0}
    cell = measure_cell(settings, samples, None, split, 0, 12)
    assert cell.failure == ""
    assert 0 <= cell.unseen_score <= 1
    assert known == [[0, 1, 2]]


class Logistic(nn.Module):
    """With infinite steps its outputs are NaN from the second step on."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 1).double()

    def forward(self, X):
        return self.linear(X).sigmoid()


class Infinite(nn.MSELoss):
    def forward(self, prediction, target):
        return super().forward(prediction, target) + torch.inf


@pytest.mark.parametrize(
    ("net", "changes", "told"),
    [
        (double_regressor(lr=1e200), {}, "the training diverged: its weights are not finite"),
        (double_regressor(criterion=Infinite), {}, "losses at the trained weights are not finite"),
        (
            double_regressor(),
            {"probe": IsotropicGaussian(1e200)},
            "losses at some weight draws are not finite",
        ),
    ],
)
def test_what_is_not_finite_is_a_failure_and_no_exception(net, changes, told):
    settings, samples = prepare(net, **changes)
    with untouched_generators():
        cell = measure_cell(settings, samples, None, SPLIT, 2, 12)
    assert told in cell.failure
    assert (cell.repeat, cell.size) == (2, 12)
    assert all(math.isnan(getattr(cell, name)) for name in CELL_COLUMNS[2:])


def test_a_criterion_that_refuses_nan_is_a_failure_too():
    X, y = measured(50)
    y = np.where(y[:, 0] > 0, "yes", "no")
    X = X.astype(np.float64)
    net = NeuralNetBinaryClassifier(
        Logistic, criterion=nn.BCELoss, lr=math.inf, max_epochs=20, batch_size=4, verbose=0
    )
    codec = fit_target_codec(net, y, torch.float64)
    settings, _ = prepare(double_regressor())
    settings = dataclasses.replace(settings, net=net, codec=codec)
    cell = measure_cell(settings, Samples(X, codec.encode(y), y), None, SPLIT, 0, 12)
    assert "the training diverged" in cell.failure


class Broken(Double):
    def forward(self, X):
        raise RuntimeError("no forward today")


def test_any_other_error_is_raised_with_the_cells_name():
    settings, samples = prepare(double_regressor(module=Broken))
    with pytest.raises(RuntimeError, match="no forward today") as caught:
        measure_cell(settings, samples, None, SPLIT, 2, 12)
    assert caught.value.__notes__ == ["in the cell of repeat 2, size 12"]
