"""What loss, score or Δ will be beyond the measured sizes, and where it meets a target."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from sufficiency._tables import mean_of_finished
from sufficiency._types import Floats, Integers
from sufficiency.forecasts.continuation import Continuation, Prior, continue_curve

# Beyond so many times the largest measured size nothing is forecast.
HORIZON = 1000.0
# Points of the grid on which a size is looked for, a step of 2.6 % for the default sizes.
_POINTS = 400


@dataclass(frozen=True, eq=False)
class Forecast:
    """
    A distribution of curves, given the measured ones.

    The log of the distance of loss, score or Δ from the best possible value is continued.
    """

    continuation: Continuation
    best: float
    rising: bool  # whether larger is better
    smallest: int
    largest: int
    error: float  # of the mean that another measurement of the same kind would give, in log

    def chance(self, sizes: npt.ArrayLike, target: float) -> Floats:
        """(len,) probability that a measurement at each size meets a target."""
        distance = self.best - target if self.rising else target - self.best
        if distance <= 0:
            return np.zeros(np.shape(np.atleast_1d(sizes)))
        return self.continuation.below(_doublings(sizes), math.log(distance), self.error)

    def values(self, sizes: npt.ArrayLike, probability: float) -> Floats:
        """(len,) the value that the curve stays below with a probability."""
        share = 1.0 - probability if self.rising else probability
        distance = np.exp(self.continuation.quantiles(_doublings(sizes), share, self.error))
        return self.best - distance if self.rising else self.best + distance

    @cached_property
    def grid(self) -> Floats:
        """Sizes from the smallest measured one to the horizon, evenly on the log scale."""
        return np.geomspace(self.smallest, HORIZON * self.largest, _POINTS)

    def reached(self, target: float) -> Floats:
        """(len grid,) probability that the target is met at or before each size of the grid."""
        return np.maximum.accumulate(self.chance(self.grid, target))

    def log_kappa(self, target: float, probability: float) -> float:
        """Log κ by which the target is met with a probability; infinite beyond the horizon."""
        reached = self.reached(target)
        i = int(np.searchsorted(reached, probability))
        if i == len(reached):
            return math.inf
        if i == 0:
            return math.log(self.smallest + 1.0)
        ends = np.log(self.grid[i - 1 : i + 1] + 1.0)
        return float(np.interp(probability, reached[i - 1 : i + 1], ends))


def forecast(
    prior: Prior,
    sizes: Integers,
    table: Floats,
    *,
    best: float = 0.0,
    rising: bool = False,
    finest: float = 0.0,
    overlap_factor: float = 1.0,
) -> Forecast:
    """
    Continue the mean over repeats of a table (R, m); `finest` is the smallest distance it can show.

    Errors come from the repeats: what they have in common at all sizes moves the level of the
    curve, the rest blurs its shape.
    """
    distances = np.maximum(best - table if rising else table - best, max(finest, 1e-300))
    means = mean_of_finished(distances)
    measured = np.isfinite(means)
    sizes, distances, means = sizes[measured], distances[:, measured], means[measured]
    variance, common = _error_variances(distances / means, prior.noise)
    continuation = continue_curve(
        prior, _doublings(sizes), np.log(means), np.full(len(sizes), variance)
    )
    return Forecast(
        continuation,
        best,
        rising,
        int(sizes[0]),
        int(sizes[-1]),
        math.sqrt(variance + common * overlap_factor**2),
    )


def _error_variances(ratios: Floats, usual: float) -> tuple[float, float]:
    """Of the mean over repeats, relative: at every size by itself, and at all of them together."""
    complete = ratios[np.isfinite(ratios).all(axis=1)]
    n, m = complete.shape
    if n < 2 or m < 2:
        return usual**2, usual**2
    levels = complete.mean(axis=1, keepdims=True)
    rest = complete - levels - complete.mean(axis=0) + complete.mean()
    variance = float((rest**2).sum()) / ((n - 1) * (m - 1))
    # repeats that differ by less than their noise have nothing in common
    common = max(float(levels.var(ddof=1)) - variance / m, 0.0)
    return max(variance / n, 1e-8), common / n


def _doublings(sizes: npt.ArrayLike) -> Floats:
    """log₂ κ."""
    return np.log2(np.atleast_1d(np.asarray(sizes, dtype=np.float64)) + 1.0)
