"""How many draws and samples the engine evaluates at once."""

import logging
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt
import torch
from skorch import NeuralNet
from torch import Tensor, nn

from sufficiency.data.rows import row_bytes, take_rows
from sufficiency.nets.losses import LossFunction, sample_blocks
from sufficiency.nets.skorch_nets import evaluation_mode

logger = logging.getLogger(__name__)

MEMORY_BUDGET = 256 * 2**20
# Module outputs are counted by hooks; functional calls between them are not, and every output
# exists besides its successor.
_ACTIVATION_FACTOR = 3
# On a CPU a layer's output should still be in the cache when the next layer reads it. Measured:
# 4 MiB was within 5 % of the best for perceptrons and 64-channel convolutions, 8 MiB 1.4 times
# slower for a narrow perceptron, whole batches 1.7 times slower for convolutions. Not timed at
# run time, since results shall be the same bit for bit.
_CACHE = 4 * 2**20
# With fewer samples in a block, reading the weights costs more than using them.
_FEWEST_SAMPLES = 64


@dataclass(frozen=True)
class BlockPlan:
    """Draws and samples of a block, and whether one vmapped call or a loop evaluates them."""

    draws: int
    samples: int
    vectorize: bool


def plan_blocks(
    net: NeuralNet,
    X: Any,
    y: npt.NDArray,
    *,
    n_draws: int,
    vectorize: bool,
    weight_bytes: int | None = None,
    budget: int = MEMORY_BUDGET,
) -> BlockPlan:
    """Draws and samples of a block, so that weights and activations stay within the budget."""
    if weight_bytes is None:
        center = LossFunction(net).center()
        weight_bytes = sum(tensor.numel() * tensor.element_size() for tensor in center.values())
    total, largest = activation_bytes(net, take_rows(X, slice(2)), y[:2])
    # drawn one by one, then stacked: twice the weights for a moment
    draws = max(1, min(n_draws, budget // 2 // max(1, 2 * weight_bytes)))
    pairs = max(1, budget // 2 // (_ACTIVATION_FACTOR * total))
    if torch.device(net.device or "cpu").type == "cpu":
        pairs = min(pairs, max(1, _CACHE // largest))
    if vectorize:
        draws = max(1, min(draws, pairs // min(len(y), _FEWEST_SAMPLES)))
    vectorize = vectorize and draws > 1
    samples = pairs // draws if vectorize else pairs
    # the samples themselves are there once, whatever the draws
    samples = max(1, min(samples, len(y), budget // 16 // row_bytes(X)))
    logger.debug("blocks of %d draws and %d samples, vmap %s", draws, samples, vectorize)
    return BlockPlan(draws, samples, vectorize)


def activation_bytes(net: NeuralNet, X: Any, y: npt.NDArray) -> tuple[int, int]:
    """Bytes of all layers' outputs for one sample, and of the largest."""
    sizes: list[int] = []

    def count(module: nn.Module, args: tuple[object, ...], output: object) -> None:
        outputs = output if isinstance(output, (tuple, list)) else (output,)
        # flattening makes no copy, and what it flattens may be the input, shared by all draws
        known = {a.untyped_storage().data_ptr() for a in args if isinstance(a, Tensor)}
        sizes.extend(
            o.numel() * o.element_size()
            for o in outputs
            if isinstance(o, Tensor) and o.untyped_storage().data_ptr() not in known
        )

    hooks = [
        part.register_forward_hook(count)
        for part in net.module_.modules()
        if not any(True for _ in part.children())
    ]
    try:
        with evaluation_mode(net), torch.no_grad():
            x, y_block = next(sample_blocks(net, X, y, len(y)))
            LossFunction(net)({}, x, y_block)
    finally:
        for hook in hooks:
            hook.remove()
    n_samples = len(y_block)
    return max(1, sum(sizes) // n_samples), max(1, max(sizes, default=0) // n_samples)
