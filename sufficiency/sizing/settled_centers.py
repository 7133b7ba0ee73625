"""Which centers are settled, and which have learned anything."""

import numpy as np

from sufficiency._types import Booleans
from sufficiency.sizing.ladder import Ladder

# design.md, "Decisions already taken": a drift of 5 % of the rms of ℓ − L_k moves Δ by 10 %.
DRIFT_SHARE = 0.05
CONSTANT_SHARE = 0.9


def trained_centers(ladder: Ladder) -> Booleans:
    """(R, m) bool: cells that have a trained center of their own."""
    finished = np.isfinite(ladder.delta)
    if ladder.one_net:
        finished[:, :-1] = False
    return finished


def unsettled(ladder: Ladder) -> Booleans:
    """
    Cells whose training loss still moves too much.

    The drift over the last tenth of the training is held against the rms of ℓ − L_k, which is
    (k+1)·Δ^(1/p); for order 1 its mean absolute value. A training of a single step has no drift,
    and is not settled either.
    """
    level = ladder.delta ** (1.0 / ladder.order) * (ladder.sizes + 1.0)
    return trained_centers(ladder) & ~(ladder.loss_drift <= DRIFT_SHARE * level)


def no_better_than_constant(ladder: Ladder) -> Booleans:
    """(R, m) bool: the unseen loss is not 10 % below that of the best constant prediction."""
    constant = np.asarray(ladder.constant_loss)
    # log densities give losses below zero
    margin = (1.0 - CONSTANT_SHARE) * np.abs(constant)
    return trained_centers(ladder) & (ladder.unseen_loss > constant - margin)
