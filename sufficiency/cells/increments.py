"""Δ of one size and what belongs to it, from losses around its center."""

import math
from dataclasses import asdict

import numpy as np
import numpy.typing as npt

from sufficiency._random import child_rng, child_seed
from sufficiency.cells.around_center import draw_losses, draw_seeds, draws_around
from sufficiency.cells.at_center import CenterView
from sufficiency.cells.cell import Columns
from sufficiency.curvature import quadratic_validation
from sufficiency.curvature.derivatives import displacements
from sufficiency.data.samples import Samples
from sufficiency.deltas import gaussian_moment_delta, monte_carlo_delta
from sufficiency.deltas.monte_carlo import grouped_rows
from sufficiency.exceptions import DivergedTrainingError
from sufficiency.nets.losses import LossFunction, Weights
from sufficiency.probes import GaussianSampler
from sufficiency.probes.draws import AntitheticDraws, ProbeDraws
from sufficiency.training.centers import TrainedCenter
from sufficiency.training.tasks import CenterTask

__all__ = ["increment_statistics"]

Array = npt.NDArray[np.float64]

# n_draws="auto": rows of the table, draws or pairs of them, are doubled from the first number
# until the draws' share of the standard error is small enough, or there are enough draws.
_FIRST_ROWS, _MOST_DRAWS, _PRECISION = 8, 256, 0.05
# The quadratic model is checked on so many draws and candidates.
_CHECK_DRAWS, _CHECK_CANDIDATES = 8, 32


def increment_statistics(
    task: CenterTask, center: TrainedCenter, view: CenterView, candidates: Samples
) -> Columns:
    """Δ and what belongs to it, by the method of the settings."""
    draws = draws_around(task, center)
    if task.settings.method == "gaussian_moment":
        return _closed_form(task, center, draws, candidates)
    if task.settings.n_draws == "auto":
        return _until_precise(task, center, draws, view, candidates)
    losses = draw_losses(task, center, draws, candidates, mean=False)
    return _monte_carlo(task, view, losses, _train_losses(task, center, draws))


def _monte_carlo(
    task: CenterTask, view: CenterView, losses: Array, train_losses: Array, group: int = 1
) -> Columns:
    statistics = monte_carlo_delta(
        losses,
        train_losses,
        view.point,
        view.numbers["train_loss"],
        size=task.size,
        order=task.settings.order,
        group=group,
    )
    if statistics.delta < 0:  # which has no logarithm
        raise DivergedTrainingError(
            f"Δ = {statistics.delta:.3g} after the correction for the training samples that were "
            "not evaluated: it is lost in their noise (raise `n_eval`)"
        )
    return {**asdict(statistics), "n_draws": float(len(losses))}


def _train_losses(task: CenterTask, center: TrainedCenter, draws: ProbeDraws) -> Array:
    """(B,) L_k at all draws; or (B, m) losses of `n_eval` random training samples."""
    size, m = task.size, task.settings.evaluated(task.size)
    if m == size:
        return draw_losses(task, center, draws, center.train, mean=True)
    rng = child_rng(task.settings.root, "subset", task.repeat, size)
    chosen = center.train.take(rng.choice(size, size=m, replace=False))
    return draw_losses(task, center, draws, chosen, mean=False)


def _until_precise(
    task: CenterTask,
    center: TrainedCenter,
    prepared: ProbeDraws,
    view: CenterView,
    candidates: Samples,
) -> Columns:
    """Add draws until their part of the standard error is below 5 % of Δ, or there are 256."""
    mean = _symmetric_mean(task, center, prepared)
    group = 1 if mean is None else 2
    losses, train_losses, rows = [], [], 0
    while True:
        seeds = draw_seeds(task, range(rows, max(2 * rows, _FIRST_ROWS)))
        draws: ProbeDraws = ProbeDraws(prepared.sampler, seeds, prepared.device)
        if mean is not None:
            draws = AntitheticDraws(prepared.sampler, seeds, prepared.device, mean)
        losses.append(draw_losses(task, center, draws, candidates, mean=False))
        train_losses.append(_train_losses(task, center, draws))
        rows += len(seeds)
        whole, of_train = np.concatenate(losses), np.concatenate(train_losses)
        means = of_train if of_train.ndim == 1 else of_train.mean(axis=1)
        terms = np.abs(whole - means[:, None]) ** task.settings.order
        of_rows = grouped_rows(terms, group).mean(axis=1)
        precise = of_rows.std(ddof=1) / math.sqrt(rows) <= _PRECISION * of_rows.mean()
        if precise or len(whole) >= _MOST_DRAWS:
            return _monte_carlo(task, view, whole, of_train, group)


def _symmetric_mean(
    task: CenterTask, center: TrainedCenter, prepared: ProbeDraws
) -> Weights | None:
    """Mean of a symmetric probe; None where mirror images need not be as likely."""
    if isinstance(prepared.sampler, GaussianSampler):
        return prepared.sampler.mean
    if not getattr(task.settings.probe, "symmetric", False):
        return None
    names = prepared.block(0, 1)
    return {n: w for n, w in LossFunction(center.net).center().items() if n in names}


def _closed_form(
    task: CenterTask, center: TrainedCenter, draws: ProbeDraws, candidates: Samples
) -> Columns:
    settings, train = task.settings, center.train
    moment = gaussian_moment_delta(
        center.net,
        train.X,
        train.encoded,
        candidates.X,
        candidates.encoded,
        draws.sampler,
        n_probes=max(3, settings.usual_draws),
        random_state=child_seed(settings.root, "probe", task.repeat, task.size),
    )
    if not moment.statistics.delta > 0:
        raise DivergedTrainingError(
            f"the closed form gives Δ = {moment.statistics.delta:.3g}: its traces are too noisy "
            "(raise `n_draws`)"
        )
    return {
        **asdict(moment.statistics),
        "quadratic_error": _quadratic_error(task, center, draws, candidates),
        "n_draws": float(moment.n_probes),
    }


def _quadratic_error(
    task: CenterTask, center: TrainedCenter, draws: ProbeDraws, candidates: Samples
) -> float:
    """Relative error of the quadratic increment at a few draws of the probe itself."""
    stacked = draws.block(0, min(max(2, draws.n_draws), _CHECK_DRAWS))
    weights = {n: w for n, w in LossFunction(center.net).center().items() if n in stacked}
    rng, n = child_rng(task.settings.root, "check", task.repeat, task.size), len(candidates.y)
    some = candidates.take(rng.choice(n, size=min(n, _CHECK_CANDIDATES), replace=False))
    validation = quadratic_validation(
        center.net,
        center.train.X,
        center.train.encoded,
        some.X,
        some.encoded,
        [1.0],
        directions=displacements(stacked, weights),
        parameters=list(weights),
    )
    return float(validation.relative_error[0])
