"""Gaussian probes."""

from dataclasses import dataclass

import torch

from sufficiency._validation import check_choice, check_number
from sufficiency.probes.base import Sampler, Weights

__all__ = ["IsotropicGaussian"]


@dataclass(frozen=True)
class IsotropicGaussian:
    """
    w = w* + σ·s·ε with independent standard normal ε, the paper's choice of p(w).

    Parameters
    ----------
    sigma : float, default=0.2
        σ ≥ 0. With ``scale="layer"`` relative, otherwise in units of weights. 0 is the point
        mass at the centre.
    scale : {"layer", "absolute"}, default="layer"
        "layer": s is the root mean square of each parameter tensor, so that every tensor is
        perturbed in proportion to its size; a tensor of zeros stays. "absolute": s = 1. An
        absolute 0.01 was inert on small perceptrons.

    Raises
    ------
    ValueError
        If `sigma` is negative or not finite, or `scale` is unknown.

    References
    ----------
    Kiselev, Meshkov, Grabovoy: Robust Convergence of Loss Landscapes through Distributional
    Averaging, Assumption 4 and section 4.2.

    Examples
    --------
    >>> import torch
    >>> from sufficiency.probes import IsotropicGaussian
    >>> center = {"weight": torch.full((2, 3), 2.0), "bias": torch.zeros(2)}
    >>> draw = IsotropicGaussian(0.1).prepare(center)(torch.Generator().manual_seed(0))
    >>> draw["weight"].shape, draw["bias"]
    (torch.Size([2, 3]), tensor([0., 0.]))
    """

    sigma: float = 0.2
    scale: str = "layer"

    def __post_init__(self) -> None:
        check_number("sigma", self.sigma, at_least=0.0)
        check_choice("scale", self.scale, ("layer", "absolute"))

    def prepare(self, center: Weights) -> Sampler:
        """Standard deviations for this centre, then seeded draws (see :class:`Probe`)."""
        deviations = {
            name: self.sigma * (tensor.square().mean().sqrt() if self.scale == "layer" else 1.0)
            for name, tensor in center.items()
        }

        def sample(generator: torch.Generator) -> Weights:
            return {
                name: tensor + deviations[name] * _normal_like(tensor, generator)
                for name, tensor in center.items()
            }

        return sample


def _normal_like(tensor: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    return torch.randn(tensor.shape, generator=generator, dtype=tensor.dtype, device=tensor.device)
