"""Weight draws around a trained center, and losses at them."""

from functools import partial

import numpy as np
import numpy.typing as npt
import torch
from skorch import NeuralNet

from sufficiency._random import child_seed
from sufficiency.curvature import hessian_operator
from sufficiency.data.samples import Samples
from sufficiency.engine.blocks import BlockPlan, plan_blocks
from sufficiency.engine.loss_matrix import loss_matrix, mean_losses
from sufficiency.exceptions import DivergedTrainingError
from sufficiency.nets.losses import LossFunction, Weights
from sufficiency.probes import Probe
from sufficiency.probes.base import prepare_probe
from sufficiency.probes.draws import ProbeDraws
from sufficiency.training.centers import TrainedCenter
from sufficiency.training.settings import FitSettings
from sufficiency.training.tasks import CenterTask

__all__ = ["block_plan", "draw_losses", "draw_seeds", "draws_around", "unit_draws"]


def block_plan(
    settings: FitSettings, net: NeuralNet, samples: Samples, weight_bytes: int | None = None
) -> BlockPlan:
    """Blocks of the engine for all draws of a cell."""
    return plan_blocks(
        net,
        samples.X,
        samples.encoded,
        n_draws=settings.usual_draws,
        vectorize=settings.vectorize,
        weight_bytes=weight_bytes,
    )


def draw_seeds(task: CenterTask, draws: range) -> list[int]:
    """A seed for every draw."""
    root = task.settings.root
    return [child_seed(root, "probe", task.repeat, task.size, t) for t in draws]


def draws_around(task: CenterTask, center: TrainedCenter) -> ProbeDraws:
    """The cell's weight draws, each with its own seed."""
    settings, net, train = task.settings, center.net, center.train
    make_hessian = partial(hessian_operator, net, train.X, train.encoded)
    seed = child_seed(settings.root, "directions", task.repeat, task.size)
    try:
        sampler = prepare_probe(settings.probe, LossFunction(net).center(), make_hessian, seed)
    except ArithmeticError as error:
        raise DivergedTrainingError(f"the curvature at the trained weights: {error}") from error
    seeds = draw_seeds(task, range(settings.usual_draws))
    return ProbeDraws(sampler, seeds, torch.device(net.device or "cpu"))


def unit_draws(
    net: NeuralNet, probe: Probe, samples: Samples, n_draws: int, seed: int
) -> tuple[Weights, float]:
    """Stacked draws of a probe around a net, and the `sigma` that they have."""
    center = LossFunction(net).center()
    make_hessian = partial(hessian_operator, net, samples.X, samples.encoded)
    sampler = prepare_probe(probe, center, make_hessian, seed)
    seeds = [child_seed(seed, "probe", t) for t in range(n_draws)]
    draws = ProbeDraws(sampler, seeds, next(iter(center.values())).device)
    return draws.block(0, n_draws), float(getattr(probe, "sigma", 1.0)) or 1.0


def draw_losses(
    task: CenterTask, center: TrainedCenter, draws: ProbeDraws, samples: Samples, *, mean: bool
) -> npt.NDArray[np.float64]:
    """Losses of the samples at all draws, (B, n), or their mean, (B,)."""
    plan = block_plan(task.settings, center.net, samples, draws.bytes_per_draw)
    evaluate = mean_losses if mean else loss_matrix
    losses = evaluate(center.net, draws, samples.X, samples.encoded, plan)
    if not np.isfinite(losses).all():
        raise DivergedTrainingError("the losses at some weight draws are not finite")
    return losses
