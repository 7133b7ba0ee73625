"""From a trained center to its cells."""

import time

from sufficiency.cells.all_sizes import statistics_of_all_sizes
from sufficiency.cells.at_center import view_center
from sufficiency.cells.cell import Cell
from sufficiency.cells.increments import increment_statistics
from sufficiency.data.samples import Samples
from sufficiency.exceptions import DivergedTrainingError
from sufficiency.training.centers import FailedTraining, TrainedCenter
from sufficiency.training.tasks import CenterTask

__all__ = ["measure"]


def measure(
    task: CenterTask,
    center: TrainedCenter | FailedTraining,
    samples: Samples,
    unseen: Samples | None = None,
) -> list[Cell]:
    """One cell for each of the task's sizes; losses that are not finite make them failures."""
    if isinstance(center, FailedTraining):
        return _failed(task, center.reason)
    candidates = samples.take(task.split.candidates) if unseen is None else unseen
    try:
        return _measure(task, center, center.seen(candidates))
    except DivergedTrainingError as error:
        return _failed(task, str(error))
    except Exception as error:
        error.add_note(f"in {task}")
        raise


def _failed(task: CenterTask, reason: str) -> list[Cell]:
    return [Cell(task.repeat, size, failure=reason) for size in task.sizes]


def _measure(task: CenterTask, center: TrainedCenter, candidates: Samples) -> list[Cell]:
    start = time.perf_counter()
    view = view_center(task, center, candidates)
    if task.settings.train == "once":
        statistics = statistics_of_all_sizes(task, center, view, candidates)
    else:
        statistics = [increment_statistics(task, center, view, candidates)]
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
