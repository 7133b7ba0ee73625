"""Figures of planes: filled contours or a surface, with the center marked."""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np
import numpy.typing as npt

from sufficiency._validation import check_choice
from sufficiency.exceptions import SufficiencyWarning
from sufficiency.landscape import ChangeSlice, LandscapeSlice
from sufficiency.plotting.scales import Scale, make_scale

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colorbar import Colorbar
    from matplotlib.figure import Figure

__all__ = ["CENTER_MARK", "KINDS", "PlaneDisplay", "check_style", "new_axes"]

Array = npt.NDArray[np.float64]

KINDS = ("contour", "surface")
CENTER_MARK: dict[str, Any] = {
    "marker": "x",
    "linestyle": "none",
    "markersize": 9,
    "markeredgewidth": 2,
}
_NOT_FINITE = "0.85"  # gray behind the contours, where values are left out


class PlaneDisplay(ABC):
    """A function over a plane through weight space, with the center marked."""

    plane: LandscapeSlice | ChangeSlice
    ax_: "Axes"
    figure_: "Figure"
    contour_: Any
    surface_: Any
    points_: Any
    colorbar_: "Colorbar | None"

    @property
    @abstractmethod
    def values(self) -> Array:
        """(A, B) values that are drawn."""

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
        """Title of the axes."""

    def plot(
        self,
        ax: "Axes | None" = None,
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
        masked = np.ma.masked_where(~finite, self.values)
        draw = self._draw_contours if kind == "contour" else self._draw_surface
        draw(self.ax_, masked, scale)
        handles, labels = self.ax_.get_legend_handles_labels()
        if self.n_masked_:
            from matplotlib.patches import Patch

            handles.append(Patch(facecolor=_NOT_FINITE, edgecolor="0.5"))
            labels.append(f"not finite: {self.n_masked_} of {finite.size}")
        self.ax_.legend(handles, labels, loc="upper right", fontsize="small")
        if colorbar:
            self.colorbar_ = self.add_colorbar([self.ax_], scale)
        return self

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
        return make_scale(
            self.values, signed=self.signed, log=log, vmin=vmin, vmax=vmax, n_levels=n_levels
        )

    def add_colorbar(self, axes: "Sequence[Axes]", scale: Scale) -> "Colorbar":
        """Draw the scale next to these axes; for a surface it has the label of the height."""
        if self.surface_ is not None:
            label = f"log₁₀ of {self.label}" if scale.log else self.label
            return self.figure_.colorbar(self.surface_, ax=axes, label=label, shrink=0.8)
        bar = self.figure_.colorbar(
            self.contour_,
            ax=axes,
            label=self.label,
            ticks=scale.ticks,
            format="%g" if scale.log else None,
        )
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
        return [] if geometry is None else [f"cos(u, v) = {round(geometry.cosine, 3) + 0.0:g}"]

    def _draw_contours(self, ax: "Axes", values: Any, scale: Scale) -> None:
        # what lies below a logarithmic scale, zeros included, has its lowest color
        shown = np.ma.maximum(values, scale.levels[0]) if scale.log and not scale.signed else values
        grids = self.plane.alphas, self.plane.betas
        self.contour_ = ax.contourf(
            *grids,
            shown.T,
            levels=scale.levels,
            norm=scale.norm(),
            cmap=scale.cmap,
            extend=scale.extend(values.compressed()),
        )
        ax.contour(
            *grids,
            shown.T,
            levels=scale.levels[::2],
            colors="black",
            linewidths=0.3,
            linestyles="solid",
            alpha=0.5,
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
        ax.locator_params(nbins=5)
        ax.set_box_aspect(None, zoom=0.85)  # labels of two lines need room
        ax.xaxis.labelpad = ax.yaxis.labelpad = 14
        x_label, y_label = (label.replace(" (", "\n(") for label in self._axis_labels)
        # limits, so that surfaces on one scale have one height
        ax.set(xlabel=x_label, ylabel=y_label, title=self.title, zlim=limits)
        self._mark_center(ax, 0.0, 0.0, float(heights[alphas == 0, betas == 0].item()))

    def _mark_center(self, ax: "Axes", *position: float) -> None:
        (self.center_,) = ax.plot(
            *([coordinate] for coordinate in position),
            color="red",
            **CENTER_MARK,
            zorder=10,
            label=f"{self.plane.center} w*",
        )

    def _mark_points(self, ax: "Axes") -> None:
        """Mark the points that the plane goes through."""
        geometry = self.plane.geometry
        if geometry is None or geometry.points is None:
            return
        self.points_ = ax.scatter(
            *geometry.points.T, color="white", edgecolor="black", zorder=9, label="given points"
        )
        for number, point in enumerate(geometry.points, start=1):
            ax.annotate(
                str(number),
                point,
                xytext=(6, 5),
                textcoords="offset points",
                bbox={"boxstyle": "round,pad=0.1", "facecolor": "white", "linewidth": 0},
                fontsize="small",
                zorder=9,
            )
        ax.set_aspect("equal")  # both coordinates are distances


def check_style(ax: "Axes | None", kind: str) -> None:
    """Refuse an unknown kind of figure, and axes of another kind."""
    check_choice("kind", kind, KINDS)
    if ax is not None and (getattr(ax, "name", "") == "3d") != (kind == "surface"):
        wanted = "with" if kind == "surface" else "without"
        raise ValueError(
            f'`ax` must be made {wanted} projection="3d" for kind={kind!r}, got '
            f"{type(ax).__name__}; leave `ax` out for a new figure"
        )


def new_axes(n: int, figsize: tuple[float, float], kind: str = "contour") -> "list[Axes]":
    """Axes beside each other in a new figure."""
    import matplotlib.pyplot as plt

    projection = {"projection": "3d"} if kind == "surface" else {}
    _, axes = plt.subplots(
        1, n, figsize=figsize, layout="constrained", squeeze=False, subplot_kw=projection
    )
    return list(axes[0])
