"""Every training of a fit as a task: on which samples, from which seed, for which sizes."""

from dataclasses import dataclass

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
    """The trainings behind all cells, the largest first."""
    sizes = tuple(splits.sizes.tolist())

    def task(repeat: int, size: int, measured: tuple[int, ...]) -> CenterTask:
        seed = child_seed(settings.root, "training", repeat, size)
        return CenterTask(settings, splits.repeats[repeat], repeat, size, seed, measured)

    repeats = range(len(splits.repeats))
    if settings.train == "once":
        return [task(repeat, len(splits.repeats[repeat].order), sizes) for repeat in repeats]
    return [task(repeat, size, (size,)) for size in reversed(sizes) for repeat in repeats]


def refit_task(settings: FitSettings, splits: Splits) -> CenterTask:
    """The training on all data, which counts as one more repeat."""
    seed = child_seed(settings.root, "refit")
    split = splits.refit
    return CenterTask(settings, split, len(splits.repeats), len(split.order), seed, ())
