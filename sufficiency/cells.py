"""One (repeat, size): from indices to numbers."""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields

import numpy as np
import numpy.typing as npt
import torch
from skorch import NeuralNet

from sufficiency._random import child_seed, isolated_rng
from sufficiency._threads import limited_threads
from sufficiency.deltas import DeltaStatistics, monte_carlo_delta
from sufficiency.engine import (
    BlockPlan,
    StackedWeights,
    gradient_norm,
    loss_matrix,
    mean_losses,
    plan_blocks,
)
from sufficiency.exceptions import DivergedTrainingError
from sufficiency.ladder import Split
from sufficiency.losses import LossFunction
from sufficiency.predictor import Predictor
from sufficiency.probes import Probe, ProbeDraws
from sufficiency.targets import TargetCodec
from sufficiency.training import TrainedCenter, train_center

__all__ = ["Cell", "Recipe", "Samples", "measure_cell", "train_on"]

Scorer = Callable[[Predictor, npt.NDArray, npt.NDArray], float]


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
        Mean loss at the centre, over its training samples and over the candidates.
    unseen_score : float
        Score on the candidates; NaN if nothing can score, or there is one candidate only.
    grad_norm : float
        Norm of the gradient of the training loss at the centre.
    loss_drift : float
        |change of the training loss| over the last tenth of the training, in units of the loss.
    fit_seconds, probe_seconds : float
        Durations of training and of everything else.
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
    failure: str = ""


CELL_COLUMNS = tuple(field.name for field in fields(Cell) if field.name != "failure")


@dataclass(frozen=True, eq=False)
class Recipe:
    """What all cells of a fit share; see the estimator's parameters."""

    net: NeuralNet
    codec: TargetCodec
    probe: Probe
    scorer: Scorer | None
    root: int
    n_draws: int
    order: int
    center: str
    min_steps: int
    vectorize: bool
    verbose: int


@dataclass(frozen=True, eq=False)
class Samples:
    """
    The data of a fit.

    Attributes
    ----------
    X, encoded, y : arrays, n samples
        Inputs, targets for the net, targets of the user.
    """

    X: npt.NDArray
    encoded: npt.NDArray
    y: npt.NDArray

    def take(self, indices: npt.NDArray[np.int64]) -> "Samples":
        """Some of the samples."""
        return Samples(self.X[indices], self.encoded[indices], self.y[indices])


def measure_cell(
    recipe: Recipe,
    samples: Samples,
    unseen: Samples | None,
    split: Split,
    repeat: int,
    size: int,
    n_threads: int | None = None,
) -> Cell:
    """
    Train on the first `size` samples of the repeat's order, probe, and reduce to numbers.

    Parameters
    ----------
    recipe : Recipe
        How.
    samples : Samples
        All data.
    unseen : Samples or None
        The user's own candidates; None: those of `split`.
    split : Split
        Indices of this repeat.
    repeat, size : int
        Which cell.
    n_threads : int, optional
        torch threads for its duration.

    Returns
    -------
    Cell
        With `failure` set if the training diverged or a loss is not finite.
    """
    try:
        with limited_threads(n_threads):
            return _measure(recipe, samples, unseen, split, repeat, size)
    except DivergedTrainingError as error:
        return Cell(repeat, size, failure=str(error))
    except Exception as error:
        error.add_note(f"in the cell of repeat {repeat}, size {size}")
        raise


def _measure(
    recipe: Recipe,
    samples: Samples,
    unseen: Samples | None,
    split: Split,
    repeat: int,
    size: int,
) -> Cell:
    seed = child_seed(recipe.root, "training", repeat, size)
    train = samples.take(split.order[:size])
    trained = train_on(recipe, train, samples.take(split.validation), seed)
    candidates = samples.take(split.candidates) if unseen is None else unseen
    return _probe(recipe, trained, train, candidates, repeat, size)


def train_on(recipe: Recipe, train: Samples, held_out: Samples, seed: int) -> TrainedCenter:
    """
    Train by the recipe.

    Parameters
    ----------
    recipe : Recipe
        How.
    train, held_out : Samples
        What is trained on, and what validates (possibly nothing).
    seed : int
        Of the training.

    Returns
    -------
    TrainedCenter
    """
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


def _probe(
    recipe: Recipe,
    trained: TrainedCenter,
    train: Samples,
    candidates: Samples,
    repeat: int,
    size: int,
) -> Cell:
    start = time.perf_counter()
    net = trained.net
    plan = plan_blocks(
        net, train.X, train.encoded, n_draws=recipe.n_draws, vectorize=recipe.vectorize
    )
    center = StackedWeights({n: w[None] for n, w in LossFunction(net).center().items()})
    train_loss = float(mean_losses(net, center, train.X, train.encoded, plan)[0])
    point = loss_matrix(net, center, candidates.X, candidates.encoded, plan)[0]
    if not (math.isfinite(train_loss) and np.isfinite(point).all()):
        return Cell(repeat, size, failure="the losses at the trained weights are not finite")
    draws = _draws(recipe, net, repeat, size)
    train_draws = mean_losses(net, draws, train.X, train.encoded, plan)
    candidate_draws = loss_matrix(net, draws, candidates.X, candidates.encoded, plan)
    if not (np.isfinite(train_draws).all() and np.isfinite(candidate_draws).all()):
        return Cell(repeat, size, failure="the losses at some weight draws are not finite")
    statistics: DeltaStatistics = monte_carlo_delta(
        candidate_draws, train_draws, point, train_loss, size=size, order=recipe.order
    )
    score = math.nan
    if recipe.scorer is not None and len(candidates.y) > 1:
        # a loader takes a seed from the global generator even when it does not shuffle
        with isolated_rng(child_seed(recipe.root, "check", repeat, size)):
            score = float(recipe.scorer(Predictor(net, recipe.codec), candidates.X, candidates.y))
    return Cell(
        repeat,
        size,
        **asdict(statistics),
        train_loss=train_loss,
        unseen_loss=float(point.mean()),
        unseen_score=score,
        grad_norm=gradient_norm(net, train.X, train.encoded, plan),
        loss_drift=_drift(trained, train, train_loss, plan),
        fit_seconds=trained.seconds,
        probe_seconds=time.perf_counter() - start,
    )


def _draws(recipe: Recipe, net: NeuralNet, repeat: int, size: int) -> ProbeDraws:
    center = LossFunction(net).center()
    return ProbeDraws(
        recipe.probe.prepare(center),
        [child_seed(recipe.root, "probe", repeat, size, t) for t in range(recipe.n_draws)],
        torch.device(net.device or "cpu"),
    )


def _drift(trained: TrainedCenter, train: Samples, train_loss: float, plan: BlockPlan) -> float:
    """|L_k(earlier) − L_k(centre)| for each tenth of the training in between."""
    if trained.earlier is None:
        return math.nan
    # one draw: buffers differ too, which a loop takes and vmap need not
    earlier = StackedWeights({name: tensor[None] for name, tensor in trained.earlier.items()})
    loop = BlockPlan(1, plan.samples, vectorize=False)
    before = float(mean_losses(trained.net, earlier, train.X, train.encoded, loop)[0])
    return abs(before - train_loss) / trained.tenths
