"""Many nets trained at once, a step of all of them at a time."""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from skorch import NeuralNet
from skorch.callbacks import EarlyStopping
from torch import Tensor, nn

from sufficiency._random import isolated_rng, resumed_rng
from sufficiency.data.rows import take_rows
from sufficiency.data.samples import Samples
from sufficiency.exceptions import DivergedTrainingError
from sufficiency.nets.losses import Weights, as_tensors
from sufficiency.nets.skorch_nets import training_batch_size
from sufficiency.training.batches import whole_batches
from sufficiency.training.callbacks import only_listeners
from sufficiency.training.snapshots import SnapshotTracker
from sufficiency.training.stacked_step import DropoutSite, StackedStep, named_tensors, shares_of
from sufficiency.training.train_net import (
    TrainedNet,
    ended_training,
    initialized_net,
    is_finite,
    started_net,
    stopped_early,
)

# Recording a step is worth its time for so many steps.
_RECORDED_STEPS = 100
# A stack is made smaller if its idle nets would otherwise take part in so many steps, net by net.
_IDLE_STEPS = 500


@dataclass(frozen=True, eq=False)
class Training:
    """What one of the nets is trained on, and from which seed."""

    rows: npt.NDArray[np.int64]  # its samples among those of all nets
    samples: Samples  # the same samples
    validation: Samples
    seed: int


def train_together(
    net: NeuralNet,
    trainings: Iterable[Training],
    X: Any,
    y: npt.NDArray,
    sites: Sequence[DropoutSite],
    *,
    center: str,
    min_steps: int,
    n_classes: int | None = None,
    verbose: int = 0,
) -> Iterator[tuple[int, TrainedNet | DivergedTrainingError]]:
    """
    Train a copy of `net` for every training; each with its number, as soon as it is done.

    Every net has the initial weights, batches and dropout that :func:`train_net` would give it,
    and differs from its result by rounding.

    Raises
    ------
    DivergedTrainingError
        If what one net makes of its samples cannot be stacked any more; the nets that have not
        been given out are to be trained one by one.
    """
    shared = {"min_steps": min_steps, "n_classes": n_classes, "verbose": verbose}
    members = [_Member(training, net, center, shared) for training in trainings]
    template = initialized_net(net, 0, n_classes)
    template.module_.train()
    step, stack = StackedStep(template), _Stack(members, sites)
    while True:
        for number, member in enumerate(members):
            if member.done and member in stack.rows:
                stack.release(member)
                yield number, member.outcome()
        if not stack.active:
            return
        start = time.perf_counter()
        stack.shrink()
        losses = stack.advance(step, X, y)
        for of_row, loss in zip(stack.rows, losses, strict=True):
            if of_row is not None:
                of_row.advance(loss)
        seconds = (time.perf_counter() - start) / len(stack.active)
        for member in stack.active:
            member.seconds += seconds


