"""A plan of collection: the chance that the samples are enough, against their number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sufficiency._types import Floats
from sufficiency.plotting.axes import (
    add_legend,
    colors_on,
    ground_behind,
    label_sizes,
    narrow,
    wrapped_in,
)
from sufficiency.plotting.curves import CurveDisplay
from sufficiency.sizing.collection import CollectionPlan, chance_in_words
from sufficiency.sizing.questions import percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D
    from matplotlib.text import Annotation

    from sufficiency.result import SufficiencyResult

# Without rounds the curve is drawn to where it no longer rises by this much.
_FLAT = 0.005
# Room for labels on the right of the rounds, in units of what is left of it; narrow axes have them
# below.
_BESIDE = {False: 0.8, True: 0.15}
# Share of the height of the axes that a line of text takes.
_LINE = 0.065


@dataclass(kw_only=True, eq=False, repr=False)
class CollectionPlanDisplay(CurveDisplay):
    """
    The chance that a total number of samples is enough, with the rounds of a plan.

    Parameters
    ----------
    plan : CollectionPlan
        From :meth:`SufficiencyResult.plan` or :meth:`Campaign.plan`.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        After :meth:`plot`.
    curve_ : matplotlib Line2D
        The distribution of the total that is needed.
    rounds_ : matplotlib Line2D
        Totals after each round; None where nothing is to be collected.
    labels_ : list of matplotlib Annotation
        What is written at them.
    risk_, available_ : matplotlib Line2D
        The lines of the accepted risk (None with costs) and of the samples there are.

    See Also
    --------
    LandscapeSufficiencyEstimator.plot_plan : The same from a fitted estimator.
    """

    plan: CollectionPlan

    @classmethod
    def from_result(
        cls,
        result: SufficiencyResult,
        target: float,
        quantity: str = "score",
        *,
        ax: Axes | None = None,
        **parameters: Any,
    ) -> CollectionPlanDisplay:
        """
        Draw the plan of a result.

        Parameters
        ----------
        result : SufficiencyResult
            From a fit or from disk.
        target, quantity, **parameters
            As in its :meth:`~SufficiencyResult.plan`.
        ax : matplotlib Axes, optional
            Where to draw; None: a new figure.

        Returns
        -------
        CollectionPlanDisplay
        """
        return cls(plan=result.plan(target, quantity, **parameters)).plot(ax=ax)

    def _draw(self, ax: Axes) -> None:
        plan, colors = self.plan, colors_on(ax)
        (self.curve_,) = ax.plot(plan.grid, plan.grid_chances, color=colors["points"])
        self.available_ = ax.axvline(
            plan.n_available, color=colors["muted"], linewidth=1, linestyle=":"
        )
        self.risk_: Line2D | None = None
        if plan.costs is None:
            self.risk_ = ax.axhline(self._accepted, color=colors["threshold"], linewidth=1)
        ax.set(
            xscale="log",
            xlim=self._limits(_BESIDE[narrow(ax)]),
            ylim=(0.0, 1.2 if narrow(ax) else 1.08),
            xlabel="total number of samples",
            ylabel=f"chance that they are enough for\n{plan.criterion}",
        )
        ax.set_yticks(np.linspace(0.0, 1.0, 6))
        ax.yaxis.set_major_formatter(lambda chance, _: percent(chance))
        label_sizes(ax)
        self._label_lines(ax)
        self.rounds_: Line2D | None = None
        self.labels_: list[Annotation] = []
        if plan.collect:
            self._draw_rounds(ax)

    @property
    def _accepted(self) -> float:
        """The chance that keeps the risk, which is about what the limit would be enough for."""
        return float((1.0 - self.plan.risk) * self.plan.grid_chances[-1])

    def _limits(self, beside: float) -> tuple[float, float]:
        """To the last round with its label; without any, to where the curve is flat."""
        plan, start = self.plan, 0.85 * self.plan.n_available
        if plan.collect:
            end = max(float(plan.totals[-1]), 1.5 * plan.n_available)
            return start, end * (end / start) ** beside
        rising = plan.grid[plan.grid_chances < plan.grid_chances[-1] - _FLAT]
        end = float(plan.grid[-1]) if plan.out_of_reach else max(rising, default=0.0)
        return start, max(end, 3.0 * plan.n_available)

    def _label_lines(self, ax: Axes) -> None:
        plan = self.plan
        style: dict[str, Any] = {"textcoords": "offset points", "fontsize": "small"}
        available, colors = f"available: {plan.n_available:,}", colors_on(ax)
        self.available_.set_label(available)
        if not (narrow(ax) and plan.collect):
            place, away = (plan.n_available, 0.0), (4, 9)
            box = ground_behind(ax)
            ax.annotate(available, place, away, color=colors["muted"], bbox=box, **style)
        if plan.costs is None:
            # above 100 %, where no curve is
            style |= {"xycoords": ("axes fraction", "data"), "ha": "right"}
            risk = f"line: {percent(plan.risk)} below the chance at the limit, {plan.limit:,}"
            risk = wrapped_in(ax, risk)
            ax.annotate(risk, (0.99, 1.0), (0, 4), color=colors["threshold"], **style)

    def _draw_rounds(self, ax: Axes) -> None:
        plan = self.plan
        color = colors_on(ax)["fit"]
        (self.rounds_,) = ax.plot(plan.totals, plan.chances, "o", color=color, zorder=3)
        heights, (start, end) = _spread_out(plan.chances), ax.get_xlim()
        texts = [
            f"{f'round {i}' if i > 1 else 'now'}: {total:,} samples, {chance_in_words(chance)}"
            for i, (total, chance) in enumerate(zip(plan.totals, plan.chances, strict=True), 1)
        ]
        if narrow(ax):
            self._number_rounds(ax, texts, color)
            return
        for text, total, chance, height in zip(
            texts, plan.totals, plan.chances, heights, strict=True
        ):
            # below a curve that rises there is room on the right
            place = (total * (end / start) ** 0.015, height)
            self.labels_.append(ax.annotate(text, (total, chance), place, va="center"))

    def _number_rounds(self, ax: Axes, texts: list[str], color: str) -> None:
        """Numbers in the points, and below the axes what they mean."""
        from matplotlib.lines import Line2D

        style: dict[str, Any] = {"linestyle": "none", "color": color, "markersize": 5}
        marks = [Line2D([], [], marker=f"${i}$", **style) for i in range(1, len(texts) + 1)]
        add_legend(ax, [self.available_, *marks], [self.available_.get_label(), *texts])
        for i, place in enumerate(zip(self.plan.totals, self.plan.chances, strict=True), 1):
            away: dict[str, Any] = {"xytext": (-4, 4), "textcoords": "offset points"}
            self.labels_.append(ax.annotate(str(i), place, **away, ha="right", color=color))


def _spread_out(chances: Floats) -> Floats:
    """Heights of labels a little below their points, none of which overlap."""
    heights = chances - 0.65 * _LINE
    for i in range(len(heights) - 2, -1, -1):
        heights[i] = min(heights[i], heights[i + 1] - _LINE)
    return heights
