"""Axes of new figures, names in them; color scales of planes, around zero for two signs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sufficiency._types import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Normalize

# Decades below the largest value that a logarithmic scale shows; what is smaller looks alike.
_DECADES = 8
_SIGNED_DECADES = 3
# Sizes over so wide a range are labeled at powers of ten only.
_MANY_DECADES = 200.0


def new_axes(
    n: int = 1, figsize: tuple[float, float] = (7, 4.5), kind: str = "contour"
) -> list[Axes]:
    """Axes beside each other in a new figure."""
    import matplotlib.pyplot as plt

    projection = {"projection": "3d" if kind == "surface" else None}
    _, axes = plt.subplots(
        1, n, figsize=figsize, layout="constrained", squeeze=False, subplot_kw=projection
    )
    return list(axes[0])


def label_sizes(ax: Axes, few: tuple[float, ...] = (1.0, 2.0, 5.0)) -> None:
    """Write sizes out, where powers of ten would leave a reader to count."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = ax.get_xlim()
    steps = few if high < _MANY_DECADES * low else (1.0,)
    ax.xaxis.set_major_locator(LogLocator(subs=steps))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda size, _: f"{size:,.0f}"))
    ax.xaxis.set_minor_formatter(NullFormatter())


def shortened(text: str, most: int) -> str:
    """The text, or its beginning and its end, in so many characters."""
    if len(text) <= most:
        return text
    n_last = (most - 1) // 2
    return f"{text[: most - 1 - n_last]}…{text[-n_last:]}"


@dataclass(frozen=True, eq=False)
class Scale:
    """How values become colors."""

    levels: Floats  # (n,) increasing; a contour has one color between two of them
    log: bool
    signed: bool  # whether zero is in the middle

    @property
    def limits(self) -> tuple[float, float]:
        """Both ends."""
        return float(self.levels[0]), float(self.levels[-1])

    @property
    def cmap(self) -> str:
        """Name of the color map: two hues around zero, or one that gets lighter."""
        return "RdBu_r" if self.signed else "viridis"

    def norm(self) -> Normalize:
        """Make the object that matplotlib takes."""
        from matplotlib.colors import LogNorm, Normalize, SymLogNorm

        low, high = self.limits
        if not self.log:
            return Normalize(low, high)
        if self.signed:
            return SymLogNorm(high / 10**_SIGNED_DECADES, vmin=low, vmax=high)
        return LogNorm(low, high)

    @property
    def ticks(self) -> Floats:
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

    def extend(self, values: Floats) -> str:
        """Which ends of the scale have values beyond them."""
        low, high = self.limits
        below, above = (values < low).any(), (values > high).any()
        return ("neither", "min", "max", "both")[below + 2 * above]


def _powers(low: float, high: float) -> Floats:
    """Powers of ten around two ends, with their double and fivefold where they are few."""
    exponents = np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    multiples = [1.0, 2.0, 5.0] if np.log10(high / low) < _SIGNED_DECADES else [1.0]
    return np.asarray(np.multiply.outer(10.0**exponents, multiples).ravel())


def limits_of(planes: Sequence[Floats], *, signed: bool) -> tuple[float, float]:
    """Ends of a scale that all planes share."""
    values = np.concatenate([plane[np.isfinite(plane)] for plane in planes])
    low, high = float(values.min()), float(values.max())
    reach = max(abs(low), abs(high))
    return (-reach, reach) if signed else (low, high)


def levels_between(low: float, high: float, n: int, *, log: bool, signed: bool) -> Floats:
    """Ends of n colors; on a logarithmic scale with two signs, of about as many."""
    if not log:
        if high <= low:  # a plane without relief still has a color
            pad = 0.5 * abs(low) or 0.5
            low, high = low - pad, low + pad
        return np.linspace(low, high, n + 1)
    if signed and high > 0:
        positive = np.geomspace(high / 10**_SIGNED_DECADES, high, max(2, n // 2))
        return np.concatenate([-positive[::-1], positive])
    if low < 0 or high <= 0:
        raise ValueError(
            f"`log` must be False for values that are not positive, got values from {low:.3g} to "
            f"{high:.3g}; they have no logarithm"
        )
    low = max(low, high / 10**_DECADES)
    return np.geomspace(low if low < high else high / 10, high, n + 1)
