"""An offset power law of loss or score over sizes."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

from sufficiency._types import Floats, Integers

# Fewest sizes that determine E, A and β.
SIZES_NEEDED = 3

# Exponents: at 0.02 the curve is log-linear over any ladder, at 4 it is flat from its second size.
_BETAS = np.geomspace(0.02, 4.0, 100)


@dataclass(frozen=True, eq=False)
class LearningCurve:
    """
    Loss or score over sizes in the scaling-law form, with a floor (a ceiling, for a score).

    value(k) = E + A·(κ/κ_0)^(−β) with κ = k + 1 and κ_0 that of the smallest size.

    Attributes
    ----------
    floor : float
        E, what no number of samples passes; in units of the loss or score.
    amplitude : float
        A, the distance from E at the smallest size: ≥ 0 for a loss, ≤ 0 for a score.
    beta : float
        β, in [0.02, 4].
    rising : bool
        Whether larger is better.
    sizes : (m,) int64
        Measured sizes that the fit used.
    cost : float
        Weighted mean of the squared residuals.
    """

    floor: float
    amplitude: float
    beta: float
    rising: bool
    sizes: Integers
    cost: float

    def predict(self, sizes: npt.ArrayLike) -> Floats:
        """
        Value at `sizes`.

        Parameters
        ----------
        sizes : array-like of shape (len,) or scalar
            In samples.

        Returns
        -------
        (len,) float64
        """
        kappa = np.atleast_1d(np.asarray(sizes, dtype=np.float64)) + 1.0
        return self.floor + self.amplitude * (kappa / (self.sizes[0] + 1.0)) ** -self.beta

    def log_kappa(self, target: float) -> float:
        """
        Log κ at which the curve meets a target.

        Parameters
        ----------
        target : float
            In units of the loss or score.

        Returns
        -------
        float
            Infinite if the target is the floor or better; −∞ if a flat curve meets it everywhere.
        """
        distance = self.floor - target if self.rising else target - self.floor
        if self.amplitude == 0.0:
            return -np.inf if distance >= 0 else np.inf
        if distance <= 0:
            return np.inf
        ratio = distance / abs(self.amplitude)
        return float(np.log(self.sizes[0] + 1.0) - np.log(ratio) / self.beta)


def fit_learning_curve(
    sizes: Integers,
    values: Floats,
    weights: Floats,
    *,
    rising: bool,
    best: float,
    floor: float | None = None,
) -> LearningCurve:
    """Weighted least squares; given β the curve is linear, so only β is searched."""
    sign = -1.0 if rising else 1.0
    t = np.log((sizes + 1.0) / (sizes[0] + 1.0))
    fixed = None if floor is None else sign * floor

    def parts(betas: Floats) -> tuple[Floats, Floats, Floats]:
        return linear_part(np.exp(-betas[:, None] * t), sign * values, weights, sign * best, fixed)

    costs = parts(_BETAS)[2]
    i = int(np.argmin(costs))
    around = _BETAS[max(i - 1, 0)], _BETAS[min(i + 1, len(_BETAS) - 1)]
    finer = minimize_scalar(
        lambda beta: parts(np.array([beta]))[2][0], bounds=around, method="bounded"
    ).x
    candidates = np.array([_BETAS[i], finer])
    floors, amplitudes, costs = parts(candidates)
    j = int(np.argmin(costs))
    return LearningCurve(
        floor=sign * float(floors[j]),
        amplitude=sign * float(amplitudes[j]),
        beta=float(candidates[j]),
        rising=rising,
        sizes=sizes,
        cost=float(costs[j]),
    )


def doubling_saves(curve: LearningCurve, size: int) -> float:
    """Share of the value at a size that twice the size saves; NaN where that value is not > 0."""
    now, doubled = curve.predict([size, 2 * size])
    return float(1.0 - doubled / now) if now > 0 else float("nan")


def linear_part(
    x: Floats, values: Floats, weights: Floats, best: float, floor: float | None
) -> tuple[Floats, Floats, Floats]:
    """E, A ≥ 0 and cost of falling values for every row of `x` (len, m), the powers of κ/κ_0."""
    w = weights / weights.sum()
    mean_x, mean = x @ w, w @ values
    if floor is None:
        offset = x - mean_x[:, None]
        slopes = np.maximum(0.0, offset @ (w * (values - mean)) / ((offset**2) @ w))
        floors = np.maximum(mean - slopes * mean_x, best)
    else:
        floors = np.full(len(x), floor)
    # Given E the best A is this; where E is free and within its bound, it is the slope again.
    amplitudes = np.maximum(0.0, (x @ (w * values) - floors * mean_x) / ((x**2) @ w))
    rest = values - floors[:, None] - amplitudes[:, None] * x
    return floors, amplitudes, (rest**2) @ w
