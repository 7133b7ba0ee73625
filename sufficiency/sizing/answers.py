"""The questions of the result and the estimator, answered from plain measurements."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import cast

import numpy as np
import numpy.typing as npt

from sufficiency._validation import check_thresholds
from sufficiency.curves import FittedCurve
from sufficiency.exceptions import (
    ExtrapolationWarning,
    NotIdentifiableError,
    UnreachableTargetError,
)
from sufficiency.measurements import LadderMeasurements
from sufficiency.sizing.estimates import estimate_size
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
    measurements: LadderMeasurements,
    threshold: npt.ArrayLike,
    *,
    family: str = "auto",
    relative: bool = False,
    growth: float | None = None,
) -> int | npt.NDArray[np.int64]:
    """
    Smallest size from which on the fitted change stays at or below a threshold.

    Parameters
    ----------
    measurements : LadderMeasurements
        The ladder.
    threshold : float or array-like
        Largest accepted Δ in loss^order, or, with `relative`, the RMS change as a share of the
        unseen loss at the largest size; > 0.
    family : {"auto", "theory", "power_law", "transient"}, default="auto"
        The form of the decay.
    relative : bool, default=False
        How to read `threshold`.
    growth : int or float, optional
        Samples that come at once (int) or the fraction by which the data grow (float); None: one
        sample.

    Returns
    -------
    int or ndarray of int64
        In samples, in the shape of `threshold`; never below the smallest measured size.

    Warns
    -----
    ExtrapolationWarning
        If an answer lies beyond the largest measured size.

    Raises
    ------
    ValueError
        If an argument makes no sense.
    NotIdentifiableError
        If the fitted curve meets a threshold nowhere.
    """
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
    measurements: LadderMeasurements,
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

    Parameters
    ----------
    measurements, threshold, family, relative, growth
        As in `predict_sufficient_size`.
    confidence : float, default=0.95
        In (0, 1).

    Returns
    -------
    (int, int or inf)
        Low and high, in samples.

    Warns
    -----
    ExtrapolationWarning
        If the answer lies beyond the largest measured size.

    Raises
    ------
    ValueError
        If an argument makes no sense, or there are fewer than two repeats.
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


def predict_size_for_loss(
    measurements: LadderMeasurements, target: float, *, best: float | None = None
) -> int:
    """
    Samples at which the unseen loss comes down to a target.

    Parameters
    ----------
    measurements : LadderMeasurements
        The ladder.
    target : float
        Loss.
    best : float, optional
        What no loss is below. None: 0 if all measured losses are positive, else no bound.

    Returns
    -------
    int

    Warns
    -----
    ExtrapolationWarning
        If the answer lies beyond the largest measured size.

    Raises
    ------
    UnreachableTargetError
        If the whole interval of the loss's floor lies above the target.
    NotIdentifiableError
        If the fitted floor does, but not its whole interval.
    ValueError
        If the target is better than any loss, or fewer than three sizes have one.
    """
    return _predict_size_for(measurements, target, "loss", best)


def predict_size_for_score(
    measurements: LadderMeasurements, target: float, *, best: float | None = None
) -> int:
    """
    Samples at which the score on unseen samples comes up to a target.

    Parameters
    ----------
    measurements : LadderMeasurements
        The ladder.
    target : float
        Score; larger is better.
    best : float, optional
        What no score is above. None: 1 if all measured scores are at most 1, else no bound.

    Returns
    -------
    int

    Warns
    -----
    ExtrapolationWarning
        If the answer lies beyond the largest measured size.

    Raises
    ------
    UnreachableTargetError
        If the whole interval of the score's ceiling lies below the target.
    NotIdentifiableError
        If the fitted ceiling does, but not its whole interval.
    ValueError
        If the target is better than any score, or fewer than three sizes have one.
    """
    return _predict_size_for(measurements, target, "score", best)


def _predict_size_for(
    measurements: LadderMeasurements, target: float, kind: str, best: float | None
) -> int:
    estimate = estimate_for_target(measurements, target, kind, best=best)
    if estimate.status == "unreachable":
        raise UnreachableTargetError(estimate.reason)
    if estimate.size is None:
        raise NotIdentifiableError(estimate.reason)
    _warn_beyond(estimate.size, measurements.largest, f"size for the {kind} {target:g}")
    return estimate.size


def parameter_intervals(
    measurements: LadderMeasurements, *, family: str = "power_law", confidence: float = 0.95
) -> dict[str, tuple[float, float]]:
    """
    Intervals of a family's constants; that of alpha tests the theory (does it contain p?).

    The jackknife's t interval, on the log for constants that cannot be negative.

    Parameters
    ----------
    measurements : LadderMeasurements
        The ladder.
    family : {"auto", "theory", "power_law", "transient"}, default="power_law"
        The form of the decay.
    confidence : float, default=0.95
        In (0, 1), for each constant on its own.

    Returns
    -------
    dict of str to (float, float)

    Raises
    ------
    ValueError
        If an argument makes no sense, or there are fewer than two repeats.
    """
    quantile = t_quantile(confidence, measurements.n_repeats)
    chosen = fit_delta(measurements, family).family
    fits = Replicated(lambda ladder: fit_delta(ladder, chosen), measurements)
    intervals = {}
    for name, value in cast(FittedCurve, fits.curve).parameters.items():
        if name in ("alpha", "beta"):
            half = quantile * fits.stderr(_constant(name, np.asarray))
            intervals[name] = (value - half, value + half)
        else:
            stderr = np.hypot(fits.stderr(_constant(name, np.log)), fits.error.common)
            factor = np.exp(quantile * stderr)
            intervals[name] = (float(value / factor), float(value * factor))
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
