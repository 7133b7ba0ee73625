import inspect
import math
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest

from sufficiency import DeltaCurveDisplay, ExtrapolationWarning
from sufficiency.curves import FittedCurve
from sufficiency.sizing.beyond import forecast_beyond
from tests.helpers import make_result

NAN = math.nan
SIZES = (9, 19, 39, 79)
KAPPA = np.array([10.0, 20.0, 40.0, 80.0])


@pytest.fixture
def result():
    """Three repeats around 4/κ², one cell failed."""
    table = 4.0 / KAPPA**2 * np.array([[0.8], [1.0], [1.3]])
    table[2, 1] = NAN
    return make_result(table, SIZES)


def draw(result, **params):
    return DeltaCurveDisplay.from_result(result, **params)


def labels(ax) -> list[str]:
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_both_axes_are_logarithmic_and_say_what_they_show(result):
    ax = draw(result).ax_
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert ax.get_xlabel() == "training size k (samples)"
    assert "Δ: mean squared change of the loss" in ax.get_ylabel()
    assert "when one sample is added (loss²)" in ax.get_ylabel()


def test_order_one_has_its_own_name_and_unit():
    label = draw(make_result(order=1)).ax_.get_ylabel()
    assert "mean absolute change of the loss" in label
    assert label.endswith("(loss)")


def test_points_are_the_means_and_bars_their_standard_errors(result):
    points, caps, (bars,) = draw(result).points_
    np.testing.assert_array_equal(points.get_xdata(), SIZES)
    np.testing.assert_array_equal(points.get_ydata(), result.deltas)
    assert points.get_linestyle() == "None"
    for segment, size, mean, error in zip(
        bars.get_segments(), SIZES, result.deltas, result.delta_stderr, strict=True
    ):
        # end points are computed as mean ∓ error: one rounding
        expected = [[size, mean - error], [size, mean + error]]
        np.testing.assert_allclose(segment, expected, rtol=1e-14)
    assert len(caps) == 2


def test_a_bar_longer_than_its_mean_stays_on_the_logarithmic_axis():
    result = make_result(np.array([[1.0, 0.5, 0.2]]), stderr=np.array([[2.0, 0.1, 0.3]]))
    bars = draw(result).points_[2][0]
    low, high = np.array(bars.get_segments())[:, :, 1].T
    assert (low > 0).all()
    np.testing.assert_allclose(high, [3.0, 0.6, 0.5])
    np.testing.assert_allclose(low[1], 0.4)


def test_every_repeat_has_a_faint_line_behind(result):
    display = draw(result)
    assert len(display.repeats_) == 3
    for line, row in zip(display.repeats_, result.table("delta"), strict=True):
        np.testing.assert_array_equal(line.get_xdata(), SIZES)
        np.testing.assert_array_equal(line.get_ydata(), row)
        assert line.get_alpha() < 0.5
        assert line in display.ax_.lines
    assert labels(display.ax_).count("single repeats") == 1
    assert "mean of 3 repeats ± s.e." in labels(display.ax_)


def test_a_single_repeat_is_no_mean():
    named = labels(draw(make_result(np.array([[1.0, 0.5, 0.2]]))).ax_)
    assert "Δ ± s.e." in named
    assert "single repeats" not in named


def test_without_any_standard_error_the_points_are_still_drawn():
    result = make_result(np.array([[1.0, 0.5, 0.2]]), stderr=NAN)
    points = draw(result).points_[0]
    np.testing.assert_array_equal(points.get_ydata(), [1.0, 0.5, 0.2])


