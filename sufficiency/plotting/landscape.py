"""The loss, and its change, over a plane through weight space."""

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sufficiency._random import RandomState
from sufficiency.landscape import ChangeSlice, LandscapeSlice, change_slice, landscape_slice
from sufficiency.landscape.slices import Grid, PlaneDirections
from sufficiency.plotting.planes import PlaneDisplay, check_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["LandscapeChangeDisplay", "LandscapeDisplay"]

Array = npt.NDArray[np.float64]


class LandscapeDisplay(PlaneDisplay):
    """
    The mean loss f(α, β) = L_k(w* + αu + βv) over a plane (figures 2, 3 and B of the paper).

    Parameters
    ----------
    plane : LandscapeSlice
        From :func:`sufficiency.landscape.landscape_slice`, or your own numbers.

    Attributes
    ----------
    ax_ : matplotlib Axes
        After :meth:`plot`, as all of these.
    figure_ : matplotlib Figure
        The figure of the axes.
    contour_ : matplotlib QuadContourSet
        Filled contours; None for a surface.
    surface_ : mpl_toolkits Poly3DCollection
        None for contours.
    center_ : matplotlib Line2D
        The mark of w*.
    points_ : matplotlib PathCollection
        Points that the plane goes through; None without.
    colorbar_ : matplotlib Colorbar
        None without.
    n_masked_ : int
        Points that are left out because their values are not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from sufficiency.landscape import LandscapeSlice
    >>> from sufficiency.plotting import LandscapeDisplay
    >>> grid = np.linspace(-1, 1, 5)
    >>> bowl = LandscapeSlice(grid, grid, grid[:, None] ** 2 + grid**2, size=100)
    >>> display = LandscapeDisplay(bowl).plot()
    >>> print(display.ax_.get_title())
    k = 100 samples
    """

    def __init__(self, plane: LandscapeSlice) -> None:
        self.plane: LandscapeSlice = plane

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: npt.ArrayLike,
        y: npt.ArrayLike,
        *,
        size: int | None = None,
        directions: PlaneDirections = None,
        grid: Grid | None = None,
        random_state: RandomState = 0,
        kind: str = "contour",
        log: bool = False,
        ax: "Axes | None" = None,
    ) -> "LandscapeDisplay":
        """
        Measure and draw the landscape around a fitted estimator's net, or a fitted net.

        Parameters
        ----------
        estimator, X, y, size, directions, grid, random_state
            As in :func:`sufficiency.landscape.landscape_slice`.
        kind, log, ax
            As in :meth:`plot`.

        Returns
        -------
        LandscapeDisplay
            Drawn.
        """
        check_style(ax, kind)
        plane = landscape_slice(
            estimator, X, y, size=size, directions=directions, grid=grid, random_state=random_state
        )
        return cls(plane).plot(ax, kind=kind, log=log)

    @property
    def values(self) -> Array:
        """(A, B) mean losses."""
        return self.plane.losses

    @property
    def signed(self) -> bool:
        """False: losses have one sign, as a rule."""
        return False

    @property
    def label(self) -> str:
        """Label of the scale."""
        return "mean loss $L_k$ (loss)"

    @property
    def title(self) -> str:
        """Number of samples, and the angle of the directions."""
        size = [] if self.plane.size is None else [f"k = {self.plane.size:,} samples"]
        return ", ".join(size + self._angle())


class LandscapeChangeDisplay(PlaneDisplay):
    """
    Change of the mean loss over a plane when samples are added (figure 6 of the paper).

    Parameters
    ----------
    plane : ChangeSlice
        From :func:`sufficiency.landscape.change_slice`.
    squared : bool, default=False
        The square, as in the text of section 5.4; otherwise with its sign, as in the caption.
    weighted : bool, default=False
        Times p(w): squared, the integrand of Δ over the plane.

    Attributes
    ----------
    ax_, figure_, contour_, surface_, center_, points_, colorbar_, n_masked_
        As in :class:`LandscapeDisplay`.

    Examples
    --------
    >>> import numpy as np
    >>> from sufficiency.landscape import ChangeSlice
    >>> from sufficiency.plotting import LandscapeChangeDisplay
    >>> grid = np.linspace(-0.3, 0.3, 5)
    >>> change = ChangeSlice(grid, grid, np.outer(grid, grid), size=100)
    >>> display = LandscapeChangeDisplay(change, squared=True, weighted=True).plot()
    >>> print(display.ax_.get_title())
    k = 100 + 1 samples, σ = 0.1
    """

    def __init__(
        self, plane: ChangeSlice, *, squared: bool = False, weighted: bool = False
    ) -> None:
        self.plane: ChangeSlice = plane
        self.squared = squared
        self.weighted = weighted

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: npt.ArrayLike,
        y: npt.ArrayLike,
        *,
        size: int | None = None,
        grow: int = 1,
        sigma: float | None = None,
        squared: bool = False,
        weighted: bool = False,
        directions: PlaneDirections = None,
        grid: Grid | None = None,
        random_state: RandomState = 0,
        kind: str = "contour",
        log: bool = False,
        ax: "Axes | None" = None,
    ) -> "LandscapeChangeDisplay":
        """
        Measure and draw the change around a fitted estimator's net, or a fitted net.

        Parameters
        ----------
        estimator, X, y, size, grow, sigma, directions, grid, random_state
            As in :func:`sufficiency.landscape.change_slice`.
        squared, weighted
            As in the class.
        kind, log, ax
            As in :meth:`plot`.

        Returns
        -------
        LandscapeChangeDisplay
            Drawn.
        """
        check_style(ax, kind)
        plane = change_slice(
            estimator,
            X,
            y,
            size=size,
            grow=grow,
            sigma=sigma,
            directions=directions,
            grid=grid,
            random_state=random_state,
        )
        return cls(plane, squared=squared, weighted=weighted).plot(ax, kind=kind, log=log)

    @property
    def values(self) -> Array:
        """(A, B) changes, squared and weighted as chosen."""
        return self.plane.values(squared=self.squared, weighted=self.weighted)

    @property
    def signed(self) -> bool:
        """Whether values have two signs, so that zero is in the middle of the scale."""
        return not self.squared

    @property
    def label(self) -> str:
        """Label of the scale: what the values are, with their unit."""
        formula = f"L_{{k+{self.plane.grow}}} - L_k"
        unit = "loss"
        if self.squared:
            formula, unit = rf"({formula})^2", "loss²"
        elif self.weighted:
            formula = f"({formula})"
        if self.weighted:
            return rf"${formula}\,p(w)$ ({unit} per unit of α·β)"
        return f"${formula}$ ({unit})"

    @property
    def title(self) -> str:
        """Number of samples, the scale of p(w), and the angle of the directions."""
        size = f"k = {self.plane.size:,} + {self.plane.grow:,} samples"
        sigma = [f"σ = {self.plane.sigma:g}"] * self.weighted
        return ", ".join([size, *sigma, *self._angle()])
