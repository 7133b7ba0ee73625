"""The questions of the result and the estimator, answered from plain measurements."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import cast

import numpy as np
import numpy.typing as npt

from sufficiency._validation import check_thresholds
from sufficiency.curves import FittedCurve
from sufficiency.curves.families import FAMILIES
from sufficiency.exceptions import (
    ExtrapolationWarning,
    NotIdentifiableError,
    UnreachableTargetError,
)
from sufficiency.sizing.estimates import estimate_size
from sufficiency.sizing.ladder import Ladder
from sufficiency.sizing.performance import estimate_for_target
from sufficiency.sizing.questions import absolute_threshold, ask, fit_delta
from sufficiency.sizing.replicates import Curve, Replicated, t_quantile

__all__ = [
    "parameter_intervals",
    "predict_size_for_loss",
    "predict_size_for_score",
    "predict_sufficient_size",
    "sufficient_size_interval",
]


def predict_sufficient_size(
    measurements: Ladder,
    threshold: npt.ArrayLike,
    *,
    family: str = "auto",
    relative: bool = False,
    growth: float | None = None,
) -> int | npt.NDArray[np.int64]:
    """Smallest size from which on the fitted change stays at or below a threshold."""
    values = check_thresholds(threshold)
    curve = ask(measurements, family=family, growth=growth).inside[0].curve
    sizes = [
        curve.sufficient_size(absolute_threshold(measurements, value, relative=relative))
        for value in values.ravel()
    ]
    if sizes:
        _warn_beyond(max(sizes), measurements.largest, "sufficient size")
    return sizes[0] if values.ndim == 0 else np.array(sizes, np.int64).reshape(values.shape)


def sufficient_size_interval(
    measurements: Ladder,
    threshold: float,
    *,
    confidence: float = 0.95,
    family: str = "auto",
    relative: bool = False,
    growth: float | None = None,
) -> tuple[int, float]:
    """
    Interval of the sufficient size.

    Inside the measured range the hull over the families that the data cannot tell apart; beyond
    it the bracket's (see :func:`sufficiency.sizing.estimates.estimate_size`).
    """
    t_quantile(confidence, measurements.n_repeats)
    absolute = absolute_threshold(measurements, threshold, relative=relative)
    question = ask(measurements, family=family, growth=growth)
    estimate = estimate_size(measurements, question, absolute, confidence)
    if estimate.size is not None:
        _warn_beyond(estimate.size, measurements.largest, "sufficient size")
    if estimate.interval is None:
        raise NotIdentifiableError(estimate.reason)
    return estimate.interval


def predict_size_for_loss(measurements: Ladder, target: float, *, best: float | None = None) -> int:
    """Samples at which the unseen loss comes down to a target."""
    return _predict_size_for(measurements, target, "loss", best)


def predict_size_for_score(
    measurements: Ladder, target: float, *, best: float | None = None
) -> int:
    """Samples at which the score on unseen samples comes up to a target."""
    return _predict_size_for(measurements, target, "score", best)


def _predict_size_for(measurements: Ladder, target: float, kind: str, best: float | None) -> int:
    estimate = estimate_for_target(measurements, target, kind, best=best)
    if estimate.status == "unreachable":
        raise UnreachableTargetError(estimate.reason)
    if estimate.size is None:
        raise NotIdentifiableError(estimate.reason)
    _warn_beyond(estimate.size, measurements.largest, f"size for the {kind} {target:g}")
    return estimate.size


def parameter_intervals(
    measurements: Ladder, *, family: str = "power_law", confidence: float = 0.95
) -> dict[str, tuple[float, float]]:
    """
    Intervals of a family's constants; that of alpha tests the theory (does it contain p?).

    The jackknife's t interval, on the log for constants that cannot be negative.
    """
    t_quantile(confidence, measurements.n_repeats)
    chosen = fit_delta(measurements, family).family
    fits = Replicated(lambda ladder: fit_delta(ladder, chosen), measurements)
    intervals = {}
    for name, value in cast(FittedCurve, fits.curve).parameters.items():
        if name in FAMILIES[chosen].log_scaled:
            log_constant = _constant(name, np.log)
            factor = np.exp(fits.half_width(log_constant, confidence, fits.error.common))
            intervals[name] = (float(value / factor), float(value * factor))
        else:
            half = fits.half_width(_constant(name, np.asarray), confidence)
            intervals[name] = (value - half, value + half)
    return intervals


def _constant(name: str, scale: Callable[[float], npt.ArrayLike]) -> Callable[[Curve], float]:
    def value(curve: Curve) -> float:
        # the transient's C or A may be 0: its log is −∞, and the standard error infinite
        with np.errstate(divide="ignore"):
            return float(np.asarray(scale(cast(FittedCurve, curve).parameters[name])))

    return value


def _warn_beyond(size: int, largest: int, what: str) -> None:
    if size > largest:
        warnings.warn(
            f"the {what}, {size:,}, lies {size / largest:.3g} times beyond the largest measured "
            f"size, {largest:,}; it rests on the fitted curve alone: see its interval",
            ExtrapolationWarning,
            stacklevel=4,
        )