@pytest.mark.parametrize("family", ["theory", "power_law", "transient"])
def test_the_curve_is_the_fit_inside_and_dashed_from_the_largest_size_on(result, family):
    result = make_result(result.table("delta"), SIZES, family=family)
    display = draw(result)
    inside, beyond = display.curve_, display.extrapolation_
    for line in (inside, beyond):
        x, y = line.get_data()
        np.testing.assert_allclose(y, result.curve.predict(x), rtol=1e-14)
        assert (np.diff(x) > 0).all()
        assert len(x) >= 100
    # ends of a geometric series: exp(log(size)) to a few roundings
    np.testing.assert_allclose(inside.get_xdata()[[0, -1]], [9, 79], rtol=1e-14)
    np.testing.assert_allclose(beyond.get_xdata()[[0, -1]], [79, 158], rtol=1e-14)
    assert inside.get_linestyle() == "-"
    assert beyond.get_linestyle() == "--"
    assert inside.get_color() == beyond.get_color()
    assert {"extrapolated", inside.get_label()} <= set(labels(display.ax_))


def test_beyond_the_largest_size_the_forecast_is_dashed(result):
    result = make_result(result.table("delta"), SIZES, family="auto")
    display = draw(result)
    x, y = display.extrapolation_.get_data()
    found = forecast_beyond(result.measurements, "delta")
    np.testing.assert_allclose(y, found.values(x, 0.5))
    np.testing.assert_allclose(x[[0, -1]], [79, 158], rtol=1e-14)
    assert "forecast" in labels(display.ax_)


def test_where_the_largest_size_failed_its_neighbor_ends_the_measured_range(result):
    table = result.table("delta").copy()
    table[:, 3] = NAN
    display = draw(make_result(table, SIZES))
    np.testing.assert_allclose(display.curve_.get_xdata()[-1], 39)
    np.testing.assert_allclose(display.extrapolation_.get_xdata()[0], 39)


@pytest.mark.parametrize(
    ("family", "order", "parameters", "formula"),
    [
        ("theory", 2, {"C": 4.0}, r"4\,\kappa^{-2}"),
        ("theory", 1, {"C": 0.12345}, r"0.123\,\kappa^{-1}"),
        ("power_law", 2, {"C": 3.0, "alpha": 2.25}, r"3\,\kappa^{-2.25}"),
        ("power_law", 2, {"C": 3.0, "alpha": -0.5}, r"3\,\kappa^{0.5}"),
        (
            "transient",
            2,
            {"C": 1.0, "A": 7.0, "beta": 0.5},
            r"(1 + 7\,\kappa^{-0.5})\,\kappa^{-2}",
        ),
    ],
)
def test_the_legend_gives_the_formula_with_its_numbers(family, order, parameters, formula):
    sizes = np.array(SIZES)
    curve = FittedCurve(family, order, parameters, sizes, np.full(4, NAN))
    delta = curve.predict(sizes)
    display = DeltaCurveDisplay(
        sizes=sizes, deltas=delta[None], delta=delta, delta_stderr=0.1 * delta, curve=curve
    )
    assert formula in display.plot().curve_.get_label()
    # mathtext is parsed when it is drawn
    display.figure_.canvas.draw()


def test_the_threshold_and_its_size_are_marked(result):
    threshold = 4e-3
    display = draw(result, threshold=threshold)
    size = result.predict_sufficient_size(threshold)
    assert 9 < size < 79
    assert set(display.threshold_.get_ydata()) == {threshold}
    assert set(display.size_.get_xdata()) == {size}
    assert (display.threshold, display.sufficient_size) == (threshold, size)
    assert display.answer_.get_text() == f"threshold $0.004$\nsufficient: {size:,} samples"
    # beside the line, inside the axes
    assert display.answer_ in display.ax_.texts


def test_a_size_beyond_the_measured_ones_is_reached_by_the_dashed_curve(result):
    with pytest.warns(ExtrapolationWarning):
        display = draw(result, threshold=4e-8)
    assert display.sufficient_size > 1000
    assert display.extrapolation_.get_xdata()[-1] > display.sufficient_size
    expected = r"threshold $4\times 10^{-8}$" + f"\nsufficient: {display.sufficient_size:,} samples"
    assert display.answer_.get_text() == expected


def test_without_a_threshold_there_are_no_lines_for_it(result):
    display = draw(result)
    assert display.threshold_ is None
    assert display.size_ is None
    assert display.sufficient_size is None
    assert display.answer_ is None


