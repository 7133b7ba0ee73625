"""Lines: the mean over directions, the band that the legend names, and the center."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from sufficiency import SufficiencyWarning
from sufficiency.landscape import LineSlices, RandomDirections, line_slices
from sufficiency.plotting import LandscapeLineDisplay
from tests.helpers import classifier, labeled
from tests.plotting.planes import labels

GRID = np.array([-1.0, -0.25, 0.0, 0.5])
LOSSES = 1.0 + np.outer([1.0, 2.0, 4.0, 9.0], GRID**2)


def make(losses=LOSSES, **changes):
    return LandscapeLineDisplay(LineSlices(GRID, losses, **({"size": 50, "unit": "u"} | changes)))


def ends(band):
    """Lower and upper end at every coordinate."""
    vertices = band.get_paths()[0].vertices
    at = [vertices[np.isclose(vertices[:, 0], x), 1] for x in GRID]
    return np.array([[y.min(), y.max()] for y in at]).T


BANDS = [
    ("range", LOSSES.min(0), LOSSES.max(0), "smallest to largest"),
    # quartiles of 1, 2, 4, 9: a quarter of the way from 1 to 2 below its end, and from 4 to 9
    ("quartiles", 1 + 1.75 * GRID**2, 1 + 5.25 * GRID**2, "middle half of the directions"),
    (
        "stderr",
        LOSSES.mean(0) - LOSSES.std(0, ddof=1) / 2,
        LOSSES.mean(0) + LOSSES.std(0, ddof=1) / 2,
        "± s.e. of the mean",
    ),
]


@pytest.mark.parametrize(("band", "low", "high", "meaning"), BANDS)
def test_the_mean_and_its_band(band, low, high, meaning):
    display = make().plot(band=band)
    np.testing.assert_array_equal(display.mean_.get_xdata(), GRID)
    np.testing.assert_allclose(display.mean_.get_ydata(), 1 + 4 * GRID**2, rtol=1e-14)
    np.testing.assert_allclose(ends(display.band_), [low, high], rtol=1e-12)
    assert labels(display.ax_) == ["mean of 4 directions", meaning, "trained weights w*"]
    assert display.center_.get_xydata().tolist() == [[0.0, 1.0]]


def test_axes_say_what_they_show():
    ax = make().plot().ax_
    assert ax.get_xlabel() == "α along each direction (1: u)"
    assert ax.get_ylabel() == "mean loss $L_k$ (loss), k = 50 samples"
    assert ax.get_yscale() == "linear"
    assert make().plot(log=True).ax_.get_yscale() == "log"
    assert make(size=None).plot().ax_.get_ylabel() == "mean loss $L_k$ (loss)"


def test_one_direction_has_no_band():
    display = make(LOSSES[:1]).plot()
    assert display.band_ is None
    assert labels(display.ax_) == ["one direction", "trained weights w*"]


def test_several_nets_share_their_axes():
    first = make().plot(name="plain")
    second = make(LOSSES + 1).plot(first.ax_, name="batch norm")
    assert second.ax_ is first.ax_
    assert first.mean_.get_color() != second.mean_.get_color()
    assert second.center_.get_color() == second.mean_.get_color()
    assert labels(first.ax_)[0] == "plain: mean of 4 directions"
    assert "batch norm: smallest to largest" in labels(first.ax_)
    assert len(plt.get_fignums()) == 1


def test_what_is_not_finite_leaves_a_gap():
    losses = LOSSES.copy()
    losses[1, 0], losses[2, 0], losses[3, 3] = np.inf, -np.inf, np.nan
    with pytest.warns(SufficiencyWarning, match="at 2 of 4 coordinates"):
        display = make(losses).plot(band="quartiles")
    assert display.n_masked_ == 2
    found = display.mean_.get_ydata()
    assert np.isnan(found[[0, 3]]).all()
    np.testing.assert_allclose(found[1:3], LOSSES.mean(0)[1:3])
    display.figure_.canvas.draw()


def test_from_estimator_measures_and_draws():
    X, y = labeled(30)
    net = classifier().initialize()
    how = RandomDirections(perturb_1d=True)
    params = {"n_directions": 3, "directions": how, "grid": GRID, "size": 20, "random_state": 2}
    display = LandscapeLineDisplay.from_estimator(net, X, y, band="stderr", name="net", **params)
    expected = line_slices(net, X, y, **params)
    np.testing.assert_array_equal(display.lines.losses, expected.losses)
    assert "net: ± s.e. of the mean" in labels(display.ax_)


@pytest.mark.parametrize(
    ("params", "message"),
    [({"band": "std"}, "`band` must be one of"), ({"log": True}, "`log` must be False for losses")],
)
def test_no_figure_is_opened_for_a_bad_style(params, message):
    with pytest.raises(ValueError, match=message):
        make(LOSSES - 1).plot(**params)
    assert plt.get_fignums() == []
