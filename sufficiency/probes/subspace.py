"""Gaussian noise along a few random directions, as landscapes are drawn."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from sufficiency.curvature.derivatives import unflatten
from sufficiency.probes.base import BaseProbe, Weights, normal_like, seeded_generator
from sufficiency.probes.gaussian import GaussianSampler


@dataclass(repr=False, eq=False)
class RandomSubspace(BaseProbe):
    """
    w = w* + Σ_i z_i d_i with z ~ N(0, σ²I_dim) and random directions d_1 … d_dim.

    All directions take part, so that E‖w − w*‖² = dim·σ²·‖d‖² grows with `dim`; in the authors'
    code only the first one does. The directions are drawn once for a center and shared by its
    draws; those of a smaller `dim` are the first of a larger one.

    Parameters
    ----------
    dim : int, default=4
        Number of directions, ≥ 1. They are held in memory, `dim` times the disturbed weights.
    sigma : float, default=0.1
        σ ≥ 0, in units of ‖d‖. With `norm` at its default, √dim·σ is the relative distance from
        the center: at the defaults 0.2, that of :class:`IsotropicGaussian`.
    normalization : {"filter", "layer", "none"}, default="filter"
        What a Gaussian direction is scaled to: the norm of each filter (row of the first axis; a
        1-d tensor is one filter), of each tensor, or nothing. Filters of norm zero stay.
    norm : float, optional
        ‖d‖ > 0 to which every direction is then scaled as a whole, in units of weights. None:
        the norm of the disturbed weights at the center.
    orthogonal : bool, default=False
        Make the directions orthogonal to each other, each keeping its norm. It is done after the
        normalization, so that filters then have their norms in the first direction only, in
        the others about: random directions in many dimensions are nearly orthogonal.
    perturb_1d : bool, default=False
        Disturb parameters of less than two axes, biases and norms, as well. The authors' code
        never does.
    parameters : str, sequence of str or callable, optional
        Disturb only these; see :class:`BaseProbe`.

    Raises
    ------
    ValueError
        If an argument is out of range; when prepared, if no parameter is left to be disturbed.

    References
    ----------
    Li, Xu, Taylor, Studer, Goldstein: Visualizing the Loss Landscape of Neural Nets, section 4.
    Kiselev, Meshkov, Grabovoy: Robust Convergence of Loss Landscapes through Distributional
    Averaging, sections 5.1 and 5.4.

    Examples
    --------
    >>> import torch
    >>> from sufficiency.probes import RandomSubspace
    >>> center = {"weight": torch.ones(2, 3), "bias": torch.ones(2)}
    >>> sample = RandomSubspace(dim=2).prepare(center, random_state=5)
    >>> list(sample(torch.Generator().manual_seed(0)))
    ['weight']
    """

    _checked: ClassVar = ("dim", "sigma", "normalization", "norm")

    dim: int = 4
    sigma: float = 0.1
    normalization: str = "filter"
    norm: float | None = None
    orthogonal: bool = False
    perturb_1d: bool = False

    def _prepare(self, chosen: Weights, *, seed: int, **_: Any) -> GaussianSampler:
        moved = {n: w for n, w in chosen.items() if self.perturb_1d or w.ndim > 1}
        if not moved:
            raise ValueError(
                f"`parameters` must leave one of two axes or more, got {list(chosen)}, which have "
                "fewer; set `perturb_1d=True`"
            )
        directions = self._directions(moved, seed)
        return GaussianSampler(moved, factor={n: self.sigma * d for n, d in directions.items()})

    def _directions(self, moved: Weights, seed: int) -> Weights:
        """Each (dim, *shape), of the norms that were asked for."""
        generator = seeded_generator(seed, next(iter(moved.values())).device)
        rows = []
        for _ in range(self.dim):
            row = {name: normal_like(tensor, generator) for name, tensor in moved.items()}
            if self.normalization != "none":
                row = {n: _normalized(d, moved[n], self.normalization) for n, d in row.items()}
            rows.append(self._scaled(row, moved))
        directions = {name: torch.stack([row[name] for row in rows]) for name in moved}
        return _orthogonal(directions) if self.orthogonal else directions

    def _scaled(self, row: Weights, moved: Weights) -> Weights:
        """One direction at its norm as a whole."""
        if self.norm is None and self.normalization != "none":
            return row  # has the center's norm already
        length = _total_norm(row)
        if self.norm is not None and float(length) == 0.0:
            raise ValueError(
                f"`norm` must be None around weights that are all zero, got {self.norm}; take "
                "normalization='none'"
            )
        stretch = (_total_norm(moved) if self.norm is None else self.norm) / length
        return {name: d * stretch.to(d.dtype) for name, d in row.items()}


def _normalized(direction: Tensor, center: Tensor, normalization: str) -> Tensor:
    """Scale to the center's norm, filter by filter or as a whole; zero stays zero."""
    axes = tuple(range(1 if normalization == "filter" and center.ndim > 1 else 0, center.ndim))
    if not axes:  # a single number
        return direction.sign() * center.abs()
    wanted = torch.linalg.vector_norm(center, dim=axes, keepdim=True)
    own = torch.linalg.vector_norm(direction, dim=axes, keepdim=True)
    return direction * torch.where(own > 0, wanted / own, torch.zeros_like(own))


def _total_norm(weights: Weights) -> Tensor:
    parts = [torch.linalg.vector_norm(t, dtype=torch.float64) for t in weights.values()]
    return torch.linalg.vector_norm(torch.stack(parts))


def _orthogonal(directions: Weights) -> Weights:
    """Gram–Schmidt through QR in float64, senses and norms kept."""
    flat = torch.cat([d.double().reshape(len(d), -1) for d in directions.values()], dim=1)
    dim, count = flat.shape
    if dim > count:
        raise ValueError(
            f"`dim` must be <= {count}, the number of disturbed weights, for orthogonal "
            f"directions, got {dim}; set `orthogonal=False`"
        )
    basis, upper = torch.linalg.qr(flat.T)
    norms = torch.linalg.vector_norm(flat, dim=1)
    flat = (basis * (upper.diagonal().sign() * norms)).T
    return unflatten(flat, {name: d[0] for name, d in directions.items()})
