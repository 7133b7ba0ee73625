"""Which samples carry Δ: how concentrated it is, and those that stand out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import numpy as np
import numpy.typing as npt

from sufficiency._types import Floats
from sufficiency._validation import check_integer
from sufficiency.plotting.axes import new_axes, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.container import BarContainer
    from matplotlib.figure import Figure

    from sufficiency.result import SufficiencyResult

_MARKED = 0.01
_COLUMNS = 4


@dataclass(kw_only=True, eq=False, repr=False)
class SamplesDisplay:
    """
    The concentration of Δ, and the samples with the largest losses.

    Parameters
    ----------
    shares : (n,) float64
        Of Δ, one for each candidate.
    names : sequence of str
        What is written beside each of the top samples.
    losses : (top,) float64
        Their losses.
    images : dict of {int: uint8 array}, optional
        Their images, by position.

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
        if "label" in first:
            pairs = zip(names, first["label"], first["predicted"], strict=True)
            names = [
                f"{name}: {short(str(label))}"
                + (f" (predicted {short(str(predicted))})" if predicted != label else "")
                for name, label, predicted in pairs
            ]
        shown = {i: result.images[row] for i, row in enumerate(first.index) if row in result.images}
        display = cls(
            shares=frame["share"].dropna().to_numpy(),
            names=names,
            losses=first["loss"].to_numpy(),
            images=shown,
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
        self.axes_ = tuple(new_axes(2, figsize=(10, 4.5)) if axes is None else axes)
        if len(self.axes_) != 2:
            raise ValueError(f"`axes` must be a pair, got {len(self.axes_)}; pass two axes")
        self.figure_ = cast("Figure", self.axes_[0].figure)
        self.plot_concentration(self.axes_[0])
        self.bars_: BarContainer | None = None
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
        n = len(self.shares)
        part = np.arange(n + 1) / n
        carried = np.concatenate([[0.0], np.cumsum(np.sort(self.shares))])
        ax.plot([0, 1], [0, 1], color="0.6", linewidth=0.8, label="all alike")
        (self.lorenz_,) = ax.plot(part, carried, color="C0", label="candidates")
        n_top = int(np.ceil(_MARKED * n))
        rest = float(carried[n - n_top])
        (self.marked_,) = ax.plot(1 - n_top / n, rest, "o", color="C3")
        self.marked_.set_label(f"the largest 1 % carry {100 * (1 - rest):.0f} %")
        ax.set(
            xlabel="share of the candidates, smallest first", ylabel="share of Δ that they carry"
        )
        ax.legend(loc="upper left")

    def _draw_losses(self, ax: Axes) -> None:
        places = np.arange(len(self.losses))
        self.bars_ = ax.barh(places, self.losses, color="C0")
        ax.set_yticks(places, self.names, parse_math=False)
        ax.invert_yaxis()
        ax.set(xlabel="loss at centers that have not seen them", ylabel="sample")

    def _draw_images(self, ax: Axes) -> None:
        ax.axis("off")
        ax.set_title("largest losses at centers that have not seen them", fontsize="medium")
        n_rows = -(-len(self.names) // _COLUMNS)
        for i, image in self.images.items():
            row, column = divmod(i, _COLUMNS)
            box = (column / _COLUMNS, 1 - (row + 1) / n_rows, 0.92 / _COLUMNS, 0.72 / n_rows)
            inset = ax.inset_axes(box)
            inset.imshow(image, cmap="gray_r" if image.ndim == 2 else None)
            inset.set_xticks([])
            inset.set_yticks([])
            title = self.names[i].replace(" (predicted", "\n(predicted")
            inset.set_title(title, fontsize=7, pad=2, parse_math=False)
