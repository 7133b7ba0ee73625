"""The constants of the paper's bounds, measured around a real net."""

import math
from dataclasses import asdict, dataclass
from functools import partial

import numpy.typing as npt
import torch
from skorch import NeuralNet

from sufficiency import theory
from sufficiency._types import Floats
from sufficiency.curvature import hessian_operator, max_gradient_norm, max_hessian_norm, max_loss
from sufficiency.data.samples import Samples
from sufficiency.nets.losses import LossFunction
from sufficiency.probes import GaussianSampler, Probe
from sufficiency.probes.base import prepare_probe


@dataclass(frozen=True)
class BoundConstants:
    """What the bounds are made of; maxima over some samples are lower estimates of all's."""

    sigma: float  # largest standard deviation of the probe in any direction, in units of weights
    dim: int  # weights, or directions, that the probe disturbs
    max_loss: float
    gradient_norm: float
    hessian_norm: float

    def whole(self, sizes: npt.ArrayLike) -> Floats:
        """Bound of Δ with value, gradient and curvature terms, see :func:`theory.bound`."""
        return theory.bound(sizes, **asdict(self))

    def curvature_part(self, sizes: npt.ArrayLike) -> Floats:
        """Theorem 1's bound of the curvature term alone, see :func:`theory.theorem1_bound`."""
        return theory.theorem1_bound(
            sizes, sigma=self.sigma, dim=self.dim, hessian_norm=self.hessian_norm
        )


def measure_constants(net: NeuralNet, probe: Probe, samples: Samples) -> BoundConstants:
    """Measure the constants at a net's own weights."""
    center = LossFunction(net).center()
    make_hessian = partial(hessian_operator, net, samples.X, samples.encoded)
    sampler = prepare_probe(probe, center, make_hessian)
    rule = f"for a bound, got {probe!r}; the bounds are about N(w*, Σ)"
    if not isinstance(sampler, GaussianSampler):
        raise TypeError(f"`probe` must be Gaussian {rule}")
    if any(not torch.equal(mean, center[name]) for name, mean in sampler.mean.items()):
        raise ValueError(f"`probe` must be centered {rule}")
    sigma, dim = _reach(sampler)
    names = list(sampler.mean)
    data = (net, samples.X, samples.encoded)
    largest = max_loss(*data).value
    gradient = max_gradient_norm(*data, parameters=names).value
    if not math.isfinite(gradient) or gradient == 0.0 < largest:
        raise ValueError(
            f"`net_` must have gradients for a bound, got a norm of {gradient:g} at losses of "
            f"{largest:.3g}; its dtype does not hold them, so fit to y in another unit"
        )
    hessian = max_hessian_norm(*data, n_samples=None, parameters=names).value
    return BoundConstants(sigma, dim, largest, gradient, hessian)


def _reach(sampler: GaussianSampler) -> tuple[float, int]:
    """Largest standard deviation in any direction (or a little more), and the dimension."""
    variance, dim = 0.0, 0
    if sampler.deviation is not None:
        variance = max(float(s.abs().max()) for s in sampler.deviation.values()) ** 2
        dim = sum(mean.numel() for mean in sampler.mean.values())
    if sampler.factor is not None:
        parts = [part.double().reshape(len(part), -1) for part in sampler.factor.values()]
        rows = torch.cat(parts, dim=1)
        # diag(s²) + FFᵀ reaches no further than the sum of what the two reach
        variance += float(torch.linalg.matrix_norm(rows, ord=2)) ** 2
        dim = dim or len(rows)
    return variance**0.5, dim
