import numpy as np
import pytest

from sufficiency.curves import FittedCurve, fit_curve
from sufficiency.curves.families import FAMILIES
from sufficiency.curves.fitted_curve import frozen_curve
from sufficiency.exceptions import NotIdentifiableError

SIZES = np.array([40, 70, 122, 214, 374, 653, 1143, 2000])

# One truth per family; the transient has fallen by a third of its level at the largest size.
TRUTHS = {
    "theory": {"C": 2.0},
    "power_law": {"C": 3.0, "alpha": 2.6},
    "transient": {"C": 0.5, "A": 60.0, "beta": 1.2},
}


def truth(family, order=2):
    return FittedCurve(family, order, TRUTHS[family], SIZES, np.full(len(SIZES), np.nan))


def noisy(curve, rng, repeats=4, sd=0.2):
    noise = rng.normal(-(sd**2) / 2, sd, size=(repeats, len(curve.sizes)))
    return curve.predict(curve.sizes) * np.exp(noise)


def written_out(family, size, order=2):
    """The formulas of math.md in Python floats."""
    kappa, p = size + 1.0, TRUTHS[family]
    if family == "theory":
        return p["C"] / kappa**order
    if family == "power_law":
        return p["C"] * kappa ** -p["alpha"]
    return (p["C"] + p["A"] * kappa ** -p["beta"]) / kappa**order


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("family", FAMILIES)
def test_predict_is_the_formula(family, order):
    expected = [written_out(family, size, order) for size in (1, 40, 10**6)]
    # A few powers and products, each rounded to 2^-53 or a last place more.
    np.testing.assert_allclose(truth(family, order).predict([1, 40, 10**6]), expected, rtol=1e-14)
    assert truth(family, order).predict(40).shape == (1,)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("family", FAMILIES)
def test_parameters_are_recovered_without_noise(family, order):
    measured = truth(family, order).predict(SIZES)[None]
    fitted = fit_curve(SIZES, measured, order=order, family=family)
    # The residual at the optimum is 0, so Gauss-Newton steps converge quadratically and the last
    # one, below SciPy's xtol = 1e-8, leaves less; log A moves log(41) = 3.7 times as far as β.
    for name, value in TRUTHS[family].items():
        assert fitted.parameters[name] == pytest.approx(value, rel=1e-6), name
    assert (fitted.family, fitted.order) == (family, order)


def test_power_law_is_weighted_linear_regression_on_logs(rng):
    deltas = noisy(truth("power_law"), rng, repeats=5)
    deltas[0, 2] = deltas[1, 2] = deltas[3, 7] = np.nan
    counts = np.isfinite(deltas).sum(axis=0)
    # polyfit's weights multiply residuals: the root of the number of finished repeats.
    slope, intercept = np.polyfit(
        np.log(SIZES + 1.0), np.log(np.nanmean(deltas, axis=0)), 1, w=np.sqrt(counts)
    )
    fitted = fit_curve(SIZES, deltas, family="power_law")
    # Both solve the same 8 x 2 system; its condition number is below 100.
    assert fitted.parameters["alpha"] == pytest.approx(-slope, rel=1e-12)
    assert fitted.parameters["C"] == pytest.approx(np.exp(intercept), rel=1e-12)


def test_theory_is_the_weighted_geometric_mean_of_the_constants(rng):
    deltas = noisy(truth("theory"), rng, repeats=3)
    deltas[0, 5] = np.nan
    constants = np.nanmean(deltas, axis=0) * (SIZES + 1.0) ** 2
    counts = np.isfinite(deltas).sum(axis=0)
    expected = np.prod(constants ** (counts / counts.sum()))
    fitted = fit_curve(SIZES, deltas, family="theory")
    assert fitted.parameters["C"] == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("sd", [0.05, 0.5])
def test_transient_is_the_global_optimum(rng, sd):
    """No point of a fine grid over (C/G, β) fits better, whatever the noise made of the problem."""
    share = np.concatenate([[0.0], np.geomspace(1e-12, 1.0, 200), 1 - np.geomspace(1e-9, 0.5, 50)])
    beta = np.geomspace(1e-3, 10.0, 300)
    kappa = SIZES + 1.0
    fall = (kappa / kappa[0]) ** -beta[:, None]
    with np.errstate(divide="ignore"):
        shapes = np.log(share[:, None, None] + (1 - share[:, None, None]) * fall)
    for _ in range(10):
        deltas = noisy(truth("transient"), rng, sd=sd)
        level = np.log(deltas.mean(axis=0) * kappa**2)
        rest = level - shapes
        best = np.nanmin(rest.var(axis=-1))
        fitted = fit_curve(SIZES, deltas, family="transient")
        cost = np.var(level - np.log(fitted.predict(SIZES) * kappa**2))
        # SciPy stops at a relative change of the cost of ftol = 1e-8 per step.
        assert cost <= best * (1 + 1e-6)


