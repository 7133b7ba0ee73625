"""From a trained center to its cells: Δ, and what belongs to it."""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from sufficiency._types import Integers
from sufficiency.cells.around_center import Array, CenterView, losses_and_classes, view_center
from sufficiency.cells.cell import SLICE_COLUMNS, Cell, Columns, in_unit
from sufficiency.cells.unseen import UnseenSamples, compact, short
from sufficiency.curvature import quadratic_validation
from sufficiency.curvature.derivatives import displacements
from sufficiency.data.samples import Samples
from sufficiency.deltas import gaussian_moment_delta, monte_carlo_delta, single_center_delta
from sufficiency.deltas.monte_carlo import grouped_rows, increments_of_candidates, top_share
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

# Positions of some of the candidates.
Rows = Integers | slice
_EVERYTHING = slice(None)
_Others = tuple[Integers, npt.NDArray, npt.NDArray]


def measure(
    task: CenterTask,
    center: TrainedCenter | FailedTraining,
    samples: Samples,
    unseen: Samples | None = None,
) -> list[Cell]:
    """One cell for each of the task's sizes; losses that are not finite make them failures."""
    start = time.perf_counter()
    try:
        if isinstance(center, FailedTraining):
            raise DivergedTrainingError(center.reason)
        rows = task.split.candidates if unseen is None else np.arange(len(unseen.y))
        candidates = samples.take(rows) if unseen is None else unseen
        view = view_center(task, center, center.seen(candidates))
        cells = _measure(view, start, rows, samples if unseen is None else None)
        settings = task.settings
        return [in_unit(cell, settings.codec.loss_unit, settings.order) for cell in cells]
    except DivergedTrainingError as error:
        return [Cell(task.repeat, size, failure=str(error)) for size in task.sizes]
    except Exception as error:
        error.add_note(f"in {task}")
        raise


def _measure(view: CenterView, start: float, rows: Integers, samples: Samples | None) -> list[Cell]:
    task, center = view.task, view.center
    once = task.settings.train == "once"
    increments = _increments_of_all_sizes(view) if once else [increments_around(view)]
    of_all = [of_size.statistics(_EVERYTHING) for of_size in increments]
    for statistics in of_all:
        _check(statistics["delta"], task.settings.method)
    slices = [
        {
            name: {**view.of_slices[name], **of_size.statistics(members)}
            for name, members in view.slices.items()
        }
        for of_size in increments
    ]
    # rows of two arrays would not be told apart
    others = None if samples is None else _others(view, samples)
    # the durations are those of all cells together, and counted once
    fit_seconds, probe_seconds = center.trained.seconds, time.perf_counter() - start
    return [
        Cell(
            task.repeat,
            size,
            **view.numbers,
            **of_all[i],
            fit_seconds=fit_seconds * (i == 0),
            probe_seconds=probe_seconds * (i == 0),
            unseen=_unseen(view, rows, increments[i], others if size == task.sizes[-1] else None),
            slices={
                name: {column: columns[column] for column in SLICE_COLUMNS}
                for name, columns in slices[i].items()
            },
        )
        for i, size in enumerate(task.sizes)
    ]


@dataclass(frozen=True, eq=False)
class Increments:
    """What the draws say of the candidates, at one size."""

    by_candidate: Array  # (J,) means of |increment|^order over the draws; their mean is Δ
    statistics: Callable[[Rows], Columns]  # of those at some positions


def increments_around(view: CenterView) -> Increments:
    """Increments at the center's own size, by the method of the settings."""
    draws = view.draws()
    if view.task.settings.method == "gaussian_moment":
        return _closed_form(view, draws)
    if view.task.settings.n_draws == "auto":
        return _until_precise(view, draws)
    return _monte_carlo(view, view.candidate_losses(draws), view.train_losses(draws))


def _check(delta: float, method: str) -> None:
    """Refuse what has no logarithm."""
    if method == "gaussian_moment" and not delta > 0:
        raise DivergedTrainingError(
            f"the closed form gives Δ = {delta:.3g}: its traces are too noisy (raise `n_draws`)"
        )
    if delta < 0:
        raise DivergedTrainingError(
            f"Δ = {delta:.3g} after the correction for the training samples that were "
            "not evaluated: it is lost in their noise (raise `n_eval`)"
        )


def _unseen(
    view: CenterView, candidates: Integers, increments: Increments, others: _Others | None
) -> UnseenSamples:
    none = np.empty(0, dtype=np.int64)
    rows, losses, predicted = (none, none, none) if others is None else others
    return UnseenSamples(
        candidates=compact(candidates),
        increments=short(increments.by_candidate),
        losses=short(view.point),
        others=compact(rows),
        other_losses=short(losses),
        predicted=compact(np.concatenate([view.predicted, predicted])),
        n_candidates=len(candidates),
    ).largest()


