"""Probes that are not Gaussian: a sphere and heavy tails, the paper's open question."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from sufficiency.probes.base import BaseProbe, Sampler, Weights, layer_scales, normal_like

_TINY = 1e-300


@dataclass(repr=False, eq=False)
class UniformSphere(BaseProbe):
    """
    Uniform on a sphere around the center: all draws are equally far away.

    With "absolute", w = w* + r·u; with "layer", w = w* + r·√N·s ⊙ u, where u is uniform on the
    unit sphere of the N disturbed parameters and s the root mean square of each parameter
    tensor. Then E‖w − w*‖² = r²·‖w*‖², as for :class:`IsotropicGaussian` with σ = r: the sphere
    is that Gaussian without its variation of the radius, which vanishes as 1/√(2N) anyway.

    Parameters
    ----------
    radius : float, default=0.2
        r ≥ 0; relative with ``scale="layer"``, else the distance ‖w − w*‖ in units of weights.
    scale : {"layer", "absolute"}, default="layer"
        In layers of different magnitude, the sphere is an ellipsoid that disturbs all alike.
    parameters : str, sequence of str or callable, optional
        Disturb only these; see :class:`BaseProbe`.

    Raises
    ------
    ValueError
        If `radius` is negative or not finite, or `scale` is unknown.

    Examples
    --------
    >>> import torch
    >>> from sufficiency.probes import UniformSphere
    >>> center = {"w": torch.ones(1000)}
    >>> draw = UniformSphere(0.5, "absolute").prepare(center)(torch.Generator().manual_seed(0))
    >>> print(f"{torch.linalg.vector_norm(draw['w'] - 1):.4f}")
    0.5000
    """

    symmetric: ClassVar[bool] = True
    _checked: ClassVar = ("radius", "scale")

    radius: float = 0.2
    scale: str = "layer"

    def _prepare(self, chosen: Weights, **_: Any) -> Sampler:
        scales = layer_scales(chosen, self.scale)
        # a tensor of zeros has no layer scale and no part in the sphere
        taking_part = {name: (s != 0).double() for name, s in scales.items()}
        count = torch.stack([taking_part[name] * t.numel() for name, t in chosen.items()]).sum()
        reach = self.radius * (count.sqrt() if self.scale == "layer" else 1.0)

        def sample(generator: torch.Generator) -> Weights:
            normal = {name: normal_like(tensor, generator) for name, tensor in chosen.items()}
            squares = [taking_part[name] * e.double().square().sum() for name, e in normal.items()]
            stretch = reach / torch.stack(squares).sum().sqrt().clamp_min(_TINY)
            return {
                name: tensor + (stretch * scales[name]).to(tensor.dtype) * normal[name]
                for name, tensor in chosen.items()
            }

        return sample


@dataclass(repr=False, eq=False)
class StudentT(BaseProbe):
    """
    Multivariate Student t: w = w* + σ·s·ε/√(χ²_ν/ν), a Gaussian of random width.

    ε is standard normal and χ²_ν one number for the whole draw, so that single draws go far. (With
    independent tails for every weight, the distance would hardly vary in many dimensions.) The
    covariance is σ²s²·ν/(ν − 2).

    Parameters
    ----------
    sigma : float, default=0.2
        σ ≥ 0, scale; relative with ``scale="layer"``, else in units of weights.
    df : float, default=10.0
        ν > 2, degrees of freedom; ∞ would be the Gaussian. Δ of a loss that grows like the p-th
        power of the distance exists for ν > 2p (order 2) or p (order 1) only; where it does not,
        no number of draws settles it. The losses of a net of L layers may grow with p = L.
    scale : {"layer", "absolute"}, default="layer"
        s is the root mean square of each parameter tensor, or 1.
    parameters : str, sequence of str or callable, optional
        Disturb only these; see :class:`BaseProbe`.

    Raises
    ------
    ValueError
        If `sigma` is negative, `df` is not above 2, one of them not finite, or `scale` unknown.

    Examples
    --------
    >>> import torch
    >>> from sufficiency.probes import StudentT
    >>> draw = StudentT(0.1, df=5).prepare({"w": torch.ones(3)})(torch.Generator().manual_seed(0))
    >>> draw["w"].shape
    torch.Size([3])
    """

    symmetric: ClassVar[bool] = True
    _checked: ClassVar = ("sigma", "df", "scale")

    sigma: float = 0.2
    df: float = 10.0
    scale: str = "layer"

    def _prepare(self, chosen: Weights, **_: Any) -> Sampler:
        scales = layer_scales(chosen, self.scale)
        device = next(iter(chosen.values())).device
        half = torch.full((), self.df / 2, dtype=torch.float64, device=device)

        def sample(generator: torch.Generator) -> Weights:
            # χ²_ν = 2·Gamma(ν/2)
            chi2 = 2 * torch._standard_gamma(half, generator=generator)
            width = self.sigma * math.sqrt(self.df) / chi2.sqrt()
            return {
                name: tensor
                + (width * scales[name]).to(tensor.dtype) * normal_like(tensor, generator)
                for name, tensor in chosen.items()
            }

        return sample
