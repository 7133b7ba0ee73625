"""Duration and memory of a fit, from timing one small cell of it."""

import os
import sys
from dataclasses import dataclass, replace

import joblib
import numpy as np
import numpy.typing as npt

from sufficiency._representations import card, short_repr
from sufficiency._threads import threads_of_a_worker
from sufficiency.cells.cell import Cell
from sufficiency.fit.plan import Plan
from sufficiency.fit.runner import in_workers, measure_group
from sufficiency.nets.skorch_nets import training_batch_size
from sufficiency.sizing.verdict import capitalized
from sufficiency.training.tasks import CenterTask, tasks_of_fit


@dataclass(frozen=True, eq=False)
class CostEstimate:
    """
    Predicted duration and memory of a fit; ``str()`` says it in a line.

    Attributes
    ----------
    seconds : float
        Of the whole fit, with the parallelism that was asked for.
    peak_bytes : int
        Resident memory of one process at its largest cell.
    sizes : (m,) int64
        Sizes of the ladder.
    cell_seconds : (m,) float64
        Of one cell of each size, on one worker.
    n_cells : int
        In all.
    """

    seconds: float
    peak_bytes: int
    sizes: npt.NDArray[np.int64]
    cell_seconds: npt.NDArray[np.float64]
    n_cells: int

    def __str__(self) -> str:
        return (
            f"about {_duration(self.seconds)} for {self.n_cells} cells of "
            f"{self.sizes[0]:,} to {self.sizes[-1]:,} samples, the largest "
            f"{_duration(self.cell_seconds[-1])} each, with {self.peak_bytes / 1e9:.2g} GB of "
            "memory a process"
        )

    def __repr__(self) -> str:
        return short_repr(self, "seconds", "peak_bytes", "n_cells")

    def _repr_html_(self) -> str:
        columns = {
            "Size": [f"{size:,}" for size in self.sizes],
            "One cell": [_duration(seconds) for seconds in self.cell_seconds],
        }
        return card("Cost of the fit", f"{capitalized(str(self))}.", columns=columns)


def _duration(seconds: float) -> str:
    for unit, length in (("h", 3600.0), ("min", 60.0)):
        if seconds >= length:
            return f"{seconds / length:.2g} {unit}"
    return f"{seconds:.2g} s"


def _resident_bytes() -> int:
    """Largest resident memory of this process so far; getrusage counts KiB, on macOS bytes."""
    import resource  # Unix only

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def _timed(plan: Plan, size: int, n_jobs: int | None) -> Cell:
    """The mean of a cell of the first repeat that ends, by all workers at once."""
    tasks = tasks_of_fit(replace(plan.settings, train="each_size"), plan.splits)
    task = next(task for task in tasks if task.size == size)
    # as many of it at once as nets are going to be
    group = list[CenterTask]()
    group += [replace(task, seed=task.seed + i, together=group) for i in range(len(task.together))]
    n_workers = min(joblib.effective_n_jobs(n_jobs), len(plan.groups))
    arguments = plan.samples, plan.unseen, None, threads_of_a_worker(n_jobs), os.getpid()
    calls = {
        number: joblib.delayed(measure_group)(number, group or [task], *arguments)
        for number in range(n_workers)
    }
    cells = [cell for found, *_ in in_workers(calls, n_jobs) for cell in found]
    for cell in cells:
        if cell.failure:
            raise ValueError(f"the cell of size {size} failed: {cell.failure}")
    return replace(
        cells[0],
        fit_seconds=float(np.mean([cell.fit_seconds for cell in cells])),
        probe_seconds=float(np.mean([cell.probe_seconds for cell in cells])),
    )


def _size_to_time(plan: Plan) -> int:
    """
    The largest that trains in about the time of the smallest whose batches are full.

    A step of it costs what a step of the largest cell does: its batches are full, and where
    `min_steps` makes trainings equally long, they come from more samples.
    """
    batch_size = training_batch_size(plan.settings.net)
    full = [size for size in plan.splits.sizes.tolist() if size >= batch_size > 0]
    full = full or plan.splits.sizes.tolist()[:1]
    least = min(map(plan.training_work, full))
    return max(size for size in full if plan.training_work(size) <= 1.25 * least)


def estimate_cost(plan: Plan, n_jobs: int | None, refit: bool) -> CostEstimate:
    """
    Time one small cell and scale it.

    Several workers measure it at the same time, because they slow each other down.
    """
    timed, largest = _size_to_time(plan), int(plan.splits.sizes[-1])
    with joblib.parallel_config(backend="sequential"):  # in this process, whose memory is looked at
        _timed(plan, timed, 1)
        before = _resident_bytes()
        cell = _timed(plan, timed, 1)
    sample_bytes = plan.samples.n_bytes / len(plan.samples.y)
    peak = max(before, _resident_bytes()) + (largest - timed) * sample_bytes
    if joblib.effective_n_jobs(n_jobs) > 1:
        _timed(plan, timed, n_jobs)  # which starts them
        cell = _timed(plan, timed, n_jobs)
    return scaled_cost(plan, cell, int(peak), n_jobs, refit)


def scaled_cost(
    plan: Plan, cell: Cell, peak_bytes: int, n_jobs: int | None, refit: bool
) -> CostEstimate:
    """
    What a fit costs of which one cell took so long.

    Training scales with optimizer steps and passes over validation samples, the probe with draws
    times samples.
    """
    sizes, work = plan.splits.sizes, plan.training_work

    def probed(size: int) -> int:
        return plan.settings.evaluated(size, plan.n_unseen) + plan.n_unseen

    per_work = cell.fit_seconds / work(cell.size)
    per_sample = cell.probe_seconds / probed(cell.size)
    seconds = np.array([per_work * work(s) + per_sample * probed(s) for s in sizes.tolist()])
    largest, by_size = float(seconds[-1]), dict(zip(sizes.tolist(), seconds.tolist(), strict=True))
    # no schedule ends before its longest task
    longest = max(sum(by_size.get(task.size, largest) for task in g) for g in plan.groups)
    n_repeats, workers = len(plan.splits.repeats), joblib.effective_n_jobs(n_jobs)
    total = n_repeats * (largest if plan.settings.train == "once" else float(seconds.sum()))
    last = per_work * work(len(plan.samples.y)) if refit else 0.0
    return CostEstimate(
        seconds=max(total / workers, longest) + last,
        peak_bytes=peak_bytes,
        sizes=sizes,
        cell_seconds=seconds,
        n_cells=n_repeats * len(sizes),
    )
