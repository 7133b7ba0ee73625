"""Small multiples: one panel for every slice, the worst first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sufficiency._tables import mean_of_finished
from sufficiency._types import Floats, Integers
from sufficiency._validation import check_choice
from sufficiency.plotting.axes import characters, colors_on, label_powers, label_sizes, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.container import ErrorbarContainer
    from matplotlib.figure import Figure

    from sufficiency.result import SufficiencyResult

_LABELS = {
    "delta": "Δ",
    "unseen_loss": "unseen loss",
    "unseen_score": "score",
}
_MOST, _COLUMNS, _LONGEST = 12, 4, 28
# A panel has at least so many inches.
_PANEL = 1.4


@dataclass(kw_only=True, eq=False, repr=False)
class SlicesDisplay:
    """
    Δ, the loss or the score of every slice against the training size, the worst slice first.

    Parameters
    ----------
    sizes : (m,) int64
        Measured sizes, in samples of all slices.
    whole : (m,) float64
        Means over repeats, of all candidates.
    slices : dict of {str: (2, m) float64}
        Means over repeats and their standard errors, by slice.
    n_candidates : dict of {str: int}
        Of each slice, in a repeat.
    column : {"delta", "unseen_loss", "unseen_score"}
        What they are.
    order : {1, 2}
        Of Δ, whose unit follows from it.

    Attributes
    ----------
    axes_, figure_ : list of matplotlib Axes, and Figure
        One for each slice that is shown, after :meth:`plot`.
    slices_ : dict of {str: matplotlib ErrorbarContainer}
        What was drawn for each.

    See Also
    --------
    LandscapeSufficiencyEstimator.plot_slices : The same from a fitted estimator.
    """

    sizes: Integers
    whole: Floats
    slices: Mapping[str, Floats]
    n_candidates: Mapping[str, int]
    column: str = "delta"
    order: int = 2

    @classmethod
    def from_result(
        cls,
        result: SufficiencyResult,
        *,
        column: str = "delta",
        figure: Figure | None = None,
        n_columns: int = _COLUMNS,
        most: int = _MOST,
    ) -> SlicesDisplay:
        """
        Draw a result.

        Parameters
        ----------
        result : SufficiencyResult
            From a fit or from disk, with slices.
        column : {"delta", "unseen_loss", "unseen_score"}, default="delta"
            What to draw.
        figure, n_columns, most
            As in :meth:`plot`.

        Returns
        -------
        SlicesDisplay
        """
        check_choice("column", column, _LABELS)
        table = result.by_slice()
        errors = column.removeprefix("unseen_") + "_stderr"
        parts = {str(name): part for name, part in table.groupby(level="slice", sort=False)}
        display = cls(
            sizes=result.sizes,
            whole=mean_of_finished(result.table(column)),
            slices={name: part[[column, errors]].to_numpy().T for name, part in parts.items()},
            n_candidates={name: int(part["n_candidates"].iloc[0]) for name, part in parts.items()},
            column=column,
            order=result.order,
        )
        return display.plot(figure, n_columns, most)

    def ranked(self) -> list[str]:
        """Slices by their value at the largest size, the worst first; those without come last."""
        sign = -1.0 if self.column != "unseen_score" else 1.0
        last = {name: sign * part[0, -1] for name, part in self.slices.items()}
        return sorted(last, key=lambda name: np.nan_to_num(last[name], nan=np.inf))

    def plot(
        self, figure: Figure | None = None, n_columns: int = _COLUMNS, most: int = _MOST
    ) -> SlicesDisplay:
        """
        Draw the worst slices.

        Parameters
        ----------
        figure : matplotlib Figure, optional
            Where to draw; None: a new figure.
        n_columns : int, default=4
            Panels beside each other.
        most : int, default=12
            How many slices.

        Returns
        -------
        self
        """
        import matplotlib.pyplot as plt

        names = self.ranked()
        shown = names[:most]
        n_columns = min(n_columns, len(shown))
        if figure is None:
            size = (1 + 2.3 * n_columns, 0.8 + 2.1 * -(-len(shown) // n_columns))
            figure = plt.figure(figsize=size, layout="constrained")
        n_columns = max(1, min(n_columns, int(figure.get_figwidth() / _PANEL)))
        n_rows = -(-len(shown) // n_columns)
        self.figure_ = figure
        axes = figure.subplots(n_rows, n_columns, sharex=True, sharey=True, squeeze=False)
        self.axes_ = list(axes.flat)[: len(shown)]
        for ax in list(axes.flat)[len(shown) :]:
            ax.axis("off")
        for ax in self.axes_[-n_columns:]:
            ax.tick_params(labelbottom=True)
        pairs = zip(shown, self.axes_, strict=True)
        self.slices_ = {name: self._draw(ax, name) for name, ax in pairs}
        self.figure_.supxlabel("training size (samples of all slices)", fontsize="medium")
        more = f"; {len(names) - most} better slices are not shown" if len(names) > most else ""
        unit = f" ({'loss²' if self.order == 2 else 'loss'})" if self.column == "delta" else ""
        self.figure_.supylabel(_LABELS[self.column] + unit, fontsize="medium")
        self.figure_.suptitle(f"worst first, all samples in gray{more}", fontsize="medium")
        return self

    def _draw(self, ax: Axes, name: str) -> ErrorbarContainer:
        mean, stderr = self.slices[name]
        colors = colors_on(ax)
        ax.plot(self.sizes, self.whole, color=colors["muted"], linewidth=1)
        drawn = ax.errorbar(
            self.sizes,
            mean,
            yerr=np.nan_to_num(stderr),
            fmt=".-",
            color=colors["points"],
            linewidth=1,
        )
        ax.set_xscale("log")
        ax.tick_params(labelsize="small")
        label_sizes(ax)
        ax.minorticks_off()
        if self.column != "unseen_score":
            ax.set_yscale("log", nonpositive="clip")
            label_powers(ax.yaxis)
        longest = min(_LONGEST, characters(ax))
        title = f"{shortened(name, longest)}\n{self.n_candidates[name]} candidates"
        ax.set_title(title, fontsize="small", parse_math=False)
        return drawn
