"""What makes a trained center, and what makes a cell: everything they depend on, as one key."""

import platform
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import sklearn
import skorch
import torch
from skorch import NeuralNet

from sufficiency._threads import limited_threads
from sufficiency.cells.cell import CELL_COLUMNS
from sufficiency.data.samples import Samples
from sufficiency.data.slices import Slices
from sufficiency.exceptions import InvalidParameterError
from sufficiency.store.centers import named_tensors
from sufficiency.store.configurations import content_of, content_of_net
from sufficiency.store.fingerprints import (
    array_fingerprint,
    digest,
    inputs_fingerprint,
    tensor_fingerprint,
)
from sufficiency.training.settings import FitSettings, release
from sufficiency.training.tasks import CenterTask
from sufficiency.training.train_net import initialized_net

# To be raised whenever this package trains, or probes, so that other numbers come out:
# tests/store/test_formats.py has the numbers of today.
TRAINING_FORMAT = 2
PROBE_FORMAT = 3

# Settings that are part of the center's key, or that only print.
_NOT_OF_THE_PROBE = {"net", "transformers", "verbose", "stacking"}
_SHOWN_AS = {"scorer": "scoring"}


@dataclass(frozen=True, eq=False)
class Key:
    """Address in the store: samples of the training, and everything that the file depends on."""

    size: int
    made_of: dict[str, Any]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of `made_of`."""
        return digest(self.made_of)

    @property
    def name(self) -> str:
        """What its file is called."""
        return f"{self.size}-{self.digest[:32]}"


@dataclass(frozen=True, eq=False)
class FitKeys:
    """
    Keys of a fit's centers and cells.

    A trained center depends on the samples in their order, the validation samples, the net with
    its initial weights, seed, `center`, `min_steps` and the releases of torch and skorch; a cell
    on all that and on everything else in the settings. Neither depends on the number of threads
    or workers, which changes rounding only, on the paths of data or store, or on the release of
    Python.
    """

    net: dict[str, Any]
    # what all centers, and all cells, of the fit have in common
    of_center: dict[str, Any]
    of_cell: dict[str, Any]

    @classmethod
    def from_fit(cls, settings: FitSettings, samples: Samples, unseen: Samples | None) -> "FitKeys":
        """Look at everything once; the data are read block by block."""
        net = content_of_net(settings.net)
        n_classes = settings.codec.n_classes
        start = initial_state(settings.net, n_classes)
        if initial_state(settings.net, n_classes) != start:
            raise InvalidParameterError(
                "net",
                "must start from weights that the global generators of torch, NumPy or "
                "Python decide, got others at the second time with the same seed; no store could "
                "find its trainings again: draw them from these generators, or fit without a store",
            )
        of_center = {
            "format": TRAINING_FORMAT,
            "X": inputs_fingerprint(samples.X),
            "targets": array_fingerprint(samples.encoded),
            "net": digest(net),
            "initial_state": start,
            "n_classes": n_classes,
            "center": settings.center,
            "min_steps": settings.min_steps,
            "torch": torch.__version__,
            "skorch": skorch.__version__,
        }
        if settings.transformers is not None:
            # supervised ones see the user's own targets
            of_center["y"] = array_fingerprint(samples.y)
            of_center["transformers"] = digest(content_of(settings.transformers, "net"))
            of_center["sklearn"] = sklearn.__version__
        slices = samples.slices if unseen is None else unseen.slices
        of_cell = {
            "format": PROBE_FORMAT,
            "columns": list(CELL_COLUMNS),
            "y": array_fingerprint(samples.y),
            "unseen": None if unseen is None else _fingerprints(unseen),
            "slices": None if slices is None else _of_slices(slices),
            "sklearn": sklearn.__version__,
        }
        for field in fields(settings):
            if field.name not in _NOT_OF_THE_PROBE:
                shown = _SHOWN_AS.get(field.name, field.name)
                of_cell[field.name] = content_of(getattr(settings, field.name), shown)
        return cls(net, of_center, of_cell)

    def center(self, task: CenterTask) -> Key:
        """Key of a trained center."""
        return Key(task.size, self._center(task) | {"seed": task.seed})

    def cells(self, task: CenterTask) -> Key:
        """Key of the cells that are measured at the task's center."""
        own = {
            "center_of": self._center(task),
            "candidates": array_fingerprint(task.split.candidates),
            "repeat": task.repeat,
            "sizes": list(task.sizes),
        }
        return Key(task.size, self.of_cell | own)

    def _center(self, task: CenterTask) -> dict[str, Any]:
        own = {
            "order": array_fingerprint(task.trained_on),
            "size": task.size,
            "validation": array_fingerprint(task.split.validation),
        }
        if task.together:
            # the last digits depend on what is in the stack, and for how many steps
            own["together"] = [[other.size, other.seed] for other in task.together]
            own["number"] = task.together.index(task)
        return self.of_center | own


def _of_slices(slices: Slices) -> list[Any]:
    return [*slices.partitions, *map(str, slices.values), array_fingerprint(slices.codes)]


def _fingerprints(samples: Samples) -> list[str]:
    targets = [array_fingerprint(part) for part in (samples.encoded, samples.y)]
    return [inputs_fingerprint(samples.X), *targets]


def initial_state(net: NeuralNet, n_classes: int | None = None) -> str:
    """
    Fingerprint of the parameters and buffers that a training with the seed 0 starts from.

    It holds what the content of the configuration does not show: weights that a constructor loads
    from a file, frozen parts of a module instance, shapes that depend on something far away.
    """
    # some initializations factorize matrices, whose rounding depends on the number of threads
    with limited_threads(1):
        named = named_tensors(initialized_net(net, 0, n_classes))
    lazy = torch.nn.parameter.is_lazy
    tensors = [
        [name, tensor.requires_grad, None if lazy(tensor) else tensor_fingerprint(tensor)]
        for name, tensor in named.items()
    ]
    return digest(tensors)


def provenance() -> dict[str, Any]:
    """Under what circumstances a number was made: for people, not part of any key."""
    return {
        "sufficiency": release(),
        "torch": torch.__version__,
        "skorch": skorch.__version__,
        "python": platform.python_version(),
        "threads": torch.get_num_threads(),
    }
