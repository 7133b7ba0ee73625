"""The decay families: a new one is a class, and its line in `FAMILIES`."""

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
from scipy.ndimage import minimum_filter
from scipy.optimize import brentq, least_squares, leastsq

from sufficiency._representations import in_formula
from sufficiency._tables import mean_of_finished
from sufficiency._types import Floats, Integers

# Starts of the transient's search: the two best local minima of the cost on this grid over
# (log q, log β). A third was never needed in 6,000 noisy ladders, one alone missed the optimum in
# six. Where q is smaller than here, its derivative is too small to be found from such a start.
_GRID = np.stack(
    np.meshgrid(-np.geomspace(0.02, 8.0, 16), np.log(np.geomspace(0.05, 9.99, 20)), indexing="ij"),
    axis=-1,
)
_LOW, _HIGH = np.array([-40.0, np.log(1e-3)]), np.array([0.0, np.log(10.0)])


class Family(ABC):
    """A form of the decay of Δ over κ = size + 1, where p is the order of Δ."""

    name: ClassVar[str]
    parameters: ClassVar[tuple[str, ...]]
    # Those in units of Δ; they are never negative, so their intervals are taken of the log.
    log_scaled: ClassVar[tuple[str, ...]] = ("C",)

    @property
    def sizes_needed(self) -> int:
        """Fewest sizes that determine the parameters."""
        return len(self.parameters)

    @abstractmethod
    def predict(self, kappa: Floats, order: int, parameters: dict[str, float]) -> Floats:
        """Δ at each κ."""

    @abstractmethod
    def log_kappa(self, threshold: float, order: int, parameters: dict[str, float]) -> float:
        """Log κ at which Δ has come down to a threshold; infinite where it never does."""

    @abstractmethod
    def fit_logs(
        self, log_kappa: Floats, log_delta: Floats, weights: Floats, order: int
    ) -> dict[str, float]:
        """Parameters that minimize Σ_j weights_j·(log_delta_j − log Δ(κ_j))²; Σ weights = 1."""

    @abstractmethod
    def formula(self, order: int) -> str:
        """The form in plain text."""

    @abstractmethod
    def mathtext(self, order: int, parameters: dict[str, float]) -> str:
        """The form with its numbers, for the legend of a plot."""

    def fit(self, sizes: Integers, deltas: Floats, order: int) -> dict[str, float]:
        """
        Parameters from the log of the mean Δ over the repeats, `deltas` being (R, m).

        With one relative variance for all sizes, pooled, each size weighs by the number of its
        finished repeats.
        """
        if len(sizes) < self.sizes_needed:
            raise ValueError(
                f"`sizes` must hold at least {self.sizes_needed} measured sizes for the family "
                f"{self.name!r}, got {len(sizes)}; measure more sizes or choose a simpler family"
            )
        counts = np.isfinite(deltas).sum(axis=0)
        log_delta = np.log(mean_of_finished(deltas))
        return self.fit_logs(np.log(sizes + 1.0), log_delta, counts / counts.sum(), order)


class PowerLaw(Family):
    """Δ = C·κ^(−alpha)."""

    name = "power_law"
    parameters: ClassVar[tuple[str, ...]] = ("C", "alpha")

    def exponent(self, order: int, parameters: dict[str, float]) -> float:
        """Alpha."""
        return parameters["alpha"]

    def predict(self, kappa: Floats, order: int, parameters: dict[str, float]) -> Floats:
        return parameters["C"] * np.power(kappa, -self.exponent(order, parameters))

    def log_kappa(self, threshold: float, order: int, parameters: dict[str, float]) -> float:
        alpha = self.exponent(order, parameters)
        distance = np.log(parameters["C"]) - np.log(threshold)
        return float(distance / alpha) if alpha > 0 else np.inf

    def fit_logs(
        self, log_kappa: Floats, log_delta: Floats, weights: Floats, order: int
    ) -> dict[str, float]:
        center, height = weights @ log_kappa, weights @ log_delta
        offset = log_kappa - center
        slope = (weights * offset) @ (log_delta - height) / ((weights * offset) @ offset)
        return {"C": float(np.exp(height - slope * center)), "alpha": float(-slope)}

    def formula(self, order: int) -> str:
        return "C·κ^(−alpha)"

    def mathtext(self, order: int, parameters: dict[str, float]) -> str:
        exponent = f"{-self.exponent(order, parameters):.3g}"
        return rf"{in_formula(parameters['C'])}\,\kappa^{{{exponent}}}"


class Theory(PowerLaw):
    """The paper's law, Δ = C/κ^p."""

    name = "theory"
    parameters = ("C",)

    def exponent(self, order: int, parameters: dict[str, float]) -> float:
        """The order p."""
        return float(order)

    def fit_logs(
        self, log_kappa: Floats, log_delta: Floats, weights: Floats, order: int
    ) -> dict[str, float]:
        return {"C": float(np.exp(weights @ (log_delta + order * log_kappa)))}

    def formula(self, order: int) -> str:
        return f"C/κ^{order}"


