"""The curves, the slices and the concentration of Δ, drawn for wide and for narrow pages."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

from sufficiency._tables import mean_of_finished
from sufficiency.exceptions import ExtrapolationWarning
from sufficiency.plotting import (
    DeltaCurveDisplay,
    LearningCurveDisplay,
    SamplesDisplay,
    SlicesDisplay,
)
from sufficiency.plotting.axes import STYLE, colors_on
from sufficiency.plotting.curves import CurveDisplay
from sufficiency.report.numbers import duration, number, percent
from sufficiency.report.svg import inline_svg
from sufficiency.sizing import Verdict
from sufficiency.sizing.learning_curve import SIZES_NEEDED, doubling_saves
from sufficiency.sizing.performance import fit_performance

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure as Drawing

    from sufficiency.result import SufficiencyResult

# Name, width and height in inches, columns of the legend: shown at about this size, so that the
# text can be read on a phone as well.
_FORMATS = (("wide", (7.6, 4.8), 2), ("narrow", (3.7, 4.9), 1))
WIDTHS = tuple(width for width, *_ in _FORMATS)
_STYLE = {
    "svg.fonttype": "path",  # looks the same whatever fonts there are
    "svg.hashsalt": "sufficiency",  # else ids are random
    "font.size": 9.5,
    "axes.labelsize": 9.5,
    "figure.labelsize": 9.5,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.grid": True,
    "grid.linewidth": 0.5,
    "axes.axisbelow": True,
    "axes.titley": 1.0,  # else matplotlib looks for ticks that would be in a title's way
}

# Slices that are drawn, and the height of a panel with its title in inches.
_WORST, _PANEL_HEIGHT = 6, 1.7


@dataclass(frozen=True)
class Figure:
    """A figure with its caption, for those who do not see it too."""

    name: str  # unique on the page
    drawings: list[tuple[str, Markup]]  # which width each is for, and the element
    caption: str


def draw_delta(
    result: SufficiencyResult,
    verdicts: Sequence[Verdict],
    add: Callable[[Any], None] = lambda display: None,
    widths: Sequence[str] = WIDTHS,
    **how: Any,
) -> Figure:
    """Draw Δ with the thresholds; `how` as in :meth:`DeltaCurveDisplay.from_result`."""
    drawn = [verdict for verdict in verdicts if verdict.growth is None]
    first = drawn[0].threshold if drawn and drawn[0].status != "not_identifiable" else None
    others = [verdict.threshold for verdict in drawn[first is not None :]]

    def draw_others(display: Any) -> None:
        ax = display.ax_
        style: dict[str, Any] = {"color": colors_on(ax)["threshold"], "linestyle": (0, (5, 3))}
        name = "thresholds" if first is None else "other thresholds"
        for i, threshold in enumerate(others):
            ax.axhline(threshold, label=None if i else name, linewidth=0.8, **style)
        add(display)

    finished = np.isfinite(result.deltas)
    deltas, sizes = result.deltas[finished], result.sizes[finished]
    of_repeats = (
        f"are means over {result.n_repeats} repeats with standard errors, thin lines the repeats"
        if result.n_repeats > 1
        else "are those of the single repeat"
    )
    last = f" and {number(deltas[-1])} at {sizes[-1]:,}" if len(sizes) > 1 else ""
    caption = (
        f"Δ is {number(deltas[0])} at {sizes[0]:,} samples{last}. Points {of_repeats}; the solid "
        "curve is the fit, dashed where it goes beyond what was measured. Both axes are "
        "logarithmic."
    )
    make = partial(DeltaCurveDisplay.from_result, result, threshold=first, **how)
    draw = on_axes(make, draw_others)
    return draw_figure("delta", "Δ against the training size", caption, draw, widths)


def draw_learning_curve(
    result: SufficiencyResult,
    add: Callable[[Any], None] = lambda display: None,
    widths: Sequence[str] = WIDTHS,
) -> Figure:
    """Draw loss and score on unseen samples, and say what the last size brought and cost."""
    draw = on_axes(partial(LearningCurveDisplay.from_result, result), add)
    caption = " ".join(_learning_sentences(result))
    label = "Loss and score against the training size"
    return draw_figure("learning", label, caption, draw, widths)


def _learning_sentences(result: SufficiencyResult) -> list[str]:
    losses, scores = result.measurements.unseen_loss, result.measurements.unseen_score
    known = np.isfinite(losses).any(axis=0)
    means, sizes = mean_of_finished(losses[:, known]), result.sizes[known]
    last = result.sizes == sizes[-1]
    at_last = scores[:, last][np.isfinite(scores[:, last])]
    score = f" and the mean score {number(at_last.mean())}" if at_last.size else ""
    said = [f"At {sizes[-1]:,} samples the mean unseen loss is {number(means[-1])}{score}."]
    if len(means) > 1 and means[-2] > 0:
        change = 1.0 - means[-1] / means[-2]
        way = "lowered" if change >= 0 else "raised"
        said.append(
            f"The last step, from {sizes[-2]:,} samples, {way} the loss by {percent(abs(change))}."
        )
    if len(means) >= SIZES_NEEDED:
        curve = fit_performance(result.measurements, "loss").curve
        if np.isfinite(saved := doubling_saves(curve, sizes[-1])):
            floor = f"; it levels off at {number(curve.floor)}" if curve.floor > 0 else ""
            said.append(
                f"By the fitted curve, twice as many would lower it by {percent(saved)}{floor}."
            )
    seconds = result.table("fit_seconds")[:, last]
    if np.isfinite(seconds).any():
        said.append(
            f"One training with {sizes[-1]:,} samples took {duration(float(np.nanmean(seconds)))}."
        )
    return said


def draw_slices(result: SufficiencyResult) -> Figure:
    """Draw Δ of the worst slices, a panel each."""
    displays: list[SlicesDisplay] = []

    def draw(drawing: Drawing, columns: int) -> None:
        how: dict[str, Any] = {"figure": drawing, "n_columns": columns + 1, "most": _WORST}
        make = displays[0].plot if displays else partial(SlicesDisplay.from_result, result)
        displays.append(make(**how))
        axes = displays[-1].axes_
        drawing.set_figheight(0.8 + _PANEL_HEIGHT * -(-len(axes) // (columns + 1)))
        drawing.suptitle("")

    caption = (
        "Δ of the slices on top of the table against the training size; in gray that of all "
        "samples. Points are means over the repeats with standard errors, sizes count the samples "
        "of all slices. Both axes are logarithmic."
    )
    return draw_figure(
        "slices-delta", "Δ of single slices against the training size", caption, draw
    )


def draw_concentration(samples: pd.DataFrame) -> Figure:
    """Draw how few candidates carry how much of Δ."""
    shares = samples["share"].dropna().to_numpy()
    display = SamplesDisplay(shares=shares, names=(), losses=np.empty(0))

    def draw(drawing: Drawing, columns: int) -> None:
        display.plot_concentration(drawing.subplots())

    caption = (
        f"What part of Δ the candidates carry, {len(shares):,} altogether, added up from the "
        "smallest to the largest; were they all alike, it would be the gray line."
    )
    return draw_figure("concentration", "Share of Δ that candidates carry", caption, draw)


def on_axes(
    make: Callable[..., CurveDisplay], add: Callable[[Any], None] = lambda display: None
) -> Callable[[Drawing, int], None]:
    """How to draw a curve; what it is made of is computed for the first width only."""
    displays: list[CurveDisplay] = []

    def draw(drawing: Drawing, columns: int) -> None:
        ax = drawing.subplots()
        displays.append(displays[0].plot(ax) if displays else make(ax=ax))
        add(displays[-1])
        _legend_below(drawing, columns)

    return draw


def draw_figure(
    name: str,
    label: str,
    caption: str,
    draw: Callable[[Drawing, int], None],
    widths: Sequence[str] = WIDTHS,
) -> Figure:
    """Draw for the widths of a page, in its style."""
    from matplotlib import figure, style

    drawings = []
    # whatever style the user has chosen, the page has its own
    with STYLE, style.context(["default", _STYLE]), warnings.catch_warnings():
        # the page says it in words
        warnings.simplefilter("ignore", ExtrapolationWarning)
        # names in scripts that the font lacks stand in the table
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        for width, size, columns in _FORMATS:
            if width not in widths:
                continue
            drawing = figure.Figure(figsize=size, layout="constrained")
            draw(drawing, columns)
            svg = inline_svg(drawing, f"{name}-{width}", label, f"{name}-caption")
            drawings.append((width, svg))
    return Figure(name, drawings, caption)


def _legend_below(drawing: Drawing, columns: int) -> None:
    """Move the legend below the axes, where it hides nothing."""
    for legend in filter(None, [drawing.axes[0].get_legend(), *drawing.legends]):
        legend.remove()
    drawing.legend(loc="outside lower left", ncols=columns)
    for twin in drawing.axes[1:]:
        twin.grid(False)