class _Member:
    """A net of a stack: its own weights, order of samples, random numbers and callbacks."""

    def __init__(
        self, training: Training, net: NeuralNet, center: str, shared: dict[str, Any]
    ) -> None:
        start = time.perf_counter()
        self.rows, self.validation = training.rows, training.validation
        self.tracker = SnapshotTracker(keep_best=center == "best")
        train = training.samples
        with isolated_rng(training.seed):
            self.net = started_net(net, train.X, train.encoded, **shared)
            self.net.callbacks_.insert(0, ("snapshots", self.tracker))
            self.contexts = ExitStack()
            self.contexts.enter_context(whole_batches(self.net, train.X, train.encoded))
            self.contexts.enter_context(only_listeners(self.net))
            self.net.notify("on_train_begin", X=train.X, y=train.encoded)
            # the stream of the global generator, as if this training had it for itself
            self.stream = torch.Generator().set_state(torch.get_rng_state())
        device = torch.device(self.net.device or "cpu")
        on_cpu = device.type == "cpu"
        self.of_masks = (
            self.stream if on_cpu else torch.Generator(device).manual_seed(training.seed)
        )
        settings = self.net.get_params_for("iterator_train")
        self.shuffle, self.drop_last = settings.get("shuffle"), settings.get("drop_last")
        self.batch_size = min(training_batch_size(self.net), len(self.rows))
        stopping = any(isinstance(callback, EarlyStopping) for _, callback in self.net.callbacks_)
        # else nobody reads the history
        self.has_history = bool(len(self.validation.y) or stopping or self.net.verbose)
        self.epoch, self.losses = 0, list[float]()
        self.done = self.net.max_epochs < 1
        self._begin_epoch()
        self.done |= not self.batches
        self.seconds = time.perf_counter() - start

    def _begin_epoch(self) -> None:
        """Batches in the order that the default loader would give."""
        n, size = len(self.rows), self.batch_size
        # a loader draws a seed for its workers, then one for its sampler
        torch.empty((), dtype=torch.int64).random_(generator=self.stream)
        order = self.rows
        if self.shuffle:
            seed = int(torch.empty((), dtype=torch.int64).random_(generator=self.stream))
            order = order[torch.randperm(n, generator=torch.Generator().manual_seed(seed)).numpy()]
        stop = n - n % size if self.drop_last else n
        self.batches = [order[start : start + size] for start in range(0, stop, size)]
        self.step = 0
        self.losses.clear()
        if self.has_history:
            self.net.notify("on_epoch_begin", dataset_train=None, dataset_valid=None)

    @property
    def remaining(self) -> int:
        """Steps to the last one, unless the training stops early."""
        return (self.net.max_epochs - self.epoch) * len(self.batches) - self.step

    @property
    def batch(self) -> npt.NDArray[np.int64]:
        """Rows of the next batch."""
        return self.batches[self.step]

    def advance(self, loss: float) -> None:
        """Go on to the next batch, and at the end of an epoch to the next epoch."""
        self.tracker.on_batch_end(self.net, training=True)
        self.losses.append(loss)
        self.step += 1
        if self.step < len(self.batches):
            return
        self.epoch += 1
        self.done = self.epoch >= self.net.max_epochs
        if self.has_history:
            self._end_epoch()
        if not self.done:
            self._begin_epoch()

    def _end_epoch(self) -> None:
        """Validate and call the callbacks, as skorch does."""
        net, held_out, validation = self.net, self.validation, None
        net.history[-1]["batches"] = [
            {"train_loss": loss, "train_batch_size": len(batch)}
            for loss, batch in zip(self.losses, self.batches, strict=True)
        ]
        net.history.record("train_batch_count", len(self.batches))
        with resumed_rng(self.stream):
            if len(held_out.y):
                validation = net.get_dataset(held_out.X, held_out.encoded)
                batches = net.get_iterator(validation, training=False)
                net.run_single_epoch(batches, False, "valid", net.validation_step)
            try:
                net.notify("on_epoch_end", dataset_train=None, dataset_valid=validation)
            except KeyboardInterrupt:
                if not stopped_early(net):
                    raise
                self.done = True

    def outcome(self) -> TrainedNet | DivergedTrainingError:
        """How the training ended."""
        self.net.notify("on_train_end", X=None, y=None)
        self.contexts.close()
        self.net.callbacks_.pop(0)
        try:
            return ended_training(self.net, self.tracker, self.seconds)
        except DivergedTrainingError as error:
            return error


