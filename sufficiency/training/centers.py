"""The only place where a net is fitted: one subset, one center, from fresh seeded weights."""

import math
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from skorch import NeuralNet, NeuralNetClassifier
from skorch.callbacks import Callback, Checkpoint, EarlyStopping, TrainEndCheckpoint
from skorch.helper import predefined_split
from torch import Tensor

from sufficiency._random import isolated_rng
from sufficiency.data.rows import take_rows
from sufficiency.exceptions import DivergedTrainingError, UnsupportedNetError
from sufficiency.nets.losses import sample_blocks
from sufficiency.nets.skorch_nets import fresh_net
from sufficiency.training.batches import may_fuse, whole_batches
from sufficiency.training.callbacks import only_listeners

__all__ = [
    "TrainedCenter",
    "check_batches",
    "initialized_net",
    "planned_epochs",
    "steps_per_epoch",
    "train_center",
]

# Snapshots at a geometric series of steps: one of the last two is a tenth of the training ago,
# wherever early stopping ends it.
_SNAPSHOT_RATIO = 1.1

_DIVERGED = "the training diverged: its weights are not finite"

State = dict[str, Tensor]


@dataclass(frozen=True, eq=False)
class TrainedCenter:
    """
    A trained net and where it was a little earlier.

    Attributes
    ----------
    net : NeuralNet
        Its module holds the center w_k*, in evaluation mode.
    earlier : dict of tensors or None
        Trainable parameters and buffers at an earlier step; None after fewer than two steps.
    tenths : float
        How many tenths of the training lie between `earlier` and the center.
    seconds : float
        Duration of the training.
    """

    net: NeuralNet
    earlier: State | None
    tenths: float
    seconds: float


def _state(module: torch.nn.Module) -> State:
    """Copies of the trainable parameters and the buffers."""
    named = [(n, p) for n, p in module.named_parameters() if p.requires_grad]
    return {n: t.detach().clone() for n, t in [*named, *module.named_buffers()]}


class _CenterTracker(Callback):
    """Remembers earlier weights and, if asked, the validation-optimal ones."""

    def __init__(self, keep_best: bool) -> None:
        self.keep_best = keep_best
        self.step = 0
        self.due = 1.0
        self.previous: tuple[int, State] | None = None
        self.last: tuple[int, State] | None = None
        self.best_loss = math.inf
        self.best: tuple[int, State] | None = None
        self.before_best: tuple[int, State] | None = None

    def on_batch_end(self, net: NeuralNet, training: bool = False, **kwargs: object) -> None:
        """Count optimizer steps; take a snapshot when one is due."""
        if not training:
            return
        self.step += 1
        if self.step >= self.due:
            self.previous, self.last = self.last, (self.step, _state(net.module_))
            self.due = self.step * _SNAPSHOT_RATIO

    def on_epoch_end(self, net: NeuralNet, **kwargs: object) -> None:
        """Keep the weights of the best validation loss (batches weighted by their samples)."""
        if not self.keep_best:
            return
        batches = [b for b in net.history[-1]["batches"] if "valid_loss" in b]
        losses = [batch["valid_loss"] for batch in batches]
        counts = [batch["valid_batch_size"] for batch in batches]
        loss = float(np.average(losses, weights=counts))
        if loss < self.best_loss:
            self.best_loss = loss
            self.best = (self.step, _state(net.module_))
            self.before_best = self.reference(self.step)

    def reference(self, end: int) -> tuple[int, State] | None:
        """The snapshot nearest to nine tenths of `end` steps, before `end`."""
        taken = [s for s in (self.previous, self.last) if s is not None and s[0] < end]
        return min(taken, key=lambda s: abs(s[0] - 0.9 * end), default=None)


def steps_per_epoch(net: NeuralNet, X: Any, y: npt.NDArray) -> int:
    """Optimizer steps that the net's own training loader makes of these samples."""
    return max(1, len(net.get_iterator(net.get_dataset(X, y), training=True)))


def planned_epochs(net: NeuralNet, steps: int, min_steps: int) -> int:
    """The net's epochs, or as many as it takes to make `min_steps` of `steps` an epoch."""
    return max(net.max_epochs, math.ceil(min_steps / steps))


def initialized_net(net: NeuralNet, seed: int, n_classes: int | None = None) -> NeuralNet:
    """Fresh, initialized, untrained copy of `net`, for looking at."""
    with isolated_rng(seed):
        return fresh_net(net, **_recipe_params(net, n_classes, verbose=0)).initialize()


