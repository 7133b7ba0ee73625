"""The numbers of one (repeat, size)."""

import math
from dataclasses import dataclass, fields
from typing import Any

__all__ = ["CELL_COLUMNS", "Cell", "Columns"]

# Some of a cell's columns, by name.
Columns = dict[str, Any]


@dataclass(frozen=True)
class Cell:
    """
    Numbers of one (repeat, size).

    Attributes
    ----------
    repeat, size : int
        Which cell; size in samples.
    delta, stderr, delta_point, gap_sq, spread, top1pct_share : float
        See :class:`sufficiency.deltas.DeltaStatistics`.
    train_loss, unseen_loss : float
        Mean loss at the center, over its training samples and over the candidates.
    unseen_score : float
        Score on the candidates; NaN if nothing can score, or there is one candidate only.
    grad_norm : float
        Norm of the gradient of the training loss at the center.
    loss_drift : float
        |change of the training loss| over the last tenth of the training, in units of the loss.
    fit_seconds, probe_seconds : float
        Durations of training and of everything else.
    delta_mean_sq, delta_variance : float
        Parts of `delta`, see :class:`sufficiency.deltas.DeltaStatistics`; NaN for order 1.
    delta_in_sample : float
        Δ from the samples that the net was trained on (``train="once"`` only).
    quadratic_error : float
        Relative error of the quadratic increment at this probe (``method="gaussian_moment"``
        only).
    n_draws : float
        Weight draws that were taken; random vectors, for ``method="gaussian_moment"``.
    failure : str
        Why the cell has no numbers; empty if it has.
    """

    repeat: int
    size: int
    delta: float = math.nan
    stderr: float = math.nan
    delta_point: float = math.nan
    gap_sq: float = math.nan
    spread: float = math.nan
    top1pct_share: float = math.nan
    train_loss: float = math.nan
    unseen_loss: float = math.nan
    unseen_score: float = math.nan
    grad_norm: float = math.nan
    loss_drift: float = math.nan
    fit_seconds: float = math.nan
    probe_seconds: float = math.nan
    delta_mean_sq: float = math.nan
    delta_variance: float = math.nan
    delta_in_sample: float = math.nan
    quadratic_error: float = math.nan
    n_draws: float = math.nan
    failure: str = ""


CELL_COLUMNS = tuple(field.name for field in fields(Cell) if field.name != "failure")
