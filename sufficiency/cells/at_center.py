"""Losses, score, gradient and drift at a trained center."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sufficiency._random import child_seed, isolated_rng
from sufficiency.cells.around_center import block_plan
from sufficiency.cells.cell import Columns
from sufficiency.data.rows import in_memory
from sufficiency.data.samples import Samples
from sufficiency.engine.blocks import BlockPlan
from sufficiency.engine.loss_matrix import StackedWeights, gradient_norm, loss_matrix, mean_losses
from sufficiency.exceptions import DivergedTrainingError
from sufficiency.nets.losses import LossFunction
from sufficiency.nets.predictor import Predictor
from sufficiency.training.centers import TrainedCenter
from sufficiency.training.tasks import CenterTask

__all__ = ["CenterView", "view_center"]


@dataclass(frozen=True, eq=False)
class CenterView:
    """Losses of the candidates at a center, (J,), and the cell's columns that need no draws."""

    point: npt.NDArray[np.float64]
    numbers: Columns


def view_center(task: CenterTask, center: TrainedCenter, candidates: Samples) -> CenterView:
    """Losses, score, gradient and drift at the trained weights."""
    net, train = center.net, center.train
    plan = block_plan(task.settings, net, train)
    weights = StackedWeights.single(LossFunction(net).center())
    train_loss = float(mean_losses(net, weights, train.X, train.encoded, plan)[0])
    point = loss_matrix(net, weights, candidates.X, candidates.encoded, plan)[0]
    if not (math.isfinite(train_loss) and np.isfinite(point).all()):
        raise DivergedTrainingError("the losses at the trained weights are not finite")
    numbers = {
        "train_loss": train_loss,
        "unseen_loss": float(point.mean()),
        "unseen_score": _score(task, center, candidates),
        "grad_norm": gradient_norm(net, train.X, train.encoded, plan),
        "loss_drift": _drift(center, train_loss, plan),
    }
    return CenterView(point, numbers)


def _score(task: CenterTask, center: TrainedCenter, candidates: Samples) -> float:
    settings = task.settings
    if settings.scorer is None or len(candidates.y) == 1:
        return math.nan
    # a loader takes a seed from the global generator even when it does not shuffle
    with isolated_rng(child_seed(settings.root, "check", task.repeat, task.size)):
        predictor = Predictor(center.net, settings.codec)
        return float(settings.scorer(predictor, in_memory(candidates.X), candidates.y))


def _drift(center: TrainedCenter, train_loss: float, plan: BlockPlan) -> float:
    """|L_k(earlier) − L_k(center)| for each tenth of the training in between."""
    trained, train = center.trained, center.train
    if trained.earlier is None:
        return math.nan
    # one draw: buffers differ too, which a loop takes and vmap need not
    earlier = StackedWeights.single(trained.earlier)
    loop = BlockPlan(1, plan.samples, vectorize=False)
    before = float(mean_losses(trained.net, earlier, train.X, train.encoded, loop)[0])
    return abs(before - train_loss) / trained.tenths