def _recipe_params(net: NeuralNet, n_classes: int | None, verbose: int) -> dict[str, object]:
    """What every training sets: no hidden validation split, silence, all the classes."""
    params: dict[str, object] = {"train_split": None, "verbose": net.verbose if verbose > 1 else 0}
    if n_classes is not None and isinstance(net, NeuralNetClassifier):
        params["classes"] = np.arange(n_classes)
    return params


def train_center(
    net: NeuralNet,
    X: Any,
    y: npt.NDArray,
    validation: tuple[Any, npt.NDArray] | None,
    *,
    center: str,
    min_steps: int,
    seed: int,
    n_classes: int | None = None,
    verbose: int = 0,
) -> TrainedCenter:
    """Train a copy of `net` on exactly these samples."""
    start = time.perf_counter()
    with isolated_rng(seed):
        copy = fresh_net(net, **_recipe_params(net, n_classes, verbose))
        copy.set_params(max_epochs=planned_epochs(copy, steps_per_epoch(copy, X, y), min_steps))
        fused = may_fuse(copy)
        if fused:
            copy.set_params(optimizer__fused=True)
        copy.initialize()
        if fused and any(parameter.is_complex() for parameter in copy.module_.parameters()):
            copy.set_params(optimizer__fused=False)  # there is no fused kernel for these
        tracker = _CenterTracker(keep_best=center == "best")
        # first in the row: early stopping ends an epoch before the callbacks behind it hear of it
        copy.callbacks_.insert(0, ("center_tracker", tracker))
        with whole_batches(copy, X, y), own_files(copy), only_listeners(copy):
            if validation is not None:
                copy.set_params(train_split=predefined_split(copy.get_dataset(*validation)))
            _run(copy, X, y)
        copy.callbacks_.pop(0)
    end, reference = tracker.step, tracker.reference(tracker.step)
    if tracker.best is not None:
        end, reference = tracker.best[0], tracker.before_best
        _load(copy.module_, tracker.best[1])
    if not _finite(copy.module_):
        raise DivergedTrainingError(_DIVERGED)
    copy.module_.eval()
    earlier, tenths = None, math.nan
    if reference is not None:
        earlier, tenths = reference[1], 10 * (end - reference[0]) / end
    return TrainedCenter(copy, earlier, tenths, time.perf_counter() - start)


def _run(net: NeuralNet, X: Any, y: npt.NDArray) -> None:
    """fit() of an initialized net, which would take a user's interrupt for early stopping."""
    net.notify("on_train_begin", X=X, y=y)
    try:
        net.fit_loop(X, y)
    except KeyboardInterrupt:
        stoppers = [c for _, c in net.callbacks_ if isinstance(c, EarlyStopping)]
        if not any(stopper.misses_ >= stopper.patience for stopper in stoppers):
            raise
    except (RuntimeError, ValueError) as error:
        # some criteria refuse what a diverged net puts out
        if _finite(net.module_):
            raise
        raise DivergedTrainingError(_DIVERGED) from error
    net.notify("on_train_end", X=X, y=y)


def _finite(module: torch.nn.Module) -> bool:
    return all(bool(parameter.isfinite().all()) for parameter in module.parameters())


@contextmanager
def own_files(net: NeuralNet) -> Iterator[None]:
    """
    Give checkpoints of an initialized net a folder of their own, which is gone afterwards.

    Cells would overwrite each other's files, and load them.
    """
    with tempfile.TemporaryDirectory() as folder:
        for _, callback in net.callbacks_:
            if isinstance(callback, (Checkpoint, TrainEndCheckpoint)):
                callback.set_params(dirname=folder)
                callback.initialize()
        yield


def _load(module: torch.nn.Module, state: Mapping[str, Tensor]) -> None:
    """Write a snapshot back into the module."""
    named = dict([*module.named_parameters(), *module.named_buffers()])
    with torch.no_grad():
        for name, tensor in state.items():
            named[name].copy_(tensor)


def check_batches(net: NeuralNet, X: Any, y: npt.NDArray, sizes: Iterable[int], seed: int) -> None:
    """Refuse sizes whose last batch batch norm cannot be trained on."""
    kwargs = net.get_params_for("iterator_train")
    batch = kwargs.get("batch_size", net.batch_size)
    bad = [size for size in sizes if batch > 1 and size % batch == 1]
    if not bad or kwargs.get("drop_last"):
        return
    copy = initialized_net(net, seed)
    copy.module_.train()
    try:
        with isolated_rng(seed), torch.no_grad():
            copy.infer(next(sample_blocks(copy, take_rows(X, slice(1)), y[:1], 1))[0])
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        raise UnsupportedNetError(
            f"`net` has batch norm and its epochs at the sizes {bad} end in a batch of one sample "
            f"(batch_size={batch}), which has no variance; set iterator_train__drop_last=True"
        ) from error
