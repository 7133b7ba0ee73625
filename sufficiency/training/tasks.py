"""Every training of a fit as a task: on which samples, from which seed, for which sizes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sufficiency._random import child_seed
from sufficiency.data.candidates import Indices
from sufficiency.data.splits import Split, Splits
from sufficiency.training.settings import FitSettings


@dataclass(frozen=True, eq=False)
class CenterTask:
    """One net to train."""

    settings: FitSettings
    split: Split  # of the repeat
    repeat: int
    size: int  # samples that it is trained on: the first of `split.order`
    seed: int  # of its initial weights, batches and transformers
    # whose cells are measured at its center: none of the refit's, all with train="once"
    sizes: tuple[int, ...]
    # the tasks, this one among them, whose nets are trained together with it; none: alone
    together: Sequence["CenterTask"] = ()

    @property
    def trained_on(self) -> Indices:
        """Training samples, in their order."""
        return self.split.order[: self.size]

    def __str__(self) -> str:
        if not self.sizes:
            return "the refit"
        if self.settings.train == "once":
            return f"repeat {self.repeat}"
        return f"the cell of repeat {self.repeat}, size {self.size}"


def tasks_of_fit(settings: FitSettings, splits: Splits) -> list[CenterTask]:
    """
    The trainings behind all cells, the largest first.

    Neighbors are trained together: their sizes, and so their numbers of steps, are about the same.
    """
    sizes, repeats = tuple(splits.sizes.tolist()), range(len(splits.repeats))
    wanted = [(repeat, size, (size,)) for size in reversed(sizes) for repeat in repeats]
    if settings.train == "once":
        wanted = [(repeat, len(splits.repeats[repeat].order), sizes) for repeat in repeats]
    tasks: list[CenterTask] = []
    # groups of about the same number, none of them larger than may be
    n_groups = -(-len(wanted) // settings.stacking.n_nets)
    for part in np.array_split(np.arange(len(wanted)), n_groups):
        group: list[CenterTask] = []
        for repeat, size, measured in (wanted[i] for i in part):
            seed = child_seed(settings.root, "training", repeat, size)
            split, together = splits.repeats[repeat], group if len(part) > 1 else ()
            group.append(CenterTask(settings, split, repeat, size, seed, measured, together))
        tasks += group
    return tasks


def refit_task(settings: FitSettings, splits: Splits) -> CenterTask:
    """The training on all data, which counts as one more repeat."""
    seed = child_seed(settings.root, "refit")
    split = splits.refit
    return CenterTask(settings, split, len(splits.repeats), len(split.order), seed, ())
