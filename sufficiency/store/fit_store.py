"""The cells and centers of one fit: found in its store, and kept there."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy.typing as npt
from sklearn.pipeline import Pipeline
from skorch import NeuralNet

from sufficiency._files import write_file
from sufficiency.cells.cell import Cell
from sufficiency.data.samples import Samples
from sufficiency.store.centers import parse_center, render_center, same_losses
from sufficiency.store.configurations import content_of, content_of_net
from sufficiency.store.directory import Store
from sufficiency.store.fingerprints import array_fingerprint, digest, inputs_fingerprint
from sufficiency.store.interruption import interruptible
from sufficiency.store.keys import FitKeys, provenance
from sufficiency.store.running_fits import CELLS, parse_cells, render_fit
from sufficiency.store.sealed_documents import DamagedFileError, parse_document, render_document
from sufficiency.training.centers import FailedTraining
from sufficiency.training.settings import FitSettings
from sufficiency.training.tasks import CenterTask
from sufficiency.training.train_net import TrainedNet

_FAILURE, _NET = "sufficiency failure 1", "sufficiency net 1"


def remembered_seed(
    store: Store,
    net: NeuralNet,
    X: Any,
    y: npt.NDArray,
    draw: Callable[[], int],
    transformers: Pipeline | None = None,
) -> int:
    """The root seed that was drawn for these data and this net, or a new one for all later fits."""
    # not of probe, sizes and repeats: changing them shall find the trained centers
    made_of = {
        "X": inputs_fingerprint(X),
        "y": array_fingerprint(y),
        "net": digest(content_of_net(net)),
    }
    if transformers is not None:
        made_of["transformers"] = digest(content_of(transformers, "net"))
    return store.seed(made_of, draw)


class FitStore:
    """What a store holds of one fit; small enough to be sent to workers: it holds no data."""

    def __init__(self, store: Store, keys: FitKeys) -> None:
        self.store = store
        self.keys = keys

    @classmethod
    def of(
        cls, store: Store, settings: FitSettings, samples: Samples, unseen: Samples | None = None
    ) -> "FitStore":
        """The part of a store that belongs to these settings and data, which are read once."""
        keys = FitKeys.from_fit(settings, samples, unseen)
        name = f"{keys.of_center['net'][:32]}.json"
        known = store.load("nets", name, lambda data: parse_document(data, _NET, name))
        if known is None:
            store.save("nets", name, render_document(_NET, name, keys.net))
        return cls(store, keys)

    def cells(self, task: CenterTask) -> list[Cell] | None:
        """The cells of the task's center, if they are finished."""
        key = self.keys.cells(task)

        def parse(data: bytes) -> list[Cell]:
            return parse_cells(data, key.digest)

        return self.store.load("cells", f"{key.name}.json", parse)

    def announce(self, tasks: Sequence[CenterTask], save: Callable[[Path], None]) -> None:
        """Show which cells a fit is made of; `save` writes its result without any of them."""
        keys = [self.keys.cells(task) for task in tasks]
        name = digest([key.digest for key in keys])[:32]
        data = render_fit(name, [(f"{key.name}.json", key.digest) for key in keys])
        folder = self.store.directory / "fits"
        try:
            save(folder / name)
            write_file(folder / f"{name}.json", data)
        except OSError as error:
            self.store.warn_not_kept(error)

    def keep_cells(self, task: CenterTask, cells: list[Cell]) -> None:
        """Keep the cells of the task's center."""
        key = self.keys.cells(task)
        content = {
            "cells": [vars(cell) | {"unseen": cell.unseen and vars(cell.unseen)} for cell in cells],
            "made_of": key.made_of,
            "circumstances": provenance(),
        }
        self.store.save("cells", f"{key.name}.json", render_document(CELLS, key.digest, content))

    def finished(self, tasks: Sequence[CenterTask]) -> list[Cell]:
        """All cells of these tasks that are finished."""
        found: list[Cell] = []
        for task in tasks:
            if self.store.holds("cells", f"{self.keys.cells(task).name}.json"):
                found += self.cells(task) or []
        return found

    def interruptible(self, tasks: Sequence[CenterTask]) -> AbstractContextManager[None]:
        """Context in which an interrupt says how to go on; see :func:`interruptible`."""
        return interruptible(lambda: self.how_to_go_on(tasks))

    def how_to_go_on(self, tasks: Sequence[CenterTask]) -> str:
        """What to tell somebody whose run was interrupted."""
        n_cells = sum(len(task.sizes) for task in tasks)
        return (
            f"{len(self.finished(tasks))} of {n_cells} cells are finished and kept in "
            f"{str(self.store.directory)!r}: fit again with the same data, parameters and `store` "
            "to go on from there"
        )

    def center(self, task: CenterTask) -> TrainedNet | FailedTraining | None:
        """How the task's training ended, if it has."""
        key, settings = self.keys.center(task), task.settings

        def parse(data: bytes) -> TrainedNet:
            return parse_center(data, key.digest, settings.net, settings.codec.n_classes)

        def parse_failure(data: bytes) -> FailedTraining:
            return FailedTraining(str(parse_document(data, _FAILURE, key.digest)["failure"]))

        trained = self.store.load("centers", f"{key.name}.safetensors", parse)
        if trained is not None:
            return trained
        return self.store.load("centers", f"{key.name}.json", parse_failure)

    def holds_center(self, task: CenterTask) -> bool:
        """Whether there is a file of how the task's training ended."""
        name = self.keys.center(task).name
        return any(self.store.holds("centers", f"{name}.{end}") for end in ("safetensors", "json"))

    def keep_center(
        self, task: CenterTask, outcome: TrainedNet | FailedTraining, train: Samples
    ) -> None:
        """Keep how a training ended; a net only if what is made of its file is the same net."""
        key, settings = self.keys.center(task), task.settings
        if isinstance(outcome, FailedTraining):
            content = {"failure": outcome.reason, "made_of": key.made_of}
            data = render_document(_FAILURE, key.digest, content)
            self.store.save("centers", f"{key.name}.json", data)
            return
        if self.store.read_only:
            return
        about = {"made_of": key.made_of, "circumstances": provenance()}
        reason = "its losses would be other ones"
        try:
            data = render_center(key.digest, outcome, about)
            again = parse_center(data, key.digest, settings.net, settings.codec.n_classes)
            faithful = same_losses(outcome.net, again.net, train)
        except (DamagedFileError, RuntimeError, TypeError, ValueError) as error:
            faithful, reason = False, str(error)
        if faithful:
            self.store.save("centers", f"{key.name}.safetensors", data)
        else:
            self.store.warn(
                f"trained nets cannot be made again from their parameters and buffers ({reason}): "
                "their cells are kept in the store, they are not; make buffers of whatever else a "
                "training changes"
            )
