"""The figure shows the numbers of the validation and nothing else."""

import math

import matplotlib.pyplot as plt
import numpy as np
import pytest

from sufficiency.curvature import QuadraticValidation
from sufficiency.plotting import QuadraticValidationDisplay


def make(errors=(0.001, 0.04, 0.3), tolerance=0.1):
    errors = np.array(errors)
    return QuadraticValidation(
        np.array([0.01, 0.1, 1.0])[: len(errors)],
        errors,
        0.5 * errors,
        np.ones(len(errors)),
        tolerance,
        16,
        40,
    )


def test_points_bars_and_lines():
    found = make()
    display = QuadraticValidationDisplay.from_validation(found)
    line, _, (bars,) = display.errors_
    np.testing.assert_array_equal(line.get_xdata(), found.sigmas)
    np.testing.assert_array_equal(line.get_ydata(), found.relative_error)
    for segment, error, stderr in zip(
        bars.get_segments(), found.relative_error, found.stderr, strict=True
    ):
        np.testing.assert_allclose(segment[:, 1], [error - stderr, error + stderr])
    assert set(display.tolerance_.get_ydata()) == {0.1}
    assert set(display.largest_.get_xdata()) == {0.1}
    ax = display.ax_
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert ax.get_title() == str(found)
    assert display.figure_ is ax.figure


def test_without_a_valid_scale_there_is_no_line():
    found = make((0.2, 0.3))
    assert math.isnan(found.largest_valid)
    assert QuadraticValidationDisplay(found).plot().largest_ is None


def test_a_bar_longer_than_its_error_stays_on_the_axis():
    found = make()
    found.stderr[:] = 2 * found.relative_error
    bars = QuadraticValidationDisplay(found).plot().errors_[2][0]
    assert (np.array(bars.get_segments())[:, :, 1] > 0).all()


def test_into_given_axes():
    _, ax = plt.subplots()
    before = plt.get_fignums()
    assert QuadraticValidationDisplay.from_validation(make(), ax=ax).ax_ is ax
    assert plt.get_fignums() == before


def test_nothing_is_drawn_before_plot():
    display = QuadraticValidationDisplay(make())
    assert not plt.get_fignums()
    with pytest.raises(AttributeError):
        _ = display.ax_
