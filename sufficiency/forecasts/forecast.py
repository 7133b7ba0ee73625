"""What loss, score or Δ will be beyond the measured sizes, and where it meets a target."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import special

from sufficiency._tables import mean_of_finished
from sufficiency._types import Floats, Integers
from sufficiency.forecasts.trend import Slopes, TrendPrior, measure_slopes

# Beyond so many times the largest measured size nothing is forecast.
HORIZON = 1000.0
# Points of the grid on which a size is looked for: a step of 2.6 % for the default sizes.
_POINTS = 400
# Nodes and weights of the quadrature over the error of a measurement.
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(7)


@dataclass(frozen=True, eq=False)
class Curve:
    """The mean over repeats of what was measured, as the log of its distance from the best."""

    sizes: Integers  # (m,)
    logs: Floats  # (m,)
    variance: float  # of one of `logs` about the curve
    common: float  # variance that all of them have in common

    @cached_property
    def doublings(self) -> Floats:
        """(m,) log₂ κ."""
        return log2_kappa(self.sizes)

    @cached_property
    def slopes(self) -> Slopes:
        """How it falls."""
        return measure_slopes(self.doublings, self.logs)


@dataclass(frozen=True, eq=False)
class Forecast:
    """
    The distribution of a curve's values at any size, as another measurement would find them.

    Inside the measured sizes it is the curve itself with its error, beyond them a line in log value
    over log κ whose slope is uncertain.
    """

    prior: TrendPrior
    features: Floats  # (p,)
    curve: Curve
    best: float  # value that cannot be passed
    rising: bool  # whether larger is better
    power: float  # of the value whose slopes the prior knows
    error: float  # of the log of another measurement
    widening: float

    @property
    def smallest(self) -> int:
        """Smallest measured size."""
        return int(self.curve.sizes[0])

    @property
    def largest(self) -> int:
        """Largest measured size."""
        return int(self.curve.sizes[-1])

    @property
    def unlike_others(self) -> bool:
        """Whether none of the prior's curves falls like this one."""
        return self.prior.distance(self.features) > 0.0

    def chance(self, sizes: npt.ArrayLike, target: float) -> Floats:
        """(len,) probability that a measurement at each size meets a target."""
        distance = self.best - target if self.rising else target - self.best
        sizes = np.atleast_1d(sizes)
        return self._below(sizes, math.log(distance)) if distance > 0 else np.zeros(len(sizes))

    def values(self, sizes: npt.ArrayLike, probability: float) -> Floats:
        """(len,) the value that a measurement stays below with a probability, by bisection."""
        sizes = np.atleast_1d(sizes)
        share = 1.0 - probability if self.rising else probability
        reach = 50.0 + 10.0 * self.error
        low, high = (np.full(len(sizes), self.curve.slopes.level + s * reach) for s in (-1, 1))
        for _ in range(60):
            middle = (low + high) / 2.0
            less = self._below(sizes, middle) < share
            low, high = np.where(less, middle, low), np.where(less, high, middle)
        distance = np.exp((low + high) / 2.0)
        return self.best - distance if self.rising else self.best + distance

    def _below(self, sizes: npt.NDArray, log_value: npt.ArrayLike) -> Floats:
        """(len,) probability that the log of a measurement is at most a value."""
        ahead = log2_kappa(sizes) - self.curve.doublings[-1]
        log_value = np.broadcast_to(np.asarray(log_value, dtype=np.float64), ahead.shape)
        inside = np.interp(log2_kappa(sizes), self.curve.doublings, self.curve.logs)
        found = special.ndtr((log_value - inside) / self.error)
        beyond = ahead > 0
        if beyond.any():
            j = ahead[beyond]
            fall = self.curve.slopes.level - log_value[beyond]
            terms = [
                weight * self._falls_by(fall + node * self.error, j)
                for node, weight in zip(_NODES, _WEIGHTS / _WEIGHTS.sum(), strict=True)
            ]
            found[beyond] = np.sum(terms, axis=0)
        return found

    def _falls_by(self, fall: Floats, doublings: Floats) -> Floats:
        """(len,) probability that the curve falls by so much within so many doublings."""
        slopes = self.power * fall / doublings
        return self.prior.steeper(self.features, doublings, slopes, self.widening)

    @cached_property
    def grid(self) -> Floats:
        """Sizes from the smallest measured one to the horizon, evenly on the log scale."""
        return np.geomspace(self.smallest, HORIZON * self.largest, _POINTS)

    def reached(self, target: float) -> Floats:
        """(len grid,) probability that the target is met at or before each size of the grid."""
        return np.maximum.accumulate(self.chance(self.grid, target))

    def missed(self, target: float, totals: Floats) -> Floats:
        """(len,) probability that each total is not enough, if the last of them is."""
        reached = np.interp(np.log(totals), np.log(self.grid), self.reached(target))
        return 1.0 - reached / max(reached[-1], 1e-300)

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


def curve_of(
    sizes: Integers,
    table: Floats,
    *,
    best: float = 0.0,
    rising: bool = False,
    finest: float = 0.0,
    usual_error: float = 0.0,
) -> Curve:
    """
    The mean over the repeats of a table (R, m), and its errors.

    What the repeats have in common at all sizes moves the level of the curve, the rest blurs its
    shape. `finest` is the smallest distance from the best that can be seen; `usual_error` is
    taken where a single repeat shows none.
    """
    distances = np.maximum(best - table if rising else table - best, max(finest, 1e-300))
    means = mean_of_finished(distances)
    measured = np.isfinite(means)
    ratios = distances[:, measured] / means[measured]
    complete = ratios[np.isfinite(ratios).all(axis=1)]
    n, m = complete.shape
    variance = common = usual_error**2
    if n > 1 and m > 1:
        levels = complete.mean(axis=1, keepdims=True)
        rest = complete - levels - complete.mean(axis=0) + complete.mean()
        residual = float((rest**2).sum()) / ((n - 1) * (m - 1))
        variance = residual / n
        common = max(float(levels.var(ddof=1)) - residual / m, 0.0) / n
    return Curve(sizes[measured], np.log(means[measured]), max(variance, 1e-8), common)


def log2_kappa(sizes: npt.ArrayLike) -> Floats:
    """log₂ κ, κ = size + 1."""
    return np.log2(np.atleast_1d(np.asarray(sizes, dtype=np.float64)) + 1.0)
