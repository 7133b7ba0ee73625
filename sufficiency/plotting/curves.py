"""Curves with their points and error bars: Δ, the learning curve, errors of a model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np
import numpy.typing as npt

from sufficiency._representations import in_formula
from sufficiency._tables import mean_of_finished
from sufficiency._types import Floats, Integers
from sufficiency._validation import check_number
from sufficiency.curves import FittedCurve
from sufficiency.curves.families import FAMILIES
from sufficiency.exceptions import NotIdentifiableError
from sufficiency.plotting.axes import (
    add_legend,
    colors_on,
    label_line,
    label_powers,
    label_sizes,
    new_axes,
    text_that_fits,
)
from sufficiency.sizing.learning_curve import SIZES_NEEDED, LearningCurve
from sufficiency.sizing.performance import fit_performance
from sufficiency.sizing.questions import DeltaQuestion

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.container import ErrorbarContainer
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    from sufficiency.curvature import QuadraticValidation
    from sufficiency.result import SufficiencyResult

_SIZE_LABEL = "training size k (samples)"

# Every point of the band is a few dozen fits.
_BAND_POINTS = 60


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
        with text_that_fits(self.ax_):
            self._draw(self.ax_)
        return self

    @abstractmethod
    def _draw(self, ax: Axes) -> None:
        """Draw everything."""


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
        Sizes, and the low and high ends of intervals of Δ there.
    forecast : (2, len) float64, optional
        Sizes beyond the measured ones, and the median of Δ there; None: the curve is continued.
    in_sample : (m,) float64, optional
        Mean Δ from the samples that a single net was trained on.
    bounds : (3, len) float64, optional
        Sizes, the bound of Δ and Theorem 1's bound of its curvature term.
    confidence : float, default=0.95
        Of the band.
    reach : float, default=0
        Size up to which the curve is drawn at least.

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
    answer_ : matplotlib Annotation
        What is written at the line of the threshold; None without.

    See Also
    --------
    LandscapeSufficiencyEstimator.plot_delta : The same from a fitted estimator.
    """

    sizes: Integers
    deltas: Floats
    delta: Floats
    delta_stderr: Floats
    curve: FittedCurve
    threshold: float | None = None
    sufficient_size: int | None = None
    band: Floats | None = None
    forecast: Floats | None = None
    in_sample: Floats | None = None
    bounds: Floats | None = None
    confidence: float = 0.95
    reach: float = 0.0

    @classmethod
    def from_result(
        cls,
        result: SufficiencyResult,
        *,
        threshold: float | None = None,
        ax: Axes | None = None,
        bounds: Floats | None = None,
        confidence: float = 0.95,
        prior: str | None = "bank",
        reach: float = 0.0,
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
        bounds, confidence, reach
            As in the constructor.
        prior : {"bank", None}, default="bank"
            What is drawn beyond the measured sizes rests on it; see
            :meth:`SufficiencyResult.predict_sufficient_size`.

        Returns
        -------
        DeltaCurveDisplay
        """
        size = None
        if threshold is not None:
            threshold = check_number("threshold", threshold, above=0.0)
            # a threshold that the curve does not meet is drawn without a size
            with suppress(NotIdentifiableError):
                size = int(result.predict_sufficient_size(threshold, prior=prior))
        band = None
        span = _span(result.curve, size, reach)
        if result.measurements.n_repeats > 1:
            sizes = np.geomspace(*span, _BAND_POINTS)
            ends = result.delta_interval(sizes, confidence=confidence, prior=prior)
            band = np.vstack([sizes, ends])
        forecast = None
        # that of any threshold
        found = DeltaQuestion(1.0, prior=prior).forecast(result.measurements, result.family)
        if found is not None:
            beyond = np.geomspace(found.largest, span[1], _BAND_POINTS)
            forecast = np.vstack([beyond, found.values(beyond, 0.5)])
        display = cls(
            sizes=result.sizes,
            deltas=result.table("delta"),
            delta=result.deltas,
            delta_stderr=result.delta_stderr,
            curve=result.curve,
            threshold=threshold,
            sufficient_size=size,
            band=band,
            forecast=forecast,
            in_sample=result.in_sample_deltas,
            bounds=bounds,
            confidence=confidence,
            reach=reach,
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
            bounds = np.vstack([sizes, constants.whole(sizes), constants.curvature_part(sizes)])
        return cls.from_result(estimator.result_, threshold=threshold, ax=ax, bounds=bounds)

    def _draw(self, ax: Axes) -> None:
        self._draw_measurements(ax)
        self._draw_theory(ax)
        power, unit = ("squared", "loss²") if self.curve.order == 2 else ("absolute", "loss")
        ax.set(
            xscale="log",
            yscale="log",
            xlabel=_SIZE_LABEL,
            ylabel=f"Δ: mean {power} change of the loss\nwhen one sample is added ({unit})",
        )
        self._draw_threshold(ax)
        label_sizes(ax)
        label_powers(ax.yaxis)
        add_legend(ax)

    def _draw_measurements(self, ax: Axes) -> None:
        n_repeats, colors = len(self.deltas), colors_on(ax)
        style: dict[str, Any] = {"color": colors["points"], "alpha": 0.35, "linewidth": 0.8}
        self.repeats_ = ax.plot(self.sizes, self.deltas.T, ".-", markersize=4, **style)
        if n_repeats > 1:
            self.repeats_[0].set_label("single repeats")
        label = f"mean of {n_repeats} repeats ± s.e." if n_repeats > 1 else "Δ ± s.e."
        bars = _bars_on_log_axis(self.delta, self.delta_stderr)
        color = colors["points"]
        self.points_ = _plot_points(ax, self.sizes, self.delta, bars, color=color, label=label)
        formula = FAMILIES[self.curve.family].mathtext(self.curve.order, self.curve.parameters)
        end = _span(self.curve, self.sufficient_size, self.reach)[1]
        label = rf"fit: ${formula}$, $\kappa = k + 1$"
        self.curve_, self.extrapolation_ = _plot_fit(ax, self.curve, end, label, self.forecast)
        self.band_ = None
        if self.band is not None:
            label = f"{100 * self.confidence:g} % interval"
            self.band_ = ax.fill_between(
                *self.band, color=colors["fit"], alpha=0.15, linewidth=0, label=label
            )

    def _draw_theory(self, ax: Axes) -> None:
        self.in_sample_ = self.bound_ = self.theorem1_ = None
        muted, ink = colors_on(ax)["muted"], colors_on(ax)["ink"]
        if self.in_sample is not None:
            (self.in_sample_,) = ax.plot(
                self.sizes, self.in_sample, "x-", color=muted, markersize=4, linewidth=0.8
            )
            self.in_sample_.set_label("on the training samples")
        if self.bounds is not None:
            sizes, whole, part = self.bounds
            (self.bound_,) = ax.plot(sizes, whole, color=ink, label="bound")
            (self.theorem1_,) = ax.plot(
                sizes, part, color=ink, linestyle=":", label="Theorem 1 (curvature term)"
            )

    def _draw_threshold(self, ax: Axes) -> None:
        self.threshold_ = self.size_ = self.answer_ = None
        if self.threshold is None:
            return
        colors, text = colors_on(ax), f"threshold ${in_formula(self.threshold)}$"
        self.threshold_ = ax.axhline(self.threshold, color=colors["threshold"], linewidth=1)
        if self.sufficient_size is not None:
            text += f"\nsufficient: {self.sufficient_size:,} samples"
            self.size_ = ax.axvline(
                self.sufficient_size, color=colors["size"], linewidth=1.2, linestyle=":"
            )
        self.answer_ = label_line(ax, text, self.threshold, color=colors["threshold"])


@dataclass(kw_only=True, eq=False, repr=False)
class LearningCurveDisplay(CurveDisplay):
    """
    The ordinary learning curve, from the same trainings as Δ.

    Parameters
    ----------
    sizes : (m,) int64
        Measured sizes, in samples.
    losses : (R, m) float64
        Mean loss on unseen samples; NaN where a cell failed.
    scores : (R, m) float64
        Score on unseen samples; all NaN if there is none.
    loss_curve : LearningCurve, optional
        The fitted E + A·κ^(−β) of the loss.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        Those of the loss, after :meth:`plot`.
    score_ax_ : matplotlib Axes
        Right axis of the score; None without scores.
    losses_, scores_ : matplotlib ErrorbarContainer
        Means over repeats and their standard errors; `scores_` is None without scores.
    curve_, extrapolation_, floor_ : matplotlib Line2D
        The fit inside the measured sizes, beyond them, and its floor E; None without a fit.

    See Also
    --------
    LandscapeSufficiencyEstimator.plot_learning_curve : The same from a fitted estimator.
    """

    sizes: Integers
    losses: Floats
    scores: Floats
    loss_curve: LearningCurve | None = None

    @classmethod
    def from_result(
        cls, result: SufficiencyResult, *, ax: Axes | None = None
    ) -> LearningCurveDisplay:
        """
        Draw a result.

        Parameters
        ----------
        result : SufficiencyResult
            From a fit or from disk.
        ax : matplotlib Axes, optional
            Where to draw; None: a new figure.

        Returns
        -------
        LearningCurveDisplay
            Drawn. Fewer than three sizes are drawn without a fit.
        """
        losses, scores = result.measurements.unseen_loss, result.measurements.unseen_score
        enough = np.isfinite(losses).any(axis=0).sum() >= SIZES_NEEDED
        curve = fit_performance(result.measurements, "loss").curve if enough else None
        display = cls(sizes=result.sizes, losses=losses, scores=scores, loss_curve=curve)
        return display.plot(ax=ax)

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Axes | None = None) -> LearningCurveDisplay:
        """Draw a fitted estimator; parameters as in :meth:`from_result`."""
        return cls.from_result(estimator.result_, ax=ax)

    def _draw(self, ax: Axes) -> None:
        colors = colors_on(ax)
        self.losses_ = self._draw_points(ax, self.losses, colors["points"], "o", "loss")
        self.curve_ = self.extrapolation_ = self.floor_ = None
        if (curve := self.loss_curve) is not None:
            power = rf"(\kappa/{curve.sizes[0] + 1})^{{-{curve.beta:.3g}}}"
            floor, amplitude = in_formula(curve.floor), in_formula(curve.amplitude)
            label = rf"fit: ${floor} + {amplitude}\,{power}$"
            self.curve_, self.extrapolation_ = _plot_fit(ax, curve, 2.0 * curve.sizes[-1], label)
            self.floor_ = ax.axhline(
                curve.floor, color=colors["fit"], linewidth=0.8, linestyle=":", label="fitted floor"
            )
        ax.set(xscale="log", xlabel=_SIZE_LABEL, ylabel="loss on unseen samples")
        ax.yaxis.label.set_color(colors["points"])
        label_sizes(ax)
        self.score_ax_ = self.scores_ = None
        handles, labels = ax.get_legend_handles_labels()
        if np.isfinite(self.scores).any():
            self.score_ax_ = ax.twinx()
            color = colors["size"]
            self.scores_ = self._draw_points(self.score_ax_, self.scores, color, "s", "score")
            self.score_ax_.set_ylabel("score on unseen samples", color=color)
            more = self.score_ax_.get_legend_handles_labels()
            handles, labels = handles + more[0], labels + more[1]
        # one curve falls while the other rises: inside there is hardly any room
        both = [it for it in (ax, self.score_ax_) if it]
        add_legend(ax, handles, labels, loc="center right", shared_by=both)

    def _draw_points(self, ax: Axes, table: Floats, color: str, fmt: str, name: str) -> Any:
        counts = np.isfinite(table).sum(axis=0)
        kept = counts > 0
        table, counts = table[:, kept], counts[kept]
        mean = mean_of_finished(table)
        squares = np.nansum((table - mean) ** 2, axis=0)
        # a single repeat has no spread, and no bar
        stderr = np.sqrt(squares / np.maximum(counts - 1, 1) / counts)
        label = f"{name}, mean of {len(table)} ± s.e." if len(table) > 1 else name
        return _plot_points(ax, self.sizes[kept], mean, stderr, fmt=fmt, color=color, label=label)


class QuadraticValidationDisplay(CurveDisplay):
    """
    Relative error of the quadratic increment over σ, and the largest valid σ.

    Parameters
    ----------
    validation : QuadraticValidation
        From :func:`sufficiency.curvature.validate_quadratic`.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        After :meth:`plot`.
    errors_ : matplotlib ErrorbarContainer
        Errors and their standard errors.
    tolerance_ : matplotlib Line2D
        The largest error that counts as valid.
    largest_ : matplotlib Line2D
        The largest valid σ; None if there is none.
    answer_ : matplotlib Annotation
        What is written at the line of the tolerance.

    Examples
    --------
    >>> import numpy as np
    >>> from sufficiency.curvature import QuadraticValidation
    >>> from sufficiency.plotting import QuadraticValidationDisplay
    >>> validation = QuadraticValidation(
    ...     sigmas=np.array([0.01, 0.1]), relative_error=np.array([0.001, 0.5]),
    ...     stderr=np.array([1e-4, 0.05]), delta_ratio=np.array([1.0, 1.6]), tolerance=0.1,
    ...     n_draws=16, n_candidates=100)
    >>> display = QuadraticValidationDisplay(validation).plot()
    >>> print(display.ax_.get_title())
    the quadratic model is within 10% up to a scale of 0.01
    """

    def __init__(self, validation: QuadraticValidation) -> None:
        self.validation = validation

    @classmethod
    def from_validation(
        cls, validation: QuadraticValidation, *, ax: Axes | None = None
    ) -> QuadraticValidationDisplay:
        """
        Draw a validation.

        Parameters
        ----------
        validation, ax
            As in the class and in :meth:`plot`.

        Returns
        -------
        QuadraticValidationDisplay
        """
        return cls(validation).plot(ax=ax)

    def _draw(self, ax: Axes) -> None:
        found = self.validation
        bars = _bars_on_log_axis(found.relative_error, found.stderr)
        label = f"error ± s.e., {found.n_draws} draws, {found.n_candidates} candidates"
        colors = colors_on(ax)
        self.errors_ = _plot_points(
            ax,
            found.sigmas,
            found.relative_error,
            bars,
            fmt="o-",
            color=colors["points"],
            label=label,
        )
        self.tolerance_ = ax.axhline(found.tolerance, color=colors["threshold"], linewidth=1)
        text, self.largest_ = f"tolerance ${in_formula(found.tolerance)}$", None
        if np.isfinite(found.largest_valid):
            text += f"\nlargest valid: ${in_formula(found.largest_valid)}$"
            self.largest_ = ax.axvline(
                found.largest_valid, color=colors["size"], linewidth=1.2, linestyle=":"
            )
        ax.set(
            xscale="log",
            yscale="log",
            xlabel="scale σ of the probe",
            ylabel="relative error of the\nquadratic increment (rms)",
            title=str(found),
        )
        for axis in (ax.xaxis, ax.yaxis):
            label_powers(axis)
        # errors grow with σ, so there is room on the left
        color = colors["threshold"]
        self.answer_ = label_line(ax, text, found.tolerance, side="left", color=color)
        add_legend(ax)


def _span(curve: FittedCurve, size: float | None, reach: float = 0.0) -> tuple[float, float]:
    """Sizes that are drawn: to twice the largest, or a little beyond the answer."""
    return float(curve.sizes[0]), max(2.0 * curve.sizes[-1], 1.3 * (size or 0), reach)


def _plot_points(
    ax: Axes, x: npt.ArrayLike, mean: Floats, bars: Floats, *, fmt: str = "o", **style: Any
) -> ErrorbarContainer:
    """Means with their standard errors."""
    return ax.errorbar(x, mean, yerr=bars, fmt=fmt, markersize=5, capsize=3, **style)


def _bars_on_log_axis(mean: Floats, stderr: Floats) -> Floats:
    """Lower and upper lengths of error bars (2, m); the lower ends stay above zero."""
    return np.stack([np.minimum(stderr, 0.999 * mean), stderr])


def _plot_fit(
    ax: Axes,
    curve: FittedCurve | LearningCurve,
    end: float,
    label: str,
    forecast: Floats | None = None,
) -> tuple[Line2D, Line2D]:
    """A fit over its measured sizes, and dashed what comes from the largest of them to an end."""
    # the curve knows at which sizes any cell finished
    first, last = float(curve.sizes[0]), float(curve.sizes[-1])
    inside, beyond = np.geomspace(first, last, 200), np.geomspace(last, end, 200)
    color = colors_on(ax)["fit"]
    (solid,) = ax.plot(inside, curve.predict(inside), "-", color=color, label=label)
    if forecast is None:
        data, label = (beyond, curve.predict(beyond)), "extrapolated"
    else:
        data, label = (forecast[0], forecast[1]), "forecast"
    (dashed,) = ax.plot(*data, "--", color=color, label=label)
    return solid, dashed
