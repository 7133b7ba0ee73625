"""Losses of many weight draws on many samples, in blocks under a memory budget."""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from skorch import NeuralNet
from torch import Tensor
from torch.func import vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from sufficiency.data.rows import as_inputs, take_rows
from sufficiency.engine.blocks import BlockPlan, plan_blocks
from sufficiency.nets.losses import (
    LossFunction,
    Weights,
    check_mean_of_losses,
    rounding,
    sample_blocks,
)
from sufficiency.nets.skorch_nets import evaluation_mode

Losses = Callable[[Weights, object, Tensor], Tensor]


class WeightDraws(Protocol):
    """Weights for the engine, made block by block."""

    @property
    def n_draws(self) -> int:
        """How many."""
        ...

    def block(self, start: int, stop: int) -> Weights:
        """Draws start … stop−1, stacked: every tensor has the shape (stop − start, *shape)."""
        ...


@dataclass(frozen=True, eq=False)
class StackedWeights:
    """Weights that exist already."""

    weights: Weights  # every tensor (M, *shape), M ≥ 1

    @classmethod
    def single(cls, weights: Weights) -> "StackedWeights":
        """One draw, M = 1."""
        return cls({name: tensor[None] for name, tensor in weights.items()})

    @property
    def n_draws(self) -> int:
        """M."""
        return len(next(iter(self.weights.values())))

    def block(self, start: int, stop: int) -> Weights:
        """Draws start … stop−1."""
        return {name: tensor[start:stop] for name, tensor in self.weights.items()}


def evaluate_block(
    losses: Losses, weights: Weights, x: object, y: Tensor, *, vectorize: bool
) -> Tensor:
    """Losses of stacked weights on one block of samples: tensors in, tensor out."""
    if vectorize:
        # fused attention has no batching rule, its plain form has
        with sdpa_kernel(SDPBackend.MATH):
            return vmap(losses, in_dims=(0, None, None))(weights, x, y)
    n_draws = len(next(iter(weights.values())))
    rows = ({name: tensor[t] for name, tensor in weights.items()} for t in range(n_draws))
    return torch.stack([losses(row, x, y) for row in rows])


def can_vectorize(net: NeuralNet, X: Any, y: npt.NDArray) -> bool:
    """Whether vmap takes the net and gives what a loop gives: no LSTM, no branch on data."""
    losses = LossFunction(net)
    weights = {name: torch.stack([w, w * 1.01]) for name, w in losses.center().items()}
    with evaluation_mode(net), torch.no_grad(), warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*performance drop.*")
        x, y_block = next(sample_blocks(net, X, y, len(y)))
        looped = evaluate_block(losses, weights, x, y_block, vectorize=False)
        try:
            mapped = evaluate_block(losses, weights, x, y_block, vectorize=True)
        except (RuntimeError, ValueError, TypeError, NotImplementedError, UserWarning):
            return False
    if mapped.dtype != looped.dtype:
        return False  # vmap does not see a module's own autocast
    tolerance = 1e3 * rounding(net, looped)
    return torch.allclose(mapped, looped, rtol=tolerance, atol=tolerance, equal_nan=True)


def _within_memory(losses: Losses, weights: Weights, x: Any, y: Tensor, vectorize: bool) -> Tensor:
    """Evaluate a block; where the device's memory is short, its halves, samples first."""
    try:
        return evaluate_block(losses, weights, x, y, vectorize=vectorize)
    except torch.OutOfMemoryError:
        n_draws, n_samples = len(next(iter(weights.values()))), len(y)
        if n_draws == n_samples == 1 or not isinstance(x, (Tensor, dict, list)):
            raise
    # outside the handler, which keeps the failed tensors alive
    half = (n_samples if n_samples > 1 else n_draws) // 2
    cuts = slice(half), slice(half, None)
    if n_samples > 1:
        parts = [(weights, take_rows(x, cut), y[cut]) for cut in cuts]
    else:
        parts = [({name: w[cut] for name, w in weights.items()}, x, y) for cut in cuts]
    done = [_within_memory(losses, *part, vectorize) for part in parts]
    return torch.cat(done, dim=1 if n_samples > 1 else 0)


def _blocks(
    net: NeuralNet, draws: WeightDraws, X: Any, y: npt.NDArray, plan: BlockPlan
) -> Iterator[tuple[slice, slice, Tensor]]:
    """Losses, with the draws and the samples that they belong to."""
    losses = LossFunction(net)
    for start in range(0, draws.n_draws, plan.draws):
        stop = min(start + plan.draws, draws.n_draws)
        weights = draws.block(start, stop)
        first = 0
        for x, y_block in sample_blocks(net, X, y, plan.samples):
            last = first + len(y_block)
            values = _within_memory(losses, weights, x, y_block, plan.vectorize)
            yield slice(start, stop), slice(first, last), values
            first = last


