"""What figures of planes have in common: filled contours or a surface, and the marked center."""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

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

__all__ = ["PlaneDisplay", "check_style"]

Array = npt.NDArray[np.float64]

KINDS = ("contour", "surface")


class PlaneDisplay(ABC):
    """
    A function over a plane through weight space, with the center marked.

    Subclasses say what is drawn; see :class:`sufficiency.plotting.LandscapeDisplay` for the
    attributes.
    """

    plane: LandscapeSlice | ChangeSlice
    ax_: "Axes"
    figure_: "Figure"
    contour_: Any
    surface_: Any
    colorbar_: "Colorbar | None"

    @property
    @abstractmethod
    def values(self) -> Array:
        """(A, B) values to be drawn."""

    @property
    @abstractmethod
    def signed(self) -> bool:
        """Whether both signs may occur."""

    @property
    @abstractmethod
    def label(self) -> str:
        """What the values are, with their unit."""

    @property
    @abstractmethod
    def title(self) -> str:
        """Above the axes."""

    @property
    def axis_labels(self) -> tuple[str, str]:
        """Of the two coordinates."""
        frame = self.plane.frame
        return ("α", "β") if frame is None else (frame.labels[0], frame.labels[1])

    def _angle(self) -> list[str]:
        """Of the directions, for the title."""
        frame = self.plane.frame
        # adding 0 turns a negative zero into zero
        return [] if frame is None else [f"cos(u, v) = {round(frame.cosine, 3) + 0.0:g}"]

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
        """Draw."""
        check_style(ax, kind)
        scale = self.scale(kind=kind, log=log, vmin=vmin, vmax=vmax, n_levels=n_levels)
        values = self.values
        finite = np.isfinite(values)
        self.n_masked_ = int((~finite).sum())
        if self.n_masked_:
            warnings.warn(
                f"{self.n_masked_} of {finite.size} points of the plane have values that are not "
                "finite and are left out; draw a smaller neighborhood",
                SufficiencyWarning,
                stacklevel=2,
            )
        self.ax_ = _new_axes(kind) if ax is None else ax
        self.figure_ = self.ax_.figure  # type: ignore[assignment]
        self.contour_ = self.surface_ = self.colorbar_ = None
        masked = np.ma.masked_where(~finite, values)
        draw = self._plot_contour if kind == "contour" else self._plot_surface
        draw(self.ax_, masked, scale)
        self._mark(self.ax_, masked, scale, kind)
        x_label, y_label = self.axis_labels
        if kind == "surface":
            x_label, y_label = x_label.replace(" (", "\n("), y_label.replace(" (", "\n(")
        self.ax_.set(xlabel=x_label, ylabel=y_label, title=self.title)
        if colorbar:
            self.colorbar_ = self.add_colorbar([self.ax_], scale)
        return self

    def add_colorbar(self, axes: "Sequence[Axes]", scale: Scale) -> "Colorbar":
        """Beside these axes, for what was drawn last; it also says what a surface's height is."""
        if self.surface_ is None:
            bar = self.figure_.colorbar(
                self.contour_,
                ax=axes,
                label=self.label,
                ticks=scale.ticks,
                format="%g" if scale.log else None,
            )
            bar.minorticks_off()
            return bar
        label = f"log₁₀ of {self.label}" if scale.log else self.label
        return self.figure_.colorbar(self.surface_, ax=axes, label=label, shrink=0.8)

    def scale(
        self,
        *,
        kind: str = "contour",
        log: bool = False,
        vmin: float | None = None,
        vmax: float | None = None,
        n_levels: int = 20,
    ) -> Scale:
        """Colors of the values; parameters and errors as in :meth:`plot`, nothing is drawn."""
        if kind == "surface" and log and self.signed:
            raise ValueError(
                "`log` must be False for a surface of values with two signs, got True; draw "
                "contours, or their square"
            )
        return make_scale(
            self.values, signed=self.signed, log=log, vmin=vmin, vmax=vmax, n_levels=n_levels
        )

    def _plot_contour(self, ax: "Axes", values: Any, scale: Scale) -> None:
        # what lies below a logarithmic scale, zeros included, has its lowest color
        shown = np.ma.maximum(values, scale.levels[0]) if scale.log and not scale.signed else values
        alphas, betas = self.plane.alphas, self.plane.betas
        self.contour_ = ax.contourf(
            alphas,
            betas,
            shown.T,
            levels=scale.levels,
            norm=scale.norm(),
            cmap=scale.cmap,
            extend=scale.extend(values.compressed()),
        )
        ax.contour(
            alphas,
            betas,
            shown.T,
            levels=scale.levels[::2],
            colors="black",
            linewidths=0.3,
            linestyles="solid",
            alpha=0.5,
        )
        ax.set_facecolor("0.85")  # what is masked

    def _plot_surface(self, ax: Any, values: Any, scale: Scale) -> None:
        from matplotlib.colors import Normalize

        heights, limits = values, scale.limits
        if scale.log:
            heights = np.ma.log10(np.ma.maximum(values, scale.levels[0]))
            limits = (np.log10(limits[0]), np.log10(limits[1]))
        grid = np.meshgrid(self.plane.alphas, self.plane.betas, indexing="ij")
        self.surface_ = ax.plot_surface(
            *grid,
            heights.filled(np.nan),
            cmap="coolwarm" if scale.signed else scale.cmap,  # no white, for there is no outline
            norm=Normalize(*limits),
            rcount=len(self.plane.alphas),
            ccount=len(self.plane.betas),
            linewidth=0,
        )
        ax.computed_zorder = False  # the mark lies on the surface, not somewhere behind it
        ax.locator_params(nbins=5)
        ax.set_box_aspect(None, zoom=0.85)  # labels of two lines need room
        ax.set_zlim(*limits)  # so that surfaces on one scale have one height
        ax.xaxis.labelpad = ax.yaxis.labelpad = 14

    def _mark(self, ax: Any, values: Any, scale: Scale, kind: str) -> None:
        """The center, the points that the plane goes through, and what is left out."""
        alphas, betas = self.plane.alphas, self.plane.betas
        height = []
        if kind == "surface":
            at_center = float(values[alphas == 0, betas == 0].item())
            height = [np.log10(max(at_center, scale.levels[0])) if scale.log else at_center]
        (self.center_,) = ax.plot(
            [0.0],
            [0.0],
            *([height] if height else []),
            marker="x",
            linestyle="none",
            color="red",
            markersize=9,
            markeredgewidth=2,
            zorder=10,
            label=f"{self.plane.center} w*",
        )
        self.points_ = None
        frame = self.plane.frame
        if frame is not None and frame.points is not None and kind == "contour":
            self.points_ = ax.scatter(
                *frame.points.T, color="white", edgecolor="black", zorder=9, label="given points"
            )
            for number, point in enumerate(frame.points, start=1):
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
        handles, labels = ax.get_legend_handles_labels()
        if self.n_masked_:
            from matplotlib.patches import Patch

            handles.append(Patch(facecolor="0.85", edgecolor="0.5"))
            labels.append(f"not finite: {self.n_masked_} of {values.size}")
        ax.legend(handles, labels, loc="upper right", fontsize="small")


def check_style(ax: "Axes | None", kind: str) -> None:
    """Refuse an unknown kind of figure, and axes of another kind."""
    check_choice("kind", kind, KINDS)
    if ax is not None and (getattr(ax, "name", "") == "3d") != (kind == "surface"):
        wanted = "with" if kind == "surface" else "without"
        raise ValueError(
            f'`ax` must be made {wanted} projection="3d" for kind={kind!r}, got '
            f"{type(ax).__name__}; leave `ax` out for a new figure"
        )


def _new_axes(kind: str) -> "Axes":
    import matplotlib.pyplot as plt

    projection = {"projection": "3d"} if kind == "surface" else {}
    _, ax = plt.subplots(figsize=(6.4, 5), layout="constrained", subplot_kw=projection)
    return ax
