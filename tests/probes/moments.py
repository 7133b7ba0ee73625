"""A center, and what the draws around it do on average."""

import numpy as np
import torch

from sufficiency.probes.base import prepare_probe
from sufficiency.probes.draws import ProbeDraws

CPU = torch.device("cpu")
CENTER = {
    "weight": torch.tensor([[3.0, -4.0], [0.0, 5.0]], dtype=torch.float64),
    "bias": torch.zeros(3, dtype=torch.float64),
    "scale": torch.tensor([1.0, -1.0], dtype=torch.float64),
}


def draws(probe, n, center=CENTER, *, hessian=None, seed=0):
    sampler = prepare_probe(probe, center, lambda: hessian, seed)
    return ProbeDraws(sampler, range(n), CPU).block(0, n)


def displacements(probe, n, **kwargs):
    """(n, N): w − w* over the names of the draws, in float64."""
    sample = draws(probe, n, **kwargs)
    center = kwargs.get("center", CENTER)
    moved = [(tensor - center[name]).flatten(1) for name, tensor in sample.items()]
    return torch.cat(moved, dim=1).double().numpy()


def assert_gaussian_moments(sample, mean, covariance):
    """
    Empirical mean and covariance within four standard errors.

    Of a mean √(Σ_ii/n); of a covariance √((Σ_ii Σ_jj + Σ_ij²)/n), Gaussian. A coordinate of no
    variance has to be right to rounding.
    """
    n = len(sample)
    variance = np.diag(covariance)
    rounding = 1e-13 * (1 + np.abs(mean).max())
    assert (np.abs(sample.mean(0) - mean) <= 4 * np.sqrt(variance / n) + rounding).all()
    error = np.sqrt((np.outer(variance, variance) + covariance**2) / n)
    found = (sample - mean).T @ (sample - mean) / n  # the mean is known
    assert (np.abs(found - covariance) <= 4 * error + rounding).all()
