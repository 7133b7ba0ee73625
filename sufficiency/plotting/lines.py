"""What the displays of curves share: their axes, points with error bars, and fits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.container import ErrorbarContainer
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    from sufficiency.curves import FittedCurve
    from sufficiency.sizing.learning_curve import LearningCurve

__all__ = ["SIZE_LABEL", "CurveDisplay", "bars_on_log_axis", "new_axes", "plot_fit", "plot_points"]

Floats = npt.NDArray[np.float64]

SIZE_LABEL = "training size k (samples)"


class CurveDisplay(ABC):
    """A figure of points and curves over a logarithmic axis."""

    ax_: Axes
    figure_: Figure

    def plot(self, ax: Axes | None = None) -> Self:
        """
        Draw.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; None: a new figure.

        Returns
        -------
        self
        """
        self.ax_ = new_axes()[0] if ax is None else ax
        self.figure_ = cast("Figure", self.ax_.figure)
        self._draw(self.ax_)
        return self

    @abstractmethod
    def _draw(self, ax: Axes) -> None:
        """Draw everything."""


def new_axes(
    n: int = 1, figsize: tuple[float, float] = (7, 4.5), kind: str = "contour"
) -> list[Axes]:
    """Axes beside each other in a new figure."""
    import matplotlib.pyplot as plt

    projection = {"projection": "3d" if kind == "surface" else None}
    _, axes = plt.subplots(
        1, n, figsize=figsize, layout="constrained", squeeze=False, subplot_kw=projection
    )
    return list(axes[0])


def plot_points(
    ax: Axes, x: npt.ArrayLike, mean: Floats, bars: Floats, *, fmt: str = "o", **style: Any
) -> ErrorbarContainer:
    """Means with their standard errors."""
    return ax.errorbar(x, mean, yerr=bars, fmt=fmt, markersize=5, capsize=3, **style)


def bars_on_log_axis(mean: Floats, stderr: Floats) -> Floats:
    """Lower and upper lengths of error bars (2, m); the lower ends stay above zero."""
    return np.stack([np.minimum(stderr, 0.999 * mean), stderr])


def plot_fit(
    ax: Axes, curve: FittedCurve | LearningCurve, end: float, label: str
) -> tuple[Line2D, Line2D]:
    """A fit over its measured sizes, and dashed from the largest of them to an end."""
    # the curve knows at which sizes any cell finished
    first, last = float(curve.sizes[0]), float(curve.sizes[-1])
    inside, beyond = np.geomspace(first, last, 200), np.geomspace(last, end, 200)
    (solid,) = ax.plot(inside, curve.predict(inside), "-C1", label=label)
    (dashed,) = ax.plot(beyond, curve.predict(beyond), "--C1", label="extrapolated")
    return solid, dashed
