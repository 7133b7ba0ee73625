"""Which samples carry Δ: how concentrated it is, and those that stand out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from sufficiency._types import Floats
from sufficiency._validation import check_integer
from sufficiency.plotting.axes import colors_on, narrow, new_axes, shortened, text_that_fits

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.container import BarContainer
    from matplotlib.figure import Figure

    from sufficiency.result import SufficiencyResult

_MARKED = 0.01
_COLUMNS = 4
# Characters of a label, beside bars and above images.
_LONGEST = {False: 18, True: 9}


@dataclass(kw_only=True, eq=False, repr=False)
class SamplesDisplay:
    """
    The concentration of Δ, and the samples with the largest losses.

    Parameters
    ----------
    shares : (n,) float64
        Of Δ, one for each candidate; of very many, those of the largest.
    names : sequence of str
        What is written beside each of the top samples.
    losses : (top,) float64
        Their losses.
    images : dict of {int: uint8 array}, optional
        Their images, by position.
    n_candidates : int, optional
        Of all repeats together, where `shares` has only the largest.

    Attributes
    ----------
    axes_, figure_ : pair of matplotlib Axes, and Figure
        After :meth:`plot`.
    lorenz_, marked_ : matplotlib Line2D
        The Lorenz curve, and the point of the largest 1 % on it.
    bars_ : matplotlib BarContainer
        The losses; None where images are shown.

    See Also
    --------
    LandscapeSufficiencyEstimator.plot_samples : The same from a fitted estimator.
    """

    shares: Floats
    names: Sequence[str]
    losses: Floats
    images: Mapping[int, npt.NDArray[np.uint8]] = field(default_factory=dict)
    n_candidates: int | None = None

    @classmethod
    def from_result(
        cls, result: SufficiencyResult, *, top: int = 12, axes: Sequence[Axes] | None = None
    ) -> SamplesDisplay:
        """
        Draw a result.

        Parameters
        ----------
        result : SufficiencyResult
            From a fit or from disk.
        top : int, default=12
            How many samples.
        axes : pair of matplotlib Axes, optional
            Where to draw; None: a new figure.

        Returns
        -------
        SamplesDisplay
        """
        check_integer("top", top, 1)
        frame = result.samples()
        first = frame.head(top)
        names = [str(row) for row in first.index]
        shown = {i: result.images[row] for i, row in enumerate(first.index) if row in result.images}
        if "label" in first:
            longest = _LONGEST[bool(shown)]
            pairs = zip(names, first["label"], first["predicted"], strict=True)
            names = [
                f"{name}: {shortened(str(label), longest)}"
                + f" (predicted {shortened(str(predicted), longest)})" * (predicted != label)
                for name, label, predicted in pairs
            ]
        display = cls(
            shares=frame["share"].dropna().to_numpy(),
            names=names,
            losses=first["loss"].to_numpy(),
            images=shown,
            n_candidates=_all_candidates(result),
        )
        return display.plot(axes)

    def plot(self, axes: Sequence[Axes] | None = None) -> SamplesDisplay:
        """
        Draw.

        Parameters
        ----------
        axes : pair of matplotlib Axes, optional
            Where to draw; None: a new figure.

        Returns
        -------
        self
        """
        n = len(self.names)
        height = max(4.5, 1.5 * -(-n // _COLUMNS) if self.images else 0.2 * n)
        self.axes_ = tuple(new_axes(2, figsize=(10, height)) if axes is None else axes)
        if len(self.axes_) != 2:
            raise ValueError(f"`axes` must be a pair, got {len(self.axes_)}; pass two axes")
        self.figure_ = cast("Figure", self.axes_[0].figure)
        self.plot_concentration(self.axes_[0])
        self.bars_: BarContainer | None = None
        with text_that_fits(self.axes_[1]):
            if self.images:
                self._draw_images(self.axes_[1])
            else:
                self._draw_losses(self.axes_[1])
        return self

    def plot_concentration(self, ax: Axes) -> None:
        """
        Draw the Lorenz curve alone.

        Parameters
        ----------
        ax : matplotlib Axes
            Where to draw.
        """
        with text_that_fits(ax):
            self._draw_concentration(ax)

    def _draw_concentration(self, ax: Axes) -> None:
        n_shares, colors = len(self.shares), colors_on(ax)
        n = self.n_candidates or n_shares
        # what the smallest carry that are not among them is drawn as if they were alike
        part = np.arange(n - n_shares, n + 1) / n
        carried = 1.0 - np.append(np.cumsum(np.sort(self.shares)[::-1])[::-1], 0.0)
        if n_shares < n:
            part, carried = np.append(0.0, part), np.append(0.0, carried)
        ax.plot([0, 1], [0, 1], color=colors["muted"], linewidth=0.8)
        (self.lorenz_,) = ax.plot(part, carried, color=colors["points"])
        n_top = min(int(np.ceil(_MARKED * n)), n_shares)
        rest = float(carried[-1 - n_top])
        (self.marked_,) = ax.plot(1 - n_top / n, rest, "o", color=colors["threshold"])
        marked = _MARKED if n_top < n_shares else n_top / n
        text = f"the largest {100 * marked:.2g} % carry {100 * (1 - rest):.0f} %"
        self.marked_.set_label(text)
        ax.set(
            xlabel="share of the candidates, smallest first", ylabel="share of Δ that they carry"
        )
        style: dict[str, Any] = {"fontsize": "small", "color": colors["muted"], "ha": "right"}
        ax.annotate("all alike", (0.5, 0.5), (-6, 4), textcoords="offset points", **style)
        # on top, where neither curve is
        color = colors["threshold"]
        style = {"fontsize": "small", "color": color, "va": "top", "textcoords": "axes fraction"}
        style["arrowprops"] = {"arrowstyle": "-", "color": color, "linewidth": 0.8}
        lines = text.replace(" carry", "\ncarry")
        ax.annotate(lines, (1 - n_top / n, rest), (0.03, 0.97), **style)

    def _draw_losses(self, ax: Axes) -> None:
        places = np.arange(len(self.losses))
        self.bars_ = ax.barh(places, self.losses, color=colors_on(ax)["points"])
        ax.set_yticks(places, self.names, parse_math=False)
        ax.invert_yaxis()
        ax.set(xlabel="loss at centers that have not seen them", ylabel="sample")

    def _draw_images(self, ax: Axes) -> None:
        ax.axis("off")
        ax.set_title("largest losses at centers that have not seen them", fontsize="medium")
        n_columns = 2 if narrow(ax) else _COLUMNS
        n_rows = -(-len(self.names) // n_columns)
        for i, name in enumerate(self.names):
            row, column = divmod(i, n_columns)
            height = (0.5 if narrow(ax) else 0.72) / n_rows
            box = (column / n_columns, 1 - (row + 1) / n_rows, 0.92 / n_columns, height)
            inset = ax.inset_axes(box)
            if i in self.images:
                image = self.images[i]
                inset.imshow(image, cmap="gray_r" if image.ndim == 2 else None)
            else:
                # results keep the images of those samples alone that were the largest in a fit
                inset.text(0.5, 0.5, "no image", ha="center", va="center", fontsize=7)
            inset.set_xticks([])
            inset.set_yticks([])
            title = name.replace(" (predicted", "\n(predicted")
            inset.set_title(title, fontsize=7, pad=2, parse_math=False)


def _all_candidates(result: SufficiencyResult) -> int | None:
    """How many candidates all repeats have together, where not every one is known."""
    kept = {cell.repeat: cell.unseen for cell in result.cells if cell.unseen}
    if all(len(unseen.candidates) == unseen.n_candidates for unseen in kept.values()):
        return None
    counts = [unseen.n_candidates for unseen in kept.values()]
    return max(counts) if result.own_unseen else min(sum(counts), result.n_samples)
