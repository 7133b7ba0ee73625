"""L_k on some of the training samples: the correction, over every choice that there is."""

import itertools
from dataclasses import asdict
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.datasets import load_iris

from sufficiency import LandscapeSufficiencyEstimator
from sufficiency.cells.measure import _check, _monte_carlo
from sufficiency.deltas.monte_carlo import (
    crossed_variance,
    monte_carlo_delta,
    subset_variance,
)
from sufficiency.exceptions import DivergedTrainingError
from tests.helpers import classifier
from tests.oracles import MLP

SIZE, M = 9, 4
UNBIASED = ("delta", "gap_sq", "spread", "delta_mean_sq", "delta_variance", "delta_point")


def cell(rng, n_draws=5, n_candidates=6):
    train = rng.exponential(size=(n_draws, SIZE))
    others = {
        "candidate_losses": rng.exponential(size=(n_draws, n_candidates)),
        "point_losses": rng.exponential(size=n_candidates),
        "point_train_loss": 0.2,
        "size": SIZE,
        "order": 2,
    }
    return train, others


def test_the_mean_over_all_choices_is_the_whole(rng):
    """All 126 choices of 4 out of 9: their mean is the expectation, with nothing left to chance."""
    train, others = cell(rng)
    whole = monte_carlo_delta(train_losses=train.mean(axis=1), **others)
    choices = [list(c) for c in itertools.combinations(range(SIZE), M)]
    parts = [monte_carlo_delta(train_losses=train[:, c], **others) for c in choices]
    for name in UNBIASED:
        mean = np.mean([getattr(part, name) for part in parts])
        # sums of 126 · 30 terms of order one, which cancel to about a tenth
        assert mean == pytest.approx(getattr(whole, name), rel=1e-12), name


def test_without_the_correction_the_mean_is_too_large(rng):
    """By s²/m·(1 − m/k) to rounding, so that the test above has something to find."""
    train, others = cell(rng)
    whole = monte_carlo_delta(train_losses=train.mean(axis=1), **others)
    choices = [list(c) for c in itertools.combinations(range(SIZE), M)]
    parts = [monte_carlo_delta(train_losses=train[:, c].mean(axis=1), **others) for c in choices]
    excess = np.mean([part.delta for part in parts]) - whole.delta
    variance = train.var(axis=1, ddof=1).mean() / M * (1 - M / SIZE)
    assert excess == pytest.approx(variance / (SIZE + 1) ** 2, rel=1e-12)
    assert excess > 0.05 * whole.delta


def test_variance_of_a_mean_by_enumeration(rng):
    values = rng.normal(size=(1, SIZE))
    means = [values[0, list(c)].mean() for c in itertools.combinations(range(SIZE), M)]
    estimates = [
        subset_variance(values[:, list(c)], SIZE)[0] for c in itertools.combinations(range(SIZE), M)
    ]
    assert np.mean(estimates) == pytest.approx(np.var(means), rel=1e-12)


def test_all_samples_need_no_correction(rng):
    train, others = cell(rng)
    matrix = asdict(monte_carlo_delta(train_losses=train, **others))
    means = asdict(monte_carlo_delta(train_losses=train.mean(axis=1), **others))
    assert matrix == means


def test_standard_error_counts_the_choice(rng):
    """Same draws and candidates, 4 000 choices of 100 out of 400: spread against its estimate."""
    n, m, k, n_draws = 4000, 100, 400, 8
    train = rng.exponential(size=(n_draws, k))
    candidates = 2 + rng.exponential(size=(n_draws, 30))
    others = {"point_losses": candidates[0], "point_train_loss": 1.0, "size": k, "order": 2}
    found, added = [], []
    for _ in range(n):
        some = train[:, rng.choice(k, m, replace=False)]
        part = monte_carlo_delta(candidates, some, **others)
        squares = (candidates - some.mean(axis=1)[:, None]) ** 2
        squares -= subset_variance(some, k)[:, None]
        found.append(part.delta)
        added.append(part.stderr**2 - crossed_variance(squares / (k + 1) ** 2))
    # the sd of a standard deviation from 4 000 values is 1/√8000 = 1.1 %, and four of them are
    # 4.5 %; what the first order leaves out is (sd of L̂ / gap)² = (0.09/2)² = 0.2 %
    assert np.std(found) == pytest.approx(np.sqrt(np.mean(added)), rel=0.05)


def estimator(**kwargs):
    settings = {"sizes": [40, 80], "n_repeats": 2, "n_draws": 4, "min_steps": 20, "random_state": 0}
    return LandscapeSufficiencyEstimator(
        classifier(MLP, module__n_inputs=4, max_epochs=20),
        curve="theory",
        refit=False,
        **(settings | kwargs),
    )


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True)


