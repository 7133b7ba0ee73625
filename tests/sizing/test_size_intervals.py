from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from sufficiency.curves import fit_curve
from sufficiency.exceptions import ExtrapolationWarning, NotIdentifiableError
from sufficiency.sizing.decay_fits import fit_decay
from sufficiency.sizing.questions import absolute_threshold
from sufficiency.sizing.size_intervals import estimate_size, repeats_needed, to_sizes
from tests.helpers import make_result
from tests.sizing.ladders import SIZES, ladder_of, measured


def result_of(ladder, family="auto"):
    return make_result(ladder.delta, SIZES, family=family)


def estimate(ladder, threshold, **question):
    return estimate_size(ladder, fit_decay(ladder, **question), threshold, 0.95)


def test_reached_inside_the_measured_sizes(rng):
    ladder = ladder_of("theory", rng)
    threshold = 2.0 / 801**2
    found = estimate(ladder, threshold, family="theory")
    assert found.status == "reached"
    assert found.size == fit_curve(SIZES, ladder.delta, family="theory").sufficient_size(threshold)
    assert found.interval[0] <= found.size <= found.interval[1]
    assert all(isinstance(end, int) for end in found.interval)


def test_interval_is_symmetric_in_log_size(rng):
    found = estimate(ladder_of("theory", rng, level=0.05), 2.0 / 801**2, family="theory")
    low, high = (np.log(end + 1) for end in found.interval)
    # rounded outwards by less than one sample at each end
    assert (low + high) / 2 == pytest.approx(np.log(found.size + 1), abs=2 / found.interval[0])


def test_at_most_where_the_smallest_size_already_meets_it(rng):
    found = estimate(ladder_of("theory", rng), 1.0)
    assert (found.status, found.size, found.interval) == ("at_most", 50, (50, 50))


def test_extrapolated_with_the_bracket_as_interval(rng):
    ladder = ladder_of("power_law", rng, level=0.1, single=0.02)
    threshold = 3.0 * 3201**-2.6
    found = estimate(ladder, threshold)
    assert found.status == "extrapolated"
    last = fit_curve(SIZES, ladder.delta, family="power_law").predict(1600)[0]
    frozen = 1601 * np.sqrt(last / threshold) - 1
    # One side is the power law's, the other C's at the largest size, each with its errors.
    assert found.interval[0] < 3200 < frozen < found.interval[1]


def test_not_identifiable_where_the_bracket_is_wider_than_a_factor_four(rng):
    ladder = ladder_of("power_law", rng, level=0.1, single=0.02)
    # Exponents 2 and 2.6 part by a factor 4 in size at 1600·4^(2.6/0.6) = 650 000.
    found = estimate(ladder, 3.0 * 2e6**-2.6)
    assert found.status == "not_identifiable"
    assert found.interval[1] > 4 * found.interval[0]
    assert found.interval[0] <= 2e6 <= found.interval[1]


def test_a_curve_that_does_not_fall_is_not_identifiable():
    flat = measured(SIZES, np.vstack([SIZES**0.1, SIZES**0.2]))
    found = estimate(flat, 0.5, family="power_law")
    assert (found.status, found.size) == ("not_identifiable", None)
    assert "does not fall" in found.reason
    with pytest.raises(NotIdentifiableError, match="does not fall"):
        result_of(flat, "power_law").predict_sufficient_size(0.5)


def test_single_repeat_has_a_size_and_a_status_but_no_interval(rng):
    ladder = ladder_of("theory", rng, repeats=1)
    assert estimate(ladder, 2.0 / 801**2).interval is None
    assert estimate(ladder, 2.0 / 801**2).status == "reached"
    with pytest.raises(ValueError, match="`n_repeats` must be >= 2"):
        result_of(ladder).sufficient_size_interval(2.0 / 801**2)


def test_higher_confidence_is_wider(rng):
    ladder = ladder_of("theory", rng)
    narrow, wide = (
        result_of(ladder).sufficient_size_interval(2.0 / 401**2, confidence=c) for c in (0.5, 0.99)
    )
    assert wide[0] <= narrow[0] < narrow[1] <= wide[1]


def test_rivals_of_the_selected_family_join_the_interval(rng):
    """Where families forecast equally well the interval covers what each of them says."""
    for _ in range(20):
        ladder = ladder_of("transient", rng, single=0.2)
        decay = fit_decay(ladder)
        if len(decay.inside) > 1:
            break
    threshold = float(decay.curve.predict(300)[0])
    found = estimate_size(ladder, decay, threshold, 0.5)
    for fits in decay.inside:
        low, high = fits.log_kappa_interval(threshold, 0.5)
        assert found.interval[0] <= np.expm1(low) + 1
        assert np.expm1(high) - 1 <= found.interval[1]


def test_extrapolation_warns(rng):
    result = result_of(ladder_of("theory", rng))
    with pytest.warns(ExtrapolationWarning, match=r"times beyond the largest measured size, 1,600"):
        result.predict_sufficient_size(1e-8)
    with pytest.warns(ExtrapolationWarning):
        result.sufficient_size_interval(1e-8)


