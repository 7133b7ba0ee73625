"""Operators against dense matrices from finite differences, and against hand-derived ones."""

import numpy as np
import pytest
import torch
from scipy.sparse.linalg import LinearOperator
from skorch import NeuralNetClassifier, NeuralNetRegressor
from torch import nn

from sufficiency.curvature import (
    difference_operator,
    gradient_operator,
    hessian_operator,
)
from sufficiency.curvature.derivatives import LossDerivatives
from tests.curvature.test_derivatives import ATOL_GRADIENT, ATOL_HESSIAN


def linear_net(kind, n_inputs, n_outputs, dtype=torch.float64):
    return kind(
        nn.Linear,
        criterion=nn.MSELoss if kind is NeuralNetRegressor else nn.CrossEntropyLoss,
        module__in_features=n_inputs,
        module__out_features=n_outputs,
        module__bias=False,
        module__dtype=dtype,
    ).initialize()


def test_least_squares_by_hand(rng):
    X, y = rng.normal(size=(10, 4)), rng.normal(size=(10, 1))
    net = linear_net(NeuralNetRegressor, 4, 1)
    operator = hessian_operator(net, X, y, block_size=7)
    assert isinstance(operator, LinearOperator)
    # ten products and sums of order one in float64
    np.testing.assert_allclose(operator @ np.eye(4), 2 * X.T @ X / 10, rtol=1e-12)
    residual = X @ net.module_.weight.detach().numpy().T - y
    gradient = LossDerivatives(net, X, y, block_size=7).mean()[1]
    np.testing.assert_allclose(gradient, 2 * (X.T @ residual)[:, 0] / 10, rtol=1e-12)


@pytest.mark.parametrize(("dtype", "rtol"), [(torch.float64, 1e-12), (torch.float32, 1e-4)])
def test_softmax_regression_by_hand(dtype, rtol, rng):
    """H = mean (diag p − ppᵀ) ⊗ xxᵀ; in single precision to about 100 roundings of 6e-8."""
    X, y = rng.normal(size=(10, 4)).astype(str(dtype)[6:]), rng.integers(0, 3, 10)
    net = linear_net(NeuralNetClassifier, 4, 3, dtype)
    scores = X.astype(float) @ net.module_.weight.detach().double().numpy().T
    p = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    inner = p[:, :, None] * np.eye(3) - p[:, :, None] * p[:, None, :]
    expected = np.einsum("ncd,ni,nj->cidj", inner, X, X).reshape(12, 12) / 10
    operator = hessian_operator(net, X, y, block_size=7)
    assert operator.dtype == np.dtype(str(dtype)[6:])
    found = operator @ np.eye(12, dtype=operator.dtype)
    assert found.dtype == operator.dtype
    np.testing.assert_allclose(found, expected, rtol=0, atol=rtol * np.abs(expected).max())
    errors = p - np.eye(3)[y]
    gradient = np.einsum("nc,ni->ci", errors, X).ravel() / 10
    found = LossDerivatives(net, X, y).mean()[1]
    np.testing.assert_allclose(found, gradient, rtol=0, atol=rtol * np.abs(gradient).max())


def test_hessian_of_real_nets(dense, rng):
    operator = hessian_operator(dense.net, dense.X, dense.y, block_size=7)
    hessian = dense.hessians.mean(0)
    n = len(dense.w)
    assert operator.shape == (n, n)
    v, V = rng.normal(size=n), rng.normal(size=(n, 3))
    # a sum of N entries with errors of ATOL each
    atol = ATOL_HESSIAN * n**0.5 * 4
    np.testing.assert_allclose(operator @ v, hessian @ v, rtol=0, atol=atol)
    np.testing.assert_allclose(operator @ V, hessian @ V, rtol=0, atol=atol)
    np.testing.assert_allclose(operator.T @ v, operator @ v)
    np.testing.assert_allclose(operator.H @ v, operator @ v)
    np.testing.assert_allclose(operator @ v[:, None], (operator @ v)[:, None])


def test_gradients_as_rows(dense, rng):
    operator = gradient_operator(dense.net, dense.X, dense.y, block_size=7)
    n, n_weights = operator.shape
    assert (n, n_weights) == dense.gradients.shape
    v, u = rng.normal(size=n_weights), rng.normal(size=n)
    atol = ATOL_GRADIENT * n_weights**0.5 * 4
    np.testing.assert_allclose(operator @ v, dense.gradients @ v, rtol=0, atol=atol)
    np.testing.assert_allclose(operator.T @ u, dense.gradients.T @ u, rtol=0, atol=atol)
    mean = operator.T @ np.full(n, 1 / n)
    expected = LossDerivatives(dense.net, dense.X, dense.y).mean()[1]
    np.testing.assert_allclose(mean, expected, atol=1e-13)


def test_difference_of_one_more_sample(dense):
    """A = H^(k+1) − H^(k) as the difference of two mean Hessians (paper, section 4.1)."""
    k = 6
    operator = difference_operator(
        dense.net, dense.X[:k], dense.y[:k], dense.X[8:9], dense.y[8:9], block_size=4
    )
    before = dense.hessians[:k].mean(0)
    after = (dense.hessians[:k].sum(0) + dense.hessians[8]) / (k + 1)
    found = operator @ np.eye(len(dense.w))
    np.testing.assert_allclose(found, after - before, rtol=0, atol=ATOL_HESSIAN)
    np.testing.assert_allclose(found, found.T, rtol=0, atol=1e-12)


def test_there_is_one_new_sample(dense):
    with pytest.raises(ValueError, match="must hold one sample"):
        difference_operator(dense.net, dense.X, dense.y, dense.X[:2], dense.y[:2])