def _others(view: CenterView, samples: Samples) -> _Others:
    """Rows, losses and classes of samples beyond the center's own."""
    task = view.task
    # those that the next subsets take in; looking at them takes a sixtieth of the training at most
    most = min(4 * task.size, task.settings.training_passes(task.size) // 60)
    rows = task.split.order[task.size : task.size + most]
    if not len(rows):
        return rows, rows, rows
    return rows, *losses_and_classes(task, view.center, view.center.seen(samples.take(rows)))


def _monte_carlo(
    view: CenterView, losses: Array, train_losses: Array, group: int = 1
) -> Increments:
    size, order = view.task.size, view.task.settings.order
    drawn = {"n_draws": float(len(losses)), "n_eval": float(view.evaluated)}

    def statistics(which: Rows) -> Columns:
        found = monte_carlo_delta(
            losses,
            train_losses,
            view.point,
            view.numbers["train_loss"],
            size=size,
            order=order,
            group=group,
            which=None if isinstance(which, slice) else which,
        )
        return {**asdict(found), **drawn}

    of_candidates = increments_of_candidates(losses, train_losses, size, order)
    return Increments(of_candidates, statistics)


def _until_precise(view: CenterView, prepared: ProbeDraws) -> Increments:
    """Add draws until their part of the standard error is below 5 % of Δ, or there are 256."""
    mean = _symmetric_mean(view, prepared)
    group = 1 if mean is None else 2
    losses, train_losses, rows = [], [], 0
    while True:
        seeds = view.draw_seeds(range(rows, max(2 * rows, _FIRST_ROWS)))
        draws: ProbeDraws = ProbeDraws(prepared.sampler, seeds, prepared.device)
        if mean is not None:
            draws = AntitheticDraws(prepared.sampler, seeds, prepared.device, mean)
        losses.append(view.candidate_losses(draws))
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


def _closed_form(view: CenterView, draws: ProbeDraws) -> Increments:
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
    more = {
        "quadratic_error": _quadratic_error(view, draws),
        "n_draws": float(moment.n_probes),
    }
    point_sq = ((view.point - view.numbers["train_loss"]) / (view.task.size + 1)) ** 2

    def statistics(which: Rows) -> Columns:
        if which is _EVERYTHING:
            return {**asdict(moment.statistics), **more}
        return {**asdict(moment.of(which, float(point_sq[which].mean()))), **more}

    return Increments(moment.by_candidate, statistics)


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


def _increments_of_all_sizes(view: CenterView) -> list[Increments]:
    """
    Increments of every size from the center of one net (``train="once"``).

    For a weight draw w with variance S²(w) of the per-sample losses, the expected squared
    increment over orders of the samples is S²(w)/(k(k+1)) for every k: on the training samples
    the paper's curve, on unseen candidates the one for decisions.
    """
    draws, sizes = view.draws(), np.array(view.task.sizes)
    seen = view.losses(draws, view.center.train)
    losses = view.losses(draws, view.candidates)
    n, n_candidates = seen.shape[1], losses.shape[1]
    in_sample = np.full(len(sizes), np.nan)
    in_sample[sizes < n] = single_center_delta(seen, sizes[sizes < n])[0]
    # S² as a mean over candidates
    centered_sq = ((losses - losses.mean(axis=1, keepdims=True)) ** 2).mean(axis=0)
    centered_sq *= n_candidates / (n_candidates - 1)

    def at(size: int, of_train: float) -> Increments:
        more = {"delta_in_sample": of_train, "n_draws": float(draws.n_draws)}

        def statistics(which: Rows) -> Columns:
            return {**_at_size(losses[:, which], view.point[which], size), **more}

        return Increments(centered_sq / (size * (size + 1.0)), statistics)

    return [at(*pair) for pair in zip(sizes.tolist(), in_sample.tolist(), strict=True)]


def _at_size(losses: Array, point: Array, size: int) -> Columns:
    """Numbers of one size, from losses of the candidates, (B, J), and at the center, (J,)."""
    (delta,), (stderr,) = single_center_delta(losses, [size], finite=False)
    centered = losses - losses.mean(axis=1, keepdims=True)
    # S² splits as Δ does: that of the mean over draws, and the variance over draws
    mean_sq = float((centered.mean(axis=0) ** 2).sum()) / (losses.shape[1] - 1)
    mean_part = mean_sq / (size * (size + 1.0))
    spread = float(losses.var(axis=1, ddof=1).mean())
    return {
        "delta": float(delta),
        "stderr": float(stderr),
        "delta_point": float(single_center_delta(point[None], [size], finite=False)[0][0]),
        # L_k is the mean of k other samples: its distance to theirs has the variance S²/k
        "gap_sq": spread / size,
        "spread": spread,
        "top1pct_share": top_share((centered**2).mean(axis=0)),
        "delta_mean_sq": mean_part,
        "delta_variance": float(delta) - mean_part,
    }
