"""What there is to say of the directions of a slice, in numbers and words."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Frame"]

Array = npt.NDArray[np.float64]

_COORDINATES = "αβ"


@dataclass(frozen=True, eq=False)
class Frame:
    """
    Norms, inner products and names of n directions; no tensors.

    Attributes
    ----------
    names : tuple of str, length n
        Of the directions.
    unit : str
        What a coordinate of 1 is.
    gram : (n, n) float64
        Inner products of the directions, in squared units of weights.
    center_norm : float
        ‖w*‖ over the parameters that the directions move.
    eigenvalues, residuals : (n,) float64, optional
        Of the Hessian, where the directions are its eigenvectors: λ, and ‖Hv − λv‖.
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
        """Of the angle between the first two directions; NaN where there is one."""
        if len(self.gram) < 2:
            return float("nan")
        return float(self.gram[0, 1] / (self.norms[0] * self.norms[1]))

    @property
    def labels(self) -> tuple[str, ...]:
        """Of the axes, with their unit."""
        pairs = zip(_COORDINATES, self.names, strict=False)
        return tuple(f"{symbol} along {name} (1: {self.unit})" for symbol, name in pairs)
