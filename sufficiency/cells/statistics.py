"""Losses at a trained center and around it, and the numbers that are read off them."""

import math
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from skorch import NeuralNet

from sufficiency._random import child_rng, child_seed, isolated_rng
from sufficiency.curvature import flatten, hessian_operator, quadratic_validation
from sufficiency.data.rows import in_memory
from sufficiency.data.samples import Samples
from sufficiency.deltas import (
    DeltaStatistics,
    gaussian_moment_delta,
    grouped_rows,
    monte_carlo_delta,
)
from sufficiency.engine.blocks import BlockPlan, plan_blocks
from sufficiency.engine.loss_matrix import StackedWeights, gradient_norm, loss_matrix, mean_losses
from sufficiency.exceptions import DivergedTrainingError
from sufficiency.nets.losses import LossFunction, Weights
from sufficiency.nets.predictor import Predictor
from sufficiency.probes import (
    AntitheticDraws,
    GaussianSampler,
    ProbeDraws,
    needs_hessian,
    prepare_probe,
)
from sufficiency.training.centers import TrainedCenter
from sufficiency.training.settings import FitSettings

__all__ = ["CenterView", "draw_losses", "draws_around", "increment_statistics", "view_center"]

Array = npt.NDArray[np.float64]
Draws = ProbeDraws | AntitheticDraws

# n_draws="auto": rows of the table, draws or pairs of them, are doubled from the first number
# until the draws' share of the standard error is small enough, or there are enough draws.
_FIRST_ROWS, _MOST_DRAWS, _PRECISION = 8, 256, 0.05
# The quadratic model is checked on so many draws and candidates.
_CHECK_DRAWS, _CHECK_CANDIDATES = 8, 32


class CenterView:
    """
    What is seen at a center itself.

    Parameters
    ----------
    train_loss : float
        Mean loss over the training samples.
    point : (J,) float64
        Losses of the candidates.
    numbers : dict of float
        `train_loss`, `unseen_loss`, `unseen_score`, `grad_norm`, `loss_drift`.
    """

    def __init__(self, train_loss: float, point: Array, numbers: dict[str, Any]) -> None:
        self.train_loss = train_loss
        self.point = point
        self.numbers = numbers


def view_center(
    recipe: FitSettings,
    trained: TrainedCenter,
    train: Samples,
    candidates: Samples,
    repeat: int,
    size: int,
) -> CenterView:
    """Losses, score, gradient and drift at the trained weights."""
    net = trained.net
    plan = _plan(recipe, net, train)
    center = StackedWeights({n: w[None] for n, w in LossFunction(net).center().items()})
    train_loss = float(mean_losses(net, center, train.X, train.encoded, plan)[0])
    point = loss_matrix(net, center, candidates.X, candidates.encoded, plan)[0]
    if not (math.isfinite(train_loss) and np.isfinite(point).all()):
        raise DivergedTrainingError("the losses at the trained weights are not finite")
    score = math.nan
    if recipe.scorer is not None and len(candidates.y) > 1:
        # a loader takes a seed from the global generator even when it does not shuffle
        with isolated_rng(child_seed(recipe.root, "check", repeat, size)):
            X = in_memory(candidates.X)
            score = float(recipe.scorer(Predictor(net, recipe.codec), X, candidates.y))
    numbers = {
        "train_loss": train_loss,
        "unseen_loss": float(point.mean()),
        "unseen_score": score,
        "grad_norm": gradient_norm(net, train.X, train.encoded, plan),
        "loss_drift": _drift(trained, train, train_loss, plan),
    }
    return CenterView(train_loss, point, numbers)


def _plan(
    recipe: FitSettings, net: NeuralNet, train: Samples, weight_bytes: int | None = None
) -> BlockPlan:
    return plan_blocks(
        net,
        train.X,
        train.encoded,
        n_draws=recipe.usual_draws,
        vectorize=recipe.vectorize,
        weight_bytes=weight_bytes,
    )