@pytest.mark.parametrize("order", [1, 2])
def test_relative_threshold_is_a_share_of_the_unseen_loss(order):
    """Mean over repeats at the largest size, 0.5: 1 % of it is an RMS change of 0.005."""
    losses = np.full((2, 8), 9.0)
    losses[:, -1] = 0.4, 0.6
    ladder = measured(SIZES, np.ones((2, 8)), unseen_loss=losses, order=order)
    assert absolute_threshold(ladder, 0.01, relative=True) == pytest.approx(0.005**order)
    assert absolute_threshold(ladder, 0.01) == 0.01


@pytest.mark.parametrize("loss", [0.0, -1.0, np.nan])
def test_relative_to_a_loss_that_is_not_positive(loss):
    ladder = measured(SIZES, np.ones((2, 8)), unseen_loss=loss)
    with pytest.raises(ValueError, match="`relative` must go with a positive unseen loss"):
        absolute_threshold(ladder, 0.01, relative=True)


@pytest.mark.parametrize("threshold", [0.0, -1.0, np.nan, np.inf])
def test_senseless_threshold(threshold, rng):
    with pytest.raises(ValueError, match="`threshold` must be finite and > 0"):
        result_of(ladder_of("theory", rng)).predict_sufficient_size(threshold)


def test_all_cells_failed():
    with pytest.raises(ValueError, match="at least one finished cell"):
        make_result(np.full((2, 8), np.nan), SIZES).predict_sufficient_size(0.1)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (np.log(101.2), np.log(200.3), (100, 200)),
        (np.log(101.0), np.log(201.0), (100, 200)),
        (np.log(10.0), np.log(20.0), (50, 50)),
        (-np.inf, np.inf, (50, np.inf)),
        (np.log(1e6), np.log(1.6e6), (999_999, 1_599_999)),
        # beyond 1,000 times the largest size no number is given
        (np.log(1e6), np.log(1.7e6), (999_999, np.inf)),
        (np.log(1e7), np.log(1e8), (1_600_000, np.inf)),
        (np.inf, np.inf, (1_600_000, np.inf)),
    ],
)
def test_sizes_are_rounded_outwards_between_the_smallest_and_the_horizon(low, high, expected):
    assert to_sizes(low, high, 50, 1600) == expected


@pytest.mark.parametrize("confidence", [0.9, 0.95])
@pytest.mark.parametrize("spread", [0.3, 0.7, 1.5])
def test_so_many_repeats_narrow_an_interval_to_a_factor_four(spread, confidence):
    """Log sizes with a standard deviation over repeats: SciPy's t interval of their mean."""

    def width(n_repeats):
        scale = spread / np.sqrt(n_repeats)
        low, high = stats.t.interval(confidence, n_repeats - 1, scale=scale)
        return high - low

    for n_repeats in (2, 3, 4):
        ladder = measured(SIZES, np.ones((n_repeats, len(SIZES))))
        wanted = repeats_needed(ladder, width(n_repeats), confidence)
        if width(n_repeats) <= np.log(4):
            assert wanted is None
        else:
            assert width(wanted) <= np.log(4) < width(wanted - 1)


def test_shared_candidates_widen_the_interval_that_the_number_of_repeats_is_taken_from():
    """Nadeau and Bengio's factor is gone with candidates of their own."""
    apart = measured(SIZES, np.ones((4, len(SIZES))))
    shared = replace(apart, disjoint_candidates=False)
    factor = np.sqrt(1 + 4 * 400 / 1600)
    assert repeats_needed(shared, 3.0 * factor, 0.95) == repeats_needed(apart, 3.0, 0.95)


@pytest.mark.parametrize(
    ("changed", "width"),
    [
        ({"n_pool": 400, "disjoint_candidates": False}, 3.0),  # all repeats share all candidates
        ({}, np.inf),
        ({}, 100.0),  # more than a hundred
    ],
)
def test_a_number_of_repeats_is_not_always_known(changed, width):
    assert repeats_needed(measured(SIZES, np.ones((2, 8)), **changed), width, 0.95) is None


def test_no_size_beyond_a_thousand_times_the_measured_ones(rng):
    ladder = ladder_of("theory", rng)
    fits = fit_decay(ladder, "theory")
    inside, beyond = (
        estimate_size(ladder, fits, 2.0 / (times * 1600) ** 2, 0.95) for times in (500, 2000)
    )
    assert inside.size == pytest.approx(500 * 1600, rel=0.3)
    assert (beyond.size, beyond.status) == (None, "not_identifiable")
    assert "only beyond 1,000 times the 1,600 samples measured, too far" in beyond.reason
    assert beyond.interval[1] == np.inf


def test_the_bracket_reaches_what_was_measured_at_the_largest_size():
    """A curve that turns to 1/κ² at the end, which a power law through all of it misses."""
    kappa = SIZES + 1.0
    delta = np.maximum(kappa**-3.0, kappa[-2] ** -1.0 * kappa**-2.0)[None] * [[1.01], [0.99]]
    result = make_result(delta, SIZES, family="power_law")
    last = float(delta[:, -1].mean())
    with pytest.warns(ExtrapolationWarning):
        low, high = result.sufficient_size_interval(last / 16, prior=None)
    with pytest.warns(ExtrapolationWarning):
        answer = result.predict_sufficient_size(last / 16, prior=None)
    # C frozen at the measurement: four times the largest κ
    assert answer < 4 * kappa[-1] - 1 <= high
    assert low <= answer
