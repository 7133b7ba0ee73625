"""Plans and track records as figures: what is drawn is what they say."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from sufficiency import Campaign, CollectionPlanDisplay, TrackRecordDisplay
from tests.campaigns import result_of


@pytest.fixture(scope="module")
def result():
    return result_of(1000)


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    made = Campaign(tmp_path_factory.mktemp("rounds"))
    for seed, n in enumerate((1000, 2000, 4000)):
        made.add(result_of(n, seed))
    return made


def texts(ax) -> list[str]:
    return [text.get_text() for text in ax.texts]


def test_the_rounds_are_marked_and_named(result):
    display = result.plot_plan(0.94, rounds=2)
    assert isinstance(display, CollectionPlanDisplay)
    plan = result.plan(0.94, rounds=2)
    np.testing.assert_array_equal(display.curve_.get_ydata(), plan.grid_chances)
    np.testing.assert_array_equal(display.rounds_.get_xdata(), plan.totals)
    np.testing.assert_array_equal(display.rounds_.get_ydata(), plan.chances)
    first, second = (label.get_text() for label in display.labels_)
    assert first.startswith(f"now: {plan.totals[0]:,} samples, ")
    assert second.startswith(f"round 2: {plan.totals[1]:,} samples, ")
    assert "available: 1,000" in texts(display.ax_)
    assert "line: 5 % below the chance at the limit, 10,000" in texts(display.ax_)
    assert display.risk_.get_ydata()[0] == pytest.approx(0.95 * plan.grid_chances[-1])
    assert display.available_.get_xdata()[0] == 1000
    assert display.ax_.get_xscale() == "log"
    assert display.ax_.get_ylabel().endswith("an unseen score of at least 0.94")


@pytest.mark.parametrize("rounds", [1, 3, 5, 8])
def test_labels_do_not_overlap_or_leave_the_axes(result, rounds):
    display = result.plot_plan(0.94, rounds=rounds)
    display.figure_.canvas.draw()
    boxes = [label.get_window_extent() for label in display.labels_]
    inside = display.ax_.get_window_extent()
    assert all(b.x1 <= inside.x1 and b.y0 >= inside.y0 for b in boxes)
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_with_costs_there_is_no_risk_to_keep(result):
    display = result.plot_plan(0.94, cost_per_sample=1, cost_of_missing=5000)
    assert display.risk_ is None
    assert not any("limit" in text for text in texts(display.ax_))


@pytest.mark.parametrize("target", [0.8, 1.0])
def test_where_nothing_is_collected_no_round_is_marked(result, target):
    display = result.plot_plan(target)
    assert display.rounds_ is None
    assert display.labels_ == []


def test_it_draws_into_given_axes(result):
    _, ax = plt.subplots()
    assert result.plot_plan(1e-7, "delta", prior=None, ax=ax).ax_ is ax
    assert CollectionPlanDisplay.from_result(result, 0.94, ax=ax, rounds=1).ax_ is ax
    again = CollectionPlanDisplay(plan=result.plan(0.94)).plot()
    assert len(again.labels_) == 3


def test_a_track_record_shows_forecasts_beside_what_came(campaign):
    display = campaign.plot_track_record(confidence=0.8)
    assert isinstance(display, TrackRecordDisplay)
    record = campaign.track_record(0.8)
    assert list(display.measured_) == ["loss", "score", "delta"]
    for name, ax in zip(display.measured_, display.axes_, strict=True):
        ladders = [result.measurements for result in campaign.results]
        points = display.measured_[name]
        np.testing.assert_array_equal(points.get_xdata(), [ladder.largest for ladder in ladders])
        expected = [ladder.at_largest(name) for ladder in ladders]
        np.testing.assert_array_equal(points.get_ydata(), expected)
        rows = record[record["quantity"] == name]
        for drawn, (_, part) in zip(display.forecasts_[name], rows.groupby("round"), strict=True):
            middle, _, (bars,) = drawn
            np.testing.assert_array_equal(middle.get_ydata(), part["median"])
            ends = np.array(bars.get_segments())[:, :, 1]
            # an end is the median plus a difference: one rounding
            np.testing.assert_allclose(ends, part[["low", "high"]], rtol=1e-12)
            # beside the later round's size
            assert (np.abs(middle.get_xdata() / part["size"] - 1) < 0.1).all()
        assert ax.get_yscale() == ("log" if name == "delta" else "linear")
    [legend] = display.figure_.legends
    legend = [text.get_text() for text in legend.get_texts()]
    assert legend == ["measured", "forecast of round 1, 80 %", "forecast of round 2, 80 %"]


def test_axes_of_a_track_record_can_be_given(campaign):
    _, axes = plt.subplots(1, 3)
    assert TrackRecordDisplay.from_campaign(campaign, axes=axes).axes_ == list(axes)
    with pytest.raises(ValueError, match="one for each of 3 quantities, got 2"):
        TrackRecordDisplay.from_campaign(campaign, axes=axes[:2])
