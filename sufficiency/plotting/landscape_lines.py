"""The loss along lines through weight space, with a band over directions."""

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sufficiency._random import RandomState
from sufficiency._validation import check_choice
from sufficiency.exceptions import SufficiencyWarning
from sufficiency.landscape import LineSlices, RandomDirections, line_slices
from sufficiency.plotting.lines import open_axes
from sufficiency.plotting.planes import CENTER_MARK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["LandscapeLineDisplay"]

Array = npt.NDArray[np.float64]

BANDS = ("range", "quartiles", "stderr")


class LandscapeLineDisplay:
    """
    Mean over directions of f_i(α) = L_k(w* + αu_i), with a band.

    Parameters
    ----------
    lines : LineSlices
        From :func:`sufficiency.landscape.line_slices`, or your own numbers.

    Attributes
    ----------
    ax_ : matplotlib Axes
        After :meth:`plot`.
    figure_ : matplotlib Figure
        After :meth:`plot`.
    mean_ : matplotlib Line2D
        The mean over directions.
    band_ : matplotlib FillBetweenPolyCollection
        The band that the legend names; None with one direction.
    center_ : matplotlib Line2D
        The mark of w*.
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

    ax_: "Axes"
    figure_: "Figure"

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
        ax: "Axes | None" = None,
    ) -> "LandscapeLineDisplay":
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
            Drawn.
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
        ax: "Axes | None" = None,
        *,
        band: str = "range",
        log: bool = False,
        name: str | None = None,
    ) -> "LandscapeLineDisplay":
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
        self.ax_, self.figure_ = open_axes(ax)
        self._plot_lines(self.ax_, np.where(kept, losses, np.nan), band, name)
        size = "" if self.lines.size is None else f", k = {self.lines.size:,} samples"
        self.ax_.set(
            yscale="log" if log else "linear",
            xlabel=f"α along each direction (1: {self.lines.unit})",
            ylabel=f"mean loss $L_k$ (loss){size}",
        )
        self.ax_.legend(fontsize="small")
        return self

    def _plot_lines(self, ax: "Axes", losses: Array, band: str, name: str | None) -> None:
        alphas, n_directions = self.lines.alphas, len(losses)
        prefix = "" if name is None else f"{name}: "
        mean = losses.mean(axis=0)
        text = f"mean of {n_directions} directions" if n_directions > 1 else "one direction"
        (self.mean_,) = ax.plot(alphas, mean, label=prefix + text)
        self.band_ = None
        if n_directions > 1:
            low, high, meaning = _band(losses, band)
            self.band_ = ax.fill_between(
                alphas,
                low,
                high,
                color=self.mean_.get_color(),
                alpha=0.25,
                linewidth=0,
                label=f"{prefix}{meaning}",
            )
        (self.center_,) = ax.plot(
            [0.0],
            mean[alphas == 0],
            color=self.mean_.get_color(),
            **CENTER_MARK,
            label=f"{prefix}{self.lines.center} w*",
        )


def _band(losses: Array, band: str) -> tuple[Array, Array, str]:
    """Lower end, upper end and label of the band."""
    if band == "range":
        return losses.min(axis=0), losses.max(axis=0), "smallest to largest"
    if band == "quartiles":
        low, high = np.quantile(losses, [0.25, 0.75], axis=0)
        return low, high, "middle half of the directions"
    mean = losses.mean(axis=0)
    stderr = losses.std(axis=0, ddof=1) / np.sqrt(len(losses))
    return mean - stderr, mean + stderr, "± s.e. of the mean"
