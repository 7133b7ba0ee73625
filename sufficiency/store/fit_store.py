"""The cells and centers of one fit: taken from the store, or computed and kept there."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy.typing as npt
from sklearn.pipeline import Pipeline
from skorch import NeuralNet

from sufficiency.cells.cell import Cell, Trainer, train_on
from sufficiency.data.samples import Samples
from sufficiency.data.splits import Split, Splits
from sufficiency.exceptions import DivergedTrainingError
from sufficiency.store.arrays import array_fingerprint, inputs_fingerprint
from sufficiency.store.centers import parse_center, render_center, same_losses
from sufficiency.store.describe import describe, describe_net
from sufficiency.store.directory import Store
from sufficiency.store.documents import digest, parse_document, render_document
from sufficiency.store.files import DamagedFileError
from sufficiency.store.interruption import interruptible
from sufficiency.store.keys import FitKeys, Indices, Key, provenance
from sufficiency.training.centers import TrainedCenter
from sufficiency.training.settings import FitSettings

__all__ = ["FitStore", "remembered_seed"]

_CELLS, _FAILURE, _NET = "sufficiency cells 1", "sufficiency failure 1", "sufficiency net 1"


def remembered_seed(
    store: Store,
    net: NeuralNet,
    X: Any,
    y: npt.NDArray,
    draw: Callable[[], int],
    transformers: Pipeline | None = None,
) -> int:
    """
    The root seed that was drawn for these data and this net, or a new one, for all later fits.

    The probe, sizes and repeats are no part of it: changing them shall find the trained centers.
    """
    made_of = {
        "X": inputs_fingerprint(X),
        "y": array_fingerprint(y),
        "net": digest(describe_net(net)),
    }
    if transformers is not None:
        made_of["transformers"] = digest(describe(transformers, "net"))
    return store.seed(made_of, draw)


class FitStore:
    """
    Remembers what a fit has finished, in this process or another one, today or before.

    Small enough to be sent to workers: it holds fingerprints, no data.

    Parameters
    ----------
    store : Store
        Where.
    keys : FitKeys
        Of the fit.
    """

    def __init__(self, store: Store, keys: FitKeys) -> None:
        self.store = store
        self.keys = keys

    @classmethod
    def of(
        cls, store: Store, recipe: FitSettings, samples: Samples, unseen: Samples | None = None
    ) -> "FitStore":
        """Memory of a fit with this recipe and these data, which are read through once."""
        keys = FitKeys.from_fit(recipe, samples, unseen)
        name = f"{keys.of_center['net'][:32]}.json"
        known = store.load("nets", name, lambda data: parse_document(data, _NET, name))
        if known is None:
            store.save("nets", name, render_document(_NET, name, keys.net))
        return cls(store, keys)

    def cells(
        self,
        split: Split,
        repeat: int,
        sizes: Sequence[int],
        measure: Callable[[Trainer], list[Cell]],
    ) -> list[Cell]:
        """Cells that are read off one center."""
        key = self.keys.cells(split, repeat, sizes)
        known = self._known_cells(key)
        if known is not None:
            return known
        trained_on = self.keys.trained_on(split, sizes)
        cells = measure(self.trainer(trained_on, split.validation))
        content = {
            "cells": [vars(cell) for cell in cells],
            "made_of": key.made_of,
            "circumstances": provenance(),
        }
        self._save("cells", key, render_document(_CELLS, key.digest, content))
        return cells

    def finished(self, splits: Splits) -> list[Cell]:
        """What is known of all cells, without computing anything."""
        found: list[Cell] = []
        sizes = splits.sizes.tolist()
        for repeat, split in enumerate(splits.repeats):
            for some in [sizes] if self.keys.once else [[size] for size in sizes]:
                key = self.keys.cells(split, repeat, some)
                if self.store.holds("cells", f"{key.name}.json"):
                    found += self._known_cells(key) or []
        return found

    def interruptible(self, splits: Splits) -> AbstractContextManager[None]:
        """Context in which an interrupt says how to go on; see :func:`interruptible`."""
        return interruptible(lambda: self.how_to_go_on(splits))

    def how_to_go_on(self, splits: Splits) -> str:
        """What to tell somebody whose run was interrupted."""
        n_cells = len(splits.sizes) * len(splits.repeats)
        return (
            f"{len(self.finished(splits))} of {n_cells} cells are finished and kept in "
            f"{str(self.store.directory)!r}: fit again with the same data, parameters and `store` "
            "to go on from there"
        )

    def trainer(self, trained_on: Indices, validation: Indices) -> Trainer:
        """A trainer that remembers its centers."""

        def train(
            recipe: FitSettings, train: Samples, held_out: Samples, seed: int
        ) -> TrainedCenter:
            key = self.keys.center(trained_on, validation, seed)
            known = self._known_center(key, recipe)
            if known is not None:
                return known
            try:
                trained = train_on(recipe, train, held_out, seed)
            except DivergedTrainingError as error:
                content = {"failure": str(error), "made_of": key.made_of}
                self._save("centers", key, render_document(_FAILURE, key.digest, content))
                raise
            self._keep_center(key, recipe, trained, train)
            return trained

        return train

    def _known_cells(self, key: Key) -> list[Cell] | None:
        def parse(data: bytes) -> list[Cell]:
            rows = parse_document(data, _CELLS, key.digest)["cells"]
            return [Cell(**row) for row in rows]

        return self.store.load("cells", f"{key.name}.json", parse)

    def _known_center(self, key: Key, recipe: FitSettings) -> TrainedCenter | None:
        def parse(data: bytes) -> TrainedCenter:
            return parse_center(data, key.digest, recipe.net, self.keys.n_classes)

        def parse_failure(data: bytes) -> str:
            return str(parse_document(data, _FAILURE, key.digest)["failure"])

        known = self.store.load("centers", f"{key.name}.safetensors", parse)
        if known is None:
            failure = self.store.load("centers", f"{key.name}.json", parse_failure)
            if failure is not None:
                raise DivergedTrainingError(failure)
        return known

    def _keep_center(
        self, key: Key, recipe: FitSettings, trained: TrainedCenter, train: Samples
    ) -> None:
        """Write a center, if the net that is made of it is the one that was trained."""
        if self.store.read_only:
            return
        about = {"made_of": key.made_of, "circumstances": provenance()}
        reason = "its losses would be other ones"
        try:
            data = render_center(key.digest, trained, about)
            again = parse_center(data, key.digest, recipe.net, self.keys.n_classes)
            faithful = same_losses(trained.net, again.net, train)
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

    def _save(self, folder: str, key: Key, data: bytes) -> None:
        self.store.save(folder, f"{key.name}.json", data)
