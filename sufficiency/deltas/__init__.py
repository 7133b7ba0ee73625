"""Δ of one (repeat, size): by Monte Carlo, in closed form, and of one net for all sizes."""

from sufficiency.deltas.gaussian_moment import (
    GaussianMoment,
    gaussian_moment_delta,
    quadratic_monte_carlo_delta,
)
from sufficiency.deltas.monte_carlo import DeltaStatistics, monte_carlo_delta
from sufficiency.deltas.single_center import (
    SingleCenterCurve,
    literal_curve,
    single_center_curve,
    single_center_delta,
)

__all__ = [
    "DeltaStatistics",
    "GaussianMoment",
    "SingleCenterCurve",
    "gaussian_moment_delta",
    "literal_curve",
    "monte_carlo_delta",
    "quadratic_monte_carlo_delta",
    "single_center_curve",
    "single_center_delta",
]
