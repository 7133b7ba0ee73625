import math

import numpy as np
import pytest

from sufficiency.forecasts.forecast import HORIZON, Curve, Forecast, curve_of, log2_kappa
from tests.forecasts.test_trend import PRIOR

SIZES = np.array([50, 82, 134, 221, 362, 595, 974, 1600])


def forecast_of(*, exponent=0.3, error=0.02, rising=False, widening=1.0):
    logs = 2.0 - exponent * math.log(2.0) * log2_kappa(SIZES)
    curve = Curve(SIZES, logs, error**2, 0.0)
    features = PRIOR.features(float(curve.doublings[-1]), curve.slopes)
    return Forecast(PRIOR, features, curve, float(rising), rising, 1.0, error, widening)


@pytest.mark.parametrize("size", [2000, 6400, 50_000])
def test_chances_are_those_of_drawn_curves(rng, size):
    """By drawing the slope and the error of a measurement, and counting."""
    found = forecast_of()
    j = float(log2_kappa(size)[0] - log2_kappa(1600)[0])
    n = 200_000
    probabilities = np.concatenate([[0.0], PRIOR.probabilities, [1.0]])
    ends = np.concatenate([PRIOR.quantiles[:1], PRIOR.quantiles, PRIOR.quantiles[-1:]])
    z = np.interp(rng.random(n), probabilities, ends)
    spread = PRIOR.spread(found.features, np.array([j]))[0]
    slopes = np.exp(PRIOR.location @ found.features + spread * z)
    logs = found.curve.slopes.level - j * slopes + 0.02 * rng.standard_normal(n)
    for share in (0.1, 0.5, 0.9):
        value = math.exp(np.quantile(logs, share))
        # 4 standard errors; seven nodes are exact to 1e-3 where the tails end abruptly
        assert found.chance(size, value)[0] == pytest.approx(share, abs=4 * 0.5 / n**0.5 + 2e-3)


def test_inside_the_measured_sizes_it_is_the_curve_with_its_error():
    found = forecast_of(error=0.1)
    value = math.exp(found.curve.logs[3])
    assert found.chance(SIZES[3], value)[0] == pytest.approx(0.5)
    # one standard error above
    assert found.chance(SIZES[3], value * math.exp(0.1))[0] == pytest.approx(0.8413, abs=1e-4)


@pytest.mark.parametrize("rising", [False, True])
def test_values_are_the_inverse_of_chances(rising):
    found = forecast_of(rising=rising)
    for size in (300, 1700, 20_000):
        for share in (0.05, 0.5, 0.95):
            value = found.values(size, share)[0]
            chance = found.chance(size, value)[0]
            assert (1.0 - chance if rising else chance) == pytest.approx(share, abs=1e-9)


def test_sizes_are_the_inverse_of_reached():
    found = forecast_of()
    target = float(found.values(8000, 0.5)[0])
    for share in (0.1, 0.5, 0.9):
        size = math.expm1(found.log_kappa(target, share))
        reached = np.interp(np.log(size + 1), np.log(found.grid + 1), found.reached(target))
        assert reached == pytest.approx(share, abs=1e-9)


def test_what_the_smallest_size_meets_is_met_there():
    found = forecast_of()
    assert math.expm1(found.log_kappa(10.0, 0.5)) == pytest.approx(50)


def test_nothing_is_forecast_beyond_the_horizon():
    found = forecast_of()
    assert found.grid[-1] == pytest.approx(HORIZON * 1600)
    assert found.log_kappa(1e-9, 0.5) == math.inf
    assert found.chance(3000, 0.0)[0] == found.chance(3000, -1.0)[0] == 0.0


def test_missed_is_about_totals_of_which_the_last_is_enough():
    found = forecast_of()
    target = float(found.values(8000, 0.5)[0])
    totals = np.geomspace(1600, 16_000, 50)
    missed = found.missed(target, totals)
    assert missed[-1] == 0.0
    assert (np.diff(missed) <= 0).all()
    chances = np.interp(np.log([4000, 16_000]), np.log(found.grid), found.reached(target))
    at = np.interp(np.log(4000), np.log(totals), missed)
    assert at == pytest.approx(1.0 - chances[0] / chances[1], abs=1e-2)  # between two totals


def test_a_wider_forecast_has_a_wider_interval():
    ends = []
    for widening in (1.0, 2.0):
        found = forecast_of(widening=widening)
        target = float(np.exp(found.curve.slopes.level - 0.3))
        ends.append([found.log_kappa(target, p) for p in (0.05, 0.95)])
    assert ends[1][0] < ends[0][0] < ends[0][1] < ends[1][1]


def test_units_do_not_matter(rng):
    table = np.exp(-0.3 * np.log(SIZES) + 0.05 * rng.standard_normal((4, 8)))
    one, other = curve_of(SIZES, table), curve_of(SIZES, 1e6 * table)
    np.testing.assert_allclose(other.logs - one.logs, math.log(1e6), rtol=1e-12)
    assert other.variance == pytest.approx(one.variance, rel=1e-9)
    assert other.common == pytest.approx(one.common, rel=1e-9)


def test_errors_are_those_that_made_the_table(rng):
    """Level 0.1 a repeat and 0.05 a cell, over 400 tables of 4 repeats."""
    found = []
    for _ in range(400):
        level, single = 0.1 * rng.standard_normal((4, 1)), 0.05 * rng.standard_normal((4, 8))
        curve = curve_of(SIZES, np.exp(1.0 + level + single))
        found.append((curve.variance, curve.common))
    variance, common = np.mean(found, axis=0)
    # means over 4 repeats; the errors of a table are chi-squared with 21 and 3 degrees of freedom,
    # so 5 % and 12 % are more than three standard errors of 400; the second order of exp adds 1 %
    assert variance == pytest.approx(0.05**2 / 4, rel=0.06)
    assert common == pytest.approx(0.1**2 / 4, rel=0.14)


def test_a_single_repeat_has_the_usual_error():
    curve = curve_of(SIZES, np.linspace(2.0, 1.0, 8)[None], usual_error=0.07)
    assert curve.variance == curve.common == pytest.approx(0.07**2)


def test_a_score_without_mistakes_counts_half_a_mistake():
    table = np.array([[0.9, 0.99, 1.0], [0.9, 0.99, 1.0]])
    curve = curve_of(SIZES[:3], table, best=1.0, rising=True, finest=0.5 / 400)
    assert math.exp(curve.logs[-1]) == pytest.approx(0.5 / 400)
