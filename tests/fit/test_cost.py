"""A prediction of the fit's cost: right structure, nothing left behind, right proportions."""

import numpy as np
import pytest
from sklearn.datasets import load_iris

from sufficiency import LandscapeSufficiencyEstimator
from sufficiency.cells.cell import Cell
from sufficiency.fit.cost import CostEstimate
from sufficiency.nets.default_net import default_net

pytestmark = pytest.mark.filterwarnings("ignore::sufficiency.exceptions.SufficiencyWarning")


def estimator(**kwargs):
    defaults = {"sizes": [70, 100, 120], "n_repeats": 2, "n_draws": 4, "random_state": 0}
    return LandscapeSufficiencyEstimator(**{**defaults, **kwargs})


@pytest.fixture
def timed(monkeypatch):
    """A cell that takes 2 s of training and 0.5 s of probing, and is counted."""
    calls = []

    def measure(recipe, samples, unseen, split, repeat, size):
        calls.append((repeat, size))
        return Cell(repeat, size, delta=1.0, fit_seconds=2.0, probe_seconds=0.5)

    monkeypatch.setattr("sufficiency.fit.cost.measure_cell", measure)
    return calls


def test_cells_scale_with_steps_and_samples(timed):
    """By hand: batches of 64 make 2 steps of each size, so all trainings cost alike."""
    cost = estimator(min_steps=0).estimate_cost(*load_iris(return_X_y=True))
    assert set(timed) == {(0, 70)}  # the smallest with a full batch
    samples = np.array([70, 100, 120]) + 30  # and 30 candidates
    cells = 2.0 + 0.5 * samples / 100
    np.testing.assert_allclose(cost.cell_seconds, cells, rtol=1e-12)
    refit = 2.0 * 3 / 2  # 150 samples make 3 steps
    assert cost.seconds == pytest.approx(2 * cells.sum() + refit)
    assert cost.n_cells == 6
    assert list(cost.sizes) == [70, 100, 120]


def test_workers_share_the_cells_but_not_the_largest(timed):
    X, y = load_iris(return_X_y=True)
    alone = estimator(refit=False).estimate_cost(X, y)
    shared = estimator(refit=False, n_jobs=2).estimate_cost(X, y)
    assert shared.seconds == pytest.approx(alone.seconds / 2)
    many = estimator(refit=False, n_jobs=100).estimate_cost(X, y)
    assert many.seconds == pytest.approx(alone.cell_seconds[-1])


def test_nothing_is_fitted_and_the_answer_reads_well():
    unfitted = estimator(min_steps=5, sizes=2)
    cost = unfitted.estimate_cost(*load_iris(return_X_y=True))
    assert isinstance(cost, CostEstimate)
    assert not hasattr(unfitted, "result_")
    assert 0 < cost.seconds < 3600
    assert cost.peak_bytes > 1e7
    assert "for 4 cells of" in str(cost)


def test_bad_input_is_refused_as_in_fit():
    X, y = load_iris(return_X_y=True)
    with pytest.raises(ValueError, match="Input X contains NaN"):
        estimator().estimate_cost(np.where(X > 5, np.nan, X), y)


def test_one_net_is_one_training_a_repeat(timed):
    X, y = load_iris(return_X_y=True)
    once = estimator(refit=False, train="once", curve="theory").estimate_cost(X, y)
    each = estimator(refit=False).estimate_cost(X, y)
    assert once.seconds == pytest.approx(2 * each.cell_seconds[-1])


def test_a_step_with_the_whole_batch_costs_its_samples(timed):
    X, y = load_iris(return_X_y=True)
    net = default_net(X, y).set_params(batch_size=-1)
    sizes = [30, 64, 120]
    cost = LandscapeSufficiencyEstimator(net, sizes=sizes, refit=False).estimate_cost(X, y)
    # one step an epoch for all; 500 steps of 120 samples against 500 of what 64 cost
    training = cost.cell_seconds - 0.5 * (np.array(sizes) + 30) / 60
    np.testing.assert_allclose(training, [2.0, 2.0, 2.0 * 120 / 64], rtol=1e-12)
