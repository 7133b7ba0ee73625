"""Color scales of planes: linear or logarithmic, around zero where there are two signs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sufficiency._validation import check_integer, check_number

if TYPE_CHECKING:
    from matplotlib.colors import Normalize

__all__ = ["Scale", "limits_of", "make_scale"]

Array = npt.NDArray[np.float64]

# Decades below the largest value that a logarithmic scale shows; what is smaller looks alike.
_DECADES = 8
_SIGNED_DECADES = 3


@dataclass(frozen=True, eq=False)
class Scale:
    """How values become colors."""

    levels: Array  # (n,) increasing; a contour has one color between two of them
    log: bool
    signed: bool  # whether zero is in the middle

    @property
    def limits(self) -> tuple[float, float]:
        """The ends."""
        return float(self.levels[0]), float(self.levels[-1])

    @property
    def cmap(self) -> str:
        """Name of the color map: two hues around zero, or one that gets lighter."""
        return "RdBu_r" if self.signed else "viridis"

    def norm(self) -> "Normalize":
        """Make the object that matplotlib takes."""
        from matplotlib.colors import LogNorm, Normalize, SymLogNorm

        low, high = self.limits
        if not self.log:
            return Normalize(low, high)
        if self.signed:
            return SymLogNorm(high / 10**_SIGNED_DECADES, vmin=low, vmax=high)
        return LogNorm(low, high)

    @property
    def ticks(self) -> Array:
        """Round values inside the scale, for its bar."""
        from matplotlib.ticker import MaxNLocator

        low, high = self.limits
        if not self.log:
            ticks = np.asarray(MaxNLocator(7).tick_values(low, high))
        elif self.signed:
            linear = high / 10**_SIGNED_DECADES
            powers = _powers(linear, high)
            powers = powers[powers >= linear]
            ticks = np.concatenate([-powers[::-1], [0.0], powers])
        else:
            ticks = _powers(low, high)
        return ticks[(ticks >= low) & (ticks <= high)]

    def extend(self, values: Array) -> str:
        """Which ends of the scale have values beyond them."""
        low, high = self.limits
        below, above = (values < low).any(), (values > high).any()
        return ("neither", "min", "max", "both")[below + 2 * above]


def _powers(low: float, high: float) -> Array:
    """Powers of ten around two ends, with their double and fivefold where they are few."""
    exponents = np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    multiples = [1.0, 2.0, 5.0] if np.log10(high / low) < _SIGNED_DECADES else [1.0]
    return np.asarray(np.multiply.outer(10.0**exponents, multiples).ravel())


def limits_of(planes: Sequence[Array], *, signed: bool) -> tuple[float, float]:
    """Ends of a scale that all planes share."""
    values = np.concatenate([plane[np.isfinite(plane)] for plane in planes])
    low, high = float(values.min()), float(values.max())
    if signed:
        high = max(abs(low), abs(high))
        return -high, high
    return low, high


def make_scale(
    values: Array,
    *,
    signed: bool,
    log: bool,
    vmin: float | None = None,
    vmax: float | None = None,
    n_levels: int = 20,
) -> Scale:
    """Choose the levels."""
    n_levels = check_integer("n_levels", n_levels, 2)
    low, high = limits_of([values], signed=signed)
    low = low if vmin is None else check_number("vmin", vmin)
    high = high if vmax is None else check_number("vmax", vmax)
    if signed:
        high = max((abs(end) for end in (vmin, vmax) if end is not None), default=high)
        low = -high
    elif vmin is not None and vmax is not None and low >= high:
        raise ValueError(f"`vmin` must be < `vmax`, got {vmin} and {vmax}")
    if log:
        levels = _log_levels(low, high, signed=signed, n_levels=n_levels)
    else:
        if high <= low:  # a plane without relief still has a color
            pad = 0.5 * abs(low) or 0.5
            low, high = low - pad, low + pad
        levels = np.linspace(low, high, n_levels + 1)
    return Scale(levels, log, signed)


def _log_levels(low: float, high: float, *, signed: bool, n_levels: int) -> Array:
    if signed and high > 0:
        positive = np.geomspace(high / 10**_SIGNED_DECADES, high, max(2, n_levels // 2))
        return np.concatenate([-positive[::-1], positive])
    if low < 0 or high <= 0:
        raise ValueError(
            f"`log` must be False for values that are not positive, got values from {low:.3g} to "
            f"{high:.3g}; they have no logarithm"
        )
    low = max(low, high / 10**_DECADES)
    if high <= low:
        low = high / 10
    return np.geomspace(low, high, n_levels + 1)
