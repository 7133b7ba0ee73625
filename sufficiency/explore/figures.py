"""The figures of the report, with what a page needs to draw lines over them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from sufficiency.exceptions import ExtrapolationWarning
from sufficiency.explore.asked import Basis
from sufficiency.plotting import CollectionPlanDisplay, DeltaCurveDisplay, LearningCurveDisplay
from sufficiency.report.figures import (
    WIDTHS,
    Figure,
    draw_delta,
    draw_figure,
    draw_learning_curve,
)
from sufficiency.sizing import CollectionPlan

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

    from sufficiency.result import SufficiencyResult

# More repeats than these are drawn only when they are asked for.
MOST_REPEATS = 50
# Of a file: inches, and dots per inch.
_SIZE, _DPI = (7.0, 4.5), 150


@dataclass(frozen=True)
class Drawn:
    """A figure, and for every drawing where its axes are."""

    figure: Figure
    axes: list[list[dict[str, Any]]]


def _place(ax: Axes) -> dict[str, Any]:
    """Where axes are in a drawing, in points from its top left, and what their ends mean."""
    width, height = (72.0 * side for side in ax.figure.get_size_inches())  # type: ignore[union-attr]
    box = ax.get_position()
    return {
        "left": box.x0 * width,
        "right": box.x1 * width,
        "top": (1.0 - box.y1) * height,
        "bottom": (1.0 - box.y0) * height,
        "sizes": list(ax.get_xlim()),
        "values": list(ax.get_ylim()),
        "log": ax.get_yscale() == "log",
    }


def _drawn(draw: Callable[[Callable[[Any], None]], Figure]) -> Drawn:
    """Draw, and look at the axes afterwards, when they have found their place."""
    seen: list[list[Axes]] = []

    def look(display: Any) -> None:
        twin = getattr(display, "score_ax_", None)
        seen.append([display.ax_] if twin is None else [display.ax_, twin])

    figure = draw(look)
    return Drawn(figure, [[_place(ax) for ax in axes] for axes in seen])


def delta(
    result: SufficiencyResult,
    basis: Basis,
    *,
    repeats: bool,
    reach: float,
    widths: Sequence[str] = WIDTHS,
) -> Drawn:
    """Δ against the size, without a threshold: the page draws its own."""
    if not np.isfinite(result.deltas).any():
        raise ValueError("no cell has a Δ so far, so there is nothing to draw")

    def draw(look: Callable[[Any], None]) -> Figure:
        def add(display: DeltaCurveDisplay) -> None:
            _show_repeats(display, repeats)
            look(display)

        how = {"confidence": basis.confidence, "prior": basis.prior, "reach": reach}
        return draw_delta(result, (), add, widths, **how)

    return _drawn(draw)


def _show_repeats(display: DeltaCurveDisplay, shown: bool) -> None:
    for line in () if shown else display.repeats_:
        line.set_visible(False)
        line.set_label("_")  # not in the legend


def learning(result: SufficiencyResult, widths: Sequence[str] = WIDTHS) -> Drawn:
    """Loss and score against the size."""
    return _drawn(lambda look: draw_learning_curve(result, look, widths))


def plan(found: CollectionPlan, widths: Sequence[str] = WIDTHS) -> Figure:
    """The rounds of a plan."""
    caption = (
        f"The chance that so many samples are enough for {found.criterion}; points are the rounds "
        "of the plan."
    )

    def draw(drawing: Drawing, columns: int) -> None:
        CollectionPlanDisplay(plan=found).plot(drawing.subplots())

    return draw_figure("plan", "Chance that samples are enough", caption, draw, widths)


def file_of(
    result: SufficiencyResult, name: str, kind: str, threshold: float | None, basis: Basis
) -> bytes:
    """A figure as the methods of the result draw it, as PNG or SVG."""
    from matplotlib.figure import Figure as NewDrawing

    drawing = NewDrawing(figsize=_SIZE, layout="constrained")
    ax = drawing.subplots()
    if name == "delta":
        how: dict[str, Any] = {"confidence": basis.confidence, "prior": basis.prior}
        with warnings.catch_warnings():
            # the page says it in words
            warnings.simplefilter("ignore", ExtrapolationWarning)
            DeltaCurveDisplay.from_result(result, threshold=threshold, ax=ax, **how)
    else:
        LearningCurveDisplay.from_result(result, ax=ax)
    buffer = BytesIO()
    drawing.savefig(buffer, format=kind, dpi=_DPI)
    return buffer.getvalue()
