"""Closed forms by quadrature, Lemma 1 on random matrices, and the bounds' terms."""

import numpy as np
import pytest
from numpy.polynomial.hermite_e import hermegauss

from sufficiency import theory


def symmetric(rng, n, scale=1.0):
    A = scale * rng.normal(size=(n, n))
    return (A + A.T) / 2


def quadrature(function, dim, sigma, n_nodes=5):
    """E f(z), z ~ N(0, σ²I): a tensor product, exact for polynomials of degree 9 per axis."""
    nodes, weights = hermegauss(n_nodes)
    grid = np.stack(np.meshgrid(*[sigma * nodes] * dim, indexing="ij"), axis=-1).reshape(-1, dim)
    mass = np.stack(np.meshgrid(*[weights] * dim, indexing="ij"), axis=-1).reshape(-1, dim).prod(1)
    return (mass * np.array([function(z) for z in grid])).sum() / (2 * np.pi) ** (dim / 2)


@pytest.mark.parametrize("dim", [1, 2, 4])
@pytest.mark.parametrize("sigma", [0.0, 0.3, 2.0])
def test_gaussian_moment_by_quadrature(dim, sigma, rng):
    a, c, M = 0.7, rng.normal(size=dim), symmetric(rng, dim)
    expected = quadrature(lambda z: (a + c @ z + z @ M @ z / 2) ** 2, dim, sigma)
    # a sum of up to 625 terms of order 10 in float64
    assert theory.gaussian_moment(a, c, M, sigma) == pytest.approx(expected, rel=1e-11)


def test_only_the_symmetric_part_counts(rng):
    M = rng.normal(size=(3, 3))
    whole = theory.gaussian_moment(1.0, np.zeros(3), M, 1.0)
    assert whole == pytest.approx(theory.gaussian_moment(1.0, np.zeros(3), (M + M.T) / 2, 1.0))


def test_the_papers_simplified_form_is_the_curvature_alone(rng):
    A = symmetric(rng, 5)
    term = theory.curvature_term(np.trace(A), np.trace(A @ A), 0.3)
    assert term == pytest.approx(theory.gaussian_moment(0.0, np.zeros(5), A, 0.3), rel=1e-13)


@pytest.mark.parametrize("n", [1, 2, 7, 40])
def test_lemma_1_on_random_matrices(n, rng):
    for _ in range(50):
        A = symmetric(rng, n, rng.exponential()) + rng.normal() * np.eye(n)
        left = np.trace(A) ** 2 + 2 * np.trace(A @ A)
        assert left <= theory.trace_bound(np.linalg.norm(A, 2), n) * (1 + 1e-12)
    # tight for multiples of the identity
    assert theory.trace_bound(3.0, n) == pytest.approx((3.0 * n) ** 2 + 2 * 9.0 * n)


def test_at_a_stationary_center_the_gradient_counts_once(rng):
    """∇L_k = 0: ‖g‖ ≤ M_g/(k+1), a quarter of the square otherwise."""
    shared = {"sigma": 0.5, "dim": 3, "max_loss": 0.0, "gradient_norm": 2.0, "hessian_norm": 0.0}
    assert theory.bound(9, stationary=True, **shared) == pytest.approx(3 * 0.25 * 4 / 100)
    assert theory.bound(9, **shared) == pytest.approx(12 * 0.25 * 4 / 100)


def test_all_three_terms_and_every_size():
    found = theory.bound(
        [[1], [9]], sigma=0.5, dim=3, max_loss=1.0, gradient_norm=2.0, hessian_norm=4.0
    )
    per_size = 12 + 12 * 0.25 * 4 + 3 * 0.0625 * 15 * 16
    np.testing.assert_allclose(found, [[per_size / 4], [per_size / 100]])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: theory.gaussian_moment(1.0, [1.0], [[1.0]], -1.0), "`sigma` must be .* >= 0"),
        (lambda: theory.gaussian_moment(1.0, [1.0], np.eye(2), 1.0), "must have shapes"),
        (lambda: theory.curvature_term(1.0, -1.0, 1.0), "`trace_of_square` must be"),
        (lambda: theory.trace_bound(-1.0, 2), "`norm` must be"),
        (lambda: theory.trace_bound(1.0, 0), "`dim` must be >= 1"),
        (lambda: theory.theorem1_bound(0, sigma=1, dim=1, hessian_norm=1), "`sizes` must be"),
        (lambda: theory.theorem1_bound(5, sigma=1, dim=1, hessian_norm=-1), "`hessian_norm`"),
        (
            lambda: theory.subspace_bound(
                5, sigma=1, dim=4, n_parameters=3, max_loss=1, gradient_norm=1, hessian_norm=1
            ),
            "`dim` must be <= 3",
        ),
    ],
)
def test_what_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
