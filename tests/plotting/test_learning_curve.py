"""The learning curve: the right numbers on the right axes."""

import inspect

import matplotlib.pyplot as plt
import numpy as np
import pytest

from sufficiency import LearningCurveDisplay
from sufficiency.sizing.performance import fit_performance
from tests.helpers import make_result

SIZES = [19, 39, 79, 159]
KAPPA = np.array(SIZES) + 1.0
LOSSES = 0.1 + 2.0 * KAPPA**-0.5 * np.array([[1.1], [0.9]])
SCORES = np.array([[0.5, 0.6, 0.7, 0.8], [0.6, 0.7, 0.8, 0.9]])


def result(**tables):
    given = {"unseen_loss": LOSSES, "unseen_score": SCORES} | tables
    return make_result(4.0 / KAPPA**2 * np.ones((2, 1)), SIZES, **given)


def points(container):
    line = container.lines[0]
    return line.get_xdata(), line.get_ydata()


def half_lengths(container):
    segments = container.lines[2][0].get_segments()
    return np.array([(segment[1, 1] - segment[0, 1]) / 2 for segment in segments])


@pytest.mark.parametrize(("name", "table"), [("losses_", LOSSES), ("scores_", SCORES)])
def test_points_are_means_with_their_standard_errors(name, table):
    display = LearningCurveDisplay.from_result(result())
    x, y = points(getattr(display, name))
    np.testing.assert_array_equal(x, SIZES)
    np.testing.assert_allclose(y, table.mean(0), rtol=1e-12)
    # two repeats: their half distance
    np.testing.assert_allclose(
        half_lengths(getattr(display, name)), np.abs(table[0] - table[1]) / 2, rtol=1e-9
    )


def test_axes_say_what_they_show():
    display = LearningCurveDisplay.from_result(result())
    assert display.ax_.get_xscale() == "log"
    assert display.ax_.get_xlabel() == "training size k (samples)"
    assert display.ax_.get_ylabel() == "loss on unseen samples"
    assert display.score_ax_.get_ylabel() == "score on unseen samples"
    [legend] = display.figure_.legends  # below, where it hides no curve
    labels = [text.get_text() for text in legend.get_texts()]
    assert "loss, mean of 2 ± s.e." in labels
    assert "score, mean of 2 ± s.e." in labels


def test_the_fit_is_drawn_and_dashed_beyond():
    measured = result()
    display = LearningCurveDisplay.from_result(measured)
    curve = fit_performance(measured.measurements, "loss").curve
    for line in (display.curve_, display.extrapolation_):
        np.testing.assert_allclose(line.get_ydata(), curve.predict(line.get_xdata()), rtol=1e-12)
    assert display.curve_.get_xdata()[[0, -1]] == pytest.approx([19, 159])
    assert display.extrapolation_.get_xdata()[0] == pytest.approx(159)
    assert display.extrapolation_.get_linestyle() == "--"
    assert display.floor_.get_ydata()[0] == pytest.approx(curve.floor)


def test_failed_cells_are_left_out():
    losses = LOSSES.copy()
    losses[0, 1] = np.nan
    losses[:, 3] = np.nan
    display = LearningCurveDisplay.from_result(result(unseen_loss=losses))
    x, y = points(display.losses_)
    np.testing.assert_array_equal(x, SIZES[:3])
    np.testing.assert_allclose(y, np.nanmean(losses[:, :3], axis=0), rtol=1e-12)


def test_without_scores_and_with_two_sizes_the_losses_remain():
    table = np.full((2, 2), np.nan)
    few = make_result(
        4.0 / KAPPA[:2] ** 2 * np.ones((2, 1)),
        SIZES[:2],
        unseen_loss=LOSSES[:, :2],
        unseen_score=table,
    )
    display = LearningCurveDisplay.from_result(few)
    assert display.score_ax_ is None
    assert display.scores_ is None
    assert display.curve_ is None
    assert len(points(display.losses_)[0]) == 2


def test_a_display_keeps_its_data_and_draws_only_when_told():
    data = {"sizes": np.array(SIZES), "losses": LOSSES, "scores": SCORES, "loss_curve": None}
    display = LearningCurveDisplay(**data)
    assert plt.get_fignums() == []
    assert all(getattr(display, name) is value for name, value in data.items())
    assert set(inspect.signature(LearningCurveDisplay).parameters) == set(data)
    figure, ax = plt.subplots()
    assert display.plot(ax=ax) is display
    assert display.ax_ is ax
    assert display.figure_ is figure
    assert plt.get_fignums() == [figure.number]
