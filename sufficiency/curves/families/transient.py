"""The paper's law after a transient in which the network still learns."""

import numpy as np
from scipy.ndimage import minimum_filter
from scipy.optimize import brentq, least_squares

from sufficiency.curves.families.base import Family, Floats

__all__ = ["Transient"]

# Starts of the search: the two best local minima of the cost on this grid over (log q, β). A third
# was never needed in 300 noisy ladders, one alone missed the optimum in two of them.
_GRID = np.stack(
    np.meshgrid(-np.geomspace(0.02, 30.0, 16), np.geomspace(0.05, 10.0, 20), indexing="ij"), axis=-1
)
_BOUNDS = ([-40.0, 1e-3], [0.0, 10.0])


class Transient(Family):
    """Δ = (C + A·κ^(−beta))/κ^p with C, A ≥ 0 and 0 < beta ≤ 10."""

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
        cost = (problem.residuals(_GRID) ** 2).sum(axis=-1)
        minima = np.argwhere(cost == minimum_filter(cost, size=3, mode="nearest"))
        starts = sorted(minima.tolist(), key=lambda index: cost[tuple(index)])[:2]
        fits = [
            least_squares(
                problem.residuals, _GRID[tuple(start)], jac=problem.jacobian, bounds=_BOUNDS
            )
            for start in starts
        ]
        best = min(fits, key=lambda fit: fit.cost).x
        log_q, beta = best
        log_g = problem.log_g(best)
        return {
            "C": float(np.exp(log_g + log_q)),
            "A": float(-np.expm1(log_q) * np.exp(log_g + beta * log_kappa[0])),
            "beta": float(beta),
        }

    def formula(self, order: int) -> str:
        return f"(C + A·κ^(−beta))/κ^{order}"

    def mathtext(self, order: int, parameters: dict[str, float]) -> str:
        C, A, beta = (f"{parameters[name]:.3g}" for name in self.parameters)
        return rf"({C} + {A}\,\kappa^{{-{beta}}})\,\kappa^{{-{order}}}"


class _Shape:
    """
    log(C + A·κ^(−β)), scaled to the smallest size, with its level profiled out.

    With t = log κ − log κ_0 and the level G at κ_0 it is log G + log(q + (1 − q)·e^(−βt)), where
    q = C/G. log G is linear, so its optimum is a weighted mean; what remains, (log q, β), is
    bounded and of order one in any units.
    """

    def __init__(self, log_kappa: Floats, level: Floats, weights: Floats) -> None:
        self.t = log_kappa - log_kappa[0]
        self.level = level
        self.weights = weights

    def shape(self, point: Floats) -> Floats:
        log_q, beta = point[..., :1], point[..., 1:]
        with np.errstate(divide="ignore"):
            return np.logaddexp(log_q, np.log(-np.expm1(log_q)) - beta * self.t)

    def log_g(self, point: Floats) -> Floats:
        return (self.level - self.shape(point)) @ self.weights

    def residuals(self, point: Floats) -> Floats:
        rest = self.level - self.shape(point) - self.log_g(point)[..., None]
        return np.sqrt(self.weights) * rest

    def jacobian(self, point: Floats) -> Floats:
        q, decay = np.exp(point[0]), np.exp(-point[1] * self.t)
        total = q + (1.0 - q) * decay
        slopes = np.stack([q * (1.0 - decay), -self.t * (1.0 - q) * decay], axis=1)
        slopes /= total[:, None]
        return -np.sqrt(self.weights)[:, None] * (slopes - self.weights @ slopes)
