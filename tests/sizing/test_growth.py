import numpy as np
import pytest

from sufficiency.exceptions import NotIdentifiableError
from sufficiency.sizing.decay_fits import fit_decay
from sufficiency.sizing.growth import fit_growth, freeze, growth_change
from tests.sizing.ladders import SIZES, LeastSquares, measured


@pytest.fixture
def ladder(rng):
    problem = LeastSquares()
    return problem.measure(rng, 400, problem.sizes(400))


def exact_ladder(gap_sq, spread):
    """Two equal repeats of given curves."""
    kappa = SIZES + 1.0
    tables = {name: np.vstack([x, x]) for name, x in (("gap_sq", gap_sq), ("spread", spread))}
    return measured(SIZES, (tables["gap_sq"] + tables["spread"]) / kappa**2, **tables)


def test_one_sample_is_delta_to_rounding(ladder):
    change = growth_change(ladder.gap_sq, ladder.spread, ladder.sizes, 1)
    # Both are sums of the same two terms; gap² may cancel a part of spread/J.
    np.testing.assert_allclose(change, ladder.delta, rtol=1e-12)


def test_growth_of_one_is_the_question_without_growth(ladder):
    threshold = float(np.median(ladder.delta))
    sizes = [
        fit_decay(ladder, growth=growth).inside[0].curve.sufficient_size(threshold)
        for growth in (None, 1)
    ]
    assert sizes[0] == sizes[1]


@pytest.mark.parametrize("added", [1, 10, 60])
def test_formula_agrees_with_growing_the_data(rng, added):
    """
    Least squares in 3 dimensions on 30 samples, one probe draw, 4 candidates.

    With so few candidates gap_t² − spread_t/J is mostly negative in a single cell, and unbiased.
    """
    n_data, k, n_candidates, dim = 40_000, 30, 4, 3
    X, y = rng.standard_normal((n_data, k, dim)), rng.standard_normal((n_data, k))
    gram, moment = np.einsum("nki,nkj->nij", X, X), np.einsum("nki,nk->ni", X, y)
    w = np.linalg.solve(gram, moment[..., None])[..., 0] + 0.3 * rng.standard_normal((n_data, dim))

    def losses(X, y):
        return (y - np.einsum("nki,ni->nk", X, w)) ** 2

    train = losses(X, y).mean(axis=1)
    fresh = [rng.standard_normal((n_data, m, d)) for m in (added, n_candidates) for d in (dim, 1)]
    grown = (train * k + losses(fresh[0], fresh[1][..., 0]).sum(axis=1)) / (k + added)
    direct = (grown - train) ** 2

    difference = losses(fresh[2], fresh[3][..., 0]) - train[:, None]
    spread = difference.var(axis=1, ddof=1)
    gap_sq = difference.mean(axis=1) ** 2 - spread / n_candidates
    assert (gap_sq < 0).mean() > 0.5
    change = growth_change(gap_sq, spread, k, added)
    # Independent averages over the same centers; their difference has this standard error.
    stderr = (change - direct).std() / np.sqrt(n_data)
    assert abs(change.mean() - direct.mean()) < 4 * stderr
    assert stderr < 0.05 * direct.mean()


def test_separate_fits_recover_spread_and_gap():
    kappa = SIZES + 1.0
    spread = 2.0 + 30.0 * kappa**-1.1
    optimism = 0.4 * (kappa / kappa[0]) ** -0.7
    curve = fit_growth(exact_ladder(spread / kappa + optimism, spread), "transient", 0.1)
    at = np.array([100.0, 1000.0, 10_000.0])
    S, G = 2.0 + 30.0 * (at + 1) ** -1.1, 0.4 * ((at + 1) / kappa[0]) ** -0.7
    expected = growth_change(S / (at + 1) + G, S, at, 0.1 * at)
    # The exponent is searched to SciPy's bounded xatol of 1e-5: κ^1e-5 is off by 5e-5 at 10 000.
    np.testing.assert_allclose(curve.predict(at), expected, rtol=1e-4)


def test_negative_estimates_of_gap_are_no_obstacle(rng):
    kappa = SIZES + 1.0
    gap_sq = rng.normal(-0.05, 0.01, size=len(SIZES))
    curve = fit_growth(exact_ladder(gap_sq, np.full(len(SIZES), 2.0)), "theory", 100)
    assert curve.optimism.level == 0.0
    expected = 100**2 / (kappa + 99) ** 2 * (2.0 / kappa + 2.0 / 100)
    np.testing.assert_allclose(curve.predict(SIZES), expected, rtol=1e-12)


@pytest.mark.parametrize("growth", [3, 100, 0.1, 1.0, 5.0])
def test_inversion_round_trips(growth):
    kappa = SIZES + 1.0
    spread = 2.0 + 30.0 * kappa**-1.1
    curve = fit_growth(exact_ladder(spread / kappa + 3.0 / kappa, spread), "transient", growth)
    for size in (51, 52, 777, 12_345, 10**7):
        threshold = float(curve.predict(size)[0])
        assert curve.sufficient_size(threshold) == size
        # brentq's xtol of 1e-12 and the rounding of log κ ≤ 17
        assert curve.log_kappa(threshold) == pytest.approx(np.log(size + 1), abs=1e-11)


def test_size_is_the_last_crossing_where_the_change_first_rises():
    """A fixed number of samples, far more than k, with a growing spread."""
    kappa = SIZES + 1.0
    curve = fit_growth(exact_ladder(0.0 * kappa, 1e-3 * kappa**1.5), "power_law", 100_000)
    every = np.arange(50, 3_000_000, 1000)
    values = curve.predict(every)
    assert values[0] < values.max()
    threshold = float(values[0] + 0.5 * (values.max() - values[0]))
    size = curve.sufficient_size(threshold)
    above = every[values > threshold]
    assert above[-1] < size <= above[-1] + 1000
    assert curve.predict(size - 1)[0] > threshold >= curve.predict(size)[0]


def test_a_gap_that_stays_cannot_be_outgrown():
    frozen = freeze(fit_growth(exact_ladder(0.5 + 0 * SIZES, 2.0 + 0 * SIZES), "theory", 1.0))
    assert frozen.log_kappa(0.1) == np.inf
    with pytest.raises(NotIdentifiableError, match="within 2"):
        frozen.sufficient_size(0.1)


def test_frozen_curve_meets_the_fit_at_the_largest_size(ladder):
    curve = fit_growth(ladder, "transient", 0.1)
    largest, frozen = ladder.sizes[-1], freeze(curve)
    assert frozen.predict(largest) == pytest.approx(curve.predict(largest), rel=1e-12)
    assert frozen.predict(10 * largest) >= curve.predict(10 * largest) * (1 - 1e-12)


@pytest.mark.parametrize(
    ("growth", "changed", "message"),
    [
        (0, {}, "`growth` must be finite and > 0, got 0"),
        (-0.1, {}, "`growth` must be finite and > 0"),
        (np.nan, {}, "`growth` must be finite and > 0"),
        (True, {}, "`growth` must be finite and > 0"),
        (0.1, {"order": 1}, "`growth` must go with order 2"),
        (0.1, {"n_candidates": 1}, "`growth` must go with two candidates or more"),
    ],
)
def test_senseless_growth(growth, changed, message):
    ladder = measured(SIZES, np.ones((2, 8)), **changed)
    with pytest.raises(ValueError, match=message):
        fit_decay(ladder, growth=growth)