class Transient(Family):
    """The paper's law after a transient: Δ = (C + A·κ^(−beta))/κ^p; C, A ≥ 0, 0 < beta ≤ 10."""

    name = "transient"
    parameters = ("C", "A", "beta")
    log_scaled = ("C", "A")

    def predict(self, kappa: Floats, order: int, parameters: dict[str, float]) -> Floats:
        C, A, beta = (parameters[name] for name in self.parameters)
        return (C + A * np.power(kappa, -beta)) * np.power(kappa, -float(order))

    def log_kappa(self, threshold: float, order: int, parameters: dict[str, float]) -> float:
        C, A, beta = (parameters[name] for name in self.parameters)
        log_threshold = np.log(threshold)
        # C = 0 or A = 0 are limits; then log C or log A is −∞ and drops out.
        with np.errstate(divide="ignore"):
            log_c, log_a = np.log(C), np.log(A)

        def excess(x: float) -> float:
            return float(np.logaddexp(log_c, log_a - beta * x) - order * x - log_threshold)

        # Where x > 0 the transient has decayed from its value at 0, where x < 0 it has grown.
        # The margin keeps the signs apart where rounding would decide them.
        end = (np.logaddexp(log_c, log_a) - log_threshold) / order
        return float(brentq(excess, min(0.0, end) - 1e-3, max(0.0, end) + 1e-3, xtol=1e-12))

    def fit_logs(
        self, log_kappa: Floats, log_delta: Floats, weights: Floats, order: int
    ) -> dict[str, float]:
        problem = _Shape(log_kappa, log_delta + order * log_kappa, weights)
        cost = problem.cost(_GRID)
        lowest = np.argwhere(cost == minimum_filter(cost, size=3, mode="nearest"))
        starts = sorted(lowest.tolist(), key=lambda index: cost[tuple(index)])[:2]
        minima = [problem.minimum_from(_GRID[tuple(start)]) for start in starts]
        best = min((*minima, *problem.limits()), key=problem.cost)
        log_q, beta = best[0], np.exp(best[1])
        log_g = problem.log_g(best)
        return {
            "C": float(np.exp(log_g + log_q)),
            "A": float(0.0 - np.expm1(log_q) * np.exp(log_g + beta * log_kappa[0])),
            "beta": float(beta),
        }

    def formula(self, order: int) -> str:
        return f"(C + A·κ^(−beta))/κ^{order}"

    def mathtext(self, order: int, parameters: dict[str, float]) -> str:
        C, A = in_formula(parameters["C"]), in_formula(parameters["A"])
        beta = f"{parameters['beta']:.3g}"
        return rf"({C} + {A}\,\kappa^{{-{beta}}})\,\kappa^{{-{order}}}"


class _Shape:
    """
    log(C + A·κ^(−β)), scaled to the smallest size, with its level profiled out.

    With t = log κ − log κ_0 and the level G at κ_0 it is log G + log(q + (1 − q)·e^(−βt)), where
    q = C/G. log G is linear, so its optimum is a weighted mean; what remains, (log q, log β), is
    bounded and of order one in any units.
    """

    def __init__(self, log_kappa: Floats, level: Floats, weights: Floats) -> None:
        self.t = log_kappa - log_kappa[0]
        self.level = level
        self.weights = weights

    def shape(self, point: Floats) -> Floats:
        log_q, log_beta = point[..., :1], point[..., 1:]
        return np.log(np.exp(log_q) - np.expm1(log_q) * np.exp(-np.exp(log_beta) * self.t))

    def log_g(self, point: Floats) -> Floats:
        return (self.level - self.shape(point)) @ self.weights

    def residuals(self, point: Floats) -> Floats:
        rest = self.level - self.shape(point)
        return np.sqrt(self.weights) * (rest - (rest @ self.weights)[..., None])

    def jacobian(self, point: Floats) -> Floats:
        q, beta = np.exp(point)
        decay = np.exp(-beta * self.t)
        slopes = np.stack([q * (1.0 - decay), (q - 1.0) * decay * beta * self.t], axis=1)
        slopes /= (q + (1.0 - q) * decay)[:, None]
        return -np.sqrt(self.weights)[:, None] * (slopes - self.weights @ slopes)

    def cost(self, point: Floats) -> Floats:
        return (self.residuals(point) ** 2).sum(axis=-1)

    def limits(self) -> tuple[Floats, Floats]:
        """The optima without a transient and without a law, A = 0 and C = 0."""
        offset = self.t - self.weights @ self.t
        beta = -(self.weights * offset) @ self.level / ((self.weights * offset) @ offset)
        log_beta = np.log(np.clip(beta, 1e-3, 10.0))
        return np.zeros(2), np.array([_LOW[0], log_beta])

    def minimum_from(self, start: Floats) -> Floats:
        """
        The minimum that a search reaches, or the start where the search passes a limit.

        MINPACK's search is several times faster than the one within bounds, and knows none.
        """
        # far outside nothing is finite; with the full output it does not warn of many steps
        with np.errstate(all="ignore"):
            found = leastsq(self.residuals, start, Dfun=self.jacobian, full_output=True)[0]
        if not _LOW[0] <= found[0] <= _HIGH[0]:
            return start
        if not _LOW[1] <= found[1] <= _HIGH[1]:
            bounds = (_LOW, _HIGH)
            found = least_squares(self.residuals, start, self.jacobian, bounds=bounds).x
        return found


# Simplest first: of families that forecast equally well the selection takes the first.
FAMILIES: dict[str, Family] = {
    family.name: family for family in (Theory(), PowerLaw(), Transient())
}