def test_the_given_axes_are_drawn_on(result):
    figure, (left, right) = plt.subplots(1, 2)
    display = draw(result, threshold=4e-3, ax=right)
    assert display.ax_ is right
    assert display.figure_ is figure
    assert not left.lines
    assert plt.get_fignums() == [figure.number]


def test_without_axes_a_new_figure_is_opened(result):
    display = draw(result)
    assert plt.get_fignums() == [display.figure_.number]
    again = display.plot()
    assert again is display
    assert len(plt.get_fignums()) == 2


@pytest.mark.parametrize("threshold", [0, -1.0, NAN, math.inf, "small", True, [1e-3]])
def test_no_figure_is_opened_for_a_bad_threshold(result, threshold):
    with pytest.raises((ValueError, TypeError), match="`threshold` must be"):
        draw(result, threshold=threshold)
    assert plt.get_fignums() == []


def test_no_figure_is_opened_where_no_curve_can_be_fitted():
    with pytest.raises(ValueError, match="at least 3"):
        draw(make_result(np.array([[1.0, 0.5]]), (10, 20), family="transient"))
    assert plt.get_fignums() == []


def test_an_estimator_is_drawn_from_its_result(result):
    display = DeltaCurveDisplay.from_estimator(SimpleNamespace(result_=result), threshold=4e-3)
    expected = draw(result, threshold=4e-3)
    for line, other in zip(display.ax_.lines, expected.ax_.lines, strict=True):
        np.testing.assert_array_equal(line.get_xydata(), other.get_xydata())


def test_a_display_keeps_its_data_and_draws_only_when_told(result):
    data = {
        "sizes": result.sizes,
        "deltas": result.table("delta"),
        "delta": result.deltas,
        "delta_stderr": result.delta_stderr,
        "curve": result.curve,
        "threshold": 4e-3,
        "sufficient_size": 31,
        "band": None,
        "in_sample": None,
        "bounds": None,
    }
    display = DeltaCurveDisplay(**data)
    assert plt.get_fignums() == []
    assert all(getattr(display, name) is value for name, value in data.items())
    assert set(data) <= set(inspect.signature(DeltaCurveDisplay).parameters)
    assert set(display.plot().size_.get_xdata()) == {31}


def test_the_band_is_the_interval_of_the_fit():
    result = make_result(np.array([[1.2], [0.9], [1.0]]) * 4.0 / KAPPA**2, SIZES)
    display = DeltaCurveDisplay.from_result(result)
    sizes, low, high = display.band
    np.testing.assert_array_equal(result.delta_interval(sizes), [low, high])
    assert sizes[0] == pytest.approx(SIZES[0])
    assert sizes[-1] == pytest.approx(2 * SIZES[-1])
    box = display.band_.get_datalim(display.ax_.transData)
    assert box.ymax == pytest.approx(high.max())
    assert box.ymin == pytest.approx(low.min())
    middle = result.curve.predict(sizes)
    assert ((low < middle) & (middle < high)).all()


def test_a_single_repeat_has_no_band():
    display = DeltaCurveDisplay.from_result(make_result(4.0 / KAPPA[None] ** 2, SIZES))
    assert display.band is None
    assert display.band_ is None


def test_a_threshold_that_is_never_met_is_drawn_without_a_size():
    rising = make_result(np.array([[1.0, 2.0, 3.0]] * 2), SIZES[:3], family="power_law")
    display = DeltaCurveDisplay.from_result(rising, threshold=1e-3)
    assert display.threshold_.get_ydata()[0] == 1e-3
    assert display.size_ is None


def test_a_single_repeat_that_finished_has_no_band(tmp_path):
    sizes = (10, 20, 40)
    table = np.array([[1.0], [np.nan]]) / (np.array(sizes) + 1.0) ** 2
    result = make_result(table, sizes)
    assert result.verdict(1e-3).interval is None
    display = DeltaCurveDisplay.from_result(result, threshold=1e-3)
    assert display.band is None
    page = result.report(tmp_path / "page.html", thresholds=[1e-3]).read_text(encoding="utf-8")
    assert "A single repeat gives no intervals" in page