@pytest.mark.parametrize("family", FAMILIES)
def test_units_of_the_loss_scale_the_constants_only(rng, family):
    deltas = noisy(truth("transient"), rng)
    one, other = (fit_curve(SIZES, deltas * c, family=family).parameters for c in (1.0, 1e-12))
    for name, value in one.items():
        scale = 1e-12 if name in ("C", "A") else 1.0
        # Logs shift by a rounded constant; the optimum is found to xtol = 1e-8 from both.
        assert other[name] == pytest.approx(value * scale, rel=1e-6)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("family", FAMILIES)
def test_inversion_round_trips(family, order):
    curve = truth(family, order)
    # At 1e12 one sample changes Δ by a relative 1e-12, thousands of roundings.
    for size in [*range(40, 300), 10**4, 123_457, 10**6, 10**9 + 7, 10**12]:
        assert curve.sufficient_size(curve.predict(size)[0]) == size


@pytest.mark.parametrize("family", FAMILIES)
def test_sufficient_size_is_the_first_that_stays_below(family):
    curve = truth(family)
    every = np.arange(40, 20_000)
    above = curve.predict(every)
    for threshold in np.geomspace(above[-1] * 1.01, above[0] * 0.99, 50):
        expected = every[np.flatnonzero(above > threshold)[-1] + 1]
        assert curve.sufficient_size(threshold) == expected


def test_sufficient_size_is_floored_at_the_smallest_measured():
    assert truth("theory").sufficient_size(1e3) == 40


@pytest.mark.parametrize("threshold", [0.0, -1.0, np.nan, np.inf])
def test_senseless_threshold(threshold):
    with pytest.raises(ValueError, match="`threshold` must be finite and > 0"):
        truth("theory").sufficient_size(threshold)


def test_what_never_falls_has_no_inverse():
    rising = fit_curve(SIZES, (SIZES**0.5)[None], family="power_law")
    assert rising.log_kappa(1.0) == np.inf
    with pytest.raises(NotIdentifiableError, match="does not fall"):
        rising.sufficient_size(1.0)


def test_size_beyond_the_integers():
    with pytest.raises(NotIdentifiableError, match=r"within 2\*\*62 samples"):
        truth("theory").sufficient_size(1e-40)


def test_failed_cells_are_left_out(rng):
    deltas = noisy(truth("power_law"), rng)
    deltas[:, 3] = np.nan
    kept = np.arange(len(SIZES)) != 3
    fitted = fit_curve(SIZES, deltas, family="power_law")
    assert (
        fitted.parameters == fit_curve(SIZES[kept], deltas[:, kept], family="power_law").parameters
    )
    np.testing.assert_array_equal(fitted.sizes, SIZES[kept])
    assert fitted.relative_stderr.shape == (7,)


def test_relative_standard_error_is_pooled(rng):
    """With a known relative noise of 20 % in 400 x 8 cells the estimate is known to 2 %."""
    sd = np.sqrt(np.expm1(0.2**2))
    deltas = noisy(truth("theory"), rng, repeats=400, sd=0.2)
    deltas[100:, 0] = np.nan
    fitted = fit_curve(SIZES, deltas, family="theory")
    counts = np.array([100, *[400] * 7])
    # s.e. of a standard deviation from N values is sd/sqrt(2N), here 1.3 %; lognormal kurtosis
    # at 0.2 adds a tenth. Four of them.
    np.testing.assert_allclose(fitted.relative_stderr, sd / np.sqrt(counts), rtol=4 * 0.0145)


def test_single_repeat_takes_the_errors_within_cells():
    deltas = truth("theory").predict(SIZES)[None]
    stderr = deltas * np.linspace(0.1, 0.3, len(SIZES))
    fitted = fit_curve(SIZES, deltas, stderr=stderr, family="theory")
    expected = np.sqrt(np.mean(np.linspace(0.1, 0.3, len(SIZES)) ** 2))
    np.testing.assert_allclose(fitted.relative_stderr, expected, rtol=1e-14)
    assert np.isnan(fit_curve(SIZES, deltas, family="theory").relative_stderr).all()


@pytest.mark.parametrize("family", FAMILIES)
def test_auto_finds_the_family_without_noise(family):
    assert fit_curve(SIZES, truth(family).predict(SIZES)[None]).family == family


def test_auto_is_deterministic_and_keeps_its_scores(rng):
    deltas = noisy(truth("transient"), rng, sd=0.1)
    one, other = fit_curve(SIZES, deltas), fit_curve(SIZES, deltas)
    assert (one.family, one.parameters, one.scores) == (
        other.family,
        other.parameters,
        other.scores,
    )
    assert set(one.scores) == set(FAMILIES)


@pytest.mark.parametrize("number", [1, 2])
def test_auto_with_too_few_sizes_to_compare_is_the_theory(rng, number):
    fitted = fit_curve(SIZES[:number], noisy(truth("power_law"), rng)[:, :number])
    assert fitted.family == "theory"
    assert fitted.scores == {}


