"""How many samples a loss or a score needs: the learning curve's answer."""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from scipy import stats

from sufficiency._tables import mean_of_finished
from sufficiency._types import Floats, Integers
from sufficiency._validation import check_choice, check_number
from sufficiency.curves.fitted_curve import LARGEST_SIZE
from sufficiency.exceptions import InvalidParameterError
from sufficiency.forecasts.forecast import Forecast
from sufficiency.sizing.ladder import Ladder, jackknife_groups
from sufficiency.sizing.learning_curve import SIZES_NEEDED, LearningCurve, fit_learning_curve
from sufficiency.sizing.replicates import jackknife_stderr, t_quantile
from sufficiency.sizing.size_intervals import (
    SizeEstimate,
    estimate_beyond,
    horizon,
    status_of,
    to_sizes,
    too_far,
)


@dataclass(frozen=True, eq=False)
class PerformanceFit:
    """A learning curve, its leave-one-repeat-out versions, and the floors the data allow."""

    curve: LearningCurve
    table: Floats  # (R, m), to whose mean over repeats the curve was fitted
    weights: Floats  # (m,) inverse variances, mean 1
    best: float  # bound of the loss or score, possibly infinite
    factor: float  # Nadeau and Bengio's, for candidates that repeats share

    @property
    def kind(self) -> str:
        """What it is fitted to."""
        return "score" if self.curve.rising else "loss"

    @cached_property
    def left_out(self) -> list[LearningCurve]:
        """The curve without each repeat, or group of repeats; empty for a single one."""
        return [self.refit(without=some) for some in jackknife_groups(len(self.table))]

    def refit(self, without: Integers | None = None, floor: float | None = None) -> LearningCurve:
        """The curve without some repeats, or with its floor given."""
        rows = self.table if without is None else np.delete(self.table, without, axis=0)
        means = mean_of_finished(rows)
        measured = np.isfinite(means)
        return fit_learning_curve(
            self.curve.sizes[measured],
            means[measured],
            self.weights[measured],
            rising=self.curve.rising,
            best=self.best,
            floor=floor,
        )

    def half_width(self, values: list[float], confidence: float) -> float:
        """Half the t interval of what the leave-one-repeat-out versions give; 0 without any."""
        if not values:
            return 0.0
        stderr = self.factor * jackknife_stderr(np.array(values))
        return t_quantile(confidence, len(values)) * stderr

    @cached_property
    def fits_by_floor(self) -> list[LearningCurve]:
        """The best curve with each of many floors."""
        return [self.refit(floor=floor) for floor in self._floor_grid()]

    def plausible(self, confidence: float) -> list[LearningCurve]:
        """
        Curves with every floor E that the data do not rule out.

        A floor stays if the best fit with it has SSR(E) ≤ SSR_min + F_{1,ν}·s² (profile
        likelihood). s² pools the residuals of the mean curve (m − 3 degrees of freedom) with the
        interaction of repeats and sizes over R: the noise of the curve's shape, which is what
        blurs the floor. A small exponent and a high floor look alike over a ladder, so this set is
        wide. Its ends then move by the error of the curve's level, t_{R−1} times the jackknife
        standard error at the largest size.
        """
        variance, dof = self._shape_noise()
        limit = stats.f.ppf(confidence, 1, dof) * variance if dof else np.inf
        limit += len(self.weights) * self.curve.cost
        kept = [fit for fit in self.fits_by_floor if len(self.weights) * fit.cost <= limit]
        floors = [curve.floor for curve in (self.curve, *kept)]
        at_largest = [float(fit.predict(self.curve.sizes[-1])[0]) for fit in self.left_out]
        margin = self.half_width(at_largest, confidence)
        ends = np.array([min(floors) - margin, max(floors) + margin])
        ends = np.minimum(ends, self.best) if self.curve.rising else np.maximum(ends, self.best)
        return [self.curve, *kept, *(self.refit(floor=float(end)) for end in ends)]

    def _floor_grid(self) -> Floats:
        """Candidates from the bound to the worst mean, denser towards the best mean."""
        means = mean_of_finished(self.table)
        sign = -1.0 if self.curve.rising else 1.0
        lowest, fall = (sign * means).min(), float(np.ptp(means))
        depth = min(100.0 * fall, lowest - sign * self.best)
        down = np.geomspace(1e-2, max(depth / fall, 2e-2), 50) * fall if fall else np.zeros(1)
        up = fall * np.linspace(0.0, 1.0, 40)
        floors = np.concatenate([lowest - down, lowest + up])
        return sign * floors[floors >= sign * self.best]

    def log_kappa_interval(
        self, target: float, curves: list[LearningCurve], confidence: float
    ) -> tuple[float, float]:
        """Hull of log κ at a target over plausible curves, with the jackknife error at its ends."""
        centers = np.array([curve.log_kappa(target) for curve in curves])
        ends = []
        for i, side in ((int(np.argmin(centers)), -1.0), (int(np.argmax(centers)), 1.0)):
            end = float(centers[i])
            if np.isfinite(end):
                versions = [
                    self.refit(without=some, floor=curves[i].floor).log_kappa(target)
                    for some in jackknife_groups(len(self.table))
                ]
                end += side * self.half_width(versions, confidence)
            ends.append(end)
        return ends[0], ends[1]

    def _shape_noise(self) -> tuple[float, int]:
        """Variance of a point of the mean curve about its form, and its degrees of freedom."""
        squares, dof = len(self.weights) * self.curve.cost, len(self.weights) - SIZES_NEEDED
        complete = self.table[np.isfinite(self.table).all(axis=1)]
        if len(complete) > 1:
            rest = complete - complete.mean(axis=0)
            rest = rest - (rest @ self.weights / self.weights.sum())[:, None]
            squares += self.factor**2 * float((rest**2 @ self.weights).sum()) / len(complete)
            dof += (len(complete) - 1) * (len(self.weights) - 1)
        return (squares / dof if dof else np.inf), dof

    def size_for(
        self, target: float, confidence: float, beyond: Forecast | None = None
    ) -> SizeEstimate:
        """
        The size at which the curve meets a target, and where other plausible curves do.

        Beyond the measured sizes by the forecast, if there is one.
        """
        value = check_number("target", target)
        if value > self.best if self.curve.rising else value < self.best:
            rule = "at most" if self.curve.rising else "at least"
            raise InvalidParameterError(
                "target",
                f"must be finite and {rule} {self.best:g}, the best {self.kind} there can "
                f"be, got {value!r}; choose one between the best and what was measured",
            )
        curves = self.plausible(confidence)
        floors = np.array([curve.floor for curve in curves])
        sign = -1.0 if self.curve.rising else 1.0
        span = f"{floors.min():.4g}", f"{floors.max():.4g}"
        hopeless = beyond is None or beyond.reached(target)[-1] < (1.0 - confidence) / 2.0
        if sign * target < (sign * floors).min() and hopeless:
            reason = (
                f"the {self.kind} of this net, trained like this, levels off between {span[0]} and "
                f"{span[1]}, {'below' if self.curve.rising else 'above'} the target {target:.4g}; "
                "more samples will not reach it, a larger net or other settings may"
            )
            return SizeEstimate("unreachable", None, None, reason)
        low, high = self.log_kappa_interval(target, curves, confidence)
        smallest, largest = int(self.curve.sizes[0]), int(self.curve.sizes[-1])
        interval = to_sizes(low, high, smallest, largest)
        known = interval if len(self.table) > 1 else None
        center = self.curve.log_kappa(target)
        if beyond is not None and max(center, high) > np.log(largest + 1.0):
            inside = None if center > np.log(largest + 1.0) else int(np.ceil(np.expm1(center)))
            return estimate_beyond(beyond, target, confidence, inside, len(self.table))
        if center > horizon(largest):
            reason = (
                f"the fitted {self.kind} levels off at {self.curve.floor:.4g}, but the data allow "
                f"floors from {span[0]} to {span[1]}; measure larger sizes"
            )
            if center < np.log(float(LARGEST_SIZE)):
                reason = f"the fitted {self.kind} is {target:.4g} only beyond {too_far(largest)}"
            return SizeEstimate("not_identifiable", None, known, reason)
        met = bool(sign * self.curve.predict(smallest)[0] <= sign * target)
        at_target = int(np.ceil(np.expm1(max(center, 0.0)) - 1e-9))
        size = smallest if met else max(smallest, at_target)
        return SizeEstimate(status_of(size, interval, largest, met=met), size, known)


