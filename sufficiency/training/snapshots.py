"""Weights during a training: a tenth of it ago, and those of the lowest validation loss."""

import math
from collections.abc import Mapping

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback
from torch import Tensor

# Snapshots at a geometric series of steps: one of the last two is a tenth of the training ago,
# wherever early stopping ends it.
_SNAPSHOT_RATIO = 1.1

State = dict[str, Tensor]  # trainable parameters and buffers


def _state(module: torch.nn.Module) -> State:
    """Copies of the trainable parameters and the buffers."""
    named = [(n, p) for n, p in module.named_parameters() if p.requires_grad]
    return {n: t.detach().clone() for n, t in [*named, *module.named_buffers()]}


def load_state(module: torch.nn.Module, state: Mapping[str, Tensor]) -> None:
    """Write a snapshot back into the module."""
    named = dict([*module.named_parameters(), *module.named_buffers()])
    with torch.no_grad():
        for name, tensor in state.items():
            named[name].copy_(tensor)


class SnapshotTracker(Callback):
    """Keeps earlier weights and, if asked, the validation-optimal ones, each with its step."""

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
            self.before_best = self._earlier(self.step)

    def end(self) -> tuple[int, State | None, tuple[int, State] | None]:
        """Step of the center, its weights where they are not the last, and a snapshot before."""
        if self.best is not None:
            return (*self.best, self.before_best)
        return self.step, None, self._earlier(self.step)

    def _earlier(self, end: int) -> tuple[int, State] | None:
        """The snapshot nearest to nine tenths of `end` steps, before `end`."""
        taken = [s for s in (self.previous, self.last) if s is not None and s[0] < end]
        return min(taken, key=lambda s: abs(s[0] - 0.9 * end), default=None)
