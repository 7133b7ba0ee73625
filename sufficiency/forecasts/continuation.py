"""How a curve goes on beyond its sizes, as a mixture of Gaussian processes."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from sufficiency._types import Floats

# Prior standard deviations of the level, in log, and of the first slope, in log per doubling:
# wide enough to leave both to the data.
_LEVEL, _SLOPE = 10.0, 1.5
# Below this damping the process without any is the same to rounding.
_UNDAMPED = 1e-4


@dataclass(frozen=True, eq=False)
class Prior:
    """
    How real curves went on: processes, and how often each of them describes one.

    The log of a value over u = log₂ κ has the slope s(u), whose distance from its limit is an
    Ornstein–Uhlenbeck process, d(s − limit) = −damping·(s − limit)·du + roughness·dW.

    Attributes
    ----------
    damping : (G,) float64
        By how much slopes approach the limit, per doubling.
    roughness : (G,) float64
        Standard deviation of what a slope changes by in a doubling, in log.
    weights : (G,) float64
        How often; they add up to 1.
    limit : float
        Slope of a curve that has settled, in log per doubling.
    noise : float
        Relative standard error of a mean over repeats, where the curve's own cannot be known.
    widening : float
        Factor of all standard deviations, by which intervals hold on data sets left out.
    """

    damping: Floats
    roughness: Floats
    weights: Floats
    limit: float
    noise: float
    widening: float = 1.0


@dataclass(frozen=True, eq=False)
class Continuation:
    """
    The distribution of a curve at any size, given its values at some.

    Every process gives a Gaussian there; they are mixed by how well each explains the values.
    """

    prior: Prior
    doublings: Floats  # (m,) log₂ κ
    logs: Floats  # (m,) of the values
    variances: Floats  # (m,) of the errors of `logs`
    weights: Floats  # (G,) of the processes, given the values
    evidence: float  # log density of the values, but for the level
    factors: Floats  # (G, m, m) Cholesky factors of the covariance of the values
    rest: Floats  # (G, m) standardized values

    def at(self, doublings: npt.ArrayLike) -> tuple[Floats, Floats]:
        """(G, len) means and standard deviations of the log of the curve itself."""
        u = np.atleast_1d(np.asarray(doublings, dtype=np.float64))
        t, start = self.doublings - self.doublings[0], self.doublings[0]
        cross = np.linalg.solve(self.factors, _covariance(self.prior, t, u - start))
        means = self.logs.mean() + self.prior.limit * (u - start)
        means = means + np.einsum("gmf,gm->gf", cross, self.rest)
        own = _covariance(self.prior, u - start, u - start, diagonal=True)
        variances = np.maximum(own - (cross**2).sum(axis=1), 0.0)
        return means, self.prior.widening * np.sqrt(variances)

    def below(self, doublings: npt.ArrayLike, log_value: npt.ArrayLike, error: float) -> Floats:
        """(len,) probability that the log, with an error of this size, is at most a value."""
        means, deviations = self.at(doublings)
        z = (np.asarray(log_value) - means) / np.hypot(deviations, error)
        return np.asarray(self.weights @ special.ndtr(z))

    def quantiles(self, doublings: npt.ArrayLike, probability: float, error: float) -> Floats:
        """(len,) logs that the curve is below with a probability, by bisection."""
        means, deviations = self.at(doublings)
        deviations = np.hypot(deviations, error)
        reach = 10.0 * deviations.max(axis=0)
        low, high = means.min(axis=0) - reach, means.max(axis=0) + reach
        for _ in range(60):
            middle = (low + high) / 2.0
            less = self.weights @ special.ndtr((middle - means) / deviations) < probability
            low, high = np.where(less, middle, low), np.where(less, high, middle)
        return (low + high) / 2.0


def continue_curve(
    prior: Prior, doublings: Floats, logs: Floats, variances: Floats
) -> Continuation:
    """Condition a prior on the values of a curve."""
    t = doublings - doublings[0]
    covariance = _covariance(prior, t, t) + np.diag(variances)
    factors = np.linalg.cholesky(covariance)
    values = logs - logs.mean() - prior.limit * t
    rest = np.linalg.solve(factors, np.broadcast_to(values[:, None], (len(factors), len(t), 1)))
    rest = rest[..., 0]
    log_density = log_densities(factors, rest)
    with np.errstate(divide="ignore"):
        joint = log_density + np.log(prior.weights)
    evidence = float(special.logsumexp(joint))
    weights = np.exp(joint - evidence)
    return Continuation(
        prior, doublings, logs, variances, weights, evidence, factors, rest
    )


def log_densities(factors: Floats, rest: Floats) -> Floats:
    """(G,) log density of values by their standardized rest, without the level's constant."""
    diagonal = np.diagonal(factors, axis1=-2, axis2=-1)
    constant = np.log(_LEVEL) - (rest.shape[-1] - 1) * np.log(2.0 * np.pi) / 2.0
    return constant - np.log(diagonal).sum(axis=-1) - (rest**2).sum(axis=-1) / 2.0


def _covariance(prior: Prior, t: Floats, s: Floats, *, diagonal: bool = False) -> Floats:
    """
    (G, len t, len s) covariance of the curve, or (G, len) variances; t, s from the first size.

    Level, first slope, and the integral of the slope's noise, with A(t) = (1 − e^(−λt))/λ:

        L² + S²·A(t)·A(s) + ρ²·∫₀^m A(t − w)·A(s − w) dw,   m = min(t, s).
    """
    shape = (-1, 1) if diagonal else (-1, 1, 1)
    damping, roughness = prior.damping.reshape(shape), prior.roughness.reshape(shape)
    a, b = (t, s) if diagonal else (t[:, None], s[None, :])
    first = _response(damping, a) * _response(damping, b)
    return _LEVEL**2 + _SLOPE**2 * first + roughness**2 * _noise_integral(damping, a, b)


def _response(damping: Floats, t: Floats) -> Floats:
    """A(t), what a slope of 1 at 0 adds to the level until t."""
    safe = np.maximum(damping, _UNDAMPED)
    return np.where(damping < _UNDAMPED, t, -np.expm1(-safe * t) / safe)


def _noise_integral(damping: Floats, a: Floats, b: Floats) -> Floats:
    """The integral above, in closed form; without damping m²·(3·max − m)/6."""
    m, largest = np.minimum(a, b), np.maximum(a, b)
    undamped = m**2 * (3.0 * largest - m) / 6.0
    rate = np.maximum(damping, _UNDAMPED)

    def decay(x: Floats) -> Floats:
        return np.exp(-rate * x)

    damped = (
        m
        - (decay(a - m) - decay(a) + decay(b - m) - decay(b)) / rate
        + (decay(a + b - 2.0 * m) - decay(a + b)) / (2.0 * rate)
    ) / rate**2
    return np.where(damping < _UNDAMPED, undamped, damped)
