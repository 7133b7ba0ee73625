"""Side by side: one scale, equal norms, and refusals of what cannot be compared."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest

from sufficiency.landscape import Geometry, RandomDirections, TopEigenvectors
from sufficiency.plotting import (
    LandscapeChangeDisplay,
    LandscapeComparisonDisplay,
    LandscapeDisplay,
)
from tests.helpers import classifier, labeled
from tests.plotting.planes import ALPHAS, BETAS, SLOPE, change, landscape

SMALL = {"grid": (ALPHAS, BETAS)}


def geometry(norm, center_norm):
    return Geometry(("u", "v"), "unit", norm**2 * np.eye(2), center_norm)


def compare(*planes, **changes):
    displays = [LandscapeDisplay(plane) for plane in planes]
    titles = changes.get("titles", [f"net {i}" for i in range(len(planes))])
    return LandscapeComparisonDisplay(displays, titles)


@pytest.mark.parametrize("kind", ["contour", "surface"])
@pytest.mark.parametrize("log", [False, True])
def test_all_planes_share_their_scale(kind, log):
    comparison = compare(landscape(), landscape(3 * SLOPE), landscape(SLOPE / 2))
    comparison.plot(kind=kind, log=log)
    drawn = [d.contour_ if kind == "contour" else d.surface_ for d in comparison.displays]
    low, high = SLOPE.min() / 2, 3 * SLOPE.max()
    limits = np.log10([low, high]) if log and kind == "surface" else [low, high]
    for artist in drawn:
        assert (artist.norm.vmin, artist.norm.vmax) == pytest.approx(tuple(limits))
    if kind == "contour":
        for artist in drawn[1:]:
            np.testing.assert_array_equal(artist.levels, drawn[0].levels)
    assert len(comparison.axes_) == 3
    assert comparison.figure_ is comparison.displays[2].figure_
    assert [d.colorbar_ for d in comparison.displays] == [None] * 3
    assert comparison.colorbar_.mappable is drawn[0]
    assert len(plt.get_fignums()) == 1


def test_changes_share_a_scale_around_zero():
    displays = [LandscapeChangeDisplay(change(c * (SLOPE - 2.0))) for c in (1.0, -0.1)]
    comparison = LandscapeComparisonDisplay(displays, ["k = 10", "k = 100"]).plot()
    reach = np.abs(SLOPE - 2.0).max()
    for display in comparison.displays:
        norm = display.contour_.norm
        assert (norm.vmin, norm.vmax) == pytest.approx((-reach, reach))
    assert [ax.get_title() for ax in comparison.axes_] == ["k = 10", "k = 100"]
    assert comparison.colorbar_.ax.get_ylabel() == r"$L_{k+1} - L_k$ (loss)"


def test_titles_show_the_norms_of_the_nets():
    comparison = compare(
        landscape(geometry=geometry(2.0, 4.0)), landscape(geometry=geometry(2.0, 5.5))
    ).plot()
    titles = [ax.get_title() for ax in comparison.axes_]
    assert titles == ["net 0\n‖w*‖ = 4", "net 1\n‖w*‖ = 5.5"]
    assert [ax.get_ylabel() for ax in comparison.axes_] == ["β along v (1: unit)", ""]


@pytest.mark.parametrize(
    "geometries",
    [
        (geometry(2.0, 4.0), geometry(2.0, 40.0)),  # one distance
        (geometry(2.0, 4.0), geometry(20.0, 40.0)),  # one share of the weights
        (geometry(2.0, 4.0), None),  # own numbers, of which nothing is known
        (None, None),
    ],
)
def test_neighborhoods_of_equal_norm_are_compared(geometries):
    assert compare(*(landscape(geometry=g) for g in geometries)).plot().colorbar_ is not None


def test_unequal_neighborhoods_are_not():
    comparison = compare(
        landscape(geometry=geometry(2.0, 4.0)), landscape(geometry=geometry(3.0, 4.0))
    )
    with pytest.raises(ValueError, match="`displays` must have directions of equal norm"):
        comparison.plot()
    assert plt.get_fignums() == []


def test_given_axes_are_drawn_on():
    figure, axes = plt.subplots(2, 2)
    comparison = compare(landscape(), landscape()).plot(axes[1])
    assert list(comparison.axes_) == list(axes[1])
    assert comparison.figure_ is figure
    assert not axes[0, 0].collections


def test_what_cannot_be_compared():
    cases = [
        (compare(landscape()), {}, "two or more, with a title each, got 1 and 1 titles"),
        (compare(landscape(), landscape(), titles=["a"]), {}, "got 2 and 1 titles"),
        (compare(landscape(), landscape()), {"kind": "bars"}, "`kind` must be one of"),
        (compare(landscape(), landscape(SLOPE - 2)), {"log": True}, "`log` must be False"),
    ]
    mixed = [LandscapeDisplay(landscape()), LandscapeChangeDisplay(change())]
    cases.append((LandscapeComparisonDisplay(mixed, ["a", "b"]), {}, "show the same quantity"))
    for comparison, params, message in cases:
        with pytest.raises(ValueError, match=message):
            comparison.plot(**params)
    assert plt.get_fignums() == []
    _, axes = plt.subplots(1, 3)
    with pytest.raises(ValueError, match="`axes` must be 2, one for each display, got 3"):
        compare(landscape(), landscape()).plot(axes)
    with pytest.raises(ValueError, match='`ax` must be made with projection="3d"'):
        compare(landscape(), landscape()).plot(axes[:2], kind="surface")


def test_a_comparison_draws_nothing_before_plot():
    displays, titles = [LandscapeDisplay(landscape())] * 2, ["a", "b"]
    comparison = LandscapeComparisonDisplay(displays, titles)
    assert plt.get_fignums() == []
    assert comparison.displays is displays
    assert comparison.titles is titles


@pytest.fixture(scope="module")
def nets():
    found = {"small": classifier().initialize(), "large": classifier().initialize()}
    for parameter in found["large"].module_.parameters():
        parameter.data *= 3
    return found


def test_nets_are_compared_at_the_norm_of_the_smallest(nets):
    X, y = labeled(30)
    comparison = LandscapeComparisonDisplay.from_estimators(nets, X, y, **SMALL)
    found = [display.plane.geometry for display in comparison.displays]
    # norms in single precision
    np.testing.assert_allclose([g.norms for g in found], found[0].center_norm, rtol=1e-6)
    assert found[1].center_norm > 2 * found[0].center_norm
    titles = [ax.get_title().split("\n")[0] for ax in comparison.axes_]
    assert titles == ["small", "large"]


def test_or_at_another_norm_or_each_at_its_own(nets):
    X, y = labeled(30)
    fixed = LandscapeComparisonDisplay.from_estimators(nets, X, y, norm=0.5, **SMALL)
    for display in fixed.displays:
        np.testing.assert_allclose(display.plane.geometry.norms, 0.5, rtol=1e-6)
    own = LandscapeComparisonDisplay.from_estimators(nets, X, y, norm="relative", **SMALL)
    for display in own.displays:
        found = display.plane.geometry
        np.testing.assert_allclose(found.norms, found.center_norm, rtol=1e-6)
    with pytest.raises(ValueError, match="`norm` must be one of 'relative'"):
        LandscapeComparisonDisplay.from_estimators(nets, X, y, norm="equal", **SMALL)
    with pytest.raises(ValueError, match="`directions` must have no norm of their own, got 2"):
        LandscapeComparisonDisplay.from_estimators(
            nets, X, y, directions=TopEigenvectors(norm=2.0), **SMALL
        )
    own = RandomDirections().around(nets["small"])
    with pytest.raises(TypeError, match="`directions` must be RandomDirections or TopEigenvectors"):
        LandscapeComparisonDisplay.from_estimators(nets, X, y, directions=own, **SMALL)
    with pytest.raises(ValueError, match="`estimators` must be two or more, got 0"):
        LandscapeComparisonDisplay.from_estimators({}, X, y)


def test_directions_are_made_for_each_net(nets):
    X, y = labeled(30)
    for how in (RandomDirections(normalize="tensor"), TopEigenvectors()):
        shown = LandscapeComparisonDisplay.from_estimators(nets, X, y, directions=how, **SMALL)
        for display, net in zip(shown.displays, nets.values(), strict=True):
            norm = display.plane.geometry.norms[0]
            own = replace(how, norm=float(norm)).around(net, X, y)
            # norms in single precision, and samples in another order
            np.testing.assert_allclose(
                display.plane.geometry.gram, own.geometry.gram, rtol=1e-3, atol=1e-3
            )


def test_figure_6_has_one_net_and_one_plane_for_all_sizes(nets):
    X, y = labeled(30)
    comparison = LandscapeComparisonDisplay.from_sizes(
        nets["small"], X, y, [5, 20], sigma=0.2, squared=True, log=True
    )
    planes = [display.plane for display in comparison.displays]
    assert [plane.size for plane in planes] == [5, 20]
    np.testing.assert_array_equal(planes[0].geometry.gram, planes[1].geometry.gram)
    assert [ax.get_title() for ax in comparison.axes_] == ["k = 5", "k = 20"]
    for display in comparison.displays:
        assert (display.squared, display.weighted) == (True, True)
        np.testing.assert_array_equal(display.values, display.plane.change**2 * planes[0].density)
