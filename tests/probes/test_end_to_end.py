"""Every probe at both orders through the estimator, and what cells hand to a probe."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from skorch import NeuralNetClassifier
from torch import nn

from sufficiency import LandscapeSufficiencyEstimator
from sufficiency.probes import (
    CurvatureSubspace,
    DiagonalGaussian,
    IsotropicGaussian,
    LowRankGaussian,
    PointMass,
    RandomSubspace,
    StudentT,
    UniformSphere,
)
from tests.cells.test_cells import SPLIT, Double, numbers, prepare, squared_errors
from tests.helpers import measure_cell, regressor

OUT = {"out.weight": np.full((2, 3, 8), 0.2)}
EVERY = [
    PointMass(),
    IsotropicGaussian(),
    DiagonalGaussian(0.1),
    LowRankGaussian(OUT, 0.01),
    RandomSubspace(),
    CurvatureSubspace(3),
    UniformSphere(),
    StudentT(),
    IsotropicGaussian(parameters="out.*"),
]


class TinyNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(4, 8)
        self.out = nn.Linear(8, 3)

    def forward(self, X):
        return self.out(torch.tanh(self.hidden(X)))


def estimator(**kwargs):
    net = NeuralNetClassifier(
        TinyNet, criterion=nn.CrossEntropyLoss, lr=0.1, max_epochs=2, verbose=0
    )
    settings = {"sizes": 2, "n_repeats": 2, "n_draws": 4, "min_steps": 20, "refit": False}
    return LandscapeSufficiencyEstimator(net, **settings, curve="theory", random_state=0, **kwargs)


@pytest.mark.filterwarnings("ignore::sufficiency.exceptions.SufficiencyWarning")
@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("probe", EVERY, ids=repr)
def test_every_probe_at_both_orders(probe, order):
    X, y = load_iris(return_X_y=True)
    result = estimator(probe=probe, order=order).fit(X, y).result_
    delta = result.table("delta")
    assert (delta > 0).all()
    with config_context(print_changed_only=False):
        assert result.settings["probe"] == repr(probe)
    same = result.table("delta_point")
    if probe == PointMass():
        np.testing.assert_allclose(delta, same, rtol=1e-6)  # float32, other blocks
    else:
        assert (delta != same).all()
    parts = result.table("delta_mean_sq") + result.table("delta_variance")
    if order == 2:
        np.testing.assert_allclose(parts, delta, rtol=1e-12)
    else:
        assert np.isnan(parts).all()


@pytest.mark.filterwarnings("ignore::sufficiency.exceptions.SufficiencyWarning")
@pytest.mark.parametrize("name", ["isotropic", "random_subspace", "curvature"])
def test_shorthands_and_their_sigma(name):
    X, y = load_iris(return_X_y=True)
    narrow, wide = (estimator(probe=name, sigma=sigma).fit(X, y) for sigma in (0.01, 0.5))
    near = narrow.result_.table("delta") / narrow.result_.table("delta_point")
    far = wide.result_.table("delta") / wide.result_.table("delta_point")
    assert (np.abs(near - 1) < np.abs(far - 1)).all()
    assert "sigma=0.5" in wide.result_.settings["probe"]


@pytest.mark.filterwarnings("ignore::sufficiency.exceptions.SufficiencyWarning")
def test_parameters_of_a_probe_are_set_through_the_estimator():
    X, y = load_iris(return_X_y=True)
    est = estimator(probe=IsotropicGaussian()).set_params(probe__sigma=0.5, refit=True)
    assert "probe=IsotropicGaussian(sigma=0.5)" in repr(est)
    twin = clone(est)
    assert twin.probe == est.probe
    assert twin.probe is not est.probe
    np.testing.assert_array_equal(est.fit(X, y).deltas_, estimator(sigma=0.5).fit(X, y).deltas_)
    draws, _ = est.unit_draws(1)
    est.set_params(probe__sigma=3.0)  # what is fitted stays
    assert all((w == est.unit_draws(1)[0][name]).all() for name, w in draws.items())


@pytest.mark.filterwarnings("ignore::sufficiency.exceptions.SufficiencyWarning")
def test_a_grid_of_scales():
    X, y = load_iris(return_X_y=True)
    est = estimator(probe=IsotropicGaussian()).set_params(refit=True)
    search = GridSearchCV(est, {"probe__sigma": [0.1, 0.3]}, cv=2).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_estimator_.probe.sigma in (0.1, 0.3)
    assert est.probe.sigma == 0.2


@pytest.mark.parametrize(
    ("probe", "name", "value"),
    [(StudentT(), "df", 2.0), (RandomSubspace(), "dim", 0), (UniformSphere(), "radius", -0.1)],
)
def test_bad_parameters_are_named_before_any_training(probe, name, value):
    X, y = load_iris(return_X_y=True)
    est = estimator(probe=probe).set_params(**{f"probe__{name}": value}, net__module=None)
    with pytest.raises(ValueError, match=f"`{name}` must be .*, got {value}"):
        est.fit(X, y)


@pytest.mark.filterwarnings("ignore::sufficiency.exceptions.SufficiencyWarning")
@pytest.mark.parametrize("probe", ["random_subspace", "curvature"])
def test_directions_do_not_depend_on_order_or_workers(probe):
    X, y = load_iris(return_X_y=True)
    alone, together = (estimator(probe=probe, n_jobs=n).fit(X, y).result_ for n in (1, 2))
    np.testing.assert_array_equal(alone.table("delta"), together.table("delta"))


def settings_of(probe, **changes):
    net = regressor(Double, max_epochs=10, batch_size=-1)
    return prepare(net, probe=probe, **changes)


class Spy:
    """A probe that keeps what it is given."""

    needs_hessian = False

    def __init__(self):
        self.seen = []

    def prepare(self, center, hessian=None, random_state=0):
        self.seen.append((center, hessian, random_state))
        return lambda generator: dict(center)


class Curious(Spy):
    needs_hessian = True


def test_a_hessian_is_made_only_for_those_who_ask():
    spy, curious = Spy(), Curious()
    for probe in (spy, curious):
        settings, samples = settings_of(probe)
        measure_cell(settings, samples, None, SPLIT, 0, 12)
    ((center, none, _),), ((_, hessian, _),) = spy.seen, curious.seen
    assert none is None
    n = sum(tensor.numel() for tensor in center.values())
    assert hessian.shape == (n, n)


def test_the_hessian_is_that_of_the_cells_own_training_samples():
    """Against second differences of the training loss, written out in NumPy."""
    probe = Curious()
    settings, samples = settings_of(probe)
    measure_cell(settings, samples, None, SPLIT, 0, 12)
    ((center, hessian, _),) = probe.seen
    names, step = list(center), 1e-4
    v = {
        n: torch.randn(t.shape, generator=torch.Generator().manual_seed(1)).double()
        for n, t in center.items()
    }
    flat = np.concatenate([v[n].numpy().ravel() for n in names])

    def loss(amount):
        moved = {n: center[n] + amount * v[n] for n in names}
        return squared_errors(moved, samples, SPLIT.order[:12]).mean()

    second = (loss(step) - 2 * loss(0.0) + loss(-step)) / step**2
    # truncation step²·f⁗ and rounding 1e-16/step² = 1e-8, on values of order one to a hundred
    assert flat @ (hessian @ flat) == pytest.approx(second, rel=1e-5)


def test_directions_have_a_seed_for_every_cell():
    probe = Spy()
    settings, samples = settings_of(probe)
    for repeat, size in ((0, 12), (1, 12), (0, 13), (0, 12)):
        measure_cell(settings, samples, None, SPLIT, repeat, size)
    seeds = [seed for _, _, seed in probe.seen]
    assert len(set(seeds)) == 3
    assert seeds[0] == seeds[3]


class Old:
    def prepare(self, center):
        return IsotropicGaussian(0.3).prepare(center)


def test_own_probes_of_the_short_signature():
    cells = []
    for probe in (Old(), IsotropicGaussian(0.3)):
        settings, samples = settings_of(probe)
        cells.append(numbers(measure_cell(settings, samples, None, SPLIT, 0, 12)))
    assert cells[0] == cells[1]


@pytest.mark.parametrize("vectorize", [False, True])
def test_parameters_that_are_left_out_stay_at_the_center(vectorize):
    """Against draws that hold all parameters, the rest of them the center's."""

    @dataclasses.dataclass
    class Whole:
        def prepare(self, center):
            sample = IsotropicGaussian(0.3, parameters="out.*").prepare(center)
            return lambda generator: center | sample(generator)

    cells = []
    for probe in (Whole(), IsotropicGaussian(0.3, parameters="out.*")):
        settings, samples = settings_of(probe, vectorize=vectorize)
        cells.append(measure_cell(settings, samples, None, SPLIT, 0, 12))
    # double precision: vmap multiplies in another order where a layer has no draws of its own
    assert cells[0].delta == pytest.approx(cells[1].delta, rel=1e-12)
    assert cells[0].delta != pytest.approx(cells[0].delta_point, rel=1e-3)


class Bent(Double):
    """Its second derivative is infinite at a weight of zero, where it starts and stays."""

    def __init__(self, **params):
        super().__init__(**params)
        self.power = nn.Parameter(torch.zeros((), dtype=torch.float64))

    def forward(self, X):
        return super().forward(X) + self.power.abs().pow(1.5)


def test_a_center_without_curvature_is_a_failed_cell():
    net = regressor(Bent, max_epochs=10, batch_size=-1)
    settings, samples = prepare(net, probe=CurvatureSubspace(2))
    cell = measure_cell(settings, samples, None, SPLIT, 0, 12)
    assert cell.failure.startswith("the curvature at the trained weights: ")
    assert math.isnan(cell.delta)