@pytest.mark.filterwarnings("ignore::sufficiency.exceptions.SufficiencyWarning")
@pytest.mark.parametrize("n_draws", [4, "auto"])
def test_in_a_fit(n_draws, iris):
    """Sizes of at most `n_eval` keep their numbers to the bit; the others move by their noise."""
    whole = estimator(n_draws=n_draws).fit(*iris).result_
    part = estimator(n_draws=n_draws, n_eval=40).fit(*iris).result_
    for name in ("delta", "stderr", "train_loss", "gap_sq"):
        np.testing.assert_array_equal(part.table(name)[:, 0], whole.table(name)[:, 0])
    np.testing.assert_array_equal(part.table("train_loss"), whole.table("train_loss"))
    moved = part.table("delta")[:, 1] - whole.table("delta")[:, 1]
    assert (moved != 0).all()
    assert (np.abs(moved) < 4 * part.table("stderr")[:, 1]).all()


@pytest.mark.parametrize("kwargs", [{"order": 1}, {"method": "gaussian_moment"}, {"train": "once"}])
def test_only_where_the_correction_is_exact(kwargs, iris):
    with pytest.raises(ValueError, match="`n_eval` must be 'auto' or None with order 1, method "):
        estimator(n_eval=20, **kwargs).fit(*iris)


@pytest.mark.parametrize(
    ("value", "message"),
    [(1, "must be >= 2, got 1"), (2.5, "must be an integer >= 2"), ("all", "must be an integer")],
)
def test_a_number_of_samples(value, message, iris):
    with pytest.raises((TypeError, ValueError), match=f"`n_eval` {message}"):
        estimator(n_eval=value).fit(*iris)


def test_a_delta_lost_in_its_noise_is_a_failed_cell():
    task = SimpleNamespace(size=9, settings=SimpleNamespace(order=2))
    view = SimpleNamespace(task=task, point=np.ones(3), numbers={"train_loss": 1.0}, evaluated=2)
    train_losses = np.array([[0.0, 2.0], [0.0, 2.0]])
    statistics = _monte_carlo(view, np.ones((2, 3)), train_losses).statistics(slice(None))
    with pytest.raises(DivergedTrainingError, match=r"Δ = -.*raise `n_eval`"):
        _check(statistics["delta"], "monte_carlo")


@pytest.mark.filterwarnings("ignore::sufficiency.exceptions.SufficiencyWarning")
def test_by_itself_the_probe_takes_a_fifth_of_the_training(iris):
    """By hand: 20 epochs of 120 samples are 2,400, three passes each; a fifth is 1,440 passes."""
    est = estimator(n_draws=4, sizes=[110, 120], n_repeats=2, min_steps=0)
    auto = est.fit(*iris).result_.table("n_eval")
    assert est.result_.settings["n_eval"] == "auto"
    # 1,440 passes are 360 for each of four draws, less 30 candidates: all 120
    np.testing.assert_array_equal(auto, [[110, 120]] * 2)
    # 80 draws have 18 for each, less 30: as few as there may be
    est.set_params(n_draws=80)
    np.testing.assert_array_equal(est.fit(*iris).result_.table("n_eval"), [[100, 100]] * 2)
    # 11 draws: 1,440/11 − 30 = 100.9, and 1,320/11 − 30 = 90
    est.set_params(n_draws=11)
    np.testing.assert_array_equal(est.fit(*iris).result_.table("n_eval"), [[100, 100]] * 2)
    # 10 draws: 1,440/10 − 30 = 114, and 1,320/10 − 30 = 102
    est.set_params(n_draws=10)
    np.testing.assert_array_equal(est.fit(*iris).result_.table("n_eval"), [[102, 114]] * 2)
    whole = est.set_params(n_eval=None).fit(*iris).result_
    np.testing.assert_array_equal(whole.table("n_eval"), [[110, 120]] * 2)


@pytest.mark.filterwarnings("ignore::sufficiency.exceptions.SufficiencyWarning")
@pytest.mark.parametrize("kwargs", [{"order": 1}, {"method": "gaussian_moment"}, {"train": "once"}])
def test_by_itself_all_samples_where_there_is_no_correction(kwargs, iris):
    auto = estimator(n_draws=40, min_steps=0, **kwargs).fit(*iris).result_
    every = estimator(n_draws=40, min_steps=0, n_eval=None, **kwargs).fit(*iris).result_
    np.testing.assert_array_equal(auto.table("delta"), every.table("delta"))
