"""From a trained center to its cells: Δ, and what belongs to it."""

import math
import time
from dataclasses import asdict

import numpy as np
import numpy.typing as npt

from sufficiency.cells.around_center import Array, CenterView, view_center
from sufficiency.cells.cell import Cell, Columns
from sufficiency.curvature import quadratic_validation
from sufficiency.curvature.derivatives import displacements
from sufficiency.data.samples import Samples
from sufficiency.deltas import gaussian_moment_delta, monte_carlo_delta, single_center_delta
from sufficiency.deltas.monte_carlo import grouped_rows, top_share
from sufficiency.exceptions import DivergedTrainingError
from sufficiency.nets.losses import LossFunction, Weights
from sufficiency.probes import GaussianSampler
from sufficiency.probes.draws import AntitheticDraws, ProbeDraws
from sufficiency.training.centers import FailedTraining, TrainedCenter
from sufficiency.training.tasks import CenterTask

# n_draws="auto": rows of the table, draws or pairs of them, are doubled from the first number
# until the draws' share of the standard error is small enough, or there are enough draws.
_FIRST_ROWS, _MOST_DRAWS, _PRECISION = 8, 256, 0.05
# The quadratic model is checked on so many draws and candidates.
_CHECK_DRAWS, _CHECK_CANDIDATES = 8, 32


def measure(
    task: CenterTask,
    center: TrainedCenter | FailedTraining,
    samples: Samples,
    unseen: Samples | None = None,
) -> list[Cell]:
    """One cell for each of the task's sizes; losses that are not finite make them failures."""
    try:
        if isinstance(center, FailedTraining):
            raise DivergedTrainingError(center.reason)
        candidates = samples.take(task.split.candidates) if unseen is None else unseen
        return _measure(task, center, center.seen(candidates))
    except DivergedTrainingError as error:
        return [Cell(task.repeat, size, failure=str(error)) for size in task.sizes]
    except Exception as error:
        error.add_note(f"in {task}")
        raise


def _measure(task: CenterTask, center: TrainedCenter, candidates: Samples) -> list[Cell]:
    start = time.perf_counter()
    view = view_center(task, center, candidates)
    once = task.settings.train == "once"
    statistics = _statistics_of_all_sizes(view) if once else [increment_statistics(view)]
    # the durations are those of all cells together, and counted once
    fit_seconds, probe_seconds = center.trained.seconds, time.perf_counter() - start
    return [
        Cell(
            task.repeat,
            size,
            **view.numbers,
            **numbers,
            fit_seconds=fit_seconds * (i == 0),
            probe_seconds=probe_seconds * (i == 0),
        )
        for i, (size, numbers) in enumerate(zip(task.sizes, statistics, strict=True))
    ]


def increment_statistics(view: CenterView) -> Columns:
    """Δ of the center's own size, by the method of the settings."""
    draws = view.draws()
    if view.task.settings.method == "gaussian_moment":
        return _closed_form(view, draws)
    if view.task.settings.n_draws == "auto":
        return _until_precise(view, draws)
    return _monte_carlo(view, view.losses(draws, view.candidates), view.train_losses(draws))


def _monte_carlo(view: CenterView, losses: Array, train_losses: Array, group: int = 1) -> Columns:
    statistics = monte_carlo_delta(
        losses,
        train_losses,
        view.point,
        view.numbers["train_loss"],
        size=view.task.size,
        order=view.task.settings.order,
        group=group,
    )
    if statistics.delta < 0:  # which has no logarithm
        raise DivergedTrainingError(
            f"Δ = {statistics.delta:.3g} after the correction for the training samples that were "
            "not evaluated: it is lost in their noise (raise `n_eval`)"
        )
    drawn = {"n_draws": float(len(losses)), "n_eval": float(view.evaluated)}
    return {**asdict(statistics), **drawn}


def _until_precise(view: CenterView, prepared: ProbeDraws) -> Columns:
    """Add draws until their part of the standard error is below 5 % of Δ, or there are 256."""
    mean = _symmetric_mean(view, prepared)
    group = 1 if mean is None else 2
    losses, train_losses, rows = [], [], 0
    while True:
        seeds = view.draw_seeds(range(rows, max(2 * rows, _FIRST_ROWS)))
        draws: ProbeDraws = ProbeDraws(prepared.sampler, seeds, prepared.device)
        if mean is not None:
            draws = AntitheticDraws(prepared.sampler, seeds, prepared.device, mean)
        losses.append(view.losses(draws, view.candidates))
        train_losses.append(view.train_losses(draws))
        rows += len(seeds)
        whole, of_train = np.concatenate(losses), np.concatenate(train_losses)
        means = of_train if of_train.ndim == 1 else of_train.mean(axis=1)
        terms = np.abs(whole - means[:, None]) ** view.task.settings.order
        of_rows = grouped_rows(terms, group).mean(axis=1)
        precise = of_rows.std(ddof=1) / math.sqrt(rows) <= _PRECISION * of_rows.mean()
        if precise or len(whole) >= _MOST_DRAWS:
            return _monte_carlo(view, whole, of_train, group)


