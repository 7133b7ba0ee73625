"""What makes a size mean less than it seems to."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sufficiency.sizing.ladder import Ladder

__all__ = [
    "caveats_of_measurements",
    "find_caveats",
    "heavy_tailed",
    "inert",
    "no_better_than_constant",
    "unsettled",
]

Mask = npt.NDArray[np.bool_]

# design.md, "Decisions already taken": a drift of 5 % of the rms of ℓ − L_k moves Δ by 10 %.
DRIFT_SHARE = 0.05
CONSTANT_SHARE = 0.9
INERT_RATIO = 1.05
TOP_SHARE = 0.5
# With fewer candidates "the largest 1 %" is one of few and says nothing about tails.
FEWEST_FOR_TAILS = 50


def unsettled(measurements: Ladder) -> Mask:
    """
    Cells whose training loss still moves too much.

    The drift over the last tenth of the training is held against the rms of ℓ − L_k, which is
    (k+1)·Δ^(1/p); for order 1 its mean absolute value. A training of a single step has no drift,
    and is not settled either.
    """
    level = measurements.delta ** (1.0 / measurements.order) * (measurements.sizes + 1.0)
    return np.isfinite(level) & ~(measurements.loss_drift <= DRIFT_SHARE * level)


def no_better_than_constant(measurements: Ladder) -> Mask:
    """(R, m) bool: the unseen loss is not 10 % below that of the best constant prediction."""
    constant = np.asarray(measurements.constant_loss)
    # log densities give losses below zero
    margin = (1.0 - CONSTANT_SHARE) * np.abs(constant)
    return measurements.unseen_loss > constant - margin


def heavy_tailed(measurements: Ladder) -> Mask:
    """(R, m) bool: the largest 1 % of the candidates carry more than half of Δ."""
    return (measurements.top1pct_share > TOP_SHARE) & (
        measurements.n_candidates >= FEWEST_FOR_TAILS
    )


def inert(measurements: Ladder) -> bool:
    """Whether the median of Δ over its value at the centers alone is below 1.05."""
    finished = np.isfinite(measurements.delta)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = measurements.delta[finished] / measurements.delta_point[finished]
    return bool(ratios.size) and bool(np.median(ratios) < INERT_RATIO)


def caveats_of_measurements(measurements: Ladder) -> tuple[str, ...]:
    """Reasons to doubt all answers alike, in plain words."""
    finished = int(np.isfinite(measurements.delta).sum())
    counted = (
        (unsettled(measurements), "{} of {} trained centers were still moving"),
        (
            no_better_than_constant(measurements),
            "{} of {} nets are hardly better than a constant prediction, around which Δ means "
            "little",
        ),
        (
            heavy_tailed(measurements),
            "in {} of {} cells 1 % of the candidates carry more than half of Δ",
        ),
    )
    found = [text.format(int(mask.sum()), finished) for mask, text in counted if mask.any()]
    if inert(measurements):
        found.append("the probe adds less than 5 % to Δ at the centers themselves")
    if failed := measurements.delta.size - finished:
        found.append(f"{failed} of {measurements.delta.size} cells failed")
    return tuple(found)


def find_caveats(measurements: Ladder, size: int | None) -> tuple[str, ...]:
    """Reasons to doubt an answer, in plain words."""
    found = list(caveats_of_measurements(measurements))
    if size is not None and size > measurements.largest:
        found.append(
            f"the answer lies {size / measurements.largest:,.3g} times beyond the largest size "
            f"measured ({measurements.largest:,})"
        )
    if measurements.n_repeats < 2:
        found.append("a single repeat gives no interval")
    return tuple(found)
