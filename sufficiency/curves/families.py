"""The three decay families and what follows from a fitted one."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq

from sufficiency.exceptions import NotIdentifiableError

__all__ = ["FAMILIES", "SIZES_NEEDED", "FittedCurve", "evaluate", "frozen_curve"]

FAMILIES = ("theory", "power_law", "transient")

# Fewest sizes that determine the constants of a family.
SIZES_NEEDED = {"theory": 1, "power_law": 2, "transient": 3}

LARGEST_SIZE = 2**62

Floats = npt.NDArray[np.float64]


def _theory(kappa: Floats, order: int, C: float) -> Floats:
    return C * np.power(kappa, -float(order))


def _power_law(kappa: Floats, order: int, C: float, alpha: float) -> Floats:
    return C * np.power(kappa, -alpha)


def _transient(kappa: Floats, order: int, C: float, A: float, beta: float) -> Floats:
    return (C + A * np.power(kappa, -beta)) * np.power(kappa, -float(order))


_FORMULAS: dict[str, Callable[..., Floats]] = {
    "theory": _theory,
    "power_law": _power_law,
    "transient": _transient,
}


def evaluate(family: str, order: int, parameters: dict[str, float], sizes: npt.ArrayLike) -> Floats:
    """Δ of a family at `sizes`; the formulas of :class:`FittedCurve`."""
    kappa = np.atleast_1d(np.asarray(sizes, dtype=np.float64)) + 1.0
    return _FORMULAS[family](kappa, order, **parameters)


@dataclass(frozen=True, eq=False)
class FittedCurve:
    """
    A decay of Δ fitted to measured sizes.

    With κ = size + 1 and p = `order` (math.md, "Retrained centers"):

    - ``"theory"``: Δ = C/κ^p, the paper's O(1/k²) for order 2;
    - ``"power_law"``: Δ = C·κ^(−alpha);
    - ``"transient"``: Δ = (C + A·κ^(−beta))/κ^p with C, A ≥ 0 and 0 < beta ≤ 10.

    Parameters
    ----------
    family : {"theory", "power_law", "transient"}
        The form of the decay.
    order : {1, 2}
        2 where Δ is a mean square (loss²), 1 where it is a mean absolute value (loss).
    parameters : dict of str to float
        The constants of the formula above, by name.
    sizes : (m,) int64
        The measured sizes that the fit used, increasing.
    relative_stderr : (m,) float64
        Relative standard error of the mean Δ at each of `sizes`; NaN where the measurements hold
        no information on it.
    scores : dict of str to float
        Mean squared log error of each family in the rolling-origin comparison; empty where the
        family was given by name or nothing could be compared.
    rivals : tuple of str
        Families whose score is within one standard error of the best, this one included: what
        the measured sizes cannot tell apart, and what intervals have to cover.
    """

    family: str
    order: int
    parameters: dict[str, float]
    sizes: npt.NDArray[np.int64]
    relative_stderr: Floats
    scores: dict[str, float] = field(default_factory=dict)
    rivals: tuple[str, ...] = ()

    def predict(self, sizes: npt.ArrayLike) -> Floats:
        """
        Δ of the fitted curve when one sample is added to `sizes` samples.

        Parameters
        ----------
        sizes : array-like of shape (len,) or scalar
            Training sizes; a scalar counts as one size.

        Returns
        -------
        (len,) float64
            Δ in loss^order.
        """
        return evaluate(self.family, self.order, self.parameters, sizes)

    def log_kappa(self, threshold: float) -> float:
        """
        The real-valued inverse: log κ at which the fitted Δ equals a threshold.

        Without the floor and the rounding of `sufficient_size`, so that standard errors can be
        taken from it.

        Parameters
        ----------
        threshold : float
            Δ in loss^order; > 0.

        Returns
        -------
        float
            Infinite where the curve does not fall.
        """
        log_threshold = np.log(threshold)
        p = self.parameters
        if self.family == "power_law":
            return (np.log(p["C"]) - log_threshold) / p["alpha"] if p["alpha"] > 0 else np.inf
        # C = 0 or A = 0 are limits of the transient; then log C or log A is −∞ and drops out.
        with np.errstate(divide="ignore"):
            log_c, log_a = np.log(p["C"]), np.log(p.get("A", 0.0))
        beta = p.get("beta", 1.0)

        def excess(x: float) -> float:
            return float(np.logaddexp(log_c, log_a - beta * x) - self.order * x - log_threshold)

        # Where x > 0 the transient has decayed from its value at 0, where x < 0 it has grown.
        # The margin keeps the signs apart where rounding would decide them.
        end = (np.logaddexp(log_c, log_a) - log_threshold) / self.order
        return float(brentq(excess, min(0.0, end) - 1e-3, max(0.0, end) + 1e-3, xtol=1e-12))

    def sufficient_size(self, threshold: float) -> int:
        """
        The smallest size from which on the fitted Δ stays at or below a threshold.

        Every family falls monotonically, so the first size at which Δ ≤ threshold is the answer.
        It is found by bisection over integers with `predict` itself, so that
        ``sufficient_size(predict(k)[0]) == k`` wherever float64 separates Δ at k from Δ at k − 1.

        Parameters
        ----------
        threshold : float
            Largest acceptable Δ, in loss^order; > 0.

        Returns
        -------
        int
            Never below the smallest measured size.

        Raises
        ------
        ValueError
            If the threshold is not a positive finite number.
        NotIdentifiableError
            If the curve does not fall, or reaches the threshold only beyond 2**62 samples.
        """
        if not (np.isfinite(threshold) and threshold > 0):
            raise ValueError(
                f"`threshold` must be a finite number > 0, got {threshold!r}; it is the largest "
                "change of the loss landscape you accept, in units of Δ"
            )
        if self.parameters.get("alpha", np.inf) <= 0:
            raise NotIdentifiableError(
                f"Δ does not fall over the measured sizes (its fitted exponent alpha is "
                f"{self.parameters['alpha']:.3g}, it must be > 0), so no size follows from it; "
                "train longer, measure larger sizes or more repeats"
            )
        candidates = range(int(self.sizes[0]), LARGEST_SIZE + 1)
        position = bisect_left(
            candidates, True, key=lambda size: bool(self.predict(size)[0] <= threshold)
        )
        if position == len(candidates):
            raise NotIdentifiableError(
                f"`threshold` must be one that the fitted curve reaches within 2**62 samples, got "
                f"{threshold:.3g}; choose a larger one"
            )
        return candidates[position]


def frozen_curve(curve: FittedCurve, value: float | None = None) -> FittedCurve:
    """The pessimistic side of the bracket: C(k) = κ^p·Δ stays as it is at the largest size."""
    largest = curve.sizes[-1]
    if value is None:
        value = float(curve.predict(largest)[0])
    level = value * (float(largest) + 1.0) ** curve.order
    return FittedCurve("theory", curve.order, {"C": level}, curve.sizes, curve.relative_stderr)
