"""Δ against the training size."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sufficiency._validation import check_number
from sufficiency.curves import FittedCurve
from sufficiency.curves.families import FAMILIES
from sufficiency.exceptions import NotIdentifiableError
from sufficiency.plotting.lines import (
    SIZE_LABEL,
    CurveDisplay,
    bars_on_log_axis,
    plot_fit,
    plot_points,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sufficiency.result import SufficiencyResult

__all__ = ["DeltaCurveDisplay"]

Floats = npt.NDArray[np.float64]

# Every point of the band is a few dozen fits.
_BAND_POINTS = 60


@dataclass(kw_only=True, eq=False, repr=False)
class DeltaCurveDisplay(CurveDisplay):
    """
    Δ against the training size, with the fitted decay and the sufficient size.

    Parameters
    ----------
    sizes : (m,) int64
        Measured sizes, in samples.
    deltas : (R, m) float64
        Δ of every repeat; NaN where a cell failed.
    delta, delta_stderr : (m,) float64
        Mean over repeats, and its standard error.
    curve : FittedCurve
        The fitted decay.
    threshold, sufficient_size : float and int, optional
        Largest acceptable Δ, and the size that meets it.
    band : (3, len) float64, optional
        Sizes, and the low and high ends of 95 % intervals of the fitted Δ there.
    in_sample : (m,) float64, optional
        Mean Δ from the samples that a single net was trained on.
    bounds : (3, len) float64, optional
        Sizes, the bound of Δ and Theorem 1's bound of its curvature term.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        After :meth:`plot`.
    points_ : matplotlib ErrorbarContainer
        Means and standard errors.
    repeats_ : list of matplotlib Line2D
        One for each repeat.
    curve_, extrapolation_ : matplotlib Line2D
        The fit inside the measured sizes, and beyond them.
    band_ : matplotlib FillBetweenPolyCollection
        The intervals; None without `band`.
    in_sample_, bound_, theorem1_ : matplotlib Line2D
        What their data show; None without them.
    threshold_, size_ : matplotlib Line2D
        The lines of the threshold and of the sufficient size; None without a threshold.

    See Also
    --------
    LandscapeSufficiencyEstimator.plot_delta : The same from a fitted estimator.
    """

    sizes: npt.NDArray[np.int64]
    deltas: Floats
    delta: Floats
    delta_stderr: Floats
    curve: FittedCurve
    threshold: float | None = None
    sufficient_size: int | None = None
    band: Floats | None = None
    in_sample: Floats | None = None
    bounds: Floats | None = None

    @classmethod
    def from_result(
        cls,
        result: SufficiencyResult,
        *,
        threshold: float | None = None,
        ax: Axes | None = None,
        bounds: Floats | None = None,
    ) -> DeltaCurveDisplay:
        """
        Draw a result.

        Parameters
        ----------
        result : SufficiencyResult
            From a fit or from disk.
        threshold : float, optional
            Largest acceptable Δ; its line and the sufficient size, if the curve has one, are
            marked.
        ax : matplotlib Axes, optional
            Where to draw; None: a new figure.
        bounds : (3, len) float64, optional
            As in the constructor.

        Returns
        -------
        DeltaCurveDisplay
            Drawn.
        """
        size = None
        if threshold is not None:
            threshold = check_number("threshold", threshold, above=0.0)
            # a threshold that the curve does not meet is drawn without a size
            with suppress(NotIdentifiableError):
                size = int(result.predict_sufficient_size(threshold))
        band = None
        if result.measurements.n_repeats > 1:
            sizes = np.geomspace(*_span(result.curve, size), _BAND_POINTS)
            band = np.vstack([sizes, result.delta_interval(sizes)])
        display = cls(
            sizes=result.sizes,
            deltas=result.table("delta"),
            delta=result.deltas,
            delta_stderr=result.delta_stderr,
            curve=result.curve,
            threshold=threshold,
            sufficient_size=size,
            band=band,
            in_sample=result.in_sample_deltas,
            bounds=bounds,
        )
        return display.plot(ax=ax)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        threshold: float | None = None,
        ax: Axes | None = None,
        show_bound: bool = False,
    ) -> DeltaCurveDisplay:
        """Draw a fitted estimator; `show_bound` as in its ``plot_delta``."""
        bounds = None
        if show_bound:
            constants = estimator.bound_constants()
            sizes = np.geomspace(*_span(estimator.curve_, None), 2)
            parts = [constants.whole(sizes), constants.curvature_part(sizes)]
            bounds = np.vstack([sizes, *parts])
        return cls.from_result(estimator.result_, threshold=threshold, ax=ax, bounds=bounds)

    def _draw(self, ax: Axes) -> None:
        self._plot_measurements(ax)
        self._plot_curve(ax)
        self._plot_theory(ax)
        self._plot_threshold(ax)
        power, unit = ("squared", "loss²") if self.curve.order == 2 else ("absolute", "loss")
        ax.set(
            xscale="log",
            yscale="log",
            xlabel=SIZE_LABEL,
            ylabel=f"Δ: mean {power} change of the loss\nwhen one sample is added ({unit})",
        )
        ax.legend()

    def _plot_measurements(self, ax: Axes) -> None:
        n_repeats = len(self.deltas)
        self.repeats_ = ax.plot(
            self.sizes, self.deltas.T, ".-C0", alpha=0.35, linewidth=0.8, markersize=4
        )
        if n_repeats > 1:
            self.repeats_[0].set_label("single repeats")
        label = f"mean of {n_repeats} repeats ± s.e." if n_repeats > 1 else "Δ ± s.e."
        bars = bars_on_log_axis(self.delta, self.delta_stderr)
        self.points_ = plot_points(ax, self.sizes, self.delta, bars, color="C0", label=label)

    def _plot_curve(self, ax: Axes) -> None:
        formula = FAMILIES[self.curve.family].mathtext(self.curve.order, self.curve.parameters)
        end = _span(self.curve, self.sufficient_size)[1]
        label = rf"fit: ${formula}$, $\kappa = k + 1$"
        self.curve_, self.extrapolation_ = plot_fit(ax, self.curve, end, label)
        self.band_ = None
        if self.band is not None:
            self.band_ = ax.fill_between(
                *self.band, color="C1", alpha=0.15, linewidth=0, label="95 % interval of the fit"
            )

    def _plot_theory(self, ax: Axes) -> None:
        self.in_sample_ = self.bound_ = self.theorem1_ = None
        if self.in_sample is not None:
            (self.in_sample_,) = ax.plot(
                self.sizes, self.in_sample, "x-", color="0.4", markersize=4, linewidth=0.8
            )
            self.in_sample_.set_label("on the training samples")
        if self.bounds is not None:
            sizes, whole, part = self.bounds
            (self.bound_,) = ax.plot(sizes, whole, color="C4", label="bound")
            (self.theorem1_,) = ax.plot(
                sizes, part, color="C4", linestyle=":", label="Theorem 1 (curvature term)"
            )

    def _plot_threshold(self, ax: Axes) -> None:
        self.threshold_ = self.size_ = None
        if self.threshold is None:
            return
        self.threshold_ = ax.axhline(
            self.threshold, color="C3", linewidth=1, label=f"threshold {self.threshold:.2g}"
        )
        if self.sufficient_size is not None:
            label = f"sufficient: {self.sufficient_size:,} samples"
            self.size_ = ax.axvline(
                self.sufficient_size, color="C2", linewidth=1, linestyle=":", label=label
            )


def _span(curve: FittedCurve, size: float | None) -> tuple[float, float]:
    """Sizes that are drawn: to twice the largest, or a little beyond the answer."""
    return float(curve.sizes[0]), max(2.0 * curve.sizes[-1], 1.3 * (size or 0))
