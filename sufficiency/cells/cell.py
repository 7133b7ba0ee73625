"""One (repeat, size): from indices to numbers."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, fields

from sufficiency._random import child_seed
from sufficiency._threads import limited_threads
from sufficiency.cells.statistics import increment_statistics, view_center
from sufficiency.data.samples import Samples
from sufficiency.data.splits import Split
from sufficiency.exceptions import DivergedTrainingError
from sufficiency.training.centers import TrainedCenter, train_center
from sufficiency.training.settings import FitSettings
from sufficiency.training.transformers import transformed

__all__ = ["CELL_COLUMNS", "Cell", "Trainer", "measure_cell", "train_on"]

# What `train_on` is: recipe, training samples, held-out samples and seed to a center.
Trainer = Callable[[FitSettings, Samples, Samples, int], TrainedCenter]


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


def measure_cell(
    recipe: FitSettings,
    samples: Samples,
    unseen: Samples | None,
    split: Split,
    repeat: int,
    size: int,
    n_threads: int | None = None,
    trainer: Trainer | None = None,
) -> Cell:
    """Train on the first `size` samples of the repeat's order, probe, and reduce to numbers."""
    try:
        with limited_threads(n_threads):
            return _measure(recipe, samples, unseen, split, repeat, size, trainer or train_on)
    except DivergedTrainingError as error:
        return Cell(repeat, size, failure=str(error))
    except Exception as error:
        error.add_note(f"in the cell of repeat {repeat}, size {size}")
        raise


def _measure(
    recipe: FitSettings,
    samples: Samples,
    unseen: Samples | None,
    split: Split,
    repeat: int,
    size: int,
    trainer: Trainer,
) -> Cell:
    seed = child_seed(recipe.root, "training", repeat, size)
    train, held_out, candidates = transformed(
        recipe,
        seed,
        samples.take(split.order[:size]),
        samples.take(split.validation),
        samples.take(split.candidates) if unseen is None else unseen,
    )
    trained = trainer(recipe, train, held_out, seed)
    start = time.perf_counter()
    view = view_center(recipe, trained, train, candidates, repeat, size)
    statistics = increment_statistics(recipe, trained.net, view, train, candidates, repeat)
    return Cell(
        repeat,
        size,
        **statistics,
        **view.numbers,
        fit_seconds=trained.seconds,
        probe_seconds=time.perf_counter() - start,
    )


def train_on(recipe: FitSettings, train: Samples, held_out: Samples, seed: int) -> TrainedCenter:
    """Train by the recipe."""
    return train_center(
        recipe.net,
        train.X,
        train.encoded,
        (held_out.X, held_out.encoded) if len(held_out.y) else None,
        center=recipe.center,
        min_steps=recipe.min_steps,
        seed=seed,
        n_classes=None if recipe.codec.classes is None else len(recipe.codec.classes),
        verbose=recipe.verbose,
    )
