"""A prediction of the fit's cost: right structure, nothing left behind, right proportions."""

import os

import numpy as np
import pytest
from sklearn.datasets import load_iris

from sufficiency import LandscapeSufficiencyEstimator
from sufficiency.cells.cell import Cell
from sufficiency.fit.cost import CostEstimate, scaled_cost
from sufficiency.fit.plan import plan_fit
from sufficiency.nets.default_net import default_net

pytestmark = pytest.mark.filterwarnings("ignore::sufficiency.exceptions.SufficiencyWarning")


def estimator(**kwargs):
    defaults = {"sizes": [70, 100, 120], "n_repeats": 2, "n_draws": 4, "random_state": 0}
    return LandscapeSufficiencyEstimator(**{**defaults, **kwargs})


def scaled(est, X, y, timed) -> CostEstimate:
    """The cost where the cell of this size takes 2 s of training and 0.5 s of probing."""
    plan = plan_fit(est, X, y)
    cell = Cell(0, timed, delta=1.0, fit_seconds=2.0, probe_seconds=0.5)
    return scaled_cost(plan, cell, 10**9, est.n_jobs, est.refit)


def test_cells_scale_with_steps_and_samples():
    """By hand: batches of 64 make 2 steps of each size, so all trainings cost alike."""
    cost = scaled(estimator(min_steps=0), *load_iris(return_X_y=True), 70)
    samples = np.array([70, 100, 120]) + 30  # and 30 candidates
    cells = 2.0 + 0.5 * samples / 100
    np.testing.assert_allclose(cost.cell_seconds, cells, rtol=1e-12)
    refit = 2.0 * 3 / 2  # 150 samples make 3 steps
    assert cost.seconds == pytest.approx(2 * cells.sum() + refit)
    assert cost.n_cells == 6
    assert list(cost.sizes) == [70, 100, 120]


def test_validation_takes_a_third_of_training_on_the_same_samples():
    """By hand: 15 of 150 validate in every epoch, of which 100 steps of 2 each make 50."""
    X, y = load_iris(return_X_y=True)
    est = estimator(sizes=[70, 100], min_steps=100, center="best", net="classifier")
    cost = scaled(est, X, y, 70)
    training = cost.cell_seconds - 0.5 * (np.array([70, 100]) + 30) / 100
    np.testing.assert_allclose(training, [2.0, 2.0], rtol=1e-12)
    refit = cost.seconds - 2 * cost.cell_seconds.sum()
    # the net's own 40 epochs make more than 100 steps
    assert refit == pytest.approx(2.0 * 40 * (3 * 64 + 5) / (50 * (2 * 64 + 5)))


@pytest.mark.parametrize(
    ("sizes", "min_steps", "timed"),
    [
        # 40 samples are no full batch; 135 take 40 epochs of three batches, 20 % more than 70 do
        ([40, 70, 135], 100, (40, 3)),
        # with fewer steps it takes 50 % more
        ([40, 70, 135], 80, (40, 2)),
    ],
)
def test_the_largest_of_the_cheap_cells_with_full_batches_is_timed(sizes, min_steps, timed):
    found = []

    def note(predictor, X, y):
        if len(y) > 10:  # all candidates, and not one of the classes
            history = predictor.net.history
            found.append((len(history), len(history[0]["batches"])))
        return 0.0

    est = estimator(sizes=sizes, min_steps=min_steps, scoring=note, train_together=False)
    est.set_params(net="classifier", n_candidates=15)
    est.estimate_cost(*load_iris(return_X_y=True))
    assert found == [timed] * 2


def test_workers_share_the_cells_but_not_the_largest():
    data = load_iris(return_X_y=True)
    one_by_one = {"refit": False, "train_together": False}
    alone = scaled(estimator(**one_by_one), *data, 70)
    shared = scaled(estimator(n_jobs=2, **one_by_one), *data, 70)
    assert shared.seconds == pytest.approx(alone.seconds / 2)
    many = scaled(estimator(n_jobs=100, **one_by_one), *data, 70)
    assert many.seconds == pytest.approx(alone.cell_seconds[-1])
    # nets that are trained together stay together: four repeats make groups of six cells
    together = scaled(estimator(refit=False, n_repeats=4, n_jobs=100), *data, 70)
    _, middle, largest = together.cell_seconds
    assert together.seconds == pytest.approx(4 * largest + 2 * middle)


@pytest.mark.slow
def test_workers_are_timed_together(tmp_path):
    """Once in this process, for its memory, and then where the fit is going to run."""

    def note(predictor, X, y):
        (tmp_path / str(os.getpid())).touch()
        return 0.0

    est = estimator(scoring=note, train_together=False, min_steps=5)
    data = load_iris(return_X_y=True)
    alone = est.estimate_cost(*data)
    assert os.listdir(tmp_path) == [str(os.getpid())]
    shared = est.set_params(n_jobs=2).estimate_cost(*data)
    assert set(os.listdir(tmp_path)) > {str(os.getpid())}
    assert shared.n_cells == alone.n_cells
    refit = shared.seconds - max(2 * shared.cell_seconds.sum() / 2, shared.cell_seconds[-1])
    assert 0 < refit < shared.seconds


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


def test_one_net_is_one_training_a_repeat():
    data = load_iris(return_X_y=True)
    once = scaled(estimator(refit=False, train="once", curve="theory"), *data, 70)
    each = scaled(estimator(refit=False), *data, 70)
    assert once.seconds == pytest.approx(2 * each.cell_seconds[-1])


def test_a_step_with_the_whole_batch_costs_its_samples():
    X, y = load_iris(return_X_y=True)
    net = default_net(X, y).set_params(batch_size=-1)
    sizes = [30, 64, 120]
    est = LandscapeSufficiencyEstimator(net, sizes=sizes, refit=False, random_state=0)
    cost = scaled(est, X, y, 30)
    # one step an epoch for all; 500 steps of 120 samples against 500 of what 64 cost
    training = cost.cell_seconds - 0.5 * (np.array(sizes) + 30) / 60
    np.testing.assert_allclose(training, [2.0, 2.0, 2.0 * 120 / 64], rtol=1e-12)
