"""The loss along lines through weight space, with a band over directions."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from sufficiency._random import RandomState
from sufficiency._types import Floats
from sufficiency._validation import check_choice
from sufficiency.exceptions import SufficiencyWarning
from sufficiency.landscape import LineSlices, RandomDirections, line_slices
from sufficiency.plotting.axes import add_legend, label_powers, new_axes, text_that_fits
from sufficiency.plotting.landscape import CENTER_MARK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BANDS = {
    "range": "smallest to largest",
    "quartiles": "middle half of the directions",
    "stderr": "± s.e. of the mean",
}


class LandscapeLineDisplay:
    """
    Mean over directions of f_i(α) = L_k(w* + αu_i), with a band.

    Parameters
    ----------
    lines : LineSlices
        From :func:`sufficiency.landscape.line_slices`, or your own numbers.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        After :meth:`plot`.
    mean_, center_ : matplotlib Line2D
        The mean over directions, and the mark of w*.
    band_ : matplotlib FillBetweenPolyCollection
        The band that the legend names; None with one direction.
    n_masked_ : int
        Coordinates that are left out because a loss there is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from sufficiency.landscape import LineSlices
    >>> from sufficiency.plotting import LandscapeLineDisplay
    >>> grid = np.linspace(-1, 1, 5)
    >>> display = LandscapeLineDisplay(LineSlices(grid, np.outer([1, 3], grid**2))).plot()
    >>> display.mean_.get_ydata()
    array([2. , 0.5, 0. , 0.5, 2. ])
    """

    ax_: Axes
    figure_: Figure

    def __init__(self, lines: LineSlices) -> None:
        self.lines = lines

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: npt.ArrayLike,
        y: npt.ArrayLike,
        *,
        size: int | None = None,
        n_directions: int = 10,
        directions: RandomDirections | None = None,
        grid: npt.ArrayLike | None = None,
        random_state: RandomState = 0,
        band: str = "range",
        log: bool = False,
        name: str | None = None,
        ax: Axes | None = None,
    ) -> LandscapeLineDisplay:
        """
        Measure and draw lines through a fitted estimator's net, or a fitted net.

        Parameters
        ----------
        estimator, X, y, size, n_directions, directions, grid, random_state
            As in :func:`sufficiency.landscape.line_slices`.
        band, log, name, ax
            As in :meth:`plot`.

        Returns
        -------
        LandscapeLineDisplay
        """
        check_choice("band", band, BANDS)
        lines = line_slices(
            estimator,
            X,
            y,
            size=size,
            n_directions=n_directions,
            directions=directions,
            grid=grid,
            random_state=random_state,
        )
        return cls(lines).plot(ax, band=band, log=log, name=name)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        band: str = "range",
        log: bool = False,
        name: str | None = None,
    ) -> LandscapeLineDisplay:
        """
        Draw the lines; several displays may share their axes.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; None: a new figure.
        band : {"range", "quartiles", "stderr"}, default="range"
            Smallest to largest loss over directions, the middle half, or the mean ± its standard
            error.
        log : bool, default=False
            Logarithmic axis of the loss.
        name : str, optional
            Name of the net for the legend.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For an argument that cannot be drawn, before a figure is opened.

        Warns
        -----
        SufficiencyWarning
            If some losses are not finite; the line has a gap there.
        """
        check_choice("band", band, BANDS)
        losses = np.asarray(self.lines.losses)
        # the mean over the remaining directions would be too low
        kept = np.asarray(np.isfinite(losses).all(axis=0))
        if log and (losses[:, kept] <= 0).any():
            raise ValueError(
                f"`log` must be False for losses that are not positive, got {losses.min():.3g}"
            )
        self.n_masked_ = int((~kept).sum())
        if self.n_masked_:
            warnings.warn(
                f"at {self.n_masked_} of {len(kept)} coordinates the loss along some direction is "
                "not finite; they are left out, draw a smaller neighborhood",
                SufficiencyWarning,
                stacklevel=2,
            )
        self.ax_ = new_axes()[0] if ax is None else ax
        self.figure_ = cast("Figure", self.ax_.figure)
        with text_that_fits(self.ax_):
            self._plot_lines(self.ax_, np.where(kept, losses, np.nan), band, name)
            size = "" if self.lines.size is None else f", k = {self.lines.size:,} samples"
            self.ax_.set(
                yscale="log" if log else "linear",
                xlabel=f"α along each direction (1: {self.lines.unit})",
                ylabel=f"mean loss $L_k$ (loss){size}",
            )
            if log:
                label_powers(self.ax_.yaxis)
            add_legend(self.ax_)
        return self

    def _plot_lines(self, ax: Axes, losses: Floats, band: str, name: str | None) -> None:
        alphas, n_directions = self.lines.alphas, len(losses)
        prefix = "" if name is None else f"{name}: "
        mean = losses.mean(axis=0)
        text = f"mean of {n_directions} directions" if n_directions > 1 else "one direction"
        (self.mean_,) = ax.plot(alphas, mean, label=prefix + text)
        color, self.band_ = self.mean_.get_color(), None
        if n_directions > 1:
            low, high = _ends(losses, band)
            label = prefix + BANDS[band]
            self.band_ = ax.fill_between(
                alphas, low, high, color=color, alpha=0.25, linewidth=0, label=label
            )
        label = f"{prefix}{self.lines.center} w*"
        (self.center_,) = ax.plot(
            [0.0], mean[alphas == 0], "x", color=color, **CENTER_MARK, label=label
        )


def _ends(losses: Floats, band: str) -> Floats:
    """Lower and upper ends of the band (2, A)."""
    if band == "stderr":
        mean, stderr = losses.mean(axis=0), losses.std(axis=0, ddof=1) / np.sqrt(len(losses))
        return np.stack([mean - stderr, mean + stderr])
    levels = [0.0, 1.0] if band == "range" else [0.25, 0.75]
    return np.asarray(np.quantile(losses, levels, axis=0))
