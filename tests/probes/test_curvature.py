"""Curvature directions, against dense eigenvectors by hand."""

import numpy as np
import pytest
import torch
from scipy.sparse.linalg import aslinearoperator

from sufficiency.probes import CurvatureSubspace
from tests.probes.moments import CENTER, assert_gaussian_moments, displacements, draws

RMS = np.array([12.5**0.5] * 4 + [0.0] * 3 + [1.0] * 2)


@pytest.fixture
def hessian(rng):
    """Symmetric, of known eigenvalues of both signs."""
    basis, _ = np.linalg.qr(rng.normal(size=(9, 9)))
    return basis @ np.diag([5.0, -8.0, 0.1, 0.2, -0.3, 2.0, 0.0, 1.0, -1.5]) @ basis.T


def top(matrix, dim):
    """(N, dim) eigenvectors of the largest absolute eigenvalues."""
    values, vectors = np.linalg.eigh(matrix)
    return vectors[:, np.argsort(-np.abs(values))[:dim]]


@pytest.mark.parametrize("scale", ["layer", "absolute"])
@pytest.mark.parametrize("dim", [1, 3, 9])
def test_moments(dim, scale, hessian):
    """Covariance σ² Σ τ² u uᵀ; τ² = uᵀ diag(s²) u, the layer Gaussian's variance along u."""
    U = top(hessian, dim)
    tau = np.ones(dim) if scale == "absolute" else np.sqrt((U**2 * RMS[:, None] ** 2).sum(0))
    covariance = 0.09 * (U * tau**2) @ U.T
    probe = CurvatureSubspace(dim, 0.3, scale)
    moved = displacements(probe, 8_000, hessian=aslinearoperator(hessian))
    assert_gaussian_moments(moved, np.zeros(9), covariance)
    assert np.linalg.matrix_rank(moved[:50], tol=1e-9) == dim


def test_many_weights_by_lanczos(rng):
    center = {"w": torch.as_tensor(rng.normal(size=(30, 10)))}
    values = np.r_[[50.0, -40.0, 30.0], rng.uniform(-1, 1, 297)]
    basis, _ = np.linalg.qr(rng.normal(size=(300, 300)))
    matrix = (basis * values) @ basis.T
    moved = displacements(CurvatureSubspace(3), 20, center=center, hessian=aslinearoperator(matrix))
    # all of it in the span of the three: eigenvectors are good to the square root of what
    # Lanczos asks of the residuals, eps^(2/3) of the values
    outside = moved - moved @ basis[:, :3] @ basis[:, :3].T
    assert np.abs(outside).max() < 1e-8 * np.abs(moved).max()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_some_parameters_have_the_eigenvectors_of_their_block(dtype, hessian):
    center = {name: tensor.to(dtype) for name, tensor in CENTER.items()}
    kept = [0, 1, 2, 3, 7, 8]
    probe = CurvatureSubspace(2, 0.3, "absolute", parameters=["weight", "scale"])
    operator = aslinearoperator(hessian.astype(str(dtype).removeprefix("torch.")))
    sampler = probe.prepare(center, operator)
    found = np.concatenate([f.reshape(2, -1).numpy() for f in sampler.factor.values()], axis=1)
    expected = top(hessian[np.ix_(kept, kept)], 2).T
    assert set(sampler.mean) == {"weight", "scale"}
    cosines = np.abs((found * expected).sum(1)) / 0.3
    np.testing.assert_allclose(cosines, 1.0, rtol=1e-5 if dtype == torch.float32 else 1e-12)


def test_the_hessian_is_asked_for():
    assert CurvatureSubspace.needs_hessian
    with pytest.raises(ValueError, match="`hessian` must be a LinearOperator for Curvature"):
        CurvatureSubspace().prepare(CENTER)


def test_no_more_directions_than_weights(hessian):
    with pytest.raises(ValueError, match=r"`dim` must be <= 9, .* got 10"):
        CurvatureSubspace().prepare(CENTER, aslinearoperator(hessian))
    with pytest.raises(ValueError, match=r"`dim` must be <= 3, .* got 4"):
        CurvatureSubspace(4, parameters="bias").prepare(CENTER, aslinearoperator(hessian))


def test_draws_depend_on_their_seed_alone(hessian):
    operator = aslinearoperator(hessian)
    a, b = (draws(CurvatureSubspace(3), 2, hessian=operator, seed=5) for _ in range(2))
    assert all(torch.equal(a[name], b[name]) for name in CENTER)


@pytest.mark.parametrize(
    ("kwargs", "error", "message"),
    [
        ({"dim": 0}, ValueError, "`dim` must be >= 1, got 0"),
        ({"sigma": -0.5}, ValueError, "`sigma` must be finite and >= 0, got -0.5"),
        ({"scale": "relative"}, ValueError, "`scale` must be one of 'layer', 'absolute'"),
    ],
)
def test_bad_parameters(kwargs, error, message):
    with pytest.raises(error, match=message):
        CurvatureSubspace(**kwargs).check()
