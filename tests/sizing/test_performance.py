import numpy as np
import pytest
from scipy.optimize import curve_fit

from sufficiency.exceptions import (
    ExtrapolationWarning,
    NotIdentifiableError,
    UnreachableTargetError,
)
from sufficiency.sizing.learning_curve import fit_learning_curve
from sufficiency.sizing.performance import fit_performance
from tests.helpers import make_result
from tests.sizing.ladders import SIZES, measured, noisy

DELTA = np.ones((4, 8))


def estimate_for_target(ladder, target, kind):
    return fit_performance(ladder, kind).size_for(target, 0.95)


def predict_size_for_loss(ladder, target):
    result = make_result(DELTA, SIZES, unseen_loss=ladder.unseen_loss)
    return result.predict_size_for_loss(target, prior=None)


def loss(size, floor=0.3, beta=1.0):
    return floor + ((np.asarray(size) + 1) / (SIZES[0] + 1)) ** -beta


def ladder_of_losses(rng, *, level=0.02, single=0.01, **form):
    return measured(
        SIZES, DELTA, unseen_loss=noisy(loss(SIZES, **form), rng, level=level, single=single)
    )


def fit(values, **changed):
    given = {"rising": False, "best": -np.inf, "floor": None} | changed
    return fit_learning_curve(SIZES, values, np.ones(len(SIZES)), **given)


@pytest.mark.parametrize(("floor", "beta"), [(0.3, 1.0), (0.0, 0.3), (-2.0, 0.5)])
def test_constants_are_recovered_without_noise(floor, beta):
    curve = fit(loss(SIZES, floor, beta))
    # β is searched to SciPy's bounded xatol of 1e-5; at β = 0.3 the floor moves 4 times as far.
    assert curve.beta == pytest.approx(beta, abs=2e-5)
    assert curve.floor == pytest.approx(floor, abs=1e-4)
    assert curve.amplitude == pytest.approx(1.0, abs=1e-4)


def test_fit_is_the_least_squares_optimum(rng):
    """Against SciPy's general optimizer, started at the truth."""
    for _ in range(10):
        values = loss(SIZES) + 0.02 * rng.standard_normal(len(SIZES))
        (e, a, b), _ = curve_fit(
            lambda k, e, a, b: e + a * ((k + 1) / (SIZES[0] + 1)) ** -b, SIZES, values, [0.3, 1, 1]
        )
        expected = np.mean((values - e - a * ((SIZES + 1) / (SIZES[0] + 1)) ** -b) ** 2)
        # the cost is flat at its minimum: an error of 1e-5 in β adds its square
        assert fit(values).cost == pytest.approx(expected, rel=1e-6)


def test_a_score_is_the_mirror_image_of_a_loss(rng):
    values = loss(SIZES) + 0.02 * rng.standard_normal(len(SIZES))
    down, up = fit(values, best=0.0), fit(-values, best=0.0, rising=True)
    np.testing.assert_allclose(up.predict(SIZES), -down.predict(SIZES), rtol=1e-12)
    assert up.log_kappa(-0.5) == down.log_kappa(0.5)


def test_floor_stays_within_its_bound_or_where_it_is_put():
    falling = 1.0 - 0.1 * np.log(SIZES)
    assert fit(falling).floor < 0.0
    assert fit(falling, best=0.0).floor >= 0.0
    assert fit(falling, floor=0.1).floor == 0.1


def test_inversion_round_trips():
    curve = fit(loss(SIZES))
    for size in (60, 1000, 10**6):
        assert curve.log_kappa(curve.predict(size)[0]) == pytest.approx(np.log(size + 1), abs=1e-6)
    assert curve.log_kappa(curve.floor) == np.inf
    assert curve.log_kappa(curve.floor - 0.1) == np.inf


def test_flat_curve_meets_all_or_nothing():
    curve = fit(np.linspace(0.5, 0.6, len(SIZES)))
    assert curve.amplitude == 0.0
    assert curve.log_kappa(0.7) == -np.inf
    assert curve.log_kappa(0.4) == np.inf


def test_reached(rng):
    ladder = ladder_of_losses(rng)
    found = estimate_for_target(ladder, float(loss(300)), "loss")
    assert found.status == "reached"
    assert found.interval[0] <= found.size <= found.interval[1]
    assert predict_size_for_loss(ladder, float(loss(300))) == found.size


def test_at_most(rng):
    found = estimate_for_target(ladder_of_losses(rng), 2.0, "loss")
    assert (found.status, found.size) == ("at_most", 50)