def _drift(trained: TrainedCenter, train: Samples, train_loss: float, plan: BlockPlan) -> float:
    """|L_k(earlier) − L_k(center)| for each tenth of the training in between."""
    if trained.earlier is None:
        return math.nan
    # one draw: buffers differ too, which a loop takes and vmap need not
    earlier = StackedWeights({name: tensor[None] for name, tensor in trained.earlier.items()})
    loop = BlockPlan(1, plan.samples, vectorize=False)
    before = float(mean_losses(trained.net, earlier, train.X, train.encoded, loop)[0])
    return abs(before - train_loss) / trained.tenths


def draws_around(
    recipe: FitSettings, net: NeuralNet, train: Samples, repeat: int, size: int
) -> ProbeDraws:
    """The cell's weight draws, each with its own seed."""
    hessian = None
    if needs_hessian(recipe.probe):
        hessian = hessian_operator(net, train.X, train.encoded)
    seed = child_seed(recipe.root, "directions", repeat, size)
    try:
        sampler = prepare_probe(recipe.probe, LossFunction(net).center(), hessian, seed)
    except ArithmeticError as error:
        raise DivergedTrainingError(f"the curvature at the trained weights: {error}") from error
    return ProbeDraws(
        sampler,
        [child_seed(recipe.root, "probe", repeat, size, t) for t in range(recipe.usual_draws)],
        torch.device(net.device or "cpu"),
    )


def draw_losses(
    recipe: FitSettings, net: NeuralNet, draws: Draws, samples: Samples, *, mean: bool
) -> Array:
    """Losses of all draws."""
    plan = _plan(recipe, net, samples, draws.bytes_per_draw)
    evaluate = mean_losses if mean else loss_matrix
    losses = evaluate(net, draws, samples.X, samples.encoded, plan)
    if not np.isfinite(losses).all():
        raise DivergedTrainingError("the losses at some weight draws are not finite")
    return losses


def increment_statistics(
    recipe: FitSettings,
    net: NeuralNet,
    view: CenterView,
    train: Samples,
    candidates: Samples,
    repeat: int,
) -> dict[str, Any]:
    """Δ and what belongs to it, by the recipe's method."""
    size = len(train.y)
    draws = draws_around(recipe, net, train, repeat, size)
    if recipe.n_draws == "auto":
        return _until_precise(recipe, net, draws, view, train, candidates, repeat)
    if recipe.method == "monte_carlo":
        statistics = monte_carlo_delta(
            draw_losses(recipe, net, draws, candidates, mean=False),
            _train_losses(recipe, net, draws, train, repeat),
            view.point,
            view.train_loss,
            size=size,
            order=recipe.order,
        )
        return _checked(statistics, draws.n_draws)
    moment = gaussian_moment_delta(
        net,
        train.X,
        train.encoded,
        candidates.X,
        candidates.encoded,
        draws.sampler,
        n_probes=max(3, recipe.usual_draws),
        seed=child_seed(recipe.root, "probe", repeat, size),
    )
    if not moment.statistics.delta > 0:
        raise DivergedTrainingError(
            f"the closed form gives Δ = {moment.statistics.delta:.3g}: its traces are too noisy "
            "(raise `n_draws`)"
        )
    error = _quadratic_error(recipe, net, draws, train, candidates, repeat)
    return {
        **asdict(moment.statistics),
        "quadratic_error": error,
        "n_draws": float(moment.n_probes),
    }


