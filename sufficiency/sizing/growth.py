"""How much the landscape still moves when many samples come at once."""

import sys
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq

from sufficiency._tables import mean_of_finished
from sufficiency._types import Floats
from sufficiency._validation import shown
from sufficiency.curves import FittedCurve, fit_curve
from sufficiency.curves.fitted_curve import LARGEST_SIZE, first_size_below, frozen_curve
from sufficiency.exceptions import InvalidParameterError, NotIdentifiableError
from sufficiency.sizing.ladder import Ladder
from sufficiency.sizing.learning_curve import linear_part

# Log κ where a curve is looked at for its last crossing: 25 points per factor e resolve any bend
# of sums of power laws.
_GRID = np.linspace(np.log(2.0), np.log(float(LARGEST_SIZE)), 1050)
_GRID_SIZES = np.expm1(_GRID)


def growth_change(
    gap_sq: npt.ArrayLike, spread: npt.ArrayLike, size: npt.ArrayLike, added: npt.ArrayLike
) -> Floats:
    """
    Mean squared change of the loss landscape when `added` samples join `size` ones.

        E (L_{k+m} − L_k)² = (m/(k+m))² · (gap² + spread/m)

    (math.md, "Growing by m samples"; exact for i.i.d. candidates.) At m = 1 it is Δ.
    """
    k, m = np.asarray(size, dtype=np.float64), np.asarray(added, dtype=np.float64)
    return (m / (k + m)) ** 2 * (np.asarray(gap_sq) + np.asarray(spread) / m)


def check_growth(measurements: Ladder, growth: Any) -> None:
    """Refuse what has no growth formula."""
    known = isinstance(growth, Real) and not isinstance(growth, bool)
    if not known or not 0 < growth <= sys.float_info.max:
        problem = (
            f"must be finite and > 0, got {shown(growth)}; an int counts samples (100), a float is "
            "a fraction (0.1 for 10 % more)"
        )
    elif measurements.order != 2:
        problem = (
            "must go with order 2, got order 1; only the mean square change follows from gap and "
            "spread: fit with order 2"
        )
    elif measurements.n_candidates < 2:
        problem = (
            "must go with two candidates or more, got 1; one candidate cannot tell gap from "
            "spread: fit with more candidates"
        )
    elif not np.isfinite(measurements.spread).any():
        problem = (
            "must go with known gap and spread, which need the losses at every draw: ask the "
            "result before `without`, or that of all samples, since the closed form knows none of "
            "a slice"
        )
    else:
        return
    raise InvalidParameterError("growth", problem)


@dataclass(frozen=True)
class Optimism:
    """What gap² holds beyond sampling: level·(κ/κ_0)^(−gamma), κ_0 the smallest κ."""

    level: float
    gamma: float
    kappa_0: float

    def predict(self, sizes: npt.ArrayLike) -> Floats:
        """At each of `sizes`, (len,), in loss²."""
        kappa = np.atleast_1d(np.asarray(sizes, dtype=np.float64)) + 1.0
        return self.level * np.power(kappa / self.kappa_0, -self.gamma)


