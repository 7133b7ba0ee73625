"""Gaussian probes: N(m, Σ) around a center, and what they all become there."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sufficiency.probes.base import BaseProbe, Weights, layer_scales, normal_like

# Numbers by parameter name, or one for all.
Arrays = Mapping[str, npt.ArrayLike]
Table = float | Arrays


@dataclass(frozen=True, eq=False)
class GaussianSampler:
    """
    Draws w = m + s ⊙ ε + Σ_d z_d f_d with independent standard normal ε and z.

    Every Gaussian probe becomes one of these at a center, which makes its covariance
    diag(s²) + Σ_d f_d f_dᵀ known to closed forms.

    Attributes
    ----------
    mean : dict of tensors
        m, by parameter name; parameters that are not disturbed are left out.
    deviation : dict of tensors, or None
        s, each of its parameter's shape or a scalar. None: no such noise.
    factor : dict of tensors, or None
        f, each ``(D, *shape)``. None: no such noise.
    """

    mean: Weights
    deviation: Weights | None = None
    factor: Weights | None = None

    def __call__(self, generator: torch.Generator) -> Weights:
        """One draw, of random numbers of the generator alone."""
        draw = dict(self.mean)
        if self.deviation is not None:
            for name, mean in self.mean.items():
                draw[name] = mean + self.deviation[name] * normal_like(mean, generator)
        if self.factor is not None:
            first = next(iter(self.factor.values()))
            z = normal_like(first.new_empty(len(first), dtype=torch.float64), generator)
            for name, rows in self.factor.items():
                draw[name] = draw[name] + torch.tensordot(z.to(rows.dtype), rows, 1)
        return draw


@dataclass(repr=False, eq=False)
class PointMass(BaseProbe):
    """
    All draws are the center itself: the pointwise analysis that came before the paper.

    Δ is then `delta_point`, which every cell records beside any probe, and one draw is enough.

    Parameters
    ----------
    parameters : optional
        Of no consequence here; as in :class:`BaseProbe`.

    Examples
    --------
    >>> import torch
    >>> from sufficiency.probes import PointMass
    >>> PointMass().prepare({"w": torch.ones(2)})(torch.Generator())
    {'w': tensor([1., 1.])}
    """

    def _prepare(self, chosen: Weights, **_: Any) -> GaussianSampler:
        return GaussianSampler(chosen)


@dataclass(repr=False, eq=False)
class IsotropicGaussian(BaseProbe):
    """
    w = w* + σ·s·ε with independent standard normal ε, the paper's choice of p(w).

    Parameters
    ----------
    sigma : float, default=0.2
        σ ≥ 0. With ``scale="layer"`` relative, otherwise in units of weights. 0 is the point
        mass at the center.
    scale : {"layer", "absolute"}, default="layer"
        "layer": s is the root mean square of each parameter tensor, so that every tensor is
        perturbed in proportion to its size; a tensor of zeros stays. "absolute": s = 1. An
        absolute 0.01 was inert on small perceptrons.
    parameters : str, sequence of str or callable, optional
        Disturb only these; see :class:`BaseProbe`.

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
    >>> IsotropicGaussian(0.1, parameters="*bias").prepare(center)(torch.Generator())
    {'bias': tensor([0., 0.])}
    """

    _checked: ClassVar = ("sigma", "scale")

    sigma: float = 0.2
    scale: str = "layer"

    def _prepare(self, chosen: Weights, **_: Any) -> GaussianSampler:
        scales = layer_scales(chosen, self.scale)
        return GaussianSampler(chosen, {name: self.sigma * s for name, s in scales.items()})


@dataclass(repr=False, eq=False)
class DiagonalGaussian(BaseProbe):
    """
    w = w* + m + s ⊙ ε: a variance for every weight, and a shift.

    Such as a variational posterior, or measured variances of weights over trainings.

    Parameters
    ----------
    std : float or dict of {str: float or array}
        s ≥ 0, standard deviations in units of weights: one for all, or by parameter name, each a
        number or of its parameter's shape. Parameters that are left out have none.
    mean : dict of {str: float or array}, optional
        m, the mean of w − w*, in units of weights. None: zero.
    parameters : str, sequence of str or callable, optional
        Disturb only these; see :class:`BaseProbe`.

    Raises
    ------
    ValueError
        If a number is not finite or `std` is negative; when prepared, if names are unknown or
        shapes do not fit.

    Examples
    --------
    >>> import torch
    >>> from sufficiency.probes import DiagonalGaussian
    >>> center = {"weight": torch.ones(2, 3), "bias": torch.zeros(2)}
    >>> probe = DiagonalGaussian({"bias": torch.tensor([0.0, 0.3])}, mean={"bias": 1.0})
    >>> draw = probe.prepare(center)(torch.Generator().manual_seed(0))
    >>> list(draw), float(draw["bias"][0])
    (['bias'], 1.0)
    """

    _checked: ClassVar = ("std", "mean")

    std: Table
    mean: Arrays | None = None

    def _prepare(self, chosen: Weights, **_: Any) -> GaussianSampler:
        return _gaussian(chosen, self.mean, _fit_table("std", self.std, chosen), None)


@dataclass(repr=False, eq=False)
class LowRankGaussian(BaseProbe):
    """
    w = w* + m + Σ_r z_r f_r + √d ⊙ ε: a covariance F Fᵀ + diag(d) of low rank plus diagonal.

    Such as what SWAG collects along a training. The arguments mean what they mean in
    ``torch.distributions.LowRankMultivariateNormal``: `diagonal` holds variances.

    Parameters
    ----------
    factor : dict of {str: array}
        F by parameter name, each ``(rank, *shape)`` with the same rank ≥ 1, in units of weights.
        Parameters that are left out have no part in it.
    diagonal : float or dict of {str: float or array}, default=0.0
        d ≥ 0, variances in squared units of weights, as in :class:`DiagonalGaussian`.
    mean : dict of {str: float or array}, optional
        m, the mean of w − w*, in units of weights. None: zero.
    parameters : str, sequence of str or callable, optional
        Disturb only these; see :class:`BaseProbe`.

    Raises
    ------
    ValueError
        If a number is not finite or `diagonal` is negative; when prepared, if names are unknown
        or shapes do not fit.

    Examples
    --------
    >>> import torch
    >>> from sufficiency.probes import LowRankGaussian
    >>> center = {"weight": torch.ones(3)}
    >>> probe = LowRankGaussian({"weight": torch.tensor([[1.0, 1.0, -1.0]])})
    >>> w = probe.prepare(center)(torch.Generator().manual_seed(0))["weight"] - 1
    >>> bool(torch.isclose(w[0], w[1])), bool(torch.isclose(w[0], -w[2]))
    (True, True)
    """

    _checked: ClassVar = ("factor", "diagonal", "mean")

    factor: Arrays
    diagonal: Table = 0.0
    mean: Arrays | None = None

    def check(self) -> None:
        """Check every parameter."""
        super().check()
        ranks = {tuple(np.shape(rows)[:1]) for rows in self.factor.values()}
        if len(ranks) != 1 or not all(rank and rank[0] for rank in ranks):
            raise ValueError(
                "`factor` must hold arrays (rank, *shape) with the same rank >= 1, got first axes "
                f"{sorted(ranks)}; give every parameter all of the rows"
            )

    def _prepare(self, chosen: Weights, **_: Any) -> GaussianSampler:
        rank = np.shape(next(iter(self.factor.values())))[0]
        factor = _fit_table("factor", self.factor, chosen, leading=(rank,))
        variance = {} if self.diagonal == 0.0 else _fit_table("diagonal", self.diagonal, chosen)
        deviation = {name: value.sqrt() for name, value in variance.items()}
        return _gaussian(chosen, self.mean, deviation, factor)


def _gaussian(
    chosen: Weights, mean: Arrays | None, deviation: Weights, factor: Weights | None
) -> GaussianSampler:
    """Sampler of the parameters that are moved at all, each with a deviation."""
    shift = _fit_table("mean", {} if mean is None else mean, chosen)
    moved = [n for n in chosen if n in shift or n in deviation or n in (factor or {})]
    means = {name: chosen[name] + shift.get(name, 0.0) for name in moved}
    zero: dict[str, Tensor] = {name: means[name].new_zeros(()) for name in moved}
    return GaussianSampler(means, zero | deviation if deviation else None, factor)


def _fit_table(name: str, table: Table, center: Weights, leading: tuple[int, ...] = ()) -> Weights:
    """Tensors like the center's, of a table for some of them."""
    if not isinstance(table, Mapping):
        return {key: tensor.new_tensor(float(table)) for key, tensor in center.items()}
    unknown = [key for key in table if key not in center]
    if unknown:
        raise ValueError(
            f"`{name}` must be for some of {list(center)}, got {unknown}; leave these out or add "
            "them to `parameters`"
        )
    fitted = {}
    for key, value in table.items():
        tensor = center[key]
        numbers = torch.as_tensor(value).detach().to(device=tensor.device, dtype=tensor.dtype)
        expected = (*leading, *tensor.shape)
        if tuple(numbers.shape) != expected and (leading or numbers.ndim):
            raise ValueError(
                f"`{name}[{key!r}]` must have shape {expected}, got {tuple(numbers.shape)}"
            )
        fitted[key] = numbers
    return fitted
