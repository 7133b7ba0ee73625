"""Trained centers of tasks, taken from a store where it has them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from skorch import NeuralNet

from sufficiency.data.samples import Samples
from sufficiency.exceptions import DivergedTrainingError
from sufficiency.training.tasks import CenterTask
from sufficiency.training.train_net import TrainedNet, train_net
from sufficiency.training.transformers import FittedTransformers, fit_transformers

if TYPE_CHECKING:
    from sufficiency.store import FitStore


@dataclass(frozen=True, eq=False)
class TrainedCenter:
    """What a task's training gives."""

    trained: TrainedNet
    train: Samples  # as the net saw them
    transformers: FittedTransformers | None  # fitted on them

    @property
    def net(self) -> NeuralNet:
        """The trained net."""
        return self.trained.net

    def seen(self, samples: Samples) -> Samples:
        """Other samples as the net sees them."""
        return samples if self.transformers is None else self.transformers(samples)


@dataclass(frozen=True)
class FailedTraining:
    """Why a task has no center."""

    reason: str


def centers(
    tasks: Sequence[CenterTask], samples: Samples, store: "FitStore | None" = None
) -> Iterator[tuple[CenterTask, TrainedCenter | FailedTraining]]:
    """Every task with its center, in any order; one that diverges ends none of the others."""
    for task in tasks:
        try:
            outcome = _center(task, samples, store)
        except Exception as error:
            error.add_note(f"in {task}")
            raise
        yield task, outcome


def _center(
    task: CenterTask, samples: Samples, store: "FitStore | None"
) -> TrainedCenter | FailedTraining:
    settings = task.settings
    transformers, train = None, samples.take(task.trained_on)
    if settings.transformers is not None:
        transformers, train = fit_transformers(
            settings.transformers, train, settings.codec.dtype, task.seed
        )
    outcome = None if store is None else store.center(task)
    if outcome is None:
        held_out = samples.take(task.split.validation)
        outcome = _train(task, train, held_out if transformers is None else transformers(held_out))
        if store is not None:
            store.keep_center(task, outcome, train)
    if isinstance(outcome, FailedTraining):
        return outcome
    return TrainedCenter(outcome, train, transformers)


def _train(task: CenterTask, train: Samples, held_out: Samples) -> TrainedNet | FailedTraining:
    settings = task.settings
    try:
        return train_net(
            settings.net,
            train.X,
            train.encoded,
            (held_out.X, held_out.encoded) if len(held_out.y) else None,
            center=settings.center,
            min_steps=settings.min_steps,
            seed=task.seed,
            n_classes=settings.codec.n_classes,
            verbose=settings.verbose,
        )
    except DivergedTrainingError as error:
        return FailedTraining(str(error))
