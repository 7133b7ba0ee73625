"""Weighted least squares on log Δ for each family."""

import numpy as np
import numpy.typing as npt
from scipy.ndimage import minimum_filter
from scipy.optimize import least_squares

from sufficiency._tables import mean_of_finished
from sufficiency.curves.families import SIZES_NEEDED

__all__ = ["fit_parameters"]

Floats = npt.NDArray[np.float64]


def fit_parameters(
    family: str, sizes: npt.NDArray[np.int64], deltas: Floats, order: int
) -> dict[str, float]:
    """
    Constants of a family from the log of the mean over repeats.

    Minimizes Σ_j r_j·(log Δ̄_j − log Δ(k_j))², where r_j counts the finished repeats of size j: with
    one relative variance for all sizes, pooled, only these counts weigh. The linear families have
    closed forms.
    """
    if len(sizes) < SIZES_NEEDED[family]:
        raise ValueError(
            f"`sizes` must hold at least {SIZES_NEEDED[family]} measured sizes for the family "
            f"{family!r}, got {len(sizes)}; measure more sizes or choose a simpler family"
        )
    log_kappa = np.log(sizes + 1.0)
    counts = np.isfinite(deltas).sum(axis=0)
    log_delta = np.log(mean_of_finished(deltas))
    weights = counts / counts.sum()
    if family == "power_law":
        return _fit_power_law(log_kappa, log_delta, weights)
    level = log_delta + order * log_kappa
    if family == "theory":
        return {"C": float(np.exp(weights @ level))}
    return _fit_transient(log_kappa, level, weights)


def _fit_power_law(log_kappa: Floats, log_delta: Floats, weights: Floats) -> dict[str, float]:
    center, height = weights @ log_kappa, weights @ log_delta
    offset = log_kappa - center
    slope = (weights * offset) @ (log_delta - height) / ((weights * offset) @ offset)
    return {"C": float(np.exp(height - slope * center)), "alpha": float(-slope)}


class _TransientShape:
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


# Starts of the search: the two best local minima of the cost on this grid over (log q, β). A third
# was never needed in 300 noisy ladders, one alone missed the optimum in two of them.
_GRID = np.stack(
    np.meshgrid(-np.geomspace(0.02, 30.0, 16), np.geomspace(0.05, 10.0, 20), indexing="ij"), axis=-1
)
_BOUNDS = ([-40.0, 1e-3], [0.0, 10.0])


def _fit_transient(log_kappa: Floats, level: Floats, weights: Floats) -> dict[str, float]:
    problem = _TransientShape(log_kappa, level, weights)
    cost = (problem.residuals(_GRID) ** 2).sum(axis=-1)
    minima = np.argwhere(cost == minimum_filter(cost, size=3, mode="nearest"))
    starts = sorted(minima.tolist(), key=lambda index: cost[tuple(index)])[:2]
    fits = [
        least_squares(problem.residuals, _GRID[tuple(start)], jac=problem.jacobian, bounds=_BOUNDS)
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
