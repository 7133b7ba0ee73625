"""The numbers of one (repeat, size)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np

from sufficiency.cells.unseen import UnseenSamples, short

# Some of a cell's columns, by name.
Columns = dict[str, Any]


@dataclass(frozen=True)
class Cell:
    """Numbers of one (repeat, size); see :class:`sufficiency.deltas.DeltaStatistics`."""

    repeat: int
    size: int  # in samples
    delta: float = math.nan
    stderr: float = math.nan
    delta_point: float = math.nan
    gap_sq: float = math.nan
    spread: float = math.nan
    top1pct_share: float = math.nan
    train_loss: float = math.nan  # mean over the training samples at the center
    unseen_loss: float = math.nan  # mean over the candidates
    unseen_score: float = math.nan  # NaN if nothing can score, or with a single candidate
    grad_norm: float = math.nan  # of the training loss at the center
    loss_drift: float = math.nan  # |change of the training loss| in the last tenth, in loss
    fit_seconds: float = math.nan
    probe_seconds: float = math.nan  # everything but the training
    delta_mean_sq: float = math.nan  # this and the next add up to `delta`; NaN for order 1
    delta_variance: float = math.nan
    delta_in_sample: float = math.nan  # from the net's own training samples (train="once")
    quadratic_error: float = math.nan  # relative, of the increment ("gaussian_moment" only)
    n_draws: float = math.nan  # weight draws; random vectors for "gaussian_moment"
    n_eval: float = math.nan  # training samples whose losses are taken at every draw
    failure: str = ""  # why the cell has no numbers
    # single samples, and what replaces the columns for the candidates of each slice
    unseen: UnseenSamples | None = field(default=None, compare=False, repr=False)
    slices: Mapping[str, Columns] = field(default_factory=dict, compare=False, repr=False)


# The failure of a cell whose fit is still running, or was interrupted.
UNFINISHED = "not finished yet"
# Numbers of a cell.
CELL_COLUMNS = tuple(f.name for f in fields(Cell) if f.name not in ("failure", "unseen", "slices"))
# Those that differ from slice to slice, with the number of candidates before them.
SLICE_COLUMNS = (
    "n_candidates", "delta", "stderr", "delta_point", "gap_sq", "spread", "top1pct_share",
    "unseen_loss", "unseen_score", "delta_mean_sq", "delta_variance",
)  # fmt: skip

# Those that are in units of the loss, in units of its square, and of its power `order`.
_LOSSES = ("train_loss", "unseen_loss", "grad_norm", "loss_drift")
_SQUARES = ("gap_sq", "spread", "delta_mean_sq", "delta_variance")
_INCREMENTS = ("delta", "stderr", "delta_point", "delta_in_sample")


def in_unit(cell: Cell, unit: float, order: int) -> Cell:
    """A cell whose losses were measured in some unit, with losses in the unit 1."""
    if unit == 1.0:
        return cell
    powers = dict.fromkeys(_LOSSES, 1) | dict.fromkeys(_SQUARES, 2)
    powers |= dict.fromkeys(_INCREMENTS, order)

    def scaled(columns: Mapping[str, Any]) -> Columns:
        return {name: columns[name] * unit**power for name, power in powers.items()
                if name in columns}  # fmt: skip

    unseen = cell.unseen
    if unseen is not None:
        unseen = replace(
            unseen,
            increments=short(unseen.increments.astype(np.float64) * unit**order),
            losses=short(unseen.losses.astype(np.float64) * unit),
            other_losses=short(unseen.other_losses.astype(np.float64) * unit),
        )
    slices = {name: {**of_slice, **scaled(of_slice)} for name, of_slice in cell.slices.items()}
    return replace(cell, **scaled(vars(cell)), unseen=unseen, slices=slices)