def loss_matrix(
    net: NeuralNet,
    draws: WeightDraws,
    X: Any,
    y: npt.NDArray,
    plan: BlockPlan,
    *,
    short: bool = False,
) -> npt.NDArray:
    """Every loss of every draw, in float64; if `short`, in float32 where no digit needs more."""
    matrix = np.empty(0)
    with evaluation_mode(net), torch.no_grad():
        for rows, columns, values in _blocks(net, draws, X, y, plan):
            dtype = torch.float32 if short and values.itemsize <= 4 else torch.float64
            block = values.to(dtype).cpu().numpy()
            if not matrix.size:
                matrix = np.empty((draws.n_draws, len(y)), block.dtype)
            matrix[rows, columns] = block
    return matrix


def mean_losses(
    net: NeuralNet, draws: WeightDraws, X: Any, y: npt.NDArray, plan: BlockPlan
) -> npt.NDArray[np.float64]:
    """Mean loss of every draw over the samples, summed in float64 on the fly."""
    sums = np.zeros(draws.n_draws)
    with evaluation_mode(net), torch.no_grad():
        for rows, _, values in _blocks(net, draws, X, y, plan):
            sums[rows] += values.double().sum(1).cpu().numpy()
    return sums / len(y)


def gradient_norm(net: NeuralNet, X: Any, y: npt.NDArray, plan: BlockPlan) -> float:
    """Euclidean norm of the gradient of the mean loss at the net's own weights."""
    losses = LossFunction(net)
    weights = {name: w.clone().requires_grad_() for name, w in losses.center().items()}
    totals = [torch.zeros_like(w, dtype=torch.float64) for w in weights.values()]
    # cuDNN has no backward pass for recurrent layers in evaluation mode
    with evaluation_mode(net), torch.backends.cudnn.flags(enabled=False):
        for x, y_block in sample_blocks(net, X, y, plan.samples):
            total = losses(weights, x, y_block).sum()
            parts = torch.autograd.grad(total, list(weights.values()), materialize_grads=True)
            for accumulated, part in zip(totals, parts, strict=True):
                accumulated += part
    return float(sum((part**2).sum() for part in totals) ** 0.5) / len(y)


def per_sample_losses(
    net: NeuralNet, X: Any, y: npt.ArrayLike, *, weights: dict[str, npt.ArrayLike] | None = None
) -> npt.NDArray[np.float64]:
    """
    Losses of a fitted (or initialized) skorch net, sample by sample, in evaluation mode.

    Parameters
    ----------
    net : NeuralNet
        Initialized. Nothing of it is changed.
    X : array-like, dict or tuple of arrays, or Dataset
        n samples, in the form in which the net itself is trained.
    y : array-like
        Their targets.
    weights : dict of {str: array-like}, optional
        Other weights to evaluate: for parameter names, arrays ``(M, *shape)``. Parameters that
        are left out stay as they are. None: the net's own weights.

    Returns
    -------
    ndarray of float64
        (n,) at the net's own weights, (M, n) with `weights`; in units of the criterion.

    Raises
    ------
    TypeError
        If `net` is no skorch net.
    UnsupportedNetError
        If the net's loss is no mean over samples.
    ValueError
        If `weights` has unknown names or shapes that do not fit.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from skorch import NeuralNetRegressor
    >>> from sufficiency import per_sample_losses
    >>> net = NeuralNetRegressor(torch.nn.Linear, module__in_features=1, module__out_features=1)
    >>> X = np.array([[0.0], [1.0]], dtype="float32")
    >>> W = {"weight": np.ones((3, 1, 1)), "bias": np.array([[0.0], [1.0], [2.0]])}
    >>> per_sample_losses(net.initialize(), X, np.zeros_like(X), weights=W)
    array([[0., 1.],
           [1., 4.],
           [4., 9.]])
    """
    if not isinstance(net, NeuralNet):
        raise TypeError(
            f"`net` must be a skorch net, got {type(net).__name__}; of a pipeline, pass net[-1] "
            "and what net[:-1] makes of X"
        )
    X, y = as_inputs(X), np.asarray(y)
    check_mean_of_losses(net, X, y)
    center = LossFunction(net).center()
    stacked = _stack(center, weights)
    vectorize = stacked.n_draws > 1 and can_vectorize(net, take_rows(X, slice(8)), y[:8])
    plan = plan_blocks(net, X, y, n_draws=stacked.n_draws, vectorize=vectorize)
    matrix = loss_matrix(net, stacked, X, y, plan)
    return matrix[0] if weights is None else matrix


def _stack(center: Weights, weights: dict[str, npt.ArrayLike] | None) -> StackedWeights:
    """The user's weights as tensors like the center's; the center itself without any."""
    if weights is None:
        return StackedWeights.single(center)
    if not weights or set(weights) - set(center):
        raise ValueError(f"`weights` must be for some of {sorted(center)}, got {sorted(weights)}")
    stacked = {
        name: torch.as_tensor(np.asarray(value), dtype=center[name].dtype).to(center[name].device)
        for name, value in weights.items()
    }
    lengths = {len(tensor) for tensor in stacked.values() if tensor.ndim}
    for name, tensor in stacked.items():
        if tensor.shape[1:] != center[name].shape or len(lengths) != 1 or tensor.ndim == 0:
            raise ValueError(
                f"`weights[{name!r}]` must have shape (M, *{tuple(center[name].shape)}) with the "
                f"same M for all, got {tuple(tensor.shape)}"
            )
    return StackedWeights(stacked)
