"""Reasons to doubt a result, found in its cells and said as warnings."""

import warnings

import numpy as np
import numpy.typing as npt

from sufficiency.exceptions import (
    CellFailedWarning,
    HeavyTailWarning,
    InertProbeWarning,
    NotSettledWarning,
)
from sufficiency.results import SufficiencyResult

__all__ = ["check_failures", "inert", "no_better_than_constant", "unsettled", "warn_of_doubts"]

# Shares of math.md and design.md: a drift of 5 % of the rms of ℓ − L_k moves Δ by 10 %.
DRIFT_SHARE = 0.05
CONSTANT_SHARE = 0.9
INERT_RATIO = 1.05
TOP_SHARE = 0.5
# Below, "the largest 1 %" is one candidate of few and says nothing about tails.
FEWEST_FOR_TAILS = 50

Mask = npt.NDArray[np.bool_]


def unsettled(result: SufficiencyResult) -> Mask:
    """
    Cells whose training loss still moves too much.

    The loss drift over the last tenth of the training is held against the root mean square of
    ℓ − L_k, which is (k+1)·√Δ for order 2 and (k+1)·Δ, the mean absolute value, for order 1.
    A training of a single step has no drift, and is not settled either.

    Parameters
    ----------
    result : SufficiencyResult
        Of any fit.

    Returns
    -------
    (R, m) bool
        All False for validation-optimal centres: they are not meant to be minima of L_k.
    """
    delta, drift = result.table("delta"), result.table("loss_drift")
    if result.settings.get("center") == "best":
        return np.zeros(drift.shape, dtype=bool)
    level = delta ** (1 / result.order) * (result.sizes + 1)
    return np.isfinite(delta) & ~(drift <= DRIFT_SHARE * level)


def no_better_than_constant(result: SufficiencyResult) -> Mask:
    """(R, m) bool: the unseen loss is not 10 % below that of the best constant prediction."""
    # log densities give losses below zero
    margin = (1 - CONSTANT_SHARE) * abs(result.constant_loss)
    return result.table("unseen_loss") > result.constant_loss - margin


def inert(result: SufficiencyResult) -> bool:
    """Whether Δ averaged over the probe is within 5 % of Δ at the centres alone, all in all."""
    delta, point = result.table("delta"), result.table("delta_point")
    finished = np.isfinite(delta)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = delta[finished] / point[finished]
    return bool(len(ratios)) and bool(np.median(ratios) < INERT_RATIO)


def check_failures(result: SufficiencyResult) -> None:
    """
    Say which cells failed; refuse to go on with too few.

    Warns
    -----
    CellFailedWarning
        Naming every failed cell and its reason.

    Raises
    ------
    ValueError
        If more than half of the cells failed, or less than two sizes have any left.
    """
    failed = [cell for cell in result.cells if cell.failure]
    if not failed:
        return
    named = "; ".join(f"repeat {c.repeat}, size {c.size}: {c.failure}" for c in failed)
    sizes_left = np.isfinite(result.deltas).sum()
    if 2 * len(failed) > len(result.cells) or sizes_left < 2:
        raise ValueError(
            f"{len(failed)} of {len(result.cells)} cells failed ({named}); lower the net's "
            "learning rate or check its loss"
        )
    warnings.warn(
        f"{len(failed)} of {len(result.cells)} cells failed and are left out: {named}",
        CellFailedWarning,
        stacklevel=4,
    )


def warn_of_doubts(result: SufficiencyResult) -> None:
    """
    Warn of everything that makes Δ mean less than it seems to.

    Warns
    -----
    NotSettledWarning
        Centres that still drift, or nets no better than a constant.
    InertProbeWarning
        A probe that adds nothing to the point.
    HeavyTailWarning
        Cells in which 1 % of the candidates carry more than half of Δ.
    """
    n_cells = len(result.cells)
    if count := int(unsettled(result).sum()):
        _warn(
            f"{count} of {n_cells} centres are not settled: over the last tenth of the training "
            f"their loss moved by more than {DRIFT_SHARE:.0%} of what Δ measures; raise "
            "`min_steps` or lower the learning rate",
            NotSettledWarning,
        )
    if count := int(no_better_than_constant(result).sum()):
        _warn(
            f"{count} of {n_cells} centres have an unseen loss no better than 0.9 times that of "
            f"the best constant prediction ({result.constant_loss:.3g}); Δ means little around "
            "them, an untrained net passes any threshold: train longer, or leave small sizes out",
            NotSettledWarning,
        )
    if inert(result):
        _warn(
            "the probe adds less than 5 % to Δ at the centres themselves: the neighbourhood does "
            "not matter; raise `sigma`",
            InertProbeWarning,
        )
    count = int((result.table("top1pct_share") > TOP_SHARE).sum())
    if count and result.n_candidates >= FEWEST_FOR_TAILS:
        _warn(
            f"in {count} of {n_cells} cells 1 % of the candidates carry more than half of Δ; "
            "raise `n_candidates`, or read the result at order=1",
            HeavyTailWarning,
        )


def _warn(message: str, category: type[Warning]) -> None:
    warnings.warn(message, category, stacklevel=5)
