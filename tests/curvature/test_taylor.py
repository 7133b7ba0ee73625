"""The quadratic increment: its terms, and how far it can be trusted."""

import math

import numpy as np
import pytest
import torch
from skorch import NeuralNetRegressor
from torch import nn

from sufficiency.curvature import (
    QuadraticValidation,
    quadratic_validation,
)
from sufficiency.curvature.derivatives import LossDerivatives
from sufficiency.curvature.taylor import taylor_terms, true_differences
from tests.curvature.nets import losses_of_vectors
from tests.curvature.test_derivatives import ATOL_HESSIAN

K = 6


def split(dense):
    return dense.net, dense.X[:K], dense.y[:K], dense.X[K:], dense.y[K:]


def test_terms_are_those_of_dense_matrices(dense, rng):
    net, X, y, X_new, y_new = split(dense)
    directions = rng.normal(size=(len(dense.w), 3)) / len(dense.w) ** 0.5
    terms = taylor_terms(LossDerivatives(net, X, y), LossDerivatives(net, X_new, y_new), directions)
    value = dense.losses[K:] - dense.losses[:K].mean()
    slope = dense.gradients[K:] - dense.gradients[:K].mean(0)
    bend = dense.hessians[K:] - dense.hessians[:K].mean(0)
    np.testing.assert_allclose(terms.values, value, rtol=1e-11)
    np.testing.assert_allclose(terms.slopes, slope @ directions, atol=1e-6)
    forms = np.einsum("nm,jnp,pm->jm", directions, bend, directions)
    np.testing.assert_allclose(terms.curvatures, forms, atol=10 * ATOL_HESSIAN)
    expected = (value[:, None] + 0.3 * slope @ directions + 0.045 * forms).T
    np.testing.assert_allclose(terms.differences(0.3), expected, atol=10 * ATOL_HESSIAN)


def test_true_differences_are_forward_passes(dense, rng):
    net, X, y, X_new, y_new = split(dense)
    moves = 0.1 * rng.normal(size=(len(dense.w), 4))
    found = true_differences(LossDerivatives(net, X, y), LossDerivatives(net, X_new, y_new), moves)
    losses = losses_of_vectors(net, dense.X, dense.y)(dense.w + moves.T)
    expected = losses[:, K:] - losses[:, :K].mean(1, keepdims=True)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_error_falls_with_the_third_power(dense):
    """What the expansion leaves out is of third order."""
    found = quadratic_validation(*split(dense), [0.005, 0.01, 0.02, 1.5], random_state=2)
    error = found.relative_error
    powers = np.diff(np.log(error[:3])) / math.log(2)
    np.testing.assert_allclose(powers, 3, atol=0.5)
    assert found.largest_valid == 0.02
    assert error[3] > 0.1
    np.testing.assert_allclose(found.delta_ratio[:3], 1, atol=2 * error[2])
    assert (found.stderr > 0).all()
    assert (found.n_draws, found.n_candidates) == (16, 4)


def test_error_is_a_ratio_of_root_mean_squares(dense):
    net, X, y, X_new, y_new = split(dense)
    rng = np.random.default_rng(4)
    directions = rng.normal(size=(len(dense.w), 5)) * np.abs(dense.w[:, None])
    found = quadratic_validation(net, X, y, X_new, y_new, [0.4], directions=directions)
    losses = losses_of_vectors(net, dense.X, dense.y)(dense.w + 0.4 * directions.T)
    true = losses[:, K:] - losses[:, :K].mean(1, keepdims=True)
    bend = dense.hessians[K:] - dense.hessians[:K].mean(0)
    model = (
        dense.losses[K:]
        - dense.losses[:K].mean()
        + 0.4 * directions.T @ (dense.gradients[K:] - dense.gradients[:K].mean(0)).T
        + 0.08 * np.einsum("nm,jnp,pm->mj", directions, bend, directions)
    )

    def error(rows):
        return np.sqrt(((true - model)[rows] ** 2).sum() / (true[rows] ** 2).sum())

    # the oracle's second derivatives are good to 1e-5 and are added up over weights
    assert found.relative_error[0] == pytest.approx(error(slice(None)), rel=1e-3)
    rest = np.array([error([i for i in range(5) if i != left]) for left in range(5)])
    jackknife = np.sqrt(4 / 5 * ((rest - rest.mean()) ** 2).sum())
    assert found.stderr[0] == pytest.approx(jackknife, rel=1e-2)
    assert found.delta_ratio[0] == pytest.approx((model**2).mean() / (true**2).mean(), rel=1e-3)


def test_exact_for_least_squares(rng):
    net = NeuralNetRegressor(
        nn.Linear, module__in_features=4, module__out_features=1, module__dtype=torch.float64
    ).initialize()
    X, y = rng.normal(size=(20, 4)), rng.normal(size=(20, 1))
    found = quadratic_validation(net, X[:15], y[:15], X[15:], y[15:], [0.1, 10.0], scale="absolute")
    assert (found.relative_error < 1e-12).all()
    assert found.largest_valid == 10.0
    assert "within 10% up to a scale of 10" in str(found)


def make(errors):
    sigmas = np.arange(1.0, len(errors) + 1)
    return QuadraticValidation(sigmas, np.array(errors), 0 * sigmas, 1 + 0 * sigmas, 0.1, 16, 9)


def test_largest_valid_scale_has_no_invalid_one_below():
    assert make([0.01, 0.1, 0.3, 0.05]).largest_valid == 2.0
    assert make([0.01, np.nan, 0.05]).largest_valid == 1.0
    assert math.isnan(make([0.2, 0.05]).largest_valid)
    assert "at every scale from 1" in str(make([0.2, 0.05]))


def test_what_is_refused(dense):
    with pytest.raises(ValueError, match="`sigmas` must be finite and > 0"):
        quadratic_validation(*split(dense), [0.1, 0.0])
    with pytest.raises(ValueError, match="`scale` must be one of"):
        quadratic_validation(*split(dense), [0.1], scale="layers")
    with pytest.raises(ValueError, match="`directions` must have shape"):
        quadratic_validation(*split(dense), [0.1], directions=np.ones((3, 3)))
    with pytest.raises(ValueError, match="`n_draws` must be >= 2"):
        quadratic_validation(*split(dense), [0.1], n_draws=1)
