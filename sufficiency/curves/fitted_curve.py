"""What follows from a fitted decay: Δ at any size, the size for any Δ."""

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from sufficiency._representations import in_text, short_repr
from sufficiency._types import Floats, Integers
from sufficiency._validation import check_number
from sufficiency.curves.families import FAMILIES
from sufficiency.exceptions import NotIdentifiableError

LARGEST_SIZE = 2**62


@dataclass(frozen=True, eq=False)
class FittedCurve:
    """
    A decay of Δ fitted to measured sizes; ``str()`` gives the formula with its numbers.

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
    sizes: Integers
    relative_stderr: Floats
    scores: dict[str, float] = field(default_factory=dict)
    rivals: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return short_repr(self, "family", "order", "parameters")

    def __str__(self) -> str:
        values = ", ".join(f"{name} = {in_text(value)}" for name, value in self.parameters.items())
        return f"{FAMILIES[self.family].formula(self.order)} with {values}"

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
        kappa = np.atleast_1d(np.asarray(sizes, dtype=np.float64)) + 1.0
        return FAMILIES[self.family].predict(kappa, self.order, self.parameters)

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
        return FAMILIES[self.family].log_kappa(threshold, self.order, self.parameters)

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
        check_number("threshold", threshold, above=0.0)
        if np.isposinf(self.log_kappa(threshold)):
            raise NotIdentifiableError(
                f"Δ does not fall over the measured sizes (the fitted curve is {self}), so no size "
                "follows from it; train longer, measure larger sizes or more repeats"
            )
        candidates = range(int(self.sizes[0]), LARGEST_SIZE + 1)
        size = first_size_below(self.predict, threshold, candidates)
        if size is None:
            raise NotIdentifiableError(
                f"`threshold` must be one that the fitted curve reaches within 2**62 samples, got "
                f"{threshold:.3g}; choose a larger one"
            )
        return size


def first_size_below(
    predict: Callable[[int], Floats], threshold: float, sizes: range
) -> int | None:
    """First of `sizes` at which what falls over them is at or below a threshold, if any."""
    position = bisect_left(sizes, True, key=lambda size: bool(predict(size)[0] <= threshold))
    return sizes[position] if position < len(sizes) else None


def frozen_curve(curve: FittedCurve, value: float | None = None) -> FittedCurve:
    """The pessimistic side of the bracket: C(k) = κ^p·Δ stays as it is at the largest size."""
    largest = curve.sizes[-1]
    if value is None:
        value = float(curve.predict(largest)[0])
    level = value * (float(largest) + 1.0) ** curve.order
    return FittedCurve("theory", curve.order, {"C": level}, curve.sizes, curve.relative_stderr)
