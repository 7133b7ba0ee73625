"""Grids of coordinates for slices: finite, increasing, and with the center on them."""

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["centered_grid", "check_grid", "covering_grid", "plane_grids", "symmetric_grid"]

Array = npt.NDArray[np.float64]

_POINTS = 25
# np.linspace and np.arange miss a zero between their ends by some roundings of the larger end.
_ROUNDING = 1e-12
# Beyond the outermost point, as a share of the distance between the points.
_MARGIN = 0.25


def check_grid(name: str, grid: npt.ArrayLike) -> Array:
    """Return `grid` as float64 if it is finite and strictly increasing."""
    values = np.asarray(grid)
    if values.ndim != 1 or values.dtype.kind not in "iuf":
        raise ValueError(
            f"`{name}` must be a row of numbers, got shape {values.shape} and dtype "
            f"{values.dtype}; use np.linspace(-1, 1, 25)"
        )
    if len(values) < 2:
        raise ValueError(
            f"`{name}` must have at least 2 points, got {len(values)}; a slice needs a direction "
            "to go: use np.linspace(-1, 1, 25)"
        )
    values = values.astype(np.float64)
    if not np.isfinite(values).all():
        raise ValueError(f"`{name}` must be finite, got {values[~np.isfinite(values)][0]}")
    if (np.diff(values) <= 0).any():
        raise ValueError(
            f"`{name}` must be strictly increasing, got {values.tolist()[:5]}…; sort it and drop "
            "duplicates"
        )
    return values


def centered_grid(name: str, grid: npt.ArrayLike) -> Array:
    """Return a grid that holds the center, 0, exactly."""
    values = check_grid(name, grid)
    values = np.where(np.abs(values) <= _ROUNDING * np.abs(values).max(), 0.0, values)
    if not (values == 0).any():
        raise ValueError(
            f"`{name}` must contain 0, the center that the figure marks, got {len(values)} points "
            f"from {values[0]:g} to {values[-1]:g}; take an odd number of points around 0: "
            "np.linspace(-1, 1, 25)"
        )
    return values


def plane_grids(grid: Any) -> tuple[Array, Array] | None:
    """Grids of both axes from one grid, or from a pair of them; None stays None."""
    if grid is None:
        return None
    if isinstance(grid, (tuple, list)) and len(grid) == 2 and np.ndim(grid[0]) == 1:
        return centered_grid("grid[0]", grid[0]), centered_grid("grid[1]", grid[1])
    both = centered_grid("grid", grid)
    return both, both


def symmetric_grid(reach: float = 1.0, n_points: int = _POINTS) -> Array:
    """Equally spaced points around 0."""
    return reach * np.linspace(-1.0, 1.0, n_points)


def covering_grid(coordinates: Array) -> Array:
    """Points that cover the center and some coordinates, and a quarter of that beyond."""
    low, high = min(0.0, float(coordinates.min())), max(0.0, float(coordinates.max()))
    margin = _MARGIN * (high - low)
    return np.union1d(np.linspace(low - margin, high + margin, _POINTS), [0.0])
