"""The bounds on real nets, with the exact constants of their samples."""

import numpy as np
import pytest

from sufficiency import theory

SIGMAS = [1e-4, 1e-2, 0.1, 1.0, 10.0]


def exact_constants(dense):
    return {
        "max_loss": np.abs(dense.losses).max(),
        "gradient_norm": np.linalg.norm(dense.gradients, axis=1).max(),
        "hessian_norm": np.abs(np.linalg.eigvalsh(dense.hessians)).max(),
    }


def increments(dense, k):
    """a, g, A of every later sample, by difference of means."""
    for j in range(k, len(dense.losses)):
        yield tuple(
            (each[j] - each[:k].mean(0)) / (k + 1)
            for each in (dense.losses, dense.gradients, dense.hessians)
        )


@pytest.mark.parametrize("sigma", SIGMAS)
@pytest.mark.parametrize("k", [1, 5, 9])
def test_bounds_hold_on_real_nets(sigma, k, dense):
    constants, n = exact_constants(dense), len(dense.w)
    whole = float(theory.bound(k, sigma=sigma, dim=n, **constants))
    curvature = float(
        theory.theorem1_bound(k, sigma=sigma, dim=n, hessian_norm=constants["hessian_norm"])
    )
    for a, g, A in increments(dense, k):
        term = theory.curvature_term(np.trace(A), (A**2).sum(), sigma)
        assert term <= curvature
        assert theory.gaussian_moment(a, g, A, sigma) <= whole


@pytest.mark.parametrize("sigma", SIGMAS)
def test_the_subspace_bound_holds_in_the_top_eigenspace(sigma, dense):
    k, dim = 5, 3
    values, vectors = np.linalg.eigh(dense.hessians[:k].mean(0))
    U = vectors[:, np.argsort(-np.abs(values))[:dim]]
    constants = exact_constants(dense)
    arguments = {"sigma": sigma, "dim": dim, **constants}
    whole = theory.subspace_bound(k, n_parameters=len(dense.w), **arguments)
    assert whole == theory.bound(k, **arguments)
    assert whole <= theory.bound(k, **(arguments | {"dim": len(dense.w)}))
    for a, g, A in increments(dense, k):
        assert theory.gaussian_moment(a, U.T @ g, U.T @ A @ U, sigma) <= whole


def test_theorem_1_alone_is_no_bound_of_delta(dense):
    """It goes to zero with σ, while Δ goes to the squared change of the value."""
    hessian_norm = exact_constants(dense)["hessian_norm"]
    bound = theory.theorem1_bound(5, sigma=1e-4, dim=len(dense.w), hessian_norm=hessian_norm)
    moments = [theory.gaussian_moment(a, g, A, 1e-4) for a, g, A in increments(dense, 5)]
    assert np.mean(moments) > 10 * bound
