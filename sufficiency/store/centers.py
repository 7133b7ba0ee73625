"""Trained centers as tensors and text, and nets that are put back where they were."""

from typing import Any

import numpy as np
import torch
from skorch import NeuralNet
from skorch.history import History
from torch import Tensor, nn

from sufficiency._random import isolated_rng
from sufficiency.data.samples import Samples
from sufficiency.engine.blocks import plan_blocks
from sufficiency.engine.loss_matrix import StackedWeights, loss_matrix
from sufficiency.nets.losses import LossFunction
from sufficiency.store.sealed_documents import DamagedFileError
from sufficiency.store.sealed_files import parse_tensors, render_tensors
from sufficiency.training.train_net import TrainedNet, initialized_net

_KIND = "sufficiency center 1"
_EARLIER = "earlier/"
# So many samples tell whether a net is what it was; one that is not differs by more than rounding.
_COMPARED, _RTOL, _ATOL = 32, 1e-4, 1e-6


def named_tensors(net: NeuralNet) -> dict[str, Tensor]:
    """Parameters and buffers of an initialized net's module and criterion, shared ones once."""
    tensors: dict[str, Tensor] = {}
    for part in (*net._modules, *net._criteria):
        module = getattr(net, part + "_")
        if isinstance(module, nn.Module):
            named = [*module.named_parameters(), *module.named_buffers()]
            tensors |= {f"{part}/{name}": tensor for name, tensor in named}
    return tensors


def render_center(key: str, trained: TrainedNet, about: dict[str, Any]) -> bytes:
    """Bytes of a center's file."""
    named = named_tensors(trained.net)
    earlier = trained.earlier or {}
    content = {
        "seconds": trained.seconds,
        "tenths": trained.tenths,
        "has_earlier": trained.earlier is not None,
        # callbacks may freeze parameters during a training
        "trainable": [name for name, tensor in named.items() if tensor.requires_grad],
        "max_epochs": trained.net.max_epochs,
        "history": [_plain(row) for row in trained.net.history],
        "about": about,
    }
    tensors = named | {_EARLIER + name: tensor for name, tensor in earlier.items()}
    return render_tensors(_KIND, key, tensors, content)


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """An epoch's numbers, without its batches."""
    kinds = (bool, int, float, str, np.number, np.bool_)
    return {name: value for name, value in row.items() if isinstance(value, kinds)}


def parse_center(data: bytes, key: str, net: NeuralNet, n_classes: int | None) -> TrainedNet:
    """Make the trained net again."""
    tensors, content = parse_tensors(data, _KIND, key)
    restored = initialized_net(net, 0, n_classes)
    earlier = {
        name.removeprefix(_EARLIER): tensors.pop(name).to(restored.device or "cpu")
        for name in list(tensors)
        if name.startswith(_EARLIER)
    }
    named = named_tensors(restored)
    if {n: _form(t) for n, t in named.items()} != {n: _form(t) for n, t in tensors.items()}:
        raise DamagedFileError("its tensors are not those of the net")
    with torch.no_grad():
        for name, tensor in named.items():
            tensor.copy_(tensors[name])
            if isinstance(tensor, nn.Parameter):
                tensor.requires_grad_(name in content["trainable"])
    restored.module_.eval()
    restored.max_epochs = content["max_epochs"]
    restored.history_ = History([{**row, "batches": []} for row in content["history"]])
    had_earlier = earlier if content["has_earlier"] else None
    return TrainedNet(restored, had_earlier, content["tenths"], content["seconds"])


def _form(tensor: Tensor) -> tuple[object, ...]:
    if nn.parameter.is_lazy(tensor):
        return ("not known before the first batch",)
    return (tensor.dtype, tuple(tensor.shape))


def same_losses(net: NeuralNet, other: NeuralNet, samples: Samples) -> bool:
    """
    Whether two trained nets give some samples the same losses.

    What a net remembers beside its parameters and buffers is not in the file; where it matters,
    it shows here.
    """
    few = samples.take(np.arange(min(_COMPARED, len(samples.y))))
    X, y = few.X, few.encoded
    losses = []
    for each in (net, other):
        # a loader takes a seed from the global generator even when it does not shuffle
        with isolated_rng(0):
            center = StackedWeights.single(LossFunction(each).center())
            plan = plan_blocks(each, X, y, n_draws=1, vectorize=False)
            losses.append(loss_matrix(each, center, X, y, plan))
    first, second = losses
    return np.allclose(first, second, rtol=_RTOL, atol=_ATOL, equal_nan=True)
