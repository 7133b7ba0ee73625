"""All cells of a fit: in parallel, largest first, with progress."""

import logging
from collections.abc import Callable, Iterator
from typing import Any

import joblib
import numpy as np
from tqdm.auto import tqdm

from sufficiency._threads import threads_of_a_worker
from sufficiency.cells.cell import Cell, Trainer, measure_cell
from sufficiency.cells.one_net import measure_once
from sufficiency.data.samples import Samples
from sufficiency.data.splits import Split, Splits
from sufficiency.store import FitStore
from sufficiency.training.settings import FitSettings

__all__ = ["run_cells"]

# Its first message says that all checks are over; the command line listens for it.
logger = logging.getLogger(__name__)

# How often cells are tried whose worker's process dies, as for want of memory.
_ATTEMPTS = 3
_LOST = {"TerminatedWorkerError", "FutureCanceledError", "KilledWorker"}
_BAR = {
    "desc": "cells",
    "bar_format": "{desc} {percentage:3.0f}%|{bar}| [{elapsed}<{remaining}]{postfix}",
}

# A forward pass costs about a third of a training step on the same samples.
_FORWARD_SHARE = 1 / 3


def run_cells(
    recipe: FitSettings,
    splits: Splits,
    samples: Samples,
    unseen: Samples | None,
    *,
    trained_samples: Callable[[int], int],
    n_jobs: int | None,
    verbose: int,
    memory: FitStore | None = None,
) -> list[Cell]:
    """Measure every (repeat, size)."""
    n_threads = threads_of_a_worker(n_jobs)
    n_candidates = len(splits.repeats[0].candidates) if unseen is None else len(unseen.y)

    def cost(cells: list[Cell]) -> float:
        draws = recipe.usual_draws
        return sum(
            trained_samples(cell.size)
            + _FORWARD_SHARE * draws * (recipe.evaluated(cell.size) + n_candidates)
            for cell in cells
        )

    cells = [] if memory is None else memory.finished(splits)
    known = {(cell.repeat, cell.size) for cell in cells}
    logger.info("%d repeats of the sizes %s", len(splits.repeats), splits.sizes.tolist())
    for cell in cells:
        logger.info("%s (from the store)", _in_words(cell))
    every = [Cell(r, size) for r in range(len(splits.repeats)) for size in splits.sizes.tolist()]
    calls = {
        (repeat, sizes[0]): joblib.delayed(_finish)(
            memory, recipe, samples, unseen, split, repeat, sizes, n_threads
        )
        for split, repeat, sizes in _tasks(recipe, splits)
        if (repeat, sizes[0]) not in known
    }
    # the bar counts cost, not cells, so that its time left is right although large cells go first
    with tqdm(total=cost(every), initial=cost(cells), disable=verbose < 1, **_BAR) as bar:
        bar.set_postfix_str(f"{len(cells)}/{len(every)}", refresh=False)
        for finished, messages in _results(calls, n_jobs):
            if memory is not None:
                memory.store.relay(messages)
            cells.extend(finished)
            for cell in finished:
                logger.info(_in_words(cell))
            bar.set_postfix_str(f"{len(cells)}/{len(every)}", refresh=False)
            bar.update(cost(finished))
    return sorted(cells, key=lambda cell: (cell.repeat, cell.size))


def _results(calls: dict[tuple[int, int], Any], n_jobs: int | None) -> Iterator[Any]:
    """Results as they come; where a worker's process dies, what it took along is done again."""
    for attempts in range(_ATTEMPTS, 0, -1):
        parallel = joblib.Parallel(n_jobs=n_jobs, return_as="generator_unordered")
        try:
            for finished, messages in parallel(list(calls.values())):
                del calls[min((cell.repeat, cell.size) for cell in finished)]
                yield finished, messages
            return
        except Exception as error:
            if attempts == 1 or not _worker_died(error):
                raise
            logger.warning(
                "a worker process died (%s); %d cells are measured again",
                type(error).__name__,
                len(calls),
            )


def _worker_died(error: Exception) -> bool:
    """Whether joblib, or dask with the data that only this worker held, lost a process."""
    return any(
        cls.__name__ in _LOST and cls.__module__.split(".")[0] in {"joblib", "distributed"}
        for cls in type(error).__mro__
    )


def _in_words(cell: Cell) -> str:
    start = f"repeat {cell.repeat}, size {cell.size}"
    if cell.failure:
        return f"{start}: failed: {cell.failure}"
    seconds = cell.fit_seconds + cell.probe_seconds
    return f"{start}: delta {cell.delta:.3g} ± {cell.stderr:.2g}, {seconds:.1f} s"


def _tasks(recipe: FitSettings, splits: Splits) -> Iterator[tuple[Split, int, list[int]]]:
    """What shares a training: one cell, the largest first, or all sizes of a repeat."""
    sizes = splits.sizes.tolist()
    for some in [sizes] if recipe.train == "once" else [[size] for size in reversed(sizes)]:
        for repeat, split in enumerate(splits.repeats):
            yield split, repeat, some


def _finish(
    memory: FitStore | None,
    recipe: FitSettings,
    samples: Samples,
    unseen: Samples | None,
    split: Split,
    repeat: int,
    sizes: list[int],
    n_threads: int | None,
) -> tuple[list[Cell], list[tuple[bool, str]]]:
    """Cells that share a training, from memory or measured, and what the store has to say."""
    shared = (recipe, samples, unseen, split, repeat)

    def measure(trainer: Trainer | None = None) -> list[Cell]:
        if recipe.train == "once":
            return measure_once(*shared, np.array(sizes), n_threads, trainer)
        return [measure_cell(*shared, sizes[0], n_threads, trainer)]

    if memory is None:
        return measure(), []
    # looked up once more: another process may have finished it meanwhile
    cells = memory.cells(split, repeat, sizes, measure)
    return cells, memory.store.unsaid()
