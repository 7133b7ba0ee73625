"""Eigenpairs against dense decompositions."""

import numpy as np
import pytest
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from sufficiency.curvature import eigenspace, hessian_operator, top_eigenpairs
from sufficiency.curvature.eigenspace import spectral_norms
from tests.curvature.test_derivatives import ATOL_HESSIAN


def matrix_with(eigenvalues, rng):
    basis = np.linalg.qr(rng.normal(size=(len(eigenvalues),) * 2))[0]
    return basis * eigenvalues @ basis.T, basis


@pytest.mark.parametrize("n", [20, 300], ids=["dense", "lanczos"])
def test_largest_in_absolute_value_with_sign(n, rng):
    eigenvalues = np.concatenate([[5.0, -9.0, 2.0, -1.0], np.linspace(-0.5, 0.5, n - 4)])
    matrix, basis = matrix_with(eigenvalues, rng)
    pairs = top_eigenpairs(aslinearoperator(matrix), 4)
    np.testing.assert_allclose(pairs.values, [-9.0, 5.0, 2.0, -1.0], rtol=1e-10)
    overlap = np.abs(pairs.vectors.T @ basis[:, [1, 0, 2, 3]])
    # eigh and Lanczos are good to the tolerance 4e-11 over the gap of 0.5
    np.testing.assert_allclose(overlap, np.eye(4), atol=1e-8)
    np.testing.assert_allclose(pairs.vectors.T @ pairs.vectors, np.eye(4), atol=1e-13)
    assert (pairs.residuals < 1e-8).all()
    assert pairs.values.shape == pairs.residuals.shape == (4,)
    assert (pairs.vectors[np.abs(pairs.vectors).argmax(0), range(4)] > 0).all()


@pytest.mark.parametrize("dim", [1, 5])
def test_of_real_nets(dim, dense, monkeypatch):
    monkeypatch.setattr(eigenspace, "_DENSE", 0)  # Lanczos for these small ones, too
    pairs = top_eigenpairs(hessian_operator(dense.net, dense.X, dense.y), dim)
    hessian = dense.hessians.mean(0)
    values, vectors = np.linalg.eigh(hessian)
    order = np.argsort(-np.abs(values))[:dim]
    # Weyl: eigenvalues move by no more than the norm of the oracle's error
    error = ATOL_HESSIAN * len(dense.w) ** 0.5
    np.testing.assert_allclose(pairs.values, values[order], rtol=0, atol=error)
    assert (np.linalg.norm(hessian @ pairs.vectors - pairs.vectors * pairs.values, axis=0)
            < pairs.residuals + error).all()  # fmt: skip
    assert (pairs.residuals < 1e-8 * abs(values).max()).all()
    overlap = np.abs((pairs.vectors * vectors[:, order]).sum(0))
    np.testing.assert_allclose(overlap, 1, atol=1e-3)


def test_residuals_tell_of_an_inexact_operator(rng):
    """A perturbation that only the last product sees shows up in full."""
    matrix, basis = matrix_with(np.array([4.0, 3.0, 1.0, 0.5]), rng)
    calls = []

    def matmat(V):
        calls.append(V.shape)
        return matrix @ V + (0.25 * basis[:, 3:] if len(calls) > 1 else 0.0)

    operator = LinearOperator(
        (4, 4), matvec=lambda v: matmat(v.reshape(-1, 1))[:, 0], matmat=matmat, dtype=float
    )
    assert top_eigenpairs(operator, 1).residuals[0] == pytest.approx(0.25)


def test_single_precision(rng):
    matrix, _ = matrix_with(np.concatenate([[9.0, -5.0], np.linspace(-1, 1, 298)]), rng)
    pairs = top_eigenpairs(aslinearoperator(matrix.astype(np.float32)), 2)
    assert pairs.values.dtype == pairs.vectors.dtype == np.float64
    # products of 300 terms in float32: some 1e-6 of the norm
    np.testing.assert_allclose(pairs.values, [9.0, -5.0], rtol=1e-5)
    np.testing.assert_allclose(pairs.vectors.T @ pairs.vectors, np.eye(2), atol=1e-13)
    assert (pairs.residuals < 1e-3).all()


def test_the_same_seed_gives_the_same_bits(rng):
    operator = aslinearoperator(matrix_with(rng.normal(size=200), rng)[0])
    a, b, c = (top_eigenpairs(operator, 3, random_state=s) for s in (1, 1, 2))
    assert a.vectors.tobytes() == b.vectors.tobytes()
    np.testing.assert_allclose(a.values, c.values, rtol=1e-9)


def test_all_of_them(rng):
    matrix, _ = matrix_with(np.array([3.0, -2.0, 1.0]), rng)
    pairs = top_eigenpairs(aslinearoperator(matrix), 3)
    np.testing.assert_allclose(pairs.vectors * pairs.values @ pairs.vectors.T, matrix, atol=1e-13)


def test_what_is_refused(rng):
    operator = aslinearoperator(np.eye(3))
    with pytest.raises(ValueError, match="`dim` must be <= 3, the number of parameters, got 4"):
        top_eigenpairs(operator, 4)
    with pytest.raises(ValueError, match="`dim` must be >= 1"):
        top_eigenpairs(operator, 0)
    for n in (3, 100):
        with pytest.raises(ArithmeticError, match="not finite"):
            top_eigenpairs(aslinearoperator(np.full((n, n), np.nan)), 1)


def test_norms_of_many_matrices_at_once(rng):
    """Indefinite, of low rank, zero: each stops when its own space is exhausted."""
    n = 120
    low = rng.normal(size=(n, 2))
    matrices = np.stack(
        [
            matrix_with(np.concatenate([[-7.0, 6.9], np.linspace(-1, 1, n - 2)]), rng)[0],
            low @ np.diag([3.0, -1.0]) @ low.T,
            np.zeros((n, n)),
            1e-6 * np.eye(n),
        ]
    )
    found = spectral_norms(lambda V: np.einsum("bij,bj->bi", matrices, V), (4, n))
    expected = np.linalg.norm(matrices, 2, axis=(1, 2))
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert (found <= expected * (1 + 1e-12)).all()


def test_norms_in_one_dimension():
    np.testing.assert_array_equal(spectral_norms(lambda V: -3.0 * V, (2, 1)), [3.0, 3.0])
