"""Gradients and Hessian products of a net's losses at its own weights, as flat vectors."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from skorch import NeuralNet
from torch import Tensor
from torch.func import vmap
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._pytree import tree_map

from sufficiency._types import Floats
from sufficiency._validation import check_integer
from sufficiency.data.rows import take_rows
from sufficiency.engine.blocks import MEMORY_BUDGET, plan_blocks
from sufficiency.exceptions import UnsupportedNetError
from sufficiency.nets.losses import LossFunction, Weights, sample_blocks
from sufficiency.nets.skorch_nets import evaluation_mode

# A graph that is differentiated twice keeps the activations, their gradients, and both again for
# the second backward pass; the engine's plan counts one forward pass.
_GRAPH_FACTOR = 4
# What an operation raises that vmap does not take.
_NOT_BATCHED = (RuntimeError, ValueError, TypeError, AttributeError, UserWarning)


def flatten(weights: Weights, like: Weights) -> Floats:
    """Tensors, one after the other in the order of `like`, as one float64 vector."""
    return np.concatenate([weights[n].detach().double().cpu().numpy().ravel() for n in like])


def unflatten(vectors: Floats | Tensor, like: Weights) -> Weights:
    """Vectors (…, N) as tensors (…, *shape) of the dtypes and devices of `like`."""
    rows = vectors if isinstance(vectors, Tensor) else torch.as_tensor(vectors.copy())
    parts = rows.split([tensor.numel() for tensor in like.values()], dim=-1)
    return {
        name: part.reshape((*rows.shape[:-1], *w.shape)).to(w.device, w.dtype).contiguous()
        for (name, w), part in zip(like.items(), parts, strict=True)
    }


def displacements(draws: Weights, center: Weights) -> Floats:
    """(N, B) columns w_t − center of B stacked weight draws, in the order of the center."""
    rows = _rows({name: draws[name] for name in center}) - flatten(center, center)
    return np.ascontiguousarray(rows.T)


@dataclass(frozen=True, eq=False)
class SampleDerivatives:
    """A block of b samples, each with its own derivatives."""

    where: slice  # which samples
    losses: Floats  # (b,)
    gradients: Floats  # (b, N)
    products: Floats  # (b, m, N), H_i v for each of the m vectors


class LossDerivatives:
    """
    First and second derivatives of the losses of n samples at the net's weights.

    Vectors run over the trainable parameters in the order of ``named_parameters()``, each tensor
    flattened. Products are differentiated twice in reverse mode: torch has no forward-mode rules
    for group norm and fused attention. Sums over samples are accumulated in float64 and divided
    by n, so that batches of unequal length weigh what they hold.
    The net's weights of now are used, also if it is trained on later; the net is left as it is.
    """

    def __init__(
        self,
        net: NeuralNet,
        X: Any,
        y: npt.NDArray,
        *,
        parameters: Sequence[str] | None = None,
        block_size: int | None = None,
    ) -> None:
        if len(y) == 0:
            raise ValueError("`X` must have at least one sample, got 0")
        self.net, self.X, self.y = net, X, y
        self._losses = LossFunction(net)
        center = self._losses.center()
        names = list(center) if parameters is None else list(parameters)
        if not names or set(names) - set(center):
            raise ValueError(f"`parameters` must be some of {list(center)}, got {names}")
        if block_size is not None:
            check_integer("block_size", block_size, 1)
        self._weights = {n: w.clone() for n, w in center.items()}
        self._block_size = block_size
        # the weights by which derivatives are taken, and at which
        self.center = {n: w for n, w in self._weights.items() if n in names}
        self.n_samples = len(y)
        self.n_parameters = sum(w.numel() for w in self.center.values())
        # what the net computes in; results are float64 whatever it is
        self.dtype = np.dtype(str(next(iter(self.center.values())).dtype).removeprefix("torch."))

    def mean(self, vectors: Floats | None = None) -> tuple[float, Floats, Floats]:
        """Mean loss, its gradient, and its Hessian times some vectors."""
        columns = self._columns(vectors)
        total, gradient = 0.0, np.zeros(self.n_parameters)
        products = np.zeros((self.n_parameters, len(columns)))
        with _twice_differentiable(self.net):
            for x, y in sample_blocks(self.net, self.X, self.y, self._samples_at_once()):
                free = {n: w.clone().requires_grad_() for n, w in self.center.items()}
                losses = self._losses({**self._weights, **free}, x, y)
                slopes = _gradient(losses.sum(), free, create_graph=bool(columns))
                total += float(losses.detach().double().sum())
                gradient += flatten(slopes, free)
                for i, column in enumerate(columns):
                    products[:, i] += flatten(_gradient(_dot(slopes, column), free), free)
        return total / len(self.y), gradient / len(self.y), products / len(self.y)

    def each(self, vectors: Floats | None = None) -> Iterator[SampleDerivatives]:
        """Derivatives of every single sample, block by block."""
        columns = self._columns(vectors)
        for where, together in self._cuts(len(columns)):
            # a generator may be left half-way: the modes must not stay changed meanwhile
            with _twice_differentiable(self.net):
                found = self._singles(where, columns, together)
            yield found

    def each_hessian(self, n_vectors: int) -> Iterator[tuple[slice, Callable[[Floats], Floats]]]:
        """Hessians of single samples, block by block, each to be applied to a vector of its own."""
        for where, together in self._cuts(n_vectors):
            with _twice_differentiable(self.net):
                free, losses = self._copies(where, together)
                slopes = _gradient(losses.sum(), free, create_graph=True)
            yield where, partial(_multiply, slopes, free)

    def _cuts(self, n_vectors: int) -> Iterator[tuple[slice, bool]]:
        """Blocks of samples, and whether each is taken at once."""
        block = self._singles_at_once(n_vectors)
        together = block > 1 and self._takes_vmap
        step = block if together else 1
        for start in range(0, len(self.y), step):
            yield slice(start, min(start + step, len(self.y))), together

    def _singles(self, where: slice, columns: list[Weights], together: bool) -> SampleDerivatives:
        free, losses = self._copies(where, together)
        slopes = _gradient(losses.sum(), free, create_graph=bool(columns))
        products = [_rows(_gradient(_dot(slopes, column), free)) for column in columns]
        shape = (where.stop - where.start, len(columns), self.n_parameters)
        return SampleDerivatives(
            where,
            losses.detach().double().cpu().numpy(),
            _rows(slopes),
            np.stack(products, axis=1) if products else np.empty(shape),
        )

    def _copies(self, where: slice, together: bool) -> tuple[Weights, Tensor]:
        """Weights copied for every sample, so that one backward pass keeps them apart; losses."""
        n = where.stop - where.start
        x, y = next(sample_blocks(self.net, take_rows(self.X, where), self.y[where], n))
        free = {k: w.expand(n, *w.shape).clone().requires_grad_() for k, w in self.center.items()}
        if together:
            return free, vmap(self._loss_of_one)(free, x, y)
        one = {k: w[0] for k, w in free.items()}
        return free, self._losses({**self._weights, **one}, x, y)

    def _loss_of_one(self, free: Weights, x: Any, y: Tensor) -> Tensor:
        """Loss of one sample, for vmap, which takes the sample's axis away."""
        x = tree_map(lambda part: part[None], x)
        return self._losses({**self._weights, **free}, x, y[None])[0]

    @cached_property
    def _takes_vmap(self) -> bool:
        """Whether vmap over weights and samples gives what a loop gives, on two samples."""
        part = slice(0, min(2, len(self.y)))
        # no vector of ones: a softmax layer's Hessian sends it to zero, and zero compares badly
        ramp = np.random.default_rng(0).standard_normal((self.n_parameters, 1))
        along = self._columns(ramp)
        with _twice_differentiable(self.net):
            try:
                with warnings.catch_warnings():
                    # an operation without a batching rule is looped over inside, with a warning
                    warnings.filterwarnings("error", message=".*performance drop.*")
                    mapped = self._singles(part, along, together=True)
            except _NOT_BATCHED:
                return False
            singles = [self._singles(slice(i, i + 1), along, False) for i in range(part.stop)]
        eps = 1e3 * float(np.finfo(self.dtype).eps)
        looped = np.concatenate([one.products for one in singles])
        scale = float(np.abs(looped).max(initial=0.0))
        return np.allclose(mapped.products, looped, rtol=eps, atol=eps * scale, equal_nan=True)

    def _columns(self, vectors: Floats | None) -> list[Weights]:
        if vectors is None:
            return []
        if vectors.ndim != 2 or len(vectors) != self.n_parameters:
            raise ValueError(
                f"`vectors` must have shape ({self.n_parameters}, m), got {vectors.shape}"
            )
        return [unflatten(column, self.center) for column in vectors.T]

    def _samples_at_once(self) -> int:
        if self._block_size is not None:
            return self._block_size
        budget = MEMORY_BUDGET // _GRAPH_FACTOR
        plan = plan_blocks(self.net, self.X, self.y, n_draws=1, vectorize=False, budget=budget)
        return plan.samples

    def _singles_at_once(self, n_columns: int) -> int:
        """Of single samples: their weights, gradients and products are held side by side."""
        if self._block_size is not None:
            return min(self._block_size, len(self.y))
        bytes_each = 8 * self.n_parameters * (n_columns + 4)
        return min(max(1, MEMORY_BUDGET // 2 // bytes_each), self._samples_at_once())


@contextmanager
def _twice_differentiable(net: NeuralNet) -> Iterator[None]:
    """
    Evaluation mode, with every kernel switched off that has no second derivative.

    cuDNN has no backward pass for recurrent layers in evaluation mode, and the fused attention
    kernels none of a backward pass. Everything is restored afterwards.
    """
    cudnn_off = torch.backends.cudnn.flags(enabled=False)
    with evaluation_mode(net), torch.enable_grad(), cudnn_off, sdpa_kernel(SDPBackend.MATH):
        try:
            yield
        except NotImplementedError as error:
            raise UnsupportedNetError(
                f"`net` has no second derivatives: {error}; use method='monte_carlo' and a probe "
                "without curvature"
            ) from error


def _gradient(value: Tensor, by: Weights, *, create_graph: bool = False) -> Weights:
    """∂value/∂by; zeros where nothing depends on it, as for a loss that is linear in weights."""
    if not value.requires_grad:
        return {name: torch.zeros_like(tensor) for name, tensor in by.items()}
    inputs = list(by.values())
    parts = torch.autograd.grad(
        value, inputs, create_graph=create_graph, retain_graph=True, materialize_grads=True
    )
    return dict(zip(by, parts, strict=True))


def _dot(slopes: Weights, direction: Weights) -> Tensor:
    """Inner product with the direction, summed over samples where slopes have one each."""
    terms: list[Tensor] = [(slopes[name] * direction[name]).sum() for name in slopes]
    return torch.stack(terms).sum()


def _rows(weights: Weights) -> Floats:
    """Tensors (b, *shape) as one (b, N) float64 array."""
    parts = [w.detach().double().reshape(len(w), -1).cpu().numpy() for w in weights.values()]
    return np.concatenate(parts, axis=1)


def _multiply(slopes: Weights, free: Weights, vectors: Floats) -> Floats:
    """Product of every sample's Hessian with its own vector."""
    columns = unflatten(vectors, {name: copies[0] for name, copies in free.items()})
    with torch.enable_grad():
        return _rows(_gradient(_dot(slopes, columns), free))
