"""Directions through weight space: what they are, and how a user's own are taken."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sufficiency._validation import check_number
from sufficiency.landscape.frame import Frame
from sufficiency.nets.losses import Weights

__all__ = ["Directions", "as_direction", "distance_unit", "frame_of", "inner_product", "times"]


@dataclass(frozen=True, eq=False)
class Directions:
    """
    Directions that a slice is drawn along.

    Attributes
    ----------
    vectors : tuple of dict
        Tensors by parameter name; parameters that are left out are not moved.
    frame : Frame
        Their norms, inner products and names.
    """

    vectors: tuple[Weights, ...]
    frame: Frame

    @property
    def u(self) -> Weights:
        """The first."""
        return self.vectors[0]

    @property
    def v(self) -> Weights:
        """The second."""
        return self.vectors[1]

    def scaled(self, norm: float) -> "Directions":
        """
        The same directions, each with another norm as a whole.

        Parameters
        ----------
        norm : float
            > 0, in units of weights.

        Returns
        -------
        Directions
            Coordinates of points are scaled along.
        """
        norm = check_number("norm", norm, above=0.0)
        factors = norm / self.frame.norms
        points = self.frame.points
        frame = replace(
            self.frame,
            gram=self.frame.gram * np.outer(factors, factors),
            unit=distance_unit(norm),
            points=None if points is None else points / factors,
        )
        scaled = (times(float(f), d) for f, d in zip(factors, self.vectors, strict=True))
        return Directions(tuple(scaled), frame)


def as_direction(argument: str, center: Weights, values: Mapping[str, Any]) -> Weights:
    """The user's arrays as tensors like the center's."""
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
    """Of two directions, in float64; what one of them leaves out is zero."""
    return float(sum(float((a[n].double() * b[n].double()).sum()) for n in a if n in b))


def frame_of(
    vectors: tuple[Weights, ...], center: Weights, unit: str, names: tuple[str, ...]
) -> Frame:
    """The numbers of directions around a center."""
    moved = {n: w for n, w in center.items() if any(n in vector for vector in vectors)}
    gram = np.array([[inner_product(a, b) for b in vectors] for a in vectors])
    return Frame(names, unit, gram, inner_product(moved, moved) ** 0.5)


def times(factor: float, direction: Weights) -> Weights:
    """The direction, stretched."""
    return {name: factor * tensor for name, tensor in direction.items()}


def distance_unit(norm: float) -> str:
    """Of a coordinate, where 1 is this distance in weight space."""
    return f"distance {norm:.3g}"
