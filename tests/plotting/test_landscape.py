"""Planes are drawn where their coordinates say, on the scale that was asked for."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import LogNorm, SymLogNorm

from sufficiency import SufficiencyWarning
from sufficiency.landscape import RandomDirections, landscape_slice
from sufficiency.plotting import LandscapeChangeDisplay, LandscapeDisplay
from tests.helpers import classifier, labeled
from tests.plotting.planes import (
    ALPHAS,
    BETAS,
    GEOMETRY,
    SLOPE,
    change,
    color_at,
    labels,
    landscape,
)


def interior():
    """Points off the grid, and the values of SLOPE there, which is linear."""
    alphas, betas = np.meshgrid(np.linspace(-0.93, 0.91, 7), np.linspace(-0.17, 0.37, 6))
    return zip(alphas.ravel(), betas.ravel(), strict=True)


def test_contours_have_the_color_of_their_values_where_they_are():
    display = LandscapeDisplay(landscape()).plot(n_levels=10)
    contour = display.contour_
    np.testing.assert_allclose(contour.levels, np.linspace(SLOPE.min(), SLOPE.max(), 11))
    for alpha, beta in interior():
        value = 2 + alpha + 4 * beta
        expected = np.searchsorted(contour.levels, value) - 1
        if np.abs(contour.levels - value).min() > 1e-3:
            assert color_at(contour, alpha, beta) == expected
    assert display.surface_ is None
    assert (contour.norm.vmin, contour.norm.vmax) == (SLOPE.min(), SLOPE.max())
    assert contour.extend == "neither"


def test_axes_say_what_they_show_and_in_which_unit():
    display = LandscapeDisplay(landscape()).plot()
    ax = display.ax_
    assert ax.get_xlabel() == "α along u (1: norm of w*)"
    assert ax.get_ylabel() == "β along v (1: norm of w*)"
    assert ax.get_title() == "k = 1,234 samples, cos(u, v) = 0.125"
    assert display.colorbar_.ax.get_ylabel() == "mean loss $L_k$ (loss)"
    assert ax.get_xlim() == (-1, 1)
    assert ax.get_ylim() == (-0.2, 0.4)
    display.figure_.canvas.draw()  # mathtext is parsed when it is drawn


def test_own_numbers_need_no_geometry():
    ax = LandscapeDisplay(landscape(geometry=None, size=None)).plot().ax_
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title()) == ("α", "β", "")


def test_the_center_is_marked():
    display = LandscapeDisplay(landscape(center="validation-optimal weights")).plot()
    assert display.center_.get_xydata().tolist() == [[0.0, 0.0]]
    assert display.center_.get_marker() == "x"
    assert labels(display.ax_) == ["validation-optimal weights w*"]
    assert display.points_ is None


def test_given_points_are_marked_and_distances_are_to_scale():
    points = np.array([[0.5, 0.0], [-0.25, 0.3]])
    geometry = replace(GEOMETRY, points=points)
    display = LandscapeDisplay(landscape(geometry=geometry)).plot()
    np.testing.assert_array_equal(display.points_.get_offsets(), points)
    assert labels(display.ax_) == ["trained weights w*", "given points"]
    assert [text.get_text().strip() for text in display.ax_.texts] == ["1", "2"]
    assert display.ax_.get_aspect() == 1


@pytest.mark.parametrize("log", [False, True])
def test_a_surface_has_the_values_as_its_height(log):
    display = LandscapeDisplay(landscape()).plot(kind="surface", log=log)
    assert display.ax_.name == "3d"
    assert display.contour_ is None
    heights = np.log10(SLOPE) if log else SLOPE
    # matplotlib colors every face by the mean of its corners
    faces = [heights[i : i + 2, j : j + 2].mean() for i in range(4) for j in range(3)]
    np.testing.assert_allclose(display.surface_.get_array(), faces, rtol=1e-12)
    limits = (heights.min(), heights.max())
    assert (display.surface_.norm.vmin, display.surface_.norm.vmax) == pytest.approx(limits)
    assert display.ax_.get_zlim() == pytest.approx(limits)
    (x,), (y,), (z,) = display.center_.get_data_3d()
    assert (x, y, z) == pytest.approx((0, 0, np.log10(2.0) if log else 2.0))
    label = "log₁₀ of mean loss $L_k$ (loss)" if log else "mean loss $L_k$ (loss)"
    assert display.colorbar_.ax.get_ylabel() == label
    assert display.ax_.get_xlabel() == "α along u\n(1: norm of w*)"
    assert display.ax_.get_ylabel() == "β along v\n(1: norm of w*)"
    display.figure_.canvas.draw()


def test_a_logarithmic_scale():
    losses = 10.0 ** (SLOPE - 4.0)
    display = LandscapeDisplay(landscape(losses)).plot(log=True, n_levels=8)
    assert isinstance(display.contour_.norm, LogNorm)
    np.testing.assert_allclose(
        display.contour_.levels, np.geomspace(losses.min(), losses.max(), 9), rtol=1e-12
    )
    ticks = display.colorbar_.get_ticks()
    np.testing.assert_allclose(ticks, [1e-3, 1e-2, 1e-1, 1.0])  # from 1.6e-4 to 4


def test_a_logarithmic_scale_ends_eight_decades_below_its_top():
    losses = SLOPE.copy()
    losses[:2, :2], losses[4, 3] = 0.0, 4.6e3
    display = LandscapeDisplay(landscape(losses)).plot(log=True)
    assert display.contour_.levels[0] == pytest.approx(4.6e-5)
    assert display.contour_.extend == "min"
    assert color_at(display.contour_, -0.8, -0.1) == 0  # zero has the lowest color
    assert display.n_masked_ == 0


@pytest.mark.parametrize(
    ("losses", "message"),
    [(SLOPE - 2.0, "from -1.8 to 2.6"), (np.zeros((5, 4)), "values from 0 to 0")],
)
@pytest.mark.parametrize("kind", ["contour", "surface"])
def test_values_without_a_logarithm_are_refused_before_a_figure_is_opened(kind, losses, message):
    refusal = rf"`log` must be False for values that are not positive.*{message}"
    with pytest.raises(ValueError, match=refusal):
        LandscapeDisplay(landscape(losses)).plot(log=True, kind=kind)
    assert plt.get_fignums() == []


@pytest.mark.parametrize("kind", ["contour", "surface"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_masked_with_a_count(kind, bad):
    losses = SLOPE.copy()
    losses[3:, 2:] = bad
    display = LandscapeDisplay(landscape(losses))
    with pytest.warns(SufficiencyWarning, match="4 of 20 points of the plane .* not finite"):
        display.plot(kind=kind)
    assert display.n_masked_ == 4
    assert labels(display.ax_) == ["trained weights w*", "not finite: 4 of 20"]
    kept = losses[np.isfinite(losses)]
    drawn = display.contour_ if kind == "contour" else display.surface_
    assert (drawn.norm.vmin, drawn.norm.vmax) == pytest.approx((kept.min(), kept.max()))
    if kind == "contour":
        assert color_at(display.contour_, 0.9, 0.3) is None
        assert color_at(display.contour_, -0.9, 0.3) is not None
        assert display.ax_.get_facecolor()[:3] == pytest.approx((0.85,) * 3)
    display.figure_.canvas.draw()


def test_a_plane_of_which_only_the_center_is_finite():
    losses = np.full((5, 4), np.inf)
    losses[2, 1] = 2.0
    with pytest.warns(SufficiencyWarning, match="19 of 20"):
        display = LandscapeDisplay(landscape(losses)).plot()
    display.figure_.canvas.draw()


def test_ends_of_the_scale_can_be_chosen():
    display = LandscapeDisplay(landscape()).plot(vmin=1.0, vmax=10.0)
    assert (display.contour_.levels[0], display.contour_.levels[-1]) == (1.0, 10.0)
    assert display.contour_.extend == "min"
    assert LandscapeDisplay(landscape()).plot(vmin=1, vmax=2).contour_.extend == "both"
    assert LandscapeDisplay(landscape()).plot(vmax=2).contour_.extend == "max"


@pytest.mark.parametrize("ends", [{"vmin": -1.5}, {"vmax": 1.5}, {"vmin": -0.1, "vmax": 1.5}])
def test_a_scale_with_two_signs_stays_around_zero(ends):
    contour = LandscapeChangeDisplay(change()).plot(**ends).contour_
    assert (contour.levels[0], contour.levels[-1]) == (-1.5, 1.5)
    assert contour.extend == "both"


def test_a_flat_plane_has_a_color():
    display = LandscapeDisplay(landscape(np.full((5, 4), 3.0))).plot()
    assert color_at(display.contour_, 0.3, 0.1) is not None
    with_log = LandscapeDisplay(landscape(np.full((5, 4), 3.0))).plot(log=True)
    assert color_at(with_log.contour_, 0.3, 0.1) is not None
    assert LandscapeChangeDisplay(change(np.zeros((5, 4)))).plot().contour_.norm.vmin < 0


def test_given_axes_are_drawn_on():
    figure, (left, right) = plt.subplots(1, 2)
    display = LandscapeDisplay(landscape()).plot(right, colorbar=False)
    assert display.ax_ is right
    assert display.figure_ is figure
    assert display.colorbar_ is None
    assert not left.collections
    assert plt.get_fignums() == [figure.number]
    space = figure.add_subplot(projection="3d")
    assert LandscapeDisplay(landscape()).plot(space, kind="surface").ax_ is space


def test_a_display_keeps_its_data_and_draws_nothing_before_plot():
    plane, moved = landscape(), change()
    display = LandscapeDisplay(plane)
    other = LandscapeChangeDisplay(moved, squared=True, weighted=True)
    assert plt.get_fignums() == []
    assert display.plane is plane
    assert (other.plane, other.squared, other.weighted) == (moved, True, True)
    assert display.plot() is display


BAD_STYLES = [
    ({"kind": "heatmap"}, "`kind` must be one of 'contour', 'surface'"),
    ({"n_levels": 1}, "`n_levels` must be >= 2"),
    ({"vmin": 3.0, "vmax": 2.0}, "`vmin` must be < `vmax`"),
    ({"vmin": np.nan}, "`vmin` must be finite"),
]


@pytest.mark.parametrize(("params", "message"), BAD_STYLES)
def test_no_figure_is_opened_for_a_bad_style(params, message):
    with pytest.raises(ValueError, match=message):
        LandscapeDisplay(landscape()).plot(**params)
    assert plt.get_fignums() == []


@pytest.mark.parametrize("kind", ["contour", "surface"])
def test_axes_of_the_other_kind_are_refused(kind):
    wrong = None if kind == "surface" else "3d"
    ax = plt.figure().add_subplot(projection=wrong)
    with pytest.raises(ValueError, match=rf"`ax` must be made with.* for kind='{kind}'"):
        LandscapeDisplay(landscape()).plot(ax, kind=kind)
    X, y = labeled(12)
    with pytest.raises(ValueError, match="`ax` must be made"):
        LandscapeDisplay.from_estimator(classifier().initialize(), X, y, kind=kind, ax=ax)


QUANTITIES = [
    (False, False, r"$L_{k+1} - L_k$ (loss)", "k = 100 + 1 samples, cos(u, v) = 0.125"),
    (True, False, r"$(L_{k+1} - L_k)^2$ (loss²)", "k = 100 + 1 samples, cos(u, v) = 0.125"),
    (
        False,
        True,
        r"$(L_{k+1} - L_k)\,p(w)$ (loss per unit of α·β)",
        "k = 100 + 1 samples, σ = 0.1, cos(u, v) = 0.125",
    ),
    (
        True,
        True,
        r"$(L_{k+1} - L_k)^2\,p(w)$ (loss² per unit of α·β)",
        "k = 100 + 1 samples, σ = 0.1, cos(u, v) = 0.125",
    ),
]


@pytest.mark.parametrize(("squared", "weighted", "label", "title"), QUANTITIES)
def test_of_a_change_what_was_asked_for_is_drawn(squared, weighted, label, title):
    plane = change()
    display = LandscapeChangeDisplay(plane, squared=squared, weighted=weighted).plot()
    values = plane.values(squared=squared, weighted=weighted)
    np.testing.assert_array_equal(display.values, values)
    levels = display.contour_.levels
    if squared:
        assert (levels[0], levels[-1]) == pytest.approx((values.min(), values.max()))
    else:
        reach = np.abs(values).max()
        assert (levels[0], levels[-1]) == pytest.approx((-reach, reach))
        assert levels[len(levels) // 2] == 0  # zero is in the middle of two hues
        assert display.contour_.get_cmap().name == "RdBu_r"
    assert display.colorbar_.ax.get_ylabel() == label
    assert display.ax_.get_title() == title
    display.figure_.canvas.draw()


def test_a_change_of_several_samples_says_so():
    display = LandscapeChangeDisplay(change(grow=1500)).plot()
    assert display.colorbar_.ax.get_ylabel() == r"$L_{k+1500} - L_k$ (loss)"
    assert display.ax_.get_title().startswith("k = 100 + 1,500 samples")


def test_a_logarithmic_scale_with_two_signs():
    values = np.sign(SLOPE - 2.0) * (SLOPE - 2.0) ** 4
    display = LandscapeChangeDisplay(change(values)).plot(log=True)
    norm, levels = display.contour_.norm, display.contour_.levels
    assert isinstance(norm, SymLogNorm)
    reach = np.abs(values).max()
    assert (norm.vmin, norm.vmax) == pytest.approx((-reach, reach))
    assert norm.linthresh == pytest.approx(reach / 1000)
    np.testing.assert_allclose(levels, -levels[::-1])
    ticks = display.colorbar_.get_ticks()
    np.testing.assert_allclose(ticks, [-10, -1, -0.1, 0, 0.1, 1, 10])  # up to 45.7
    with pytest.raises(ValueError, match="`log` must be False for a surface of values with two"):
        LandscapeChangeDisplay(change()).plot(log=True, kind="surface")


def test_a_square_can_have_a_logarithmic_surface():
    display = LandscapeChangeDisplay(change(), squared=True).plot(kind="surface", log=True)
    top = np.log10(((SLOPE - 2.0) ** 2).max())
    assert display.ax_.get_zlim() == pytest.approx((top - 8, top))  # it is zero at the center
    assert display.center_.get_data_3d()[2][0] == pytest.approx(top - 8)


@pytest.fixture(scope="module")
def net():
    return classifier().initialize()


SMALL = {"grid": (ALPHAS, BETAS)}


def test_from_estimator_measures_and_draws(net):
    X, y = labeled(30)
    how = RandomDirections(normalize="tensor", norm=2.0)
    params = {"size": 20, "directions": how, "random_state": 3} | SMALL
    figure, ax = plt.subplots()
    display = LandscapeDisplay.from_estimator(net, X, y, log=True, ax=ax, **params)
    expected = landscape_slice(net, X, y, **params)
    np.testing.assert_array_equal(display.plane.losses, expected.losses)
    assert display.ax_ is ax
    assert isinstance(display.contour_.norm, LogNorm)
    assert plt.get_fignums() == [figure.number]
    surface = LandscapeDisplay.from_estimator(net, X, y, kind="surface", **SMALL)
    assert surface.surface_ is not None


def test_change_from_estimator(net):
    X, y = labeled(30)
    display = LandscapeChangeDisplay.from_estimator(
        net, X, y, size=20, grow=5, sigma=0.4, squared=True, weighted=True, **SMALL
    )
    plane = display.plane
    assert (plane.size, plane.grow, plane.sigma) == (20, 5, 0.4)
    assert (display.squared, display.weighted) == (True, True)
    np.testing.assert_array_equal(display.values, plane.change**2 * plane.density)


@pytest.mark.parametrize("display", [LandscapeDisplay, LandscapeChangeDisplay])
@pytest.mark.parametrize(
    "params", [{"grid": [0.1, 1.0]}, {"grid": ([0, 1], [0])}, {"size": 31}, {"kind": "bars"}]
)
def test_no_figure_is_opened_for_what_cannot_be_measured(display, params, net):
    X, y = labeled(30)
    with pytest.raises(ValueError, match=r"`(grid|grid\[1\]|size|kind)` must"):
        display.from_estimator(net, X, y, **params)
    assert plt.get_fignums() == []
