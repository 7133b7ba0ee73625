"""The loss, and its change, over a plane through weight space."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np
import numpy.typing as npt

from sufficiency._random import RandomState
from sufficiency._types import Floats
from sufficiency._validation import check_choice, check_integer, check_number
from sufficiency.exceptions import SufficiencyWarning
from sufficiency.landscape import ChangeSlice, LandscapeSlice, change_slice, landscape_slice
from sufficiency.landscape.slices import Grid, PlaneDirections
from sufficiency.plotting.axes import (
    Scale,
    add_legend,
    levels_between,
    limits_of,
    narrow,
    new_axes,
    text_that_fits,
    wrapped_in,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colorbar import Colorbar
    from matplotlib.figure import Figure

CENTER_MARK: dict[str, Any] = {"markersize": 9, "markeredgewidth": 2}  # of an "x"
_NOT_FINITE = "0.85"  # gray behind the contours, where values are left out


class PlaneDisplay(ABC):
    """A function over a plane through weight space, with the center marked."""

    plane: LandscapeSlice | ChangeSlice
    ax_: Axes
    figure_: Figure
    contour_: Any
    surface_: Any
    points_: Any
    colorbar_: Colorbar | None

    @property
    @abstractmethod
    def values(self) -> Floats:
        """(A, B) values that are drawn: losses, or changes, squared and weighted as chosen."""

    @property
    @abstractmethod
    def signed(self) -> bool:
        """Whether values have two signs, so that zero is in the middle of the scale."""

    @property
    @abstractmethod
    def label(self) -> str:
        """Label of the scale: what the values are, with their unit."""

    @property
    @abstractmethod
    def title(self) -> str:
        """Title of the axes: the samples, the scale of p(w), and the angle of the directions."""

    def plot(
        self,
        ax: Axes | None = None,
        *,
        kind: str = "contour",
        log: bool = False,
        vmin: float | None = None,
        vmax: float | None = None,
        n_levels: int = 20,
        colorbar: bool = True,
    ) -> Self:
        """
        Draw the plane.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; for a surface with ``projection="3d"``. None: a new figure.
        kind : {"contour", "surface"}, default="contour"
            Filled contours from above, or a surface in perspective.
        log : bool, default=False
            Logarithmic colors, over at most eight decades; of changes with their sign over three
            on both sides of zero. A surface has the logarithm as its height.
        vmin, vmax : float, optional
            Ends of the color scale, for figures that are compared. None: those of the values.
        n_levels : int, default=20
            Number of colors of filled contours.
        colorbar : bool, default=True
            Whether the scale is drawn next to the axes.

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
            If some values are not finite; they are left gray.
        """
        check_style(ax, kind)
        scale = self.scale(kind=kind, log=log, vmin=vmin, vmax=vmax, n_levels=n_levels)
        finite = np.isfinite(self.values)
        self.n_masked_ = int((~finite).sum())
        if self.n_masked_:
            warnings.warn(
                f"{self.n_masked_} of {finite.size} points of the plane have values that are not "
                "finite and are left out; draw a smaller neighborhood",
                SufficiencyWarning,
                stacklevel=2,
            )
        self.ax_ = new_axes(1, (6.4, 5), kind)[0] if ax is None else ax
        self.figure_ = cast("Figure", self.ax_.figure)
        self.contour_ = self.surface_ = self.colorbar_ = self.points_ = None
        draw = self._draw_contours if kind == "contour" else self._draw_surface
        with text_that_fits(self.ax_):
            draw(self.ax_, np.ma.masked_where(~finite, self.values), scale)
            self._name_marks(self.ax_, finite.size)
            if colorbar:
                self.colorbar_ = self.add_colorbar([self.ax_], scale)
        return self

    def _name_marks(self, ax: Axes, n_points: int) -> None:
        handles, labels = ax.get_legend_handles_labels()
        if self.n_masked_:
            from matplotlib.patches import Patch

            handles.append(Patch(facecolor=_NOT_FINITE, edgecolor="0.5"))
            labels.append(f"not finite: {self.n_masked_} of {n_points}")
        add_legend(ax, handles, labels)

    def scale(
        self,
        *,
        kind: str = "contour",
        log: bool = False,
        vmin: float | None = None,
        vmax: float | None = None,
        n_levels: int = 20,
    ) -> Scale:
        """Colors of the values; parameters and errors as in :meth:`plot`."""
        if kind == "surface" and log and self.signed:
            raise ValueError(
                "`log` must be False for a surface of values with two signs, got True; draw "
                "contours, or their square"
            )
        n_levels = check_integer("n_levels", n_levels, 2)
        low, high = limits_of([self.values], signed=self.signed)
        low = low if vmin is None else check_number("vmin", vmin)
        high = high if vmax is None else check_number("vmax", vmax)
        if self.signed:
            high = max((abs(end) for end in (vmin, vmax) if end is not None), default=high)
            low = -high
        elif vmin is not None and vmax is not None and low >= high:
            raise ValueError(f"`vmin` must be < `vmax`, got {vmin} and {vmax}")
        levels = levels_between(low, high, n_levels, log=log, signed=self.signed)
        return Scale(levels, log, self.signed)

    def add_colorbar(self, axes: Sequence[Axes], scale: Scale) -> Colorbar:
        """Draw the scale next to these axes; for a surface it has the label of the height."""
        if self.surface_ is not None:
            label = f"log₁₀ of {self.label}" if scale.log else self.label
            label = wrapped_in(axes[0], label, upright=True)
            return self.figure_.colorbar(self.surface_, ax=axes, label=label, shrink=0.8)
        form = "%g" if scale.log else None
        bar = self.figure_.colorbar(self.contour_, ax=axes, ticks=scale.ticks, format=form)
        bar.set_label(wrapped_in(axes[0], self.label, upright=True))
        bar.minorticks_off()
        return bar

    @property
    def _axis_labels(self) -> tuple[str, ...]:
        geometry = self.plane.geometry
        return ("α", "β") if geometry is None else geometry.labels[:2]

    def _angle(self) -> list[str]:
        """Angle of the directions, for the title."""
        geometry = self.plane.geometry
        # adding 0 turns a negative zero into zero
        return (
            [] if geometry is None else [_held(f"cos(u, v) = {round(geometry.cosine, 3) + 0.0:g}")]
        )

    def _draw_contours(self, ax: Axes, values: Any, scale: Scale) -> None:
        # what lies below a logarithmic scale, zeros included, has its lowest color
        shown = np.ma.maximum(values, scale.levels[0]) if scale.log and not scale.signed else values
        data = self.plane.alphas, self.plane.betas, shown.T
        extend = scale.extend(values.compressed())
        self.contour_ = ax.contourf(
            *data, scale.levels, norm=scale.norm(), cmap=scale.cmap, extend=extend
        )
        ax.contour(
            *data, scale.levels[::2], colors="black", linewidths=0.3, linestyles="solid", alpha=0.5
        )
        ax.set_facecolor(_NOT_FINITE)
        x_label, y_label = self._axis_labels
        ax.set(xlabel=x_label, ylabel=y_label, title=self.title)
        self._mark_center(ax, 0.0, 0.0)
        self._mark_points(ax)

    def _draw_surface(self, ax: Any, values: Any, scale: Scale) -> None:
        from matplotlib.colors import Normalize

        alphas, betas = self.plane.alphas, self.plane.betas
        heights, limits = values, scale.limits
        if scale.log:
            heights = np.ma.log10(np.ma.maximum(values, scale.levels[0]))
            limits = (np.log10(limits[0]), np.log10(limits[1]))
        self.surface_ = ax.plot_surface(
            *np.meshgrid(alphas, betas, indexing="ij"),
            heights.filled(np.nan),
            cmap="coolwarm" if scale.signed else scale.cmap,  # no white, for there is no outline
            norm=Normalize(*limits),
            rcount=len(alphas),
            ccount=len(betas),
            linewidth=0,
        )
        ax.computed_zorder = False  # the mark lies on the surface, not somewhere behind it
        ax.locator_params(nbins=3 if narrow(ax) else 5)
        # labels of two lines need room
        ax.set_box_aspect(None, zoom=0.6 if narrow(ax) else 0.85)
        ax.xaxis.labelpad = ax.yaxis.labelpad = 8 if narrow(ax) else 14
        if narrow(ax):
            ax.tick_params(pad=-2)
        x_label, y_label = (label.replace(" (", "\n(") for label in self._axis_labels)
        # limits, so that surfaces on one scale have one height
        ax.set(xlabel=x_label, ylabel=y_label, title=self.title, zlim=limits)
        self._mark_center(ax, 0.0, 0.0, float(heights[alphas == 0, betas == 0].item()))

    def _mark_center(self, ax: Axes, *position: float) -> None:
        from matplotlib.patheffects import withStroke

        # seen on every color of the maps
        style: dict[str, Any] = {
            "color": "white",
            "path_effects": [withStroke(linewidth=4, foreground="black")],
        }
        place, label = ([coordinate] for coordinate in position), f"{self.plane.center} w*"
        (self.center_,) = ax.plot(*place, "x", **CENTER_MARK, **style, zorder=10, label=label)

    def _mark_points(self, ax: Axes) -> None:
        """Mark the points that the plane goes through."""
        geometry = self.plane.geometry
        if geometry is None or geometry.points is None:
            return
        self.points_ = ax.scatter(
            *geometry.points.T, color="white", edgecolor="black", zorder=9, label="given points"
        )
        box = {"boxstyle": "round,pad=0.1", "facecolor": "white", "linewidth": 0}
        style: dict[str, Any] = {"textcoords": "offset points", "zorder": 9, "bbox": box}
        style |= {"fontsize": "small", "ha": "center", "va": "center", "color": "black"}
        middle = np.array([np.mean(ax.get_xlim()), np.mean(ax.get_ylim())])
        for number, point in enumerate(geometry.points, start=1):
            # towards the middle, where nothing is cut off
            x, y = np.where(point > middle, -10, 10)
            ax.annotate(str(number), point, (x, y), **style)
        ax.set_aspect("equal")  # both coordinates are distances


class LandscapeDisplay(PlaneDisplay):
    """
    The mean loss f(α, β) = L_k(w* + αu + βv) over a plane (figures 2, 3 and B of the paper).

    Parameters
    ----------
    plane : LandscapeSlice
        From :func:`sufficiency.landscape.landscape_slice`, or your own numbers.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        After :meth:`plot`, as all of these.
    contour_, surface_ : matplotlib QuadContourSet and Poly3DCollection
        Filled contours, or a surface; the other is None.
    center_ : matplotlib Line2D
        The mark of w*.
    points_, colorbar_ : matplotlib PathCollection and Colorbar
        Points that the plane goes through, and the scale; None without.
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
        ax: Axes | None = None,
    ) -> LandscapeDisplay:
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
        """
        check_style(ax, kind)
        plane = landscape_slice(
            estimator, X, y, size=size, directions=directions, grid=grid, random_state=random_state
        )
        return cls(plane).plot(ax, kind=kind, log=log)

    signed = False
    label = "mean loss $L_k$ (loss)"

    @property
    def values(self) -> Floats:
        return self.plane.losses

    @property
    def title(self) -> str:
        size = [] if self.plane.size is None else [_held(f"k = {self.plane.size:,} samples")]
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
        ax: Axes | None = None,
    ) -> LandscapeChangeDisplay:
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
    def values(self) -> Floats:
        return self.plane.values(squared=self.squared, weighted=self.weighted)

    @property
    def signed(self) -> bool:
        return not self.squared

    @property
    def label(self) -> str:
        change, unit = f"L_{{k+{self.plane.grow}}} - L_k", "loss²" if self.squared else "loss"
        if self.squared or self.weighted:
            change = f"({change})" + "^2" * self.squared
        if self.weighted:
            change, unit = rf"{change}\,p(w)", f"{unit} per unit of α·β"
        return f"${change}$ ({unit})"

    @property
    def title(self) -> str:
        size = _held(f"k = {self.plane.size:,} + {self.plane.grow:,} samples")
        sigma = [_held(f"σ = {self.plane.sigma:g}")] * self.weighted
        return ", ".join([size, *sigma, *self._angle()])


def _held(text: str) -> str:
    """The text, which no line ends in."""
    return text.replace(" ", "\N{NO-BREAK SPACE}")


def check_style(ax: Axes | None, kind: str) -> None:
    """Refuse an unknown kind of figure, and axes of another kind."""
    check_choice("kind", kind, ("contour", "surface"))
    if ax is not None and (getattr(ax, "name", "") == "3d") != (kind == "surface"):
        wanted = "with" if kind == "surface" else "without"
        raise ValueError(
            f'`ax` must be made {wanted} projection="3d" for kind={kind!r}, got '
            f"{type(ax).__name__}; leave `ax` out for a new figure"
        )