@dataclass(frozen=True, eq=False)
class GrowthCurve:
    """
    Mean squared change when the data grow, from separate fits of spread and gap².

    h(k) = m²/(k+m)² · [G(k) + S(k)/m], with m samples or m = growth·k, and

        G(k) = S(k)/κ + g·(κ/κ_0)^(−γ),  κ = k + 1.

    The first term is L_k's own sampling error: at weights that do not depend on D_k, gap² is S/k
    and h is S·m/(k(k+m)), the law for a single center (math.md, "One net for all sizes"). The
    second is the optimism of a net on the samples it was trained on. h need not be a power law,
    so it is inverted numerically.

    Where m is so large that gap² dominates, small data leave it poorly known and skewed: see
    "Many samples at once" in docs/trust.md.
    """

    growth: float  # int: samples added; float: the fraction by which the data grow
    spread: FittedCurve  # fitted to spread/κ², so that S = κ²·spread.predict(k)
    optimism: Optimism

    def predict(self, sizes: npt.ArrayLike) -> Floats:
        """H at `sizes`."""
        k = np.atleast_1d(np.asarray(sizes, dtype=np.float64))
        m = np.full_like(k, self.growth) if counts_samples(self.growth) else self.growth * k
        spread = self.spread.predict(k) * (k + 1.0) ** 2
        gap_sq = spread / (k + 1.0) + self.optimism.predict(k)
        return growth_change(gap_sq, spread, k, m)

    def log_kappa(self, threshold: float) -> float:
        """Log κ from which on h stays at or below a threshold."""
        after, before = self._last_crossing(threshold)
        if after == before:
            return after

        def excess(log_kappa: float) -> float:
            return float(np.log(self.predict(np.expm1(log_kappa))[0] / threshold))

        return float(brentq(excess, before, after, xtol=1e-12))

    def sufficient_size(self, threshold: float) -> int:
        """Smallest size from which on h stays at or below a threshold."""
        after, before = self._last_crossing(threshold)
        if not np.isfinite(after):
            raise NotIdentifiableError(
                f"`threshold` must be one that the fitted growth curve reaches within 2**62 "
                f"samples, got {threshold:.3g}; choose a larger one or a smaller growth"
            )
        candidates = range(int(np.expm1(before)), int(np.expm1(after)) + 2)
        size = first_size_below(self.predict, threshold, candidates)
        return max(candidates[-1] if size is None else size, int(self.spread.sizes[0]))

    def _last_crossing(self, threshold: float) -> tuple[float, float]:
        """Log κ after and before which h falls below the threshold for the last time."""
        # a curve that rises steeply leaves float64 long before the grid ends
        with np.errstate(over="ignore"):
            exceeding = np.flatnonzero(self.predict(_GRID_SIZES) > threshold)
        if not exceeding.size:
            return float(_GRID[0]), float(_GRID[0])
        last = exceeding[-1]
        if last == len(_GRID) - 1:
            return float("inf"), float("inf")
        return float(_GRID[last + 1]), float(_GRID[last])


def fit_growth(measurements: Ladder, family: str, growth: float) -> GrowthCurve:
    """Fit spread and gap² of a ladder, each on its own."""
    kappa = measurements.sizes + 1.0
    spread = fit_curve(measurements.sizes, measurements.spread / kappa**2, family=family)
    return GrowthCurve(growth, spread, _fit_optimism(measurements, spread))


def freeze(curve: GrowthCurve) -> GrowthCurve:
    """The pessimistic continuation: spread and optimism stay as they are at the largest size."""
    level = float(curve.optimism.predict(curve.spread.sizes[-1])[0])
    return GrowthCurve(curve.growth, frozen_curve(curve.spread), Optimism(level, 0.0, 1.0))


def counts_samples(growth: object) -> bool:
    """Whether `growth` is a number of samples (an integer) and not a fraction (a float)."""
    return isinstance(growth, Integral)


def is_one_sample(growth: float | None) -> bool:
    """Whether growth means one more sample, which is Δ itself."""
    return growth is None or (counts_samples(growth) and growth == 1)


def _fit_optimism(measurements: Ladder, spread: FittedCurve) -> Optimism:
    """
    Weighted least squares of gap² − S/κ itself: its unbiased estimates may be negative.

    For given exponent the level is linear and clipped at 0. The noise of an estimate is of the
    size of spread/J where that dominates and proportional to gap² elsewhere, so their sum scales
    the residuals; gap² in it is the fit's own, from a few rounds of reweighting.
    """
    counts = np.isfinite(measurements.gap_sq).sum(axis=0)
    used = counts > 0
    counts, means = counts[used], mean_of_finished(measurements.gap_sq)[used]
    sizes = measurements.sizes[used]
    kappa = np.asarray(sizes + 1.0, dtype=np.float64)
    level = spread.predict(sizes) * kappa**2
    sampling, noise = level / kappa, level / measurements.n_candidates
    curve = Optimism(0.0, 0.0, float(kappa[0]))
    for _ in range(5):
        weights = counts / (curve.predict(sizes) + sampling + noise) ** 2
        curve = _fit_weighted(kappa, means - sampling, weights)
    return curve


def _fit_weighted(kappa: Floats, means: Floats, weights: Floats) -> Optimism:
    """On a grid of exponents from 0 to 4, three times refined, to 1.25e-5."""
    low, high = 0.0, 4.0
    for _ in range(4):
        gammas, step = np.linspace(low, high, 41, retstep=True)
        x = (kappa / kappa[0]) ** -gammas[:, None]
        _, levels, costs = linear_part(x, means, weights, best=0.0, floor=0.0)
        i = int(np.argmin(costs))
        gamma, level = float(gammas[i]), float(levels[i])
        low, high = max(0.0, gamma - step), min(4.0, gamma + step)
    return Optimism(level, gamma, float(kappa[0]))
