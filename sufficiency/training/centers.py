"""Trained centers of tasks, taken from a store where it has them."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from skorch import NeuralNet

from sufficiency.data.rows import join_arrays
from sufficiency.data.samples import Samples
from sufficiency.exceptions import DivergedTrainingError
from sufficiency.training.lockstep import Training, train_together
from sufficiency.training.tasks import CenterTask
from sufficiency.training.train_net import TrainedNet, train_net
from sufficiency.training.transformers import FittedTransformers, fit_transformers

if TYPE_CHECKING:
    from sufficiency.store.fit_store import FitStore

logger = logging.getLogger(__name__)


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


# How a training ended, with the transformers before the net and the samples as it saw them.
Trained = tuple[CenterTask, TrainedNet | FailedTraining, FittedTransformers | None, Samples]


def centers(
    tasks: Sequence[CenterTask], samples: Samples, store: "FitStore | None" = None
) -> Iterator[tuple[CenterTask, TrainedCenter | FailedTraining]]:
    """
    Every task with its center, in any order; one that diverges ends none of the others.

    What the store does not have is trained, in the groups that the tasks belong to: another group
    would change the last digits.
    """
    missing: dict[int, list[CenterTask]] = {}
    for task in tasks:
        outcome = None if store is None else store.center(task)
        if outcome is None:
            missing.setdefault(id(task.together or task), []).append(task)
        else:
            yield task, _center(outcome, *_prepared(task, samples))
    for group in missing.values():
        together = group[0].together
        trained = _train_together(together, samples) if together else _train(group, samples)
        for task, outcome, transformers, train in trained:
            if store is not None and not store.holds_center(task):
                store.keep_center(task, outcome, train)
            if task in group:
                yield task, _center(outcome, transformers, train)


def _center(
    outcome: TrainedNet | FailedTraining, transformers: FittedTransformers | None, train: Samples
) -> TrainedCenter | FailedTraining:
    if isinstance(outcome, FailedTraining):
        return outcome
    return TrainedCenter(outcome, train, transformers)


def _prepared(task: CenterTask, samples: Samples) -> tuple[FittedTransformers | None, Samples]:
    """The task's transformers and training samples, as its net sees them."""
    settings, train = task.settings, samples.take(task.trained_on)
    if settings.transformers is None:
        return None, train
    with _named_in_errors(task):
        return fit_transformers(settings.transformers, train, settings.codec.dtype, task.seed)


def _held_out(
    task: CenterTask, samples: Samples, transformers: FittedTransformers | None
) -> Samples:
    held_out = samples.take(task.split.validation)
    return held_out if transformers is None else transformers(held_out)


def _train(tasks: Sequence[CenterTask], samples: Samples) -> Iterator[Trained]:
    """One by one."""
    for task in tasks:
        settings = task.settings
        transformers, train = _prepared(task, samples)
        held_out = _held_out(task, samples, transformers)
        outcome: TrainedNet | FailedTraining
        try:
            with _named_in_errors(task):
                outcome = train_net(
                    settings.net,
                    train.X,
                    train.encoded,
                    (held_out.X, held_out.encoded) if len(held_out.y) else None,
                    seed=task.seed,
                    **settings.of_training,
                )
        except DivergedTrainingError as error:
            outcome = FailedTraining(str(error))
        yield task, outcome, transformers, train


def _train_together(tasks: Sequence[CenterTask], samples: Samples) -> Iterator[Trained]:
    """A group of tasks, as they end."""
    settings, waiting = tasks[0].settings, dict(enumerate(tasks))
    # without transformers, all nets read the samples where they are
    kept = [_prepared(task, samples) for task in tasks if settings.transformers is not None]
    X, y = samples.X, samples.encoded
    if kept:
        X = join_arrays([train.X for _, train in kept])
        y = np.concatenate([train.encoded for _, train in kept])

    def trainings() -> Iterator[Training]:
        first = 0
        for number, task in enumerate(tasks):
            transformers, train = kept[number] if kept else _prepared(task, samples)
            rows = first + np.arange(task.size) if kept else task.trained_on
            first += task.size
            yield Training(rows, train, _held_out(task, samples, transformers), task.seed)

    sites = settings.stacking.sites
    try:
        with _named_in_errors(*tasks):
            for number, outcome in train_together(
                settings.net, trainings(), X, y, sites, **settings.of_training
            ):
                task = waiting.pop(number)
                prepared = kept[number] if kept else _prepared(task, samples)
                if isinstance(outcome, DivergedTrainingError):
                    yield task, FailedTraining(str(outcome)), *prepared
                else:
                    yield task, outcome, *prepared
    except DivergedTrainingError as error:
        logger.info("%s; %d nets are trained one by one", error, len(waiting))
        yield from _train(list(waiting.values()), samples)


@contextmanager
def _named_in_errors(*tasks: CenterTask) -> Iterator[None]:
    """Errors say in which cells they happened; a diverged training is none."""
    try:
        yield
    except DivergedTrainingError:
        raise
    except Exception as error:
        error.add_note(f"in {' or '.join(map(str, tasks))}")
        raise