def test_extrapolated(rng):
    ladder = ladder_of_losses(rng, floor=0.0, beta=0.5, level=0.01, single=0.001)
    target = float(loss(3200, 0.0, 0.5))
    found = estimate_for_target(ladder, target, "loss")
    assert found.status == "extrapolated"
    assert found.interval[0] <= 3200 <= found.interval[1]
    with pytest.warns(ExtrapolationWarning, match="size for the loss"):
        assert predict_size_for_loss(ladder, target) == found.size


def test_unreachable_needs_the_whole_interval_of_the_floor(rng):
    ladder = ladder_of_losses(rng)
    found = estimate_for_target(ladder, 0.2, "loss")
    assert (found.status, found.size, found.interval) == ("unreachable", None, None)
    with pytest.raises(UnreachableTargetError, match="levels off between"):
        predict_size_for_loss(ladder, 0.2)


def test_a_target_within_the_interval_of_the_floor_is_not_identifiable(rng):
    ladder = ladder_of_losses(rng)
    floor = fit_performance(ladder, "loss").curve.floor
    found = estimate_for_target(ladder, floor - 1e-4, "loss")
    assert (found.status, found.size) == ("not_identifiable", None)
    assert found.interval[1] == np.inf
    with pytest.raises(NotIdentifiableError, match="levels off at"):
        predict_size_for_loss(ladder, floor - 1e-4)


def test_a_power_law_without_a_floor_is_not_called_unreachable(rng):
    """From an eighth of the data a floor cannot be told from a small exponent."""
    for _ in range(5):
        ladder = ladder_of_losses(rng, floor=0.0, beta=0.2, single=0.02)
        at_eight_times = float(loss(8 * 1600, 0.0, 0.2))
        assert estimate_for_target(ladder, at_eight_times, "loss").status != "unreachable"


def test_plausible_floors_hold_the_truth_and_narrow_with_the_noise(rng):
    widths = []
    for single in (0.002, 0.05):
        ladder = ladder_of_losses(rng, level=0.0, single=single)
        floors = [curve.floor for curve in fit_performance(ladder, "loss").plausible(0.99)]
        assert min(floors) <= 0.3 <= max(floors)
        widths.append(np.ptp(floors))
    assert widths[0] < widths[1]


def test_score(rng):
    score = 0.95 - 0.5 * ((SIZES + 1) / 51) ** -0.8
    ladder = measured(SIZES, DELTA, unseen_score=score + 0.003 * rng.standard_normal((4, 8)))
    truth = 0.95 - 0.5 * (501 / 51) ** -0.8
    found = estimate_for_target(ladder, truth, "score")
    assert found.status == "reached"
    assert found.interval[0] <= 500 <= found.interval[1]
    assert (
        make_result(DELTA, SIZES, unseen_score=ladder.unseen_score).predict_size_for_score(truth)
        == found.size
    )
    assert estimate_for_target(ladder, 0.999, "score").status == "unreachable"


def test_single_repeat_has_no_interval(rng):
    one = ladder_of_losses(rng).repeats([0])
    found = estimate_for_target(one, float(loss(300)), "loss")
    assert (found.status, found.interval) == ("reached", None)


def test_failed_cells_are_left_out(rng):
    ladder = ladder_of_losses(rng)
    losses = ladder.unseen_loss.copy()
    losses[1, 3] = losses[2, 7] = np.nan
    losses[:, 5] = np.nan
    found = estimate_for_target(
        measured(SIZES, DELTA, unseen_loss=losses), float(loss(300)), "loss"
    )
    assert found.status == "reached"
    assert found.size == pytest.approx(300, rel=0.2)


@pytest.mark.parametrize(
    ("target", "kind", "message"),
    [
        (-0.1, "loss", "`target` must be finite and at least 0, the best loss"),
        (1.1, "score", "`target` must be finite and at most 1, the best score"),
        (np.nan, "loss", "`target` must be finite"),
        (0.5, "accuracy", "`kind` must be one of"),
    ],
)
def test_bad_targets(target, kind, message):
    values = np.tile(loss(SIZES), (2, 1))
    ladder = measured(SIZES, np.ones((2, 8)), unseen_loss=values, unseen_score=1 - values / 2)
    with pytest.raises(ValueError, match=message):
        estimate_for_target(ladder, target, kind)


@pytest.mark.parametrize("kind", ["loss", "score"])
def test_too_few_sizes_for_a_learning_curve(kind):
    two = np.full((2, 8), np.nan)
    two[:, :2] = 1.0, 0.9
    with pytest.raises(ValueError, match=f"at least 3 sizes with a {kind}"):
        fit_performance(measured(SIZES, np.ones((2, 8)), unseen_loss=two, unseen_score=two), kind)
