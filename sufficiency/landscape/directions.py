"""Directions through weight space, and their geometry: norms, angles, labels."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sufficiency._validation import check_number
from sufficiency.nets.losses import Weights

__all__ = [
    "Directions",
    "Geometry",
    "as_direction",
    "distance_unit",
    "geometry_of",
    "inner_product",
    "times",
]

Array = npt.NDArray[np.float64]

_COORDINATES = "αβ"


@dataclass(frozen=True, eq=False)
class Geometry:
    """
    Norms, inner products and names of n directions around a center, without their tensors.

    Attributes
    ----------
    names : tuple of str, length n
        Names of the directions.
    unit : str
        What a coordinate of 1 is.
    gram : (n, n) float64
        Inner products of the directions, in squared units of weights.
    center_norm : float
        ‖w*‖ over the parameters that the directions move.
    eigenvalues, residuals : (n,) float64, optional
        Eigenvalues λ of the Hessian and ‖Hv − λv‖, where the directions are its eigenvectors.
    points : (P, n) float64, optional
        Coordinates of the points that the directions go through.
    """

    names: tuple[str, ...]
    unit: str
    gram: Array
    center_norm: float
    eigenvalues: Array | None = None
    residuals: Array | None = None
    points: Array | None = None

    @property
    def norms(self) -> Array:
        """(n,) norms of the directions, in units of weights."""
        return np.sqrt(self.gram.diagonal())

    @property
    def cosine(self) -> float:
        """Cosine of the angle between the first two directions; NaN if there is only one."""
        if len(self.gram) < 2:
            return float("nan")
        return float(self.gram[0, 1] / (self.norms[0] * self.norms[1]))

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the axes, with their unit."""
        pairs = zip(_COORDINATES, self.names, strict=False)
        return tuple(f"{symbol} along {name} (1: {self.unit})" for symbol, name in pairs)


@dataclass(frozen=True, eq=False)
class Directions:
    """
    Directions around the weights of one net.

    They are made by :meth:`RandomDirections.around`, :meth:`TopEigenvectors.around` and
    :func:`directions_through`.

    Attributes
    ----------
    vectors : tuple of dict
        Tensors by parameter name; parameters that are left out are not moved.
    geometry : Geometry
        Their norms, inner products and names.
    """

    vectors: tuple[Weights, ...]
    geometry: Geometry

    @property
    def u(self) -> Weights:
        """The first direction."""
        return self.vectors[0]

    @property
    def v(self) -> Weights:
        """The second direction."""
        return self.vectors[1]

    def scaled(self, norm: float) -> "Directions":
        """
        The same directions, each with another norm.

        Parameters
        ----------
        norm : float
            Norm > 0 of every direction, in units of weights.

        Returns
        -------
        Directions
            The coordinates of points are scaled with them.
        """
        norm = check_number("norm", norm, above=0.0)
        factors = norm / self.geometry.norms
        points = self.geometry.points
        geometry = replace(
            self.geometry,
            gram=self.geometry.gram * np.outer(factors, factors),
            unit=distance_unit(norm),
            points=None if points is None else points / factors,
        )
        scaled = (times(float(f), d) for f, d in zip(factors, self.vectors, strict=True))
        return Directions(tuple(scaled), geometry)


def as_direction(argument: str, center: Weights, values: Mapping[str, Any]) -> Weights:
    """A user's arrays by parameter name as tensors like the center's."""
    if not values or set(values) - set(center):
        raise ValueError(f"`{argument}` must be for some of {sorted(center)}, got {sorted(values)}")
    found = {}
    for name, value in values.items():
        wanted = center[name]
        tensor = value if isinstance(value, Tensor) else torch.as_tensor(np.asarray(value))
        if tensor.shape != wanted.shape:
            raise ValueError(
                f"`{argument}[{name!r}]` must have shape {tuple(wanted.shape)}, got "
                f"{tuple(tensor.shape)}"
            )
        if not bool(tensor.isfinite().all()):
            raise ValueError(f"`{argument}[{name!r}]` must be finite, got NaN or infinity")
        found[name] = tensor.detach().to(wanted)
    return found


def inner_product(a: Weights, b: Weights) -> float:
    """Σ aᵢbᵢ in float64, over the parameters that both directions move."""
    return float(sum(float((a[n].double() * b[n].double()).sum()) for n in a if n in b))


def geometry_of(
    vectors: tuple[Weights, ...], center: Weights, unit: str, names: tuple[str, ...]
) -> Geometry:
    """Geometry of directions around a center."""
    moved = {n: w for n, w in center.items() if any(n in vector for vector in vectors)}
    gram = np.array([[inner_product(a, b) for b in vectors] for a in vectors])
    return Geometry(names, unit, gram, inner_product(moved, moved) ** 0.5)


def times(factor: float, direction: Weights) -> Weights:
    """The direction times a number."""
    return {name: factor * tensor for name, tensor in direction.items()}


def distance_unit(norm: float) -> str:
    """Name of the unit of coordinates along directions of this norm."""
    return f"distance {norm:.3g}"