def _until_precise(
    recipe: FitSettings,
    net: NeuralNet,
    prepared: ProbeDraws,
    view: CenterView,
    train: Samples,
    candidates: Samples,
    repeat: int,
) -> dict[str, Any]:
    """Add draws until their part of the standard error is below 5 % of Δ, or there are 256."""
    size = len(train.y)
    mean = _mean_of(recipe, net, prepared)
    group = 1 if mean is None else 2
    losses, means, rows = [], [], 0
    while True:
        added = range(rows, max(2 * rows, _FIRST_ROWS))
        seeds = [child_seed(recipe.root, "probe", repeat, size, t) for t in added]
        draws: Draws = ProbeDraws(prepared.sampler, seeds, prepared.device)
        if mean is not None:
            draws = AntitheticDraws(prepared.sampler, mean, seeds, prepared.device)
        losses.append(draw_losses(recipe, net, draws, candidates, mean=False))
        means.append(_train_losses(recipe, net, draws, train, repeat))
        rows += len(seeds)
        whole, train_means = np.concatenate(losses), np.concatenate(means)
        of_draws = train_means if train_means.ndim == 1 else train_means.mean(axis=1)
        terms = np.abs(whole - of_draws[:, None]) ** recipe.order
        of_rows = grouped_rows(terms, group).mean(axis=1)
        precise = of_rows.std(ddof=1) / math.sqrt(rows) <= _PRECISION * of_rows.mean()
        if precise or len(whole) >= _MOST_DRAWS:
            break
    statistics = monte_carlo_delta(
        whole,
        train_means,
        view.point,
        view.train_loss,
        size=size,
        order=recipe.order,
        group=group,
    )
    return _checked(statistics, len(whole))


def _train_losses(
    recipe: FitSettings, net: NeuralNet, draws: Draws, train: Samples, repeat: int
) -> Array:
    """(B,) L_k at all draws; or (B, m) losses of `n_eval` random training samples."""
    size = len(train.y)
    m = recipe.evaluated(size)
    if m == size:
        return draw_losses(recipe, net, draws, train, mean=True)
    chosen = child_rng(recipe.root, "subset", repeat, size).choice(size, size=m, replace=False)
    return draw_losses(recipe, net, draws, train.take(chosen), mean=False)


def _checked(statistics: DeltaStatistics, n_draws: int) -> dict[str, Any]:
    """A Δ that a correction has made negative has no logarithm."""
    if statistics.delta < 0:
        raise DivergedTrainingError(
            f"Δ = {statistics.delta:.3g} after the correction for the training samples that were "
            "not evaluated: it is lost in their noise (raise `n_eval`)"
        )
    return {**asdict(statistics), "n_draws": float(n_draws)}


def _mean_of(recipe: FitSettings, net: NeuralNet, prepared: ProbeDraws) -> Weights | None:
    """Mean of a symmetric probe; None where mirror images need not be as likely."""
    if isinstance(prepared.sampler, GaussianSampler):
        return prepared.sampler.mean
    if not getattr(recipe.probe, "symmetric", False):
        return None
    names = prepared.block(0, 1)
    return {n: w for n, w in LossFunction(net).center().items() if n in names}


def _quadratic_error(
    recipe: FitSettings,
    net: NeuralNet,
    draws: ProbeDraws,
    train: Samples,
    candidates: Samples,
    repeat: int,
) -> float:
    """Relative error of the quadratic increment at a few draws of the probe itself."""
    stacked = draws.block(0, min(max(2, draws.n_draws), _CHECK_DRAWS))
    center = {n: w for n, w in LossFunction(net).center().items() if n in stacked}
    columns = [
        flatten({n: w[t] for n, w in stacked.items()}, center) - flatten(center, center)
        for t in range(len(next(iter(stacked.values()))))
    ]
    rng = child_rng(recipe.root, "check", repeat, len(train.y))
    n = len(candidates.y)
    some = candidates.take(rng.choice(n, size=min(n, _CHECK_CANDIDATES), replace=False))
    validation = quadratic_validation(
        net,
        train.X,
        train.encoded,
        some.X,
        some.encoded,
        [1.0],
        directions=np.stack(columns, axis=1),
        parameters=list(center),
    )
    return float(validation.relative_error[0])
