"""One training step of many nets at once: losses and gradients of stacked weights."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from skorch import NeuralNet
from torch import Tensor
from torch.func import vmap
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode

from sufficiency._random import PROCESS_STATE
from sufficiency.nets.losses import LossFunction, Weights
from sufficiency.training.recording import recorded

# Losses and gradients.
Result = tuple[Tensor, tuple[Tensor | None, ...]]


@dataclass(frozen=True)
class DropoutSite:
    """A call of dropout in the forward pass."""

    shape: tuple[int, ...]  # of its input, without the samples
    p: float
    dtype: torch.dtype


class DropoutRecorder(TorchFunctionMode):
    """Notes every dropout that a forward pass of `n_samples` calls."""

    def __init__(self, n_samples: int) -> None:
        super().__init__()
        self.n_samples = n_samples
        self.sites: list[DropoutSite] = []
        self.of_samples = True  # whether all of them drop parts of samples, one by one

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Look, and go on."""
        kwargs = kwargs or {}
        if dropped := _dropout(func, *args, **kwargs):
            x, p, _ = dropped
            self.of_samples &= x.ndim > 0 and len(x) == self.n_samples
            self.sites.append(DropoutSite(tuple(x.shape[1:]), p, x.dtype))
        return func(*args, **kwargs)


class OwnSamples(TorchFunctionMode):
    """
    What ties the samples of a batch together, for a batch of which only some count.

    Dropout takes its masks from outside; batch norm takes the mean and variance of the samples
    with a weight.
    """

    def __init__(self, weights: Tensor, masks: Sequence[Tensor]) -> None:
        super().__init__()
        self.weights = weights  # (b,), 1/n for the n samples that count, 0 for the others
        self.masks = iter(masks)  # (b, *shape) of zeros and ones, in the order of their use

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Dropout and batch norm in training mode; everything else as it is."""
        kwargs = kwargs or {}
        if dropped := _dropout(func, *args, **kwargs):
            x, p, inplace = dropped
            kept = next(self.masks) / (1.0 - p)
            return x.mul_(kept) if inplace else x * kept
        if func is functional.batch_norm and _norm_arguments(*args, **kwargs)[5]:
            return self._batch_norm(*_norm_arguments(*args, **kwargs))
        return func(*args, **kwargs)

    def _batch_norm(
        self,
        x: Tensor,
        running_mean: Tensor | None,
        running_var: Tensor | None,
        weight: Tensor | None,
        bias: Tensor | None,
        training: bool,
        momentum: float,
        eps: float,
    ) -> Tensor:
        places = x.reshape(*x.shape[:2], -1)
        shares = self.weights / places.shape[2]
        scale = x.new_ones(x.shape[1]) if weight is None else weight
        shift = x.new_zeros(x.shape[1]) if bias is None else bias
        output, mean, variance = _WeightedNorm.apply(places, shares, scale, shift, eps)
        if running_mean is not None and running_var is not None:
            count = (self.weights > 0).to(x.dtype).sum() * places.shape[2]
            running_mean.mul_(1.0 - momentum).add_(momentum * mean)
            running_var.mul_(1.0 - momentum).add_(momentum * variance * (count / (count - 1)))
        return output.reshape(x.shape)


class _WeightedNorm(torch.autograd.Function):
    """
    Batch norm of which sample b and each of its places count with a share s_b, Σ s = 1.

    y = γ(x − μ)/√(v + ε) + β with μ = Σ s x and v = Σ s (x − μ)². Written out with its derivative,
    it takes a third of the passes over memory that autograd makes of the formula.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(
        x: Tensor, shares: Tensor, scale: Tensor, shift: Tensor, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        """X (b, C, S), shares (b,), scale and shift (C,) to y (b, C, S), μ and v (C,)."""
        mean = shares @ x.sum(2)
        centered = x - mean[:, None]
        variance = shares @ (centered * centered).sum(2)
        factor = scale * torch.rsqrt(variance + eps)
        return torch.addcmul(shift[:, None], centered, factor[:, None]), mean, variance

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Any, ...]) -> None:
        """Keep what the derivative needs."""
        x, shares, scale, _, ctx.eps = inputs
        _, mean, variance = output
        ctx.mark_non_differentiable(mean, variance)
        ctx.save_for_backward(x, shares, scale, mean, variance)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, *_: Any) -> tuple[Tensor | None, ...]:
        """∂x = γr(g − s Σg − s z Σgz), ∂γ = Σgz, ∂β = Σg, with z = (x − μ)r, r = 1/√(v + ε)."""
        x, shares, scale, mean, variance = ctx.saved_tensors
        root = torch.rsqrt(variance + ctx.eps)
        centered = x - mean[:, None]
        total = gradient.sum((0, 2))
        along = (gradient * centered).sum((0, 2)) * root
        factor = scale * root
        constant = -shares[:, None] * (factor * total)
        slope = -shares[:, None] * (factor * root * along)
        of_x = torch.addcmul(constant[..., None], gradient, factor[:, None])
        return torch.addcmul(of_x, centered, slope[..., None]), None, along, total, None


