"""What a fit will cost, from timing one small cell of it."""

import sys
from dataclasses import dataclass

import joblib
import numpy as np
import numpy.typing as npt

from sufficiency.cells.cell import measure_cell
from sufficiency.fit.plan import Plan
from sufficiency.training.centers import planned_epochs
from sufficiency.training.settings import FitSettings

__all__ = ["CostEstimate", "estimate_cost"]

# Below so many samples, a step of a small net costs no less.
_STEP_PRICE = 64


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


def estimate_cost(recipe: FitSettings, plan: Plan, n_jobs: int | None, refit: bool) -> CostEstimate:
    """
    Time one small cell and scale it.

    Training scales with optimizer steps, the probe with draws times samples. The cell is the
    smallest whose batches are full, so that a step of it costs what a step of the largest does.
    """
    sizes = plan.splits.sizes
    batch_size = recipe.net.get_params_for("iterator_train").get(
        "batch_size", recipe.net.batch_size
    )
    timed = int(next((size for size in sizes if size >= batch_size > 0), sizes[0]))
    measure_cell(recipe, plan.samples, plan.unseen, plan.splits.repeats[0], 0, timed)
    before = _resident_bytes()
    cell = measure_cell(recipe, plan.samples, plan.unseen, plan.splits.repeats[0], 0, timed)
    if cell.failure:
        raise ValueError(f"the cell of size {timed} failed: {cell.failure}")
    n_unseen = len(plan.splits.repeats[0].candidates) if plan.unseen is None else len(plan.unseen.y)

    def steps(size: int) -> int:
        each = plan.steps_per_epoch(size)
        return each * planned_epochs(recipe.net, each, recipe.min_steps)

    def work(size: int) -> float:
        """Samples in all steps; a step has its price even with few of them."""
        return steps(size) * max(min(size, batch), _STEP_PRICE)

    def probed(size: int) -> int:
        return recipe.evaluated(size) + n_unseen

    batch = batch_size if batch_size > 0 else int(sizes[-1])
    per_work = cell.fit_seconds / work(timed)
    per_sample = cell.probe_seconds / probed(timed)
    seconds = np.array([per_work * work(s) + per_sample * probed(s) for s in sizes.tolist()])
    n_repeats, workers = len(plan.splits.repeats), joblib.effective_n_jobs(n_jobs)
    if recipe.train == "once":
        total, largest = n_repeats * float(seconds[-1]), float(seconds[-1])
    else:
        total, largest = n_repeats * float(seconds.sum()), float(seconds[-1])
    # no schedule ends before its largest cell
    spread = max(total / workers, largest)
    last = per_work * work(len(plan.samples.y)) if refit else 0.0
    sample_bytes = plan.samples.n_bytes / len(plan.samples.y)
    return CostEstimate(
        seconds=spread + last,
        peak_bytes=int(max(before, _resident_bytes()) + (sizes[-1] - timed) * sample_bytes),
        sizes=sizes,
        cell_seconds=seconds,
        n_cells=n_repeats * len(sizes),
    )