class _Stack:
    """Stacked weights, of which the modules of the members are views, and their optimizer."""

    def __init__(self, members: Sequence[_Member], sites: Sequence[DropoutSite]) -> None:
        self.rows: list[_Member | None] = list(members)
        self.sites, self.width = sites, max(member.batch_size for member in members)
        self.parameters: dict[str, nn.Parameter] = {}
        self.state: Weights = {}
        named = [named_tensors(member.net) for member in members]
        for name, tensor in named[0].items():
            whole = torch.stack([tensors[name].detach() for tensors in named])
            if tensor.requires_grad:
                self.parameters[name] = nn.Parameter(whole)
            else:
                self.state[name] = whole
        net = members[0].net
        arguments, settings = net.get_params_for_optimizer(
            "optimizer", list(self.parameters.items())
        )
        self.optimizer: torch.optim.Optimizer = net.optimizer(*arguments, **settings)
        self.device = next(iter(self.parameters.values())).device
        first = next(iter(self.parameters.values()))
        self.shares = torch.stack([shares_of(n, self.width, first) for n in range(self.width + 1)])
        self._share_out()

    @property
    def active(self) -> list[_Member]:
        """Members that are still trained."""
        return [member for member in self.rows if member is not None]

    def _share_out(self) -> None:
        """Make the modules' tensors views of the stacked ones."""
        whole = {name: w.detach() for name, w in self.parameters.items()} | self.state
        for row, member in enumerate(self.rows):
            if member is not None:
                for name, tensor in named_tensors(member.net).items():
                    tensor.data = whole[name][row]
        shape = len(self.rows), self.width
        self.masks = [
            torch.ones((*shape, *site.shape), dtype=site.dtype, device=self.device)
            for site in self.sites
        ]

    def release(self, member: _Member) -> None:
        """Give a member tensors of its own; its row is idle from now on."""
        for tensor in named_tensors(member.net).values():
            tensor.data = tensor.data.clone()
        self.rows[self.rows.index(member)] = None

    def shrink(self) -> None:
        """Leave out idle rows where that saves time."""
        kept = [row for row, member in enumerate(self.rows) if member is not None]
        steps = max(member.remaining for member in self.active)
        if (len(self.rows) - len(kept)) * steps < _IDLE_STEPS:
            return
        smaller = {name: nn.Parameter(w.detach()[kept]) for name, w in self.parameters.items()}
        new: dict[Tensor, Tensor] = {old: smaller[n] for n, old in self.parameters.items()}
        for group in self.optimizer.param_groups:
            group["params"] = [new[old] for old in group["params"]]
        for old in list(self.optimizer.state):
            of_rows = {
                name: value[kept] if getattr(value, "shape", None) == old.shape else value
                for name, value in self.optimizer.state.pop(old).items()
            }
            self.optimizer.state[new[old]] = of_rows
        self.parameters, self.rows = smaller, list(self.active)
        self.state = {name: tensor[kept] for name, tensor in self.state.items()}
        self._share_out()

    def advance(self, step: StackedStep, X: Any, y: npt.NDArray) -> list[float]:
        """Make one step of every net; their losses before it."""
        rows, counts = self._batches()
        arguments = (
            {name: w.detach() for name, w in self.parameters.items()},
            self.state,
            as_tensors(take_rows(X, rows), self.device),
            as_tensors(y[rows], self.device),
            self.shares[counts],
            self.masks,
        )
        record = max(member.remaining for member in self.active) >= _RECORDED_STEPS
        try:
            losses, gradients = step(*arguments, record=record)
        except (RuntimeError, ValueError) as error:
            # some criteria refuse what a diverged net puts out
            if all(is_finite(member.net.module_) for member in self.active):
                raise
            raise DivergedTrainingError("one of the nets trained together diverged") from error
        for parameter, gradient in zip(self.parameters.values(), gradients, strict=True):
            # fused optimizers read memory as it lies
            parameter.grad = None if gradient is None else gradient.contiguous()
        self.optimizer.step()
        values: list[float] = losses.tolist()
        return values

    def _batches(self) -> tuple[npt.NDArray[np.int64], list[int]]:
        """Rows (G, width) of the next batches, padded, and how many of them count."""
        rows = np.empty((len(self.rows), self.width), dtype=np.int64)
        counts = [0] * len(self.rows)
        for row, member in enumerate(self.rows):
            batch = (member or self.active[0]).batch
            rows[row, : len(batch)] = batch
            rows[row, len(batch) :] = batch[0]
            if member is not None:
                counts[row] = len(batch)
                for mask, site in zip(self.masks, self.sites, strict=True):
                    mask[row, : len(batch)].bernoulli_(1.0 - site.p, generator=member.of_masks)
        return rows, counts