def _dropout(func: Any, *args: Any, **kwargs: Any) -> tuple[Tensor, float, bool] | None:
    """Input, p and whether it is in place, of a call that drops something; None of any other."""
    if func is not functional.dropout:
        return None

    def named(
        x: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
    ) -> tuple[Tensor, float, bool] | None:
        return (x, p, inplace) if training and p > 0 else None

    return named(*args, **kwargs)


def _norm_arguments(
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> tuple[Any, ...]:
    return x, running_mean, running_var, weight, bias, training, momentum, eps


class StackedStep:
    """Mean losses and gradients of G nets, each on a batch of its own."""

    def __init__(self, net: NeuralNet) -> None:
        # initialized and in training mode; it lends its form, its own weights rest
        self.losses = LossFunction(net, training=True)
        self._recorded: dict[tuple[int, ...], Callable[..., Result]] = {}

    def __call__(
        self,
        parameters: Weights,
        state: Weights,
        x: Any,
        y: Tensor,
        weights: Tensor,
        masks: list[Tensor],
        *,
        record: bool = False,
    ) -> Result:
        """
        Losses (G,) and gradients (G, *shape), None of parameters that are not used.

        `state`, frozen parameters and buffers, is updated in place. All tensors have the nets as
        their first axis; `weights` is (G, b), 1/n for the n samples of a net that count. With
        `record`, later calls with tensors of the same shapes take about half the time; it costs
        as much as some tens of steps.
        """
        arguments = (parameters, state, x, y, weights, masks)
        shape = tuple(weights.shape)
        if shape in self._recorded:
            with torch.no_grad():
                result: Result = self._recorded[shape](*arguments)
            return result
        with PROCESS_STATE, sdpa_kernel(SDPBackend.MATH):
            if not record:
                return self._step(*arguments)
            self._recorded[shape], result = recorded(self._step, *arguments)
            return result

    def _step(self, parameters: Weights, *others: Any) -> tuple[Tensor, tuple[Tensor | None, ...]]:
        with torch.enable_grad():
            leaves = {name: w.detach().requires_grad_() for name, w in parameters.items()}
            losses = vmap(self._loss)(leaves, *others)
            gradients = torch.autograd.grad(losses.sum(), list(leaves.values()), allow_unused=True)
        return losses.detach(), gradients

    def _loss(
        self,
        parameters: Weights,
        state: Weights,
        x: Any,
        y: Tensor,
        weights: Tensor,
        masks: list[Tensor],
    ) -> Tensor:
        with OwnSamples(weights, masks):
            losses = self.losses({**parameters, **state}, x, y)
        return (losses * weights).sum()


def shares_of(count: int, width: int, like: Tensor) -> Tensor:
    """(width,) 1/n for the n samples that count, 0 for what pads the batch."""
    shares = like.new_zeros(width)
    shares[:count] = 1.0 / max(count, 1)
    return shares


def named_tensors(net: NeuralNet) -> Weights:
    """Parameters and buffers of a net's module; what is shared once."""
    return dict([*net.module_.named_parameters(), *net.module_.named_buffers()])