# several questions to one ladder share its learning curves
@lru_cache(maxsize=16)
def fit_performance(measurements: Ladder, kind: str) -> PerformanceFit:
    """
    Fit E + A·κ^(−β) to the mean over repeats of the unseen loss or score.

    Losses weigh by the inverse square of their mean (their noise is proportional), scores
    equally, both by the number of finished repeats.
    """
    check_choice("kind", kind, ("loss", "score"))
    rising = kind == "score"
    table = measurements.unseen_score if rising else measurements.unseen_loss
    means = mean_of_finished(table)
    measured = np.isfinite(means)
    if measured.sum() < SIZES_NEEDED:
        raise InvalidParameterError(
            "sizes",
            f"must hold at least {SIZES_NEEDED} sizes with a {kind} for a learning curve, "
            f"got {measured.sum()}; measure more sizes" + (", or give a scoring" if rising else ""),
        )
    sizes, table, means = measurements.sizes[measured], table[:, measured], means[measured]
    if rising:
        best = 1.0 if means.max() <= 1.0 else np.inf
    else:
        best = 0.0 if means.min() > 0.0 else -np.inf
    weights = np.isfinite(table).sum(axis=0).astype(np.float64)
    if not rising and (means > 0).all():
        weights /= means**2
    weights /= weights.mean()
    curve = fit_learning_curve(sizes, means, weights, rising=rising, best=best)
    factor = measurements.overlap_factor
    return PerformanceFit(curve, table, weights, best, factor if np.isfinite(factor) else 1.0)
