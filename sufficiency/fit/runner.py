"""All cells of a fit: in parallel, largest first, with progress."""

import itertools
import logging
import os
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import joblib
from joblib.parallel import get_active_backend
from tqdm import TqdmWarning

from sufficiency._threads import limited_threads, threads_of_a_worker
from sufficiency._warnings import Heard, listener, relay
from sufficiency.cells.cell import UNFINISHED, Cell
from sufficiency.cells.measure import measure
from sufficiency.cells.unseen import shared
from sufficiency.data.samples import Samples
from sufficiency.fit.plan import FORWARD_SHARE, Plan
from sufficiency.store.fit_store import FitStore
from sufficiency.training.centers import centers
from sufficiency.training.tasks import CenterTask

with warnings.catch_warnings():
    # in a notebook without ipywidgets the bar is text
    warnings.simplefilter("ignore", TqdmWarning)
    from tqdm.auto import tqdm

# Its first message says that all checks are over; the command line listens for it.
logger = logging.getLogger(__name__)

# How often cells are tried whose worker's process dies, for example for want of memory.
_ATTEMPTS = 3
_LOST = {"TerminatedWorkerError", "FutureCancelledError", "KilledWorker", "ActorDiedError"}
_BAR = {
    "desc": "cells",
    "bar_format": "{desc} {percentage:3.0f}%|{bar}| [{elapsed}<{remaining}]{postfix}",
}

Messages = list[tuple[bool, str]]


def run_cells(plan: Plan, *, n_jobs: int | None, verbose: int) -> list[Cell]:
    """Measure every (repeat, size)."""
    n_threads, store = threads_of_a_worker(n_jobs), plan.store

    def cost(cells: list[Cell]) -> float:
        settings, n_unseen = plan.settings, plan.n_unseen

        def passes(size: int) -> int:
            return settings.usual_draws * (settings.evaluated(size, n_unseen) + n_unseen)

        return sum(plan.training_work(c.size) + FORWARD_SHARE * passes(c.size) for c in cells)

    logger.info("%d repeats of the sizes %s", len(plan.splits.repeats), plan.splits.sizes.tolist())
    logger.info("training %s", plan.settings.stacking)
    if verbose:
        tqdm.write(f"training {plan.settings.stacking}", file=sys.stderr)
    cells = [] if store is None else store.finished(plan.tasks)
    for cell in cells:
        logger.info("%s (from the store)", _in_words(cell))
    every = with_missing([], plan)
    known = {(cell.repeat, cell.size) for cell in cells}
    calls = {}
    for number, group in enumerate(plan.groups):
        missing = [task for task in group if (task.repeat, task.sizes[0]) not in known]
        if missing:
            calls[number] = joblib.delayed(measure_group)(
                number, missing, plan.samples, plan.unseen, store, n_threads, os.getpid()
            )
    # the bar counts cost, not cells, so that its time left is right although large cells go first
    with tqdm(total=cost(every), initial=cost(cells), disable=verbose < 1, **_BAR) as bar:
        bar.set_postfix_str(f"{len(cells)}/{len(every)}", refresh=False)
        for finished, messages, heard in in_workers(calls, n_jobs):
            relay(heard)
            if store is not None:
                store.store.relay(messages)
            cells.extend(finished)
            for cell in finished:
                logger.info(_in_words(cell))
            bar.set_postfix_str(f"{len(cells)}/{len(every)}", refresh=False)
            bar.update(cost(finished))
    return in_order(cells)


def in_order(cells: Iterable[Cell]) -> list[Cell]:
    """By repeat, then size, with what the cells of a repeat have in common held once."""
    ordered = sorted(cells, key=lambda cell: (cell.repeat, cell.size))
    return [
        replace(cell, unseen=unseen)
        for _, group in itertools.groupby(ordered, key=lambda cell: cell.repeat)
        for of_repeat in [list(group)]
        for cell, unseen in zip(of_repeat, shared([c.unseen for c in of_repeat]), strict=True)
    ]


def with_missing(cells: list[Cell], plan: Plan) -> list[Cell]:
    """These cells and, as failures, those of the plan that are not among them."""
    found = {(cell.repeat, cell.size): cell for cell in cells}
    return in_order(
        found.get((repeat, size)) or Cell(repeat, size, failure=UNFINISHED)
        for repeat in range(len(plan.splits.repeats))
        for size in plan.splits.sizes.tolist()
    )


def measure_group(
    number: int,
    tasks: Sequence[CenterTask],
    samples: Samples,
    unseen: Samples | None,
    store: FitStore | None,
    n_threads: int | None,
    parent: int | None = None,
) -> tuple[int, list[Cell], Messages, list[Heard]]:
    """What a worker does; with the cells come messages of the store, and the process's warnings."""
    cells: list[Cell] = []
    missing = []
    for task in tasks:
        # looked up once more: another process may have finished it meanwhile
        known = None if store is None else store.cells(task)
        cells += known or []
        if known is None:
            missing.append(task)
    # in the parent's own process, threads included, warnings need no way back
    elsewhere = parent not in (None, os.getpid())
    with limited_threads(n_threads), listener if elsewhere else nullcontext():
        for task, center in centers(missing, samples, store):
            measured = measure(task, center, samples, unseen)
            if store is not None:
                store.keep_cells(task, measured)
            cells += measured
    messages = [] if store is None else store.store.take_messages()
    return number, cells, messages, listener.taken()


def in_workers(
    calls: dict[int, Any], n_jobs: int | None
) -> Iterator[tuple[list[Cell], Messages, list[Heard]]]:
    """Results as they come; what is lost with a worker's process is measured again."""
    backend, _ = get_active_backend()
    # ray's backend gives all of them at the end
    return_as = "generator_unordered" if backend.supports_return_generator else "list"
    for attempts in range(_ATTEMPTS, 0, -1):
        parallel = joblib.Parallel(n_jobs=n_jobs, return_as=return_as)
        try:
            for number, *found in parallel(list(calls.values())):
                del calls[number]
                yield found[0], found[1], found[2]
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
    """Whether joblib, dask with the data that only this worker held, or ray lost a process."""
    return any(
        cls.__name__ in _LOST and cls.__module__.split(".")[0] in {"joblib", "distributed", "ray"}
        for cls in type(error).__mro__
    )


def _in_words(cell: Cell) -> str:
    start = f"repeat {cell.repeat}, size {cell.size}"
    if cell.failure:
        return f"{start}: failed: {cell.failure}"
    seconds = cell.fit_seconds + cell.probe_seconds
    return f"{start}: delta {cell.delta:.3g} ± {cell.stderr:.2g}, {seconds:.1f} s"