@pytest.mark.parametrize("slope", [0.0, 0.3])
def test_auto_says_where_delta_does_not_fall(slope, rng):
    """A family that falls by construction would answer with confidence."""
    for _ in range(20):
        deltas = np.exp(rng.normal(0.0, 0.1, size=(4, 8))) * (SIZES / 40) ** slope
        curve = fit_curve(SIZES, deltas)
        assert curve.family == "power_law"
        assert abs(curve.parameters["alpha"] + slope) < 0.2


@pytest.mark.parametrize("family", FAMILIES)
def test_frozen_curve_continues_from_the_largest_size(family):
    curve = truth(family)
    frozen = frozen_curve(curve)
    assert frozen.predict(2000) == pytest.approx(curve.predict(2000), rel=1e-14)
    assert frozen.predict(10 * 2001 - 1) == pytest.approx(curve.predict(2000) / 100, rel=1e-14)
    measured = frozen_curve(curve, 0.5)
    assert measured.predict([2000, 10 * 2001 - 1]) == pytest.approx([0.5, 0.005], rel=1e-14)


@pytest.mark.parametrize(("family", "needed"), [("power_law", 2), ("transient", 3)])
def test_too_few_sizes_for_a_family(family, needed):
    with pytest.raises(ValueError, match=f"at least {needed} .*{family}.* got {needed - 1}"):
        fit_curve(SIZES[: needed - 1], np.ones((2, needed - 1)), family=family)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"sizes": [40, 40, 50]}, "`sizes` must be increasing"),
        ({"sizes": [0, 40, 50]}, "`sizes` must be increasing"),
        ({"sizes": [40, 44.5, 50]}, "`sizes` must be increasing"),
        ({"sizes": []}, "`sizes` must be increasing"),
        ({"deltas": np.ones((2, 4))}, r"`deltas` must have shape \(repeats, 3\), got \(2, 4\)"),
        ({"deltas": np.ones(3)}, "`deltas` must have shape"),
        ({"deltas": np.full((2, 3), np.nan)}, "at least one finished cell"),
        ({"deltas": [[1.0, 0.0, 1.0], [1.0, 0.0, np.nan]]}, "at size 45"),
        ({"deltas": [[1.0, -0.1, 1.0]]}, "at size 45"),
        ({"deltas": [[1.0, 1.0, np.inf]]}, "at size 50"),
        ({"order": 3}, "`order` must be 1 or 2"),
        ({"family": "powerlaw"}, "did you mean 'power_law'"),
    ],
)
def test_bad_input(changed, message):
    given = {"sizes": [40, 45, 50], "deltas": np.ones((2, 3)), "order": 2, "family": "theory"}
    given |= changed
    with pytest.raises(ValueError, match=message):
        fit_curve(given.pop("sizes"), given.pop("deltas"), **given)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("family", FAMILIES)
def test_real_valued_inverse(family, order):
    curve = truth(family, order)
    for size in (0.0, 3.7, 40.0, 1e5, 1e12):
        # brentq stops at an xtol of 1e-12; log κ ≤ 28 is rounded at 4e-15
        expected = np.log1p(size)
        assert curve.log_kappa(curve.predict(size)[0]) == pytest.approx(expected, abs=1e-11)


@pytest.mark.parametrize("parameters", [{"C": 0.0, "A": 3.0, "beta": 0.6}, {"C": 3.0, "A": 0.0}])
def test_limits_of_the_transient_invert(parameters):
    curve = FittedCurve("transient", 2, {"beta": 1.0} | parameters, SIZES, np.full(8, np.nan))
    for size in (10.0, 1e4):
        assert curve.log_kappa(curve.predict(size)[0]) == pytest.approx(np.log1p(size), abs=1e-11)


def test_rivals_are_what_the_scores_cannot_tell_apart(rng):
    clear = fit_curve(SIZES, noisy(truth("power_law"), rng, sd=0.001))
    assert clear.rivals == ("power_law",)
    vague = [fit_curve(SIZES, noisy(truth("theory"), rng, sd=0.5)) for _ in range(10)]
    for curve in vague:
        assert curve.family == curve.rivals[0]
        assert min(curve.scores, key=curve.scores.get) in curve.rivals
    assert any(len(curve.rivals) > 1 for curve in vague)
    assert fit_curve(SIZES, noisy(truth("theory"), rng), family="theory").rivals == ("theory",)


def test_forecasts_leave_out_failed_cells_and_those_without_a_log(rng):
    deltas = noisy(truth("theory"), rng)
    deltas[0, 6:] = deltas[1, 4] = np.nan
    # a single cell of zero counts in the mean only
    deltas[1, 7] = 0.0
    fitted = fit_curve(SIZES, deltas)
    assert np.isfinite(list(fitted.scores.values())).all()
    assert np.isfinite(list(fitted.parameters.values())).all()
