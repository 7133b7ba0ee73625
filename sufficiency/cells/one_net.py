"""One net for all sizes (``train="once"``): a repeat from indices to its cells."""

import time
from typing import Any

import numpy as np
import numpy.typing as npt

from sufficiency._random import child_seed
from sufficiency._threads import limited_threads
from sufficiency.cells.cell import Cell, Trainer, train_on
from sufficiency.cells.statistics import draw_losses, draws_around, view_center
from sufficiency.data.samples import Samples
from sufficiency.data.splits import Split
from sufficiency.deltas import single_center_delta, top_share
from sufficiency.exceptions import DivergedTrainingError
from sufficiency.training.settings import FitSettings
from sufficiency.training.transformers import transformed

__all__ = ["measure_once"]

Sizes = npt.NDArray[np.int64]


def measure_once(
    recipe: FitSettings,
    samples: Samples,
    unseen: Samples | None,
    split: Split,
    repeat: int,
    sizes: Sizes,
    n_threads: int | None = None,
    trainer: Trainer | None = None,
) -> list[Cell]:
    """
    Train on all samples of a repeat and read every size off that one center.

    For a weight draw w with variance S²(w) of the per-sample losses, the expected squared
    increment over orders of the samples is S²(w)/(k(k+1)) for every k: on the training samples
    the paper's curve, on unseen candidates the one for decisions.
    """
    try:
        with limited_threads(n_threads):
            return _measure(recipe, samples, unseen, split, repeat, sizes, trainer or train_on)
    except DivergedTrainingError as error:
        return [Cell(repeat, int(size), failure=str(error)) for size in sizes]
    except Exception as error:
        error.add_note(f"in repeat {repeat}")
        raise


def _measure(
    recipe: FitSettings,
    samples: Samples,
    unseen: Samples | None,
    split: Split,
    repeat: int,
    sizes: Sizes,
    trainer: Trainer,
) -> list[Cell]:
    n = len(split.order)
    seed = child_seed(recipe.root, "training", repeat, n)
    train, held_out, candidates = transformed(
        recipe,
        seed,
        samples.take(split.order),
        samples.take(split.validation),
        samples.take(split.candidates) if unseen is None else unseen,
    )
    trained = trainer(recipe, train, held_out, seed)
    start = time.perf_counter()
    view = view_center(recipe, trained, train, candidates, repeat, n)
    draws = draws_around(recipe, trained.net, train, repeat, n)
    seen = draw_losses(recipe, trained.net, draws, train, mean=False)
    losses = draw_losses(recipe, trained.net, draws, candidates, mean=False)
    columns: dict[str, npt.NDArray] = _columns(losses, seen, view.point, sizes)
    seconds = np.zeros((2, len(sizes)))
    seconds[:, 0] = trained.seconds, time.perf_counter() - start
    columns |= {"fit_seconds": seconds[0], "probe_seconds": seconds[1]}
    shared: dict[str, Any] = {**view.numbers, "n_draws": float(draws.n_draws)}
    return [
        Cell(repeat, int(size), **(shared | {name: float(v[i]) for name, v in columns.items()}))
        for i, size in enumerate(sizes)
    ]


def _columns(
    losses: npt.NDArray, seen: npt.NDArray, point: npt.NDArray, sizes: Sizes
) -> dict[str, npt.NDArray]:
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
