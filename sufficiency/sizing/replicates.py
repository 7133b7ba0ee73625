"""A fit to all repeats, and to all but one: where every interval comes from."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from numbers import Real
from typing import Any, Generic, TypeVar

import numpy as np
from scipy import stats

from sufficiency._types import Floats
from sufficiency._validation import shown
from sufficiency.curves import FittedCurve
from sufficiency.exceptions import InvalidParameterError
from sufficiency.sizing.growth import GrowthCurve
from sufficiency.sizing.ladder import Ladder

AnyCurve = TypeVar("AnyCurve", bound=FittedCurve | GrowthCurve)


@dataclass(frozen=True, eq=False)
class Replicated(Generic[AnyCurve]):
    """
    A curve, its leave-one-repeat-out versions, and the t intervals of what they give.

    The jackknife leaves out whole repeats, because the sizes of one are correlated. Fitting each
    repeat alone agrees to first order and is the same at R = 2; the jackknife stays near the mean
    that the answer rests on, where a single noisy repeat may fit wildly, and covers 1 to 2 % more
    often (simulated).
    """

    fit: Callable[[Ladder], AnyCurve]
    measurements: Ladder

    @cached_property
    def curve(self) -> AnyCurve:
        """Fitted to all repeats."""
        return self.fit(self.measurements)

    @cached_property
    def left_out(self) -> tuple[AnyCurve | None, ...]:
        """Fitted without repeat r, for each r; empty for a single repeat."""
        curves: list[AnyCurve | None] = []
        for some in self.measurements.left_out:
            try:
                curves.append(self.fit(some))
            except ValueError:
                # so many of their cells failed that too few sizes are left for the family
                curves.append(None)
        return tuple(curves)

    @cached_property
    def common(self) -> float:
        """
        Relative standard error of Δ that all repeats have in common.

        Repeats that share every candidate hold no information on another sample of candidates;
        then the pooled standard error within cells, which is over candidates, takes its place.
        """
        if np.isfinite(self.measurements.overlap_factor):
            return 0.0
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios = self.measurements.stderr / self.measurements.delta
        finite = ratios[np.isfinite(ratios)]
        return float(np.sqrt(np.mean(finite**2))) if finite.size else float("inf")

    def stderr(self, value: Callable[[AnyCurve], float]) -> float:
        """Jackknife standard error over repeats of a number that each curve gives."""
        values = [np.inf if curve is None else value(curve) for curve in self.left_out]
        factor = self.measurements.overlap_factor
        return (factor if np.isfinite(factor) else 1.0) * jackknife_stderr(np.array(values))

    def half_width(
        self, value: Callable[[AnyCurve], float], confidence: float, common: float = 0.0
    ) -> float:
        """Half the t interval of such a number, with a standard error that all repeats share."""
        t = t_quantile(confidence, len(self.left_out))
        return t * float(np.hypot(self.stderr(value), common))

    def log_kappa_interval(self, threshold: float, confidence: float) -> tuple[float, float]:
        """Interval of log(size + 1) at which the curve meets a threshold."""
        center = self.curve.log_kappa(threshold)
        if not np.isfinite(center):
            return -np.inf, np.inf
        if not self.left_out:
            return center, center
        common = 0.0
        if self.common:
            # −d log value/d log κ, by a central difference of a step of 1 %
            sizes = np.exp(center + np.array([-0.005, 0.005])) - 1.0
            low, high = np.log(self.curve.predict(sizes))
            common = self.common / (float(low - high) / 0.01)
        half = self.half_width(lambda curve: curve.log_kappa(threshold), confidence, common)
        return center - half, center + half

    def log_value_interval(self, size: float, confidence: float) -> tuple[float, float]:
        """Interval of the log of the curve's value at a size."""

        def log_value(curve: AnyCurve) -> float:
            return float(np.log(curve.predict(size)[0]))

        center = log_value(self.curve)
        half = self.half_width(log_value, confidence, self.common)
        return center - half, center + half


def jackknife_stderr(values: Floats) -> float:
    """√((R − 1)/R · Σ_r (x_r − x̄)²), x_r from all repeats but r (Efron and Stein 1981)."""
    if not np.isfinite(values).all():
        return float("inf")
    n = len(values)
    return float(np.sqrt((n - 1) / n * ((values - values.mean()) ** 2).sum()))


def check_confidence(confidence: Any) -> None:
    """Raise ValueError unless `confidence` is in (0, 1)."""
    # compared before float(), which some integers have none of
    if not isinstance(confidence, Real) or not (0 < confidence < 1):  # type: ignore[operator]
        raise InvalidParameterError(
            "confidence", f"must be in (0, 1), got {shown(confidence)}; 0.95 is the usual choice"
        )


def t_quantile(confidence: float, n_repeats: int) -> float:
    """Student's t for a two-sided interval from the spread over repeats."""
    check_confidence(confidence)
    if n_repeats < 2:
        raise InvalidParameterError(
            "n_repeats",
            f"must be >= 2 for an interval, got {n_repeats}; one training says nothing "
            "of how trainings differ: fit with more repeats",
        )
    return float(stats.t.ppf(0.5 + confidence / 2.0, n_repeats - 1))
