"""Grids of coordinates for slices: finite, increasing, and with the center on them."""

import numpy as np
import numpy.typing as npt

__all__ = ["centered_grid", "check_grid", "covering_grid", "symmetric_grid"]

Array = npt.NDArray[np.float64]

_POINTS = 25
# What np.linspace and np.arange leave of a zero between their ends: some roundings of the larger.
_ROUNDING = 1e-12
# Beyond the outermost point, as a share of the distance between the points.
_MARGIN = 0.25


def check_grid(name: str, grid: npt.ArrayLike) -> Array:
    """Return `grid` as float64 if it can carry a slice."""
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


def symmetric_grid(reach: float = 1.0, n_points: int = _POINTS) -> Array:
    """Equally spaced points around 0."""
    return reach * np.linspace(-1.0, 1.0, n_points)


def covering_grid(coordinates: Array) -> Array:
    """Points that cover the center and some coordinates, and a quarter of that beyond."""
    low, high = min(0.0, float(coordinates.min())), max(0.0, float(coordinates.max()))
    margin = _MARGIN * (high - low)
    return np.union1d(np.linspace(low - margin, high + margin, _POINTS), [0.0])
