"""Trace estimates against dense matrices: unbiased, with honest standard errors."""

import itertools

import numpy as np
import pytest
from scipy.sparse.linalg import aslinearoperator

from sufficiency.curvature import estimate_traces, hessian_operator
from sufficiency.curvature.traces import distinct_products, pseudo_values, sign_vectors


@pytest.fixture
def matrix(rng):
    A = rng.normal(size=(12, 12))
    return (A + A.T) / 2 + 0.3 * np.eye(12)


def test_unbiased_with_honest_standard_errors(matrix):
    """2 000 estimates of four vectors each; the naive square would be off by Var(trace)."""
    n = 2000
    found = [estimate_traces(aslinearoperator(matrix), 4, random_state=s) for s in range(n)]
    trace, square = np.trace(matrix), np.trace(matrix @ matrix)
    for name, true in [
        ("trace", trace),
        ("trace_of_square", square),
        ("square_of_trace", trace**2),
    ]:
        values = np.array([getattr(e, name) for e in found])
        variances = np.array([getattr(e, f"{name}_stderr") ** 2 for e in found])
        assert abs(values.mean() - true) < 4 * values.std() / n**0.5
        spread = variances.std() / n**0.5
        # unbiased for means; for the square of the trace the jackknife is too large by a little
        # (Efron and Stein): never too small
        assert variances.mean() > values.var() - 4 * spread - 4 * values.var() * (2 / n) ** 0.5
        if name != "square_of_trace":
            assert variances.mean() < values.var() + 4 * spread + 4 * values.var() * (2 / n) ** 0.5
    naive = np.array([e.trace**2 for e in found])
    assert naive.mean() - trace**2 > 4 * naive.std() / n**0.5


def test_of_real_nets(dense):
    hessian = dense.hessians.mean(0)
    found = estimate_traces(hessian_operator(dense.net, dense.X, dense.y), 40, random_state=1)
    trace = np.trace(hessian)
    for value, stderr, true in [
        (found.trace, found.trace_stderr, trace),
        (found.trace_of_square, found.trace_of_square_stderr, (hessian**2).sum()),
        (found.square_of_trace, found.square_of_trace_stderr, trace**2),
    ]:
        assert abs(value - true) < 4 * stderr
        assert stderr < 0.5 * abs(true)


def test_exact_where_there_are_as_many_vectors_as_dimensions(matrix):
    found = estimate_traces(aslinearoperator(matrix), 12)
    assert found.trace == pytest.approx(np.trace(matrix), rel=1e-14)
    assert found.trace_of_square == pytest.approx(np.trace(matrix @ matrix), rel=1e-13)
    assert found.square_of_trace == pytest.approx(np.trace(matrix) ** 2, rel=1e-14)
    assert found.trace_stderr == found.trace_of_square_stderr == 0.0
    assert found.n_probes == 12


def test_products_of_distinct_values(rng):
    values = rng.normal(size=(5, 3))
    pairs = [values[a] * values[b] for a, b in itertools.permutations(range(5), 2)]
    np.testing.assert_allclose(distinct_products(values), np.mean(pairs, 0), rtol=1e-12)


def test_pseudo_values_by_leaving_out(rng):
    values = rng.normal(size=(6, 2))
    whole = distinct_products(values)
    left_out = [distinct_products(np.delete(values, i, axis=0)) for i in range(6)]
    expected = 6 * whole - 5 * np.array(left_out)
    np.testing.assert_allclose(pseudo_values(values), expected, rtol=1e-10)
    np.testing.assert_allclose(pseudo_values(values).mean(0), whole, rtol=1e-10)


def test_sign_vectors():
    V = sign_vectors(500, 6, seed=3)
    assert set(np.unique(V)) == {-1.0, 1.0}
    np.testing.assert_array_equal(V[:, :2], sign_vectors(500, 2, seed=3))
    # off-diagonal entries of V'V/n have standard deviation 1/√n
    assert np.abs(V.T @ V / 500 - np.eye(6)).max() < 4.5 / 500**0.5


def test_three_vectors_are_the_least(matrix):
    with pytest.raises(ValueError, match="`n_probes` must be >= 3, got 2"):
        estimate_traces(aslinearoperator(matrix), 2)