def _symmetric_mean(view: CenterView, prepared: ProbeDraws) -> Weights | None:
    """Mean of a symmetric probe; None where mirror images need not be as likely."""
    if isinstance(prepared.sampler, GaussianSampler):
        return prepared.sampler.mean
    if not getattr(view.task.settings.probe, "symmetric", False):
        return None
    names = prepared.block(0, 1)
    return {n: w for n, w in LossFunction(view.center.net).center().items() if n in names}


def _closed_form(view: CenterView, draws: ProbeDraws) -> Columns:
    train, candidates = view.center.train, view.candidates
    moment = gaussian_moment_delta(
        view.center.net,
        train.X,
        train.encoded,
        candidates.X,
        candidates.encoded,
        draws.sampler,
        n_probes=max(3, view.task.settings.usual_draws),
        random_state=view.seed("probe"),
    )
    if not moment.statistics.delta > 0:
        raise DivergedTrainingError(
            f"the closed form gives Δ = {moment.statistics.delta:.3g}: its traces are too noisy "
            "(raise `n_draws`)"
        )
    return {
        **asdict(moment.statistics),
        "quadratic_error": _quadratic_error(view, draws),
        "n_draws": float(moment.n_probes),
    }


def _quadratic_error(view: CenterView, draws: ProbeDraws) -> float:
    """Relative error of the quadratic increment at a few draws of the probe itself."""
    net, train = view.center.net, view.center.train
    stacked = draws.block(0, min(max(2, draws.n_draws), _CHECK_DRAWS))
    weights = {n: w for n, w in LossFunction(net).center().items() if n in stacked}
    rng, n = np.random.default_rng(view.seed("check")), len(view.candidates.y)
    some = view.candidates.take(rng.choice(n, size=min(n, _CHECK_CANDIDATES), replace=False))
    validation = quadratic_validation(
        net,
        train.X,
        train.encoded,
        some.X,
        some.encoded,
        [1.0],
        directions=displacements(stacked, weights),
        parameters=list(weights),
    )
    return float(validation.relative_error[0])


def _statistics_of_all_sizes(view: CenterView) -> list[Columns]:
    """
    Δ of every size, and what belongs to it, from the center of one net (``train="once"``).

    For a weight draw w with variance S²(w) of the per-sample losses, the expected squared
    increment over orders of the samples is S²(w)/(k(k+1)) for every k: on the training samples
    the paper's curve, on unseen candidates the one for decisions.
    """
    draws, sizes = view.draws(), np.array(view.task.sizes)
    seen = view.losses(draws, view.center.train)
    losses = view.losses(draws, view.candidates)
    columns = _columns(losses, seen, view.point, sizes)
    columns["n_draws"] = np.full(len(sizes), float(draws.n_draws))
    return [{name: float(values[i]) for name, values in columns.items()} for i in range(len(sizes))]


def _columns(
    losses: Array, seen: Array, point: Array, sizes: npt.NDArray[np.int64]
) -> dict[str, Array]:
    """Numbers of every size, from losses of the candidates, (B, J), and of its samples, (B, n)."""
    n = seen.shape[1]
    delta, stderr = single_center_delta(losses, sizes, finite=False)
    in_sample = np.full(len(sizes), np.nan)
    in_sample[sizes < n] = single_center_delta(seen, sizes[sizes < n])[0]
    centered = losses - losses.mean(axis=1, keepdims=True)
    # S² splits as Δ does: that of the mean over draws, and the variance over draws
    mean_sq = float((centered.mean(axis=0) ** 2).sum()) / (losses.shape[1] - 1)
    mean_part = mean_sq / (sizes * (sizes + 1.0))
    spread = float(losses.var(axis=1, ddof=1).mean())
    return {
        "delta": delta,
        "stderr": stderr,
        "delta_point": single_center_delta(point[None], sizes, finite=False)[0],
        # L_k is the mean of k other samples: its distance to theirs has the variance S²/k
        "gap_sq": spread / sizes,
        "spread": np.full(len(sizes), spread),
        "top1pct_share": np.full(len(sizes), top_share((centered**2).mean(axis=0))),
        "delta_mean_sq": mean_part,
        "delta_variance": delta - mean_part,
        "delta_in_sample": in_sample,
    }
