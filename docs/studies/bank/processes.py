"""
A rival of the prior: a damped trend with changing slopes, as a mixture of Gaussian processes.

The slope of the log over log₂ κ comes back to a limit (0, or −2·log 2 for Δ) by a share with every
doubling while it is disturbed: an integrated Ornstein–Uhlenbeck process. How often each damping
and each size of disturbances describes a curve is fitted to the ladders by expectation
maximization (nonparametric empirical Bayes), in which every data set counts once.
"""

import math
from functools import cached_property

import numpy as np
import numpy.typing as npt
from data import BankLadder
from scipy import special

from sufficiency.forecasts.forecast import Curve

_DAMPING = np.array([1e-3, 0.05, 0.1, 0.2, 0.4, 0.8])  # per doubling
_DISTURBANCE = np.array([0.003, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 0.6])
_LEVEL, _SLOPE = 10.0, 1.5  # wide priors of the first value and slope
_LIMITS = {"delta": -2.0 * math.log(2.0), "loss": 0.0, "score": 0.0}
_RATE, _ROUGH = (grid.ravel() for grid in np.meshgrid(_DAMPING, _DISTURBANCE, indexing="ij"))


def covariance(t: npt.NDArray, s: npt.NDArray) -> npt.NDArray:
    """(G, len t, len s) of the curve at two distances from the first size."""
    a, b = t[:, None], s[None, :]
    rate, rough = _RATE[:, None, None], _ROUGH[:, None, None]
    m = np.minimum(a, b)

    def decay(x: npt.NDArray) -> npt.NDArray:
        return np.exp(-rate * x)

    noise = m - (decay(a - m) - decay(a) + decay(b - m) - decay(b)) / rate
    noise = (noise + (decay(a + b - 2 * m) - decay(a + b)) / (2 * rate)) / rate**2
    first = (1.0 - decay(a)) * (1.0 - decay(b)) / rate**2
    return _LEVEL**2 + _SLOPE**2 * first + rough**2 * noise


class Continued:
    """Processes conditioned on what a curve shows."""

    def __init__(self, curve: Curve, quantity: str) -> None:
        self.curve, self.limit = curve, _LIMITS[quantity]
        self.t = curve.doublings - curve.doublings[0]
        whole = covariance(self.t, self.t) + curve.variance * np.eye(len(self.t))
        self.factors = np.linalg.cholesky(whole)
        values = curve.logs - curve.logs.mean() - self.limit * self.t
        tiled = np.broadcast_to(values[:, None], (len(_RATE), len(values), 1))
        self.rest = np.linalg.solve(self.factors, tiled)[..., 0]

    @cached_property
    def log_densities(self) -> npt.NDArray:
        """(G,) of the values shown."""
        diagonal = np.diagonal(self.factors, axis1=1, axis2=2)
        return -np.log(diagonal).sum(axis=1) - (self.rest**2).sum(axis=1) / 2.0

    def reached(self, log_value: float, ahead: npt.NDArray, weights: npt.NDArray) -> npt.NDArray:
        """(len,) probability that the value is met so many doublings ahead, or before."""
        s = self.t[-1] + ahead
        cross = np.linalg.solve(self.factors, covariance(self.t, s))
        means = self.curve.logs.mean() + self.limit * s
        means = means + np.einsum("gmf,gm->gf", cross, self.rest)
        own = np.array([covariance(s[i : i + 1], s[i : i + 1])[:, 0, 0] for i in range(len(s))]).T
        deviations = np.sqrt(np.maximum(own - (cross**2).sum(axis=1), 0.0) + self.curve.variance)
        found = special.softmax(np.log(weights + 1e-300) + self.log_densities)
        return np.maximum.accumulate(found @ special.ndtr((log_value - means) / deviations))


def weights_of(ladders: list[BankLadder], quantity: str) -> npt.NDArray:
    """(G,) how often each process describes a curve."""
    logs = np.array(
        [Continued(ladder.curve(quantity), quantity).log_densities for ladder in ladders]
    )
    densities = np.exp(logs - logs.max(axis=1, keepdims=True))
    _, inverse, counts = np.unique(
        [ladder.data_set for ladder in ladders], return_inverse=True, return_counts=True
    )
    of_ladders = 1.0 / counts[inverse]
    weights = np.full(len(_RATE), 1.0 / len(_RATE))
    for _ in range(300):
        given = densities * weights
        weights = of_ladders @ (given / given.sum(axis=1, keepdims=True))
        weights /= weights.sum()
    return weights
