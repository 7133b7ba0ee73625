import numpy as np
import pytest

from sufficiency.forecasts.trend import LAST, TrendPrior, measure_slopes

PRIOR = TrendPrior(
    location=np.array([0.1, 0.5, 0.4, -0.01]),
    scale=np.array([-1.0, -0.2, -0.3]),
    quantiles=np.linspace(-2.0, 3.0, 49),
    log_slopes=True,
    noise=0.05,
    low=np.array([1.0, -3.0, -3.0, 6.0]),
    high=np.array([1.0, 0.0, 0.0, 14.0]),
)


def test_slopes_of_a_power_law_are_its_exponent():
    u = np.linspace(5.0, 10.0, 8)
    slopes = measure_slopes(u, 3.0 - 0.7 * u)
    assert slopes.long == pytest.approx(0.7)
    assert slopes.short == pytest.approx(0.7)
    assert slopes.level == pytest.approx(3.0 - 7.0)


def test_a_bend_shows_in_the_end_alone():
    """Slope 1 up to 8, and 0.2 from there on; the last two doublings lie beyond the bend."""
    u = np.arange(4.0, 11.1, 0.5)
    logs = np.where(u < 8.0, -(u - 8.0), -0.2 * (u - 8.0))
    slopes = measure_slopes(u, logs)
    assert slopes.short == pytest.approx(0.2)
    # numpy's own least squares over all that is in range
    line = np.polynomial.Polynomial.fit(u[4:], logs[4:], 1).convert()
    assert slopes.long == pytest.approx(-line.coef[1])


def test_sizes_far_below_the_largest_do_not_count():
    u = np.arange(1.0, 12.1, 0.5)
    logs = -0.3 * u
    changed = np.where(u < 12.0 - np.log2(33.0), 99.0, logs)
    assert vars(measure_slopes(u, changed)) == vars(measure_slopes(u, logs))


def test_at_least_three_sizes_make_the_end():
    u = np.array([1.0, 4.0, 7.0, 10.0])
    assert LAST < 10.0 - 7.0
    slopes = measure_slopes(u, np.array([0.0, -1.0, -2.0, -4.0]))
    assert slopes.short == pytest.approx((1.0 + 2.0) / 6.0)


@pytest.mark.parametrize("widening", [1.0, 2.0])
def test_probabilities_are_those_of_drawn_slopes(rng, widening):
    """By drawing z from its quantiles, the slope from z, and counting."""
    features = np.array([1.0, -1.2, -1.5, 10.0])
    probabilities = np.concatenate([[0.0], PRIOR.probabilities, [1.0]])
    ends = np.concatenate([PRIOR.quantiles[:1], PRIOR.quantiles, PRIOR.quantiles[-1:]])
    z = np.interp(rng.random(200_000), probabilities, ends)
    spread = np.exp(-1.0 - 0.2 * -1.2 - 0.3 * np.log(3.0))
    slopes = np.exp(PRIOR.location @ features + widening * spread * z)
    for slope in np.quantile(slopes, [0.1, 0.4, 0.8]):
        share = np.mean(slopes >= slope)
        found = PRIOR.steeper(features, np.array([3.0]), np.array([slope]), widening)[0]
        # 4 standard errors of a share of 200,000
        assert found == pytest.approx(share, abs=4 * 0.5 / np.sqrt(200_000))


def test_near_forecasts_are_no_more_certain_than_at_half_a_doubling():
    features = np.array([1.0, -1.0, -1.0, 9.0])
    spreads = PRIOR.spread(features, np.array([0.01, 0.5, 1.0, 4.0]))
    assert spreads[0] == spreads[1] > spreads[2] > spreads[3]


def test_distance_counts_in_widths_of_the_range():
    assert PRIOR.distance(np.array([1.0, -1.0, -2.0, 8.0])) == 0.0
    assert PRIOR.distance(np.array([1.0, 0.6, -2.0, 8.0])) == pytest.approx(0.2)
    assert PRIOR.distance(np.array([1.0, 0.6, -6.0, 8.0])) == pytest.approx(1.0)


def test_slopes_too_small_to_be_seen_count_alike():
    assert PRIOR.response(-1.0) == PRIOR.response(0.02) < PRIOR.response(0.03)
