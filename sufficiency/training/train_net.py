"""The only place where a net is fitted: on one subset, from fresh seeded weights."""

import math
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from skorch import NeuralNet, NeuralNetClassifier
from skorch.callbacks import Checkpoint, EarlyStopping, TrainEndCheckpoint
from skorch.helper import predefined_split

from sufficiency._random import isolated_rng
from sufficiency.exceptions import DivergedTrainingError
from sufficiency.nets.skorch_nets import fresh_net
from sufficiency.training.batches import may_fuse, whole_batches
from sufficiency.training.callbacks import only_listeners
from sufficiency.training.snapshots import SnapshotTracker, State, load_state

_DIVERGED = "the training diverged: its weights are not finite"


@dataclass(frozen=True, eq=False)
class TrainedNet:
    """A trained net and where it was a little earlier."""

    net: NeuralNet  # its module holds the center w_k*, in evaluation mode
    earlier: State | None  # None after fewer than two steps
    tenths: float  # of the training, between `earlier` and the center
    seconds: float  # that the training took


def steps_per_epoch(net: NeuralNet, X: Any, y: npt.NDArray) -> int:
    """Optimizer steps that the net's own training loader makes of these samples."""
    return max(1, len(net.get_iterator(net.get_dataset(X, y), training=True)))


def planned_epochs(net: NeuralNet, steps: int, min_steps: int) -> int:
    """The net's epochs, or as many as it takes to make `min_steps` of `steps` an epoch."""
    return max(net.max_epochs, math.ceil(min_steps / steps))


def initialized_net(net: NeuralNet, seed: int, n_classes: int | None = None) -> NeuralNet:
    """Fresh, initialized, untrained copy of `net`, for looking at."""
    with isolated_rng(seed):
        return fresh_net(net, **_shared_params(net, n_classes, verbose=0)).initialize()


def _shared_params(net: NeuralNet, n_classes: int | None, verbose: int) -> dict[str, object]:
    """What every training sets: no hidden validation split, silence, all the classes."""
    params: dict[str, object] = {"train_split": None, "verbose": net.verbose if verbose > 1 else 0}
    if n_classes is not None and isinstance(net, NeuralNetClassifier):
        params["classes"] = np.arange(n_classes)
    return params


def train_net(
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
) -> TrainedNet:
    """Train a copy of `net` on exactly these samples."""
    start = time.perf_counter()
    with isolated_rng(seed):
        copy = started_net(net, X, y, min_steps=min_steps, n_classes=n_classes, verbose=verbose)
        tracker = SnapshotTracker(keep_best=center == "best")
        # first in the row: early stopping ends an epoch before the callbacks behind it hear of it
        copy.callbacks_.insert(0, ("snapshots", tracker))
        with whole_batches(copy, X, y), own_files(copy), only_listeners(copy):
            if validation is not None:
                copy.set_params(train_split=predefined_split(copy.get_dataset(*validation)))
            _run(copy, X, y)
        copy.callbacks_.pop(0)
    return ended_training(copy, tracker, time.perf_counter() - start)


def started_net(
    net: NeuralNet, X: Any, y: npt.NDArray, *, min_steps: int, n_classes: int | None, verbose: int
) -> NeuralNet:
    """Fresh, initialized copy of `net` that is going to make `min_steps` on these samples."""
    copy = fresh_net(net, **_shared_params(net, n_classes, verbose))
    copy.set_params(max_epochs=planned_epochs(copy, steps_per_epoch(copy, X, y), min_steps))
    _initialize(copy)
    return copy


def ended_training(net: NeuralNet, tracker: SnapshotTracker, seconds: float) -> TrainedNet:
    """The center of a training, and where it was before."""
    step, state, reference = tracker.end()
    if state is not None:
        load_state(net.module_, state)
    if not is_finite(net.module_):
        raise DivergedTrainingError(_DIVERGED)
    net.module_.eval()
    earlier, tenths = None, math.nan
    if reference is not None:
        earlier, tenths = reference[1], 10 * (step - reference[0]) / step
    return TrainedNet(net, earlier, tenths, seconds)


def _initialize(net: NeuralNet) -> None:
    """Initial weights, and the optimizer's fused form where there is one."""
    fused = may_fuse(net)
    if fused:
        net.set_params(optimizer__fused=True)
    net.initialize()
    if fused and any(parameter.is_complex() for parameter in net.module_.parameters()):
        net.set_params(optimizer__fused=False)  # there is no fused kernel for these


def _run(net: NeuralNet, X: Any, y: npt.NDArray) -> None:
    """fit() of an initialized net, which would take a user's interrupt for early stopping."""
    net.notify("on_train_begin", X=X, y=y)
    try:
        net.fit_loop(X, y)
    except KeyboardInterrupt:
        if not stopped_early(net):
            raise
    except (RuntimeError, ValueError) as error:
        # some criteria refuse what a diverged net puts out
        if is_finite(net.module_):
            raise
        raise DivergedTrainingError(_DIVERGED) from error
    net.notify("on_train_end", X=X, y=y)


def stopped_early(net: NeuralNet) -> bool:
    """Whether early stopping has ended the training, rather than a user."""
    stoppers = [c for _, c in net.callbacks_ if isinstance(c, EarlyStopping)]
    return any(stopper.misses_ >= stopper.patience for stopper in stoppers)


def is_finite(module: torch.nn.Module) -> bool:
    """Whether all parameters are."""
    return all(bool(parameter.isfinite().all()) for parameter in module.parameters())


@contextmanager
def own_files(net: NeuralNet) -> Iterator[None]:
    """Checkpoints in a temporary folder: cells would overwrite, and load, each other's files."""
    with tempfile.TemporaryDirectory() as folder:
        for _, callback in net.callbacks_:
            if isinstance(callback, (Checkpoint, TrainEndCheckpoint)):
                callback.set_params(dirname=folder)
                callback.initialize()
        yield
