"""All figures in a narrow column and on a wide screen: no text on another, none cut off or tiny."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.text import Text

from sufficiency import Campaign, plotting
from sufficiency.curvature import QuadraticValidation
from sufficiency.landscape import LineSlices
from sufficiency.plotting import (
    DeltaCurveDisplay,
    LandscapeChangeDisplay,
    LandscapeComparisonDisplay,
    LandscapeDisplay,
    LandscapeLineDisplay,
    LearningCurveDisplay,
    QuadraticValidationDisplay,
    SlicesDisplay,
)
from tests.campaigns import result_of
from tests.helpers import make_result, with_parts
from tests.plotting.planes import GEOMETRY, change, landscape

DPI = 100
# Pixels: a column of a page on a phone, and a slide.
WIDTHS = (300, 1600)
# Text smaller than this, in points, is hard to read in print.
SMALLEST = 6.0


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """One decade of sizes and two, slices and samples, rounds."""
    campaign = Campaign(tmp_path_factory.mktemp("rounds"))
    for seed, n in enumerate((1000, 2000, 4000)):
        campaign.add(result_of(n, seed))
    decade = np.array([120, 200, 350, 600, 1050])
    table = 1640.0 / (decade + 1.0) ** 2.3 * np.array([[1.2], [0.9], [1.0]])
    loss = 0.1 + 2.0 / np.sqrt(decade) * np.array([[1.1], [0.9], [1.0]])
    short = make_result(table, decade, unseen_loss=loss, unseen_score=1 - loss, family="power_law")
    names = ["class=no", "class=yes", "site=a hospital with a very long name", "site=$x_{"]
    images = {i: np.zeros((8, 8), dtype=np.uint8) for i in range(60)}
    parted = with_parts(short, dict.fromkeys(names, 1.5))
    return {
        "campaign": campaign,
        "long": campaign.results[-1],
        "short": short,
        "parts": parted,
        "images": replace(parted, images=images),
    }


def on_axes(n, draw, kind=None, height=3):
    """Draw on n axes: side by side where there is room, else one below another, so high."""

    def make(results, width):
        narrow = width < 4
        shape, high = ((n, 1), height * n) if narrow else ((1, n), 9)
        _, axes = plt.subplots(
            *shape,
            figsize=(width, high),
            layout="constrained",
            squeeze=False,
            subplot_kw={"projection": kind},
        )
        return draw(results, list(axes.flat)).figure_

    return make


def lines_of(unit):
    grid = np.linspace(-1, 1, 9)
    return LineSlices(grid, np.outer([1.0, 2.0, 4.0], grid**2) + 0.3, 1234, unit)


def validation():
    sigmas, errors = np.array([0.01, 0.1, 0.3, 1.0]), np.array([0.001, 0.04, 0.08, 0.3])
    return QuadraticValidation(sigmas, errors, 0.1 * errors, np.ones(4), 0.1, 16, 40)


def compared():
    planes = [landscape(), landscape(geometry=replace(GEOMETRY, center_norm=3.0))]
    return [LandscapeDisplay(plane) for plane in planes], ["a small net", "a large net"]


POINTS = np.array([[0.5, 0.0], [-0.25, 0.3], [0.0, 0.0]])
DRAW = {
    "DeltaCurveDisplay over a decade": on_axes(
        1, lambda r, a: DeltaCurveDisplay.from_result(r["short"], threshold=1e-3, ax=a[0])
    ),
    "DeltaCurveDisplay over more": on_axes(
        1, lambda r, a: DeltaCurveDisplay.from_result(r["long"], threshold=1.5e-6, ax=a[0])
    ),
    "DeltaCurveDisplay met by all": on_axes(
        1, lambda r, a: DeltaCurveDisplay.from_result(r["long"], threshold=3e-4, ax=a[0])
    ),
    "LearningCurveDisplay": on_axes(
        1, lambda r, a: LearningCurveDisplay.from_result(r["short"], ax=a[0])
    ),
    "CollectionPlanDisplay": on_axes(1, lambda r, a: r["long"].plot_plan(0.98, ax=a[0])),
    "CollectionPlanDisplay of nothing": on_axes(
        1, lambda r, a: r["long"].plot_plan(0.5, rounds=1, ax=a[0])
    ),
    "QuadraticValidationDisplay": on_axes(
        1, lambda r, a: QuadraticValidationDisplay(validation()).plot(a[0])
    ),
    "LandscapeDisplay": on_axes(1, lambda r, a: LandscapeDisplay(landscape()).plot(a[0])),
    "LandscapeDisplay with points": on_axes(
        1,
        lambda r, a: LandscapeDisplay(landscape(geometry=replace(GEOMETRY, points=POINTS))).plot(
            a[0]
        ),
    ),
    "LandscapeDisplay as a surface": on_axes(
        1, lambda r, a: LandscapeDisplay(landscape()).plot(a[0], kind="surface"), kind="3d"
    ),
    "LandscapeChangeDisplay": on_axes(
        1,
        lambda r, a: LandscapeChangeDisplay(change(), squared=True, weighted=True).plot(a[0]),
    ),
    "LandscapeComparisonDisplay": on_axes(
        2, lambda r, a: LandscapeComparisonDisplay(*compared()).plot(a)
    ),
    "LandscapeLineDisplay": on_axes(
        1, lambda r, a: LandscapeLineDisplay(lines_of("norm of w*")).plot(a[0], name="a net")
    ),
    "SamplesDisplay": on_axes(2, lambda r, a: r["parts"].plot_samples(axes=a)),
    "SamplesDisplay with images": on_axes(
        2, lambda r, a: r["images"].plot_samples(axes=a), height=5
    ),
    "SlicesDisplay": lambda r, width: (
        SlicesDisplay.from_result(
            r["parts"], figure=plt.figure(figsize=(width, 6), layout="constrained")
        ).figure_
    ),
    "TrackRecordDisplay": on_axes(
        3, lambda r, a: plotting.TrackRecordDisplay.from_campaign(r["campaign"], axes=a)
    ),
}


def test_every_display_is_looked_at():
    assert {name.split()[0] for name in DRAW} == set(plotting.__all__)


def texts(figure) -> list[Text]:
    """What is written: of ticks those alone that lie on their axis."""
    hidden = set()
    for ax in figure.findobj(plt.Axes):
        for axis in axes_of(ax):
            low, high = sorted(axis.get_view_interval())
            margin = 1e-9 * (high - low)
            for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]:
                if not (ax.axison and low - margin <= tick.get_loc() <= high + margin):
                    hidden |= {tick.label1, tick.label2}
            if not ax.axison:
                hidden |= {axis.label, axis.get_offset_text()}
    written = figure.findobj(lambda it: isinstance(it, Text) and it.get_visible())
    return [text for text in written if text.get_text().strip() and text not in hidden]


def axes_of(ax):
    return [getattr(ax, f"{name}axis") for name in "xyz" if hasattr(ax, f"{name}axis")]


@pytest.mark.filterwarnings("ignore::sufficiency.exceptions.ExtrapolationWarning")
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", DRAW)
def test_all_text_can_be_read(results, name, width):
    with plt.rc_context({"figure.dpi": DPI}):
        figure = DRAW[name](results, width / DPI)
        figure.draw_without_rendering()
        written = texts(figure)
        boxes = [text.get_window_extent() for text in written]
    said = [text.get_text() for text in written]
    assert len(said) > 5
    assert min(text.get_fontsize() for text in written) >= SMALLEST
    page = figure.bbox
    # half a pixel for rounding
    outside = [
        text
        for text, box in zip(said, boxes, strict=True)
        if box.x0 < -0.5 or box.y0 < -0.5 or box.x1 > page.x1 + 0.5 or box.y1 > page.y1 + 0.5
    ]
    assert not outside
    overlapping = [
        (said[i], said[j])
        for i in range(len(boxes))
        for j in range(i)
        if boxes[i].padded(-0.5).overlaps(boxes[j].padded(-0.5))
    ]
    assert not overlapping
