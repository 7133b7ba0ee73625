"""Sizes alone, for callers that want a number: no number is an error."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sufficiency._validation import check_thresholds
from sufficiency.exceptions import NotIdentifiableError, UnreachableTargetError
from sufficiency.sizing.caveats import beyond_measured, warn_of_caveats
from sufficiency.sizing.decay_fits import fit_decay
from sufficiency.sizing.estimates import estimate_size
from sufficiency.sizing.ladder import Ladder
from sufficiency.sizing.performance import estimate_for_target
from sufficiency.sizing.questions import absolute_threshold
from sufficiency.sizing.replicates import t_quantile

__all__ = ["predict_size_for_target", "predict_sufficient_size", "sufficient_size_interval"]


def predict_sufficient_size(
    ladder: Ladder,
    threshold: npt.ArrayLike,
    *,
    family: str = "auto",
    relative: bool = False,
    growth: float | None = None,
) -> int | npt.NDArray[np.int64]:
    """Smallest size from which on the fitted change stays at or below a threshold."""
    values = check_thresholds(threshold)
    curve = fit_decay(ladder, family, growth).inside[0].curve
    sizes = [
        curve.sufficient_size(absolute_threshold(ladder, value, relative=relative))
        for value in values.ravel()
    ]
    if sizes:
        _warn_beyond(max(sizes), ladder.largest, "the sufficient size")
    return sizes[0] if values.ndim == 0 else np.array(sizes, np.int64).reshape(values.shape)


def sufficient_size_interval(
    ladder: Ladder,
    threshold: float,
    *,
    confidence: float = 0.95,
    family: str = "auto",
    relative: bool = False,
    growth: float | None = None,
) -> tuple[int, float]:
    """Interval of the sufficient size (see :func:`sufficiency.sizing.estimates.estimate_size`)."""
    t_quantile(confidence, ladder.n_repeats)
    absolute = absolute_threshold(ladder, threshold, relative=relative)
    estimate = estimate_size(ladder, fit_decay(ladder, family, growth), absolute, confidence)
    _warn_beyond(estimate.size, ladder.largest, "the sufficient size")
    if estimate.interval is None:
        raise NotIdentifiableError(estimate.reason)
    return estimate.interval


def predict_size_for_target(
    ladder: Ladder, target: float, kind: str, *, best: float | None = None
) -> int:
    """Samples at which the loss or the score on unseen samples comes to a target."""
    estimate = estimate_for_target(ladder, target, kind, best=best)
    if estimate.status == "unreachable":
        raise UnreachableTargetError(estimate.reason)
    if estimate.size is None:
        raise NotIdentifiableError(estimate.reason)
    _warn_beyond(estimate.size, ladder.largest, f"the size for the {kind} {target:g}")
    return estimate.size


def _warn_beyond(size: int | None, largest: int, what: str) -> None:
    caveat = beyond_measured(size, largest, what)
    warn_of_caveats([caveat] if caveat else [])
