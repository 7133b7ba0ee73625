import numpy as np
import pytest

from sufficiency.curves import fit_curve
from sufficiency.sizing.decay_fits import delta_interval, fit_decay, parameter_intervals
from sufficiency.sizing.replicates import Replicated, t_quantile
from tests.sizing.ladders import SIZES, ladder_of, measured


def theory(ladder):
    return fit_curve(ladder.sizes, ladder.delta, family="theory")


def naive_jackknife(deltas, value):
    """The definition, one repeat left out at a time."""
    n = len(deltas)
    left_out = []
    for r in range(n):
        rest = [deltas[i] for i in range(n) if i != r]
        left_out.append(value(fit_curve(SIZES, rest, family="theory")))
    return np.sqrt((n - 1) * np.mean((np.array(left_out) - np.mean(left_out)) ** 2))


def test_standard_error_is_the_jackknife(rng):
    ladder = ladder_of("theory", rng, repeats=5)

    def log_c(curve):
        return np.log(curve.parameters["C"])

    expected = naive_jackknife(ladder.delta, log_c)
    assert Replicated(theory, ladder).stderr(log_c) == pytest.approx(expected, rel=1e-12)


def test_jackknife_of_a_mean_is_its_standard_error(rng):
    """For a linear statistic the jackknife is s/√R exactly."""
    values = rng.standard_normal((6, 1)) + 10.0
    fits = Replicated(theory, measured([99], values))
    # theory at one size: Δ(k) is the mean over repeats
    stderr = fits.stderr(lambda curve: float(curve.predict(99)[0]))
    assert stderr == pytest.approx(values.std(ddof=1) / np.sqrt(6), rel=1e-12)


@pytest.mark.parametrize("n_repeats", [101, 150, 1000])
def test_many_repeats_are_left_out_in_a_hundred_groups(rng, n_repeats):
    """For a linear statistic: s/√R, whose own relative error is 1/√(2·99) = 7 %."""
    values = rng.standard_normal((n_repeats, 1)) + 10.0
    fits = Replicated(theory, measured([99], values))
    stderr = fits.stderr(lambda curve: float(curve.predict(99)[0]))
    assert len(fits.left_out) == 100
    assert stderr == pytest.approx(values.std(ddof=1) / np.sqrt(n_repeats), rel=4 * 0.07)
    if n_repeats == 1000:
        of_groups = values.reshape(100, 10).mean(axis=1)
        assert stderr == pytest.approx(of_groups.std(ddof=1) / np.sqrt(100), rel=1e-12)


@pytest.mark.parametrize(
    ("confidence", "n_repeats", "table"), [(0.95, 2, 12.706), (0.95, 4, 3.182), (0.99, 5, 4.604)]
)
def test_t_quantiles_are_those_of_the_tables(confidence, n_repeats, table):
    assert t_quantile(confidence, n_repeats) == pytest.approx(table, abs=5e-4)


@pytest.mark.parametrize("confidence", [0.0, 1.0, -0.5, 95, np.nan])
def test_confidence_is_a_probability(confidence):
    with pytest.raises(ValueError, match=r"`confidence` must be in \(0, 1\)"):
        t_quantile(confidence, 4)


def test_an_interval_needs_two_repeats():
    with pytest.raises(ValueError, match="`n_repeats` must be >= 2 for an interval, got 1"):
        t_quantile(0.95, 1)


def test_shared_candidates_widen_intervals(rng):
    """Nadeau and Bengio: √(1 + R·J/(n − J)) = √2 for R = 4, J = 80, n = 400."""
    ladder = ladder_of("theory", rng)
    overlap = {"n_candidates": 80, "n_pool": 400, "disjoint_candidates": False}
    shared = measured(SIZES, ladder.delta, **overlap)
    plain, wide = (
        np.diff(Replicated(theory, one).log_kappa_interval(1e-6, 0.95)) for one in (ladder, shared)
    )
    assert wide == pytest.approx(plain * np.sqrt(2), rel=1e-9)


def test_candidates_common_to_all_repeats_count_with_their_own_error(rng):
    ladder = ladder_of("theory", rng)
    own = {"n_candidates": 400, "n_pool": 400, "disjoint_candidates": False}
    common = measured(SIZES, ladder.delta, stderr=0.2 * ladder.delta, **own)
    fits = Replicated(theory, common)
    assert fits.common == pytest.approx(0.2)
    low, high = fits.log_kappa_interval(1e-6, 0.95)
    repeats = Replicated(theory, ladder).stderr(lambda curve: curve.log_kappa(1e-6))
    # Δ ∝ κ^−2: 20 % of Δ are 10 % of κ; the central difference is off by (2·0.005)²/6.
    expected = t_quantile(0.95, 4) * np.hypot(repeats, 0.1)
    assert (high - low) / 2 == pytest.approx(expected, rel=1e-4)


def test_a_curve_that_misses_the_threshold_bounds_nothing():
    rising = measured(SIZES, np.vstack([SIZES**0.5, SIZES**0.6]))
    fits = Replicated(lambda m: fit_curve(m.sizes, m.delta, family="power_law"), rising)
    assert fits.log_kappa_interval(1e-3, 0.95) == (-np.inf, np.inf)


def test_a_version_with_too_few_sizes_leaves_the_interval_open():
    deltas = np.array([[4.0, 2.0, 1.0], [4.0, np.nan, np.nan]])
    fits = Replicated(
        lambda m: fit_curve(m.sizes, m.delta, family="transient"), measured([9, 19, 39], deltas)
    )
    assert fits.stderr(lambda curve: curve.log_kappa(1.0)) == np.inf


def test_exponent_interval_contains_the_truth_and_not_another(rng):
    ladder = ladder_of("power_law", rng, single=0.02)
    low, high = parameter_intervals(ladder)["alpha"]
    assert low < 2.6 < high
    # With 2 % noise per cell the exponent's s.e. is 0.02/√4/√Σ(x − x̄)² = 0.003.
    assert not low < 2.0 < high


@pytest.mark.parametrize("family", ["theory", "transient"])
def test_every_constant_has_an_interval_around_it(family, rng):
    ladder = ladder_of(family, rng, single=0.02)
    fitted = fit_curve(ladder.sizes, ladder.delta, family=family).parameters
    intervals = parameter_intervals(ladder, family=family)
    assert set(intervals) == set(fitted)
    assert all(low < fitted[name] < high for name, (low, high) in intervals.items())


def test_band_is_the_t_interval_at_each_size(rng):
    ladder = ladder_of("theory", rng, single=0.05)
    fits = fit_decay(ladder, family="theory")
    low, high = delta_interval(ladder, fits, [100, 1000])
    stderr = naive_jackknife(ladder.delta, lambda curve: np.log(curve.parameters["C"]))
    half = t_quantile(0.95, 4) * stderr
    center = fits.curve.predict([100, 1000])
    np.testing.assert_allclose(low, center * np.exp(-half), rtol=1e-9)
    np.testing.assert_allclose(high, center * np.exp(half), rtol=1e-9)
    beyond = delta_interval(ladder, fits, [16_000])
    assert np.log(beyond[1] / beyond[0]) > np.log(high / low)[0]


def test_band_needs_two_repeats(rng):
    ladder = ladder_of("theory", rng, repeats=1)
    with pytest.raises(ValueError, match="`n_repeats` must be >= 2"):
        delta_interval(ladder, fit_decay(ladder), [100])
