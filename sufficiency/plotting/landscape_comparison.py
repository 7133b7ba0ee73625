"""Planes side by side, on one color scale and in neighborhoods of equal norm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sufficiency._random import RandomState, seed_from
from sufficiency._validation import check_choice
from sufficiency.landscape import (
    Geometry,
    RandomDirections,
    TopEigenvectors,
    change_slice,
    landscape_slice,
)
from sufficiency.landscape.slices import Grid, PlaneDirections
from sufficiency.plotting.axes import limits_of, new_axes, text_that_fits
from sufficiency.plotting.landscape import (
    LandscapeChangeDisplay,
    LandscapeDisplay,
    PlaneDisplay,
    check_style,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Rounding of norms that were scaled to be equal, in single precision.
_EQUAL = 1e-4


class LandscapeComparisonDisplay:
    """
    Several planes side by side, on one color scale.

    Planes of different nets are comparable in neighborhoods of equal norm (appendix B.2): with
    directions that have one norm, or each the norm of its own w*. Fixed norms favor large nets,
    whose weights move less each; relative ones let a net with large weights move further.

    Parameters
    ----------
    displays : sequence of LandscapeDisplay or of LandscapeChangeDisplay
        Not drawn yet.
    titles : sequence of str
        One for each.

    Attributes
    ----------
    axes_, figure_ : (n,) ndarray of matplotlib Axes, and their Figure
        After :meth:`plot`.
    colorbar_ : matplotlib Colorbar
        The common scale.

    Raises
    ------
    ValueError
        If there are fewer than two, titles do not match, kinds are mixed, or norms are unequal.
    """

    axes_: npt.NDArray
    figure_: Figure

    def __init__(self, displays: Sequence[PlaneDisplay], titles: Sequence[str]) -> None:
        self.displays = displays
        self.titles = titles

    @classmethod
    def from_estimators(
        cls,
        estimators: Mapping[str, Any],
        X: npt.ArrayLike,
        y: npt.ArrayLike,
        *,
        norm: float | str | None = None,
        size: int | None = None,
        directions: RandomDirections | TopEigenvectors | None = None,
        grid: Grid | None = None,
        random_state: RandomState = 0,
        kind: str = "contour",
        log: bool = False,
        axes: Sequence[Axes] | None = None,
    ) -> LandscapeComparisonDisplay:
        """
        Measure the landscapes of several fitted estimators or nets and draw them side by side.

        Parameters
        ----------
        estimators : mapping of {str: LandscapeSufficiencyEstimator or NeuralNet}
            Fitted, by the title that each gets.
        X, y : array-like
            Samples, for all of them. For nets with different inputs, measure each by
            :func:`sufficiency.landscape.landscape_slice` and pass displays of the planes.
        norm : float or "relative", optional
            Norm of every direction in units of weights; "relative": for each net that of its own
            w*. None: the smallest of these, for all nets.
        directions : RandomDirections or TopEigenvectors, optional
            What is drawn or computed around each net, at that norm. None: ``RandomDirections()``.
        size, grid, random_state
            As in :func:`sufficiency.landscape.landscape_slice`.
        kind, log, axes
            As in :meth:`plot`.

        Returns
        -------
        LandscapeComparisonDisplay
        """
        check_style(None, kind)
        if len(estimators) < 2:
            raise ValueError(f"`estimators` must be two or more, got {len(estimators)}")
        how, seed = directions or RandomDirections(), seed_from(random_state)
        if not isinstance(how, (RandomDirections, TopEigenvectors)):
            raise TypeError(
                "`directions` must be RandomDirections or TopEigenvectors, which are made around "
                f"each net, got {type(how).__name__}; pass displays of planes along your own"
            )
        if how.norm is not None:
            raise ValueError(
                f"`directions` must have no norm of their own, got {how.norm:g}; pass `norm`"
            )
        if norm is None:
            drawn = how if isinstance(how, RandomDirections) else RandomDirections()
            norm = min(drawn.around(net, n=1).geometry.center_norm for net in estimators.values())
        if isinstance(norm, str):
            check_choice("norm", norm, ("relative",))
            norm = None
        how = replace(how, norm=norm)
        planes = (
            landscape_slice(net, X, y, size=size, directions=how, grid=grid, random_state=seed)
            for net in estimators.values()
        )
        displays = [LandscapeDisplay(plane) for plane in planes]
        return cls(displays, list(estimators)).plot(axes, kind=kind, log=log)

    @classmethod
    def from_sizes(
        cls,
        estimator: Any,
        X: npt.ArrayLike,
        y: npt.ArrayLike,
        sizes: Sequence[int],
        *,
        grow: int = 1,
        sigma: float | None = None,
        squared: bool = False,
        weighted: bool = True,
        directions: PlaneDirections = None,
        grid: Grid | None = None,
        random_state: RandomState = 0,
        kind: str = "contour",
        log: bool = False,
        axes: Sequence[Axes] | None = None,
    ) -> LandscapeComparisonDisplay:
        """
        Measure the change at several sizes around one net, on one plane: figure 6 of the paper.

        Parameters
        ----------
        estimator, X, y, grow, sigma, directions, grid, random_state
            As in :func:`sufficiency.landscape.change_slice`.
        sizes : sequence of int
            k of each plane.
        squared, weighted
            As in :class:`LandscapeChangeDisplay`.
        kind, log, axes
            As in :meth:`plot`.

        Returns
        -------
        LandscapeComparisonDisplay
        """
        check_style(None, kind)
        seed = seed_from(random_state)
        planes = [
            change_slice(
                estimator,
                X,
                y,
                size=size,
                grow=grow,
                sigma=sigma,
                directions=directions,
                grid=grid,
                random_state=seed,
            )
            for size in sizes
        ]
        displays = [LandscapeChangeDisplay(p, squared=squared, weighted=weighted) for p in planes]
        titles = [f"k = {plane.size:,}" for plane in planes]
        return cls(displays, titles).plot(axes, kind=kind, log=log)

    def plot(
        self,
        axes: Sequence[Axes] | None = None,
        *,
        kind: str = "contour",
        log: bool = False,
        vmin: float | None = None,
        vmax: float | None = None,
    ) -> LandscapeComparisonDisplay:
        """
        Draw the planes.

        Parameters
        ----------
        axes : sequence of matplotlib Axes, optional
            One for each plane; None: a new figure.
        kind, log
            As in :meth:`LandscapeDisplay.plot`.
        vmin, vmax : float, optional
            Ends of the common scale; None: those of all values.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For what cannot be compared, before a figure is opened.
        """
        self._check(axes, kind)
        first = self.displays[0]
        low, high = limits_of([d.values for d in self.displays], signed=first.signed)
        low, high = low if vmin is None else vmin, high if vmax is None else vmax
        scales = [d.scale(kind=kind, log=log, vmin=low, vmax=high) for d in self.displays]
        if axes is None:
            width, height = (4.8, 4.8) if kind == "surface" else (3.9, 4.2)
            n = len(self.displays)
            axes = new_axes(n, (width * n + 1, height), kind)
        self.axes_ = np.ravel(np.asarray(axes))
        self.figure_ = self.axes_[0].figure
        for ax, display, title in zip(self.axes_, self.displays, self.titles, strict=True):
            display.plot(ax, kind=kind, log=log, vmin=low, vmax=high, colorbar=False)
            with text_that_fits(ax):
                ax.set_title(title + self._norm_of(display))
        self._leave_out_what_repeats(kind)
        with text_that_fits(self.axes_[0]):
            self.colorbar_ = first.add_colorbar(list(self.axes_), scales[0])
        return self

    def _leave_out_what_repeats(self, kind: str) -> None:
        """Legends with the same entries, and labels of an axis beside the first one."""
        first, *others = self.axes_
        known = first.get_legend_handles_labels()[1]
        for ax in others:
            if kind == "contour" and ax.get_position().x0 > first.get_position().x0:
                ax.set_ylabel("")
            if ax.get_legend() and ax.get_legend_handles_labels()[1] == known:
                ax.get_legend().remove()

    def _check(self, axes: Sequence[Axes] | None, kind: str) -> None:
        """Refuse what cannot be compared."""
        n = len(self.displays)
        if n < 2 or len(self.titles) != n:
            raise ValueError(
                f"`displays` must be two or more, with a title each, got {n} and "
                f"{len(self.titles)} titles"
            )
        labels = sorted({display.label for display in self.displays})
        if len(labels) > 1:
            raise ValueError(f"`displays` must show the same quantity, got {labels}")
        if axes is not None and len(axes) != n:
            raise ValueError(f"`axes` must be {n}, one for each display, got {len(axes)}")
        for ax in [None] if axes is None else axes:
            check_style(ax, kind)
        norms = np.array([geometry.norms for geometry in self._geometries()])
        relative = np.array([g.norms / g.center_norm for g in self._geometries()])
        if not (_all_equal(norms) or _all_equal(relative)):
            raise ValueError(
                "`displays` must have directions of equal norm, absolute or relative to w*, got "
                f"{norms.round(4).tolist()}; measure them with the same `norm`"
            )

    def _geometries(self) -> list[Geometry]:
        planes = (display.plane for display in self.displays)
        return [plane.geometry for plane in planes if plane.geometry is not None]

    def _norm_of(self, display: PlaneDisplay) -> str:
        """Norm of w* for the title, where the nets differ."""
        geometry = display.plane.geometry
        if geometry is None or _all_equal(np.array([g.center_norm for g in self._geometries()])):
            return ""
        return f"\n‖w*‖ = {geometry.center_norm:.3g}"


def _all_equal(values: npt.NDArray[np.float64]) -> bool:
    """Whether all rows are the same, apart from rounding."""
    return len(values) == 0 or np.allclose(values, values[0], rtol=_EQUAL, atol=0)
