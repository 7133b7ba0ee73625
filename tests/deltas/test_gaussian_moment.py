"""Gaussian moments against quadrature, dense matrices, least squares and Monte Carlo."""

import math
from dataclasses import asdict

import numpy as np
import pytest
import torch
from numpy.polynomial.hermite_e import hermegauss
from skorch import NeuralNetRegressor
from torch import nn

from sufficiency.curvature import hessian_operator
from sufficiency.curvature.derivatives import LossDerivatives, flatten
from sufficiency.deltas import gaussian_moment_delta, quadratic_monte_carlo_delta
from sufficiency.nets.losses import LossFunction
from sufficiency.probes import (
    CurvatureSubspace,
    DiagonalGaussian,
    IsotropicGaussian,
    LowRankGaussian,
    PointMass,
    RandomSubspace,
    StudentT,
)
from sufficiency.probes.draws import ProbeDraws
from tests.curvature.nets import Perceptron, SmallRecurrent, make_data, trained_net
from tests.oracles import gaussian_moment

K, J, N_FEATURES = 40, 25, 6


@pytest.fixture(scope="module")
def linear():
    """Least squares, where the quadratic model is exact and its matrices are known by hand."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(K + J, N_FEATURES))
    y = X @ rng.normal(size=N_FEATURES) + rng.normal(size=len(X))
    weight = np.linalg.lstsq(X[:K], y[:K], rcond=None)[0]
    net = NeuralNetRegressor(
        nn.Linear,
        module__in_features=N_FEATURES,
        module__out_features=1,
        module__bias=False,
        module__dtype=torch.float64,
    ).initialize()
    with torch.no_grad():
        net.module_.weight.copy_(torch.as_tensor(weight[None]))
    residual = X @ weight - y
    values, gradients = residual**2, 2 * residual[:, None] * X
    hessians = 2 * X[:, :, None] * X[:, None, :]
    increments = [
        tuple((each[j] - each[:K].mean(0)) / (K + 1) for each in (values, gradients, hessians))
        for j in range(K, K + J)
    ]
    data = X[:K], y[:K, None], X[K:], y[K:, None]
    return net, data, increments


def sampler_for(probe, net, data, seed=0):
    hessian = hessian_operator(net, *data[:2])
    return probe.prepare(LossFunction(net).center(), hessian, seed)


def flat_factor(sampler, net):
    """The columns S of the covariance SSᵀ, and the shift of the mean, over all parameters."""
    center = LossFunction(net).center()
    names, columns = list(center), []
    zero = {n: torch.zeros_like(w) for n, w in center.items()}
    if sampler.deviation is not None:
        spread = zero | {n: s.expand(center[n].shape) for n, s in sampler.deviation.items()}
        columns.append(np.diag(flatten(spread, center)))
    if sampler.factor is not None:
        rows = [
            flatten(zero | {n: f[d] for n, f in sampler.factor.items()}, center)
            for d in range(len(next(iter(sampler.factor.values()))))
        ]
        columns.append(np.array(rows).T)
    n_weights = sum(center[n].numel() for n in names)
    shift = flatten(center | sampler.mean, center) - flatten(center, center)
    return np.hstack(columns) if columns else np.empty((n_weights, 0)), shift


def dense_delta(increments, S, shift):
    """Mean over candidates of the closed form around a shifted mean, with dense matrices."""
    total = 0.0
    for a, g, A in increments:
        value = a + g @ shift + shift @ A @ shift / 2
        total += gaussian_moment(value, S.T @ (g + A @ shift), S.T @ A @ S, 1.0)
    return total / len(increments)


RNG = np.random.default_rng(8)
PROBES = [
    PointMass(),
    IsotropicGaussian(0.3),
    IsotropicGaussian(0.3, "absolute"),
    DiagonalGaussian({"weight": RNG.uniform(0.1, 0.5, (1, N_FEATURES))}),
    DiagonalGaussian(0.2, mean={"weight": RNG.normal(size=(1, N_FEATURES))}),
    LowRankGaussian({"weight": RNG.normal(size=(2, 1, N_FEATURES))}),
    LowRankGaussian(
        {"weight": RNG.normal(size=(2, 1, N_FEATURES))},
        diagonal=0.04,
        mean={"weight": RNG.normal(size=(1, N_FEATURES))},
    ),
    RandomSubspace(3, 0.2),
    CurvatureSubspace(2, 0.3),
]


@pytest.mark.parametrize("probe", PROBES, ids=repr)
def test_exact_for_least_squares(probe, linear):
    net, data, increments = linear
    sampler = sampler_for(probe, net, data)
    found = gaussian_moment_delta(net, *data, sampler)
    assert found.exact
    assert found.trace_stderr == 0.0
    expected = dense_delta(increments, *flat_factor(sampler, net))
    # sums of a hundred terms in float64
    assert found.statistics.delta == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize("probe", PROBES[2:3] + PROBES[4:5] + PROBES[6:7], ids=repr)
def test_random_vectors_are_unbiased(probe, linear):
    """Fewer vectors than dimensions: means over seeds, and their spread as claimed."""
    net, data, increments = linear
    sampler = sampler_for(probe, net, data)
    n = 300
    found = [
        gaussian_moment_delta(net, *data, sampler, n_probes=4, random_state=s) for s in range(n)
    ]
    assert not any(one.exact for one in found)
    deltas = np.array([one.statistics.delta for one in found])
    expected = dense_delta(increments, *flat_factor(sampler, net))
    assert abs(deltas.mean() - expected) < 4 * deltas.std() / n**0.5
    # the jackknife is not too small; s.e. of a variance from n values with kurtosis up to ten
    claimed = np.mean([one.trace_stderr**2 for one in found])
    assert claimed > deltas.var() * (1 - 4 * (10 / n) ** 0.5)
    assert claimed < 3 * deltas.var()


def test_quadrature_over_the_subspace(linear):
    """The true loss itself, integrated over the three dimensions of the probe."""
    net, data, _ = linear
    sampler = sampler_for(RandomSubspace(3, 0.4), net, data)
    S, _ = flat_factor(sampler, net)
    nodes, weights = hermegauss(4)  # exact to degree 7; the square of a quadratic has 4
    z = np.stack(np.meshgrid(nodes, nodes, nodes, indexing="ij"), -1).reshape(-1, 3)
    mass = np.stack(np.meshgrid(*[weights] * 3, indexing="ij"), -1).reshape(-1, 3).prod(1)
    w = net.module_.weight.detach().numpy()[0] + z @ S.T
    X, y, X_new, y_new = data
    train = ((w @ X.T - y[:, 0]) ** 2).mean(1, keepdims=True)
    increments = ((w @ X_new.T - y_new[:, 0]) ** 2 - train) / (K + 1)
    expected = (mass @ increments**2).mean() / (2 * np.pi) ** 1.5
    found = gaussian_moment_delta(net, *data, sampler).statistics.delta
    assert found == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize("sigma", [0.01, 0.2])
def test_subspace_of_real_nets_against_dense_matrices(sigma, dense):
    k = 6
    data = dense.X[:k], dense.y[:k], dense.X[k:], dense.y[k:]
    sampler = sampler_for(CurvatureSubspace(4, sigma), dense.net, data)
    increments = [
        tuple(
            (each[j] - each[:k].mean(0)) / (k + 1)
            for each in (dense.losses, dense.gradients, dense.hessians)
        )
        for j in range(k, 10)
    ]
    found = gaussian_moment_delta(dense.net, *data, sampler)
    expected = dense_delta(increments, *flat_factor(sampler, dense.net))
    # the oracle's second derivatives are good to 1e-5 of about 10
    assert found.statistics.delta == pytest.approx(expected, rel=1e-5)
    whole = gaussian_moment_delta(
        dense.net, *data, sampler_for(IsotropicGaussian(sigma), dense.net, data), n_probes=40
    )
    S, shift = flat_factor(sampler_for(IsotropicGaussian(sigma), dense.net, data), dense.net)
    expected = dense_delta(increments, S, shift)
    assert not whole.exact
    assert abs(whole.statistics.delta - expected) < 4 * whole.trace_stderr + 1e-5 * expected


def test_statistics_agree_with_monte_carlo_of_the_same_quadratic(linear):
    net, data, _ = linear
    sampler = sampler_for(IsotropicGaussian(0.5), net, data)
    closed = gaussian_moment_delta(net, *data, sampler).statistics
    n = 5000
    weights = ProbeDraws(sampler, range(n), torch.device("cpu")).block(0, n)
    sampled = quadratic_monte_carlo_delta(net, *data, weights)
    assert closed.delta_point == pytest.approx(sampled.delta_point, rel=1e-10)
    # per draw, the square of a Gaussian quadratic has a relative s.d. of some 3
    tolerance = 4 * 3 / n**0.5
    for name in ("delta", "spread", "gap_sq", "top1pct_share", "delta_mean_sq", "delta_variance"):
        assert getattr(closed, name) == pytest.approx(getattr(sampled, name), rel=tolerance)
    assert closed.delta_mean_sq + closed.delta_variance == pytest.approx(closed.delta, rel=1e-12)
    assert closed.gap_sq + closed.spread == pytest.approx((K + 1) ** 2 * closed.delta, rel=1e-12)
    # with hardly any noise of draws left, both standard errors are that of the candidates
    assert closed.stderr == pytest.approx(sampled.stderr, rel=0.1)


def test_quadratic_monte_carlo_is_monte_carlo_where_the_model_is_exact(linear):
    net, data, _ = linear
    sampler = sampler_for(IsotropicGaussian(0.5, parameters="weight"), net, data)
    weights = ProbeDraws(sampler, range(8), torch.device("cpu")).block(0, 8)
    w = weights["weight"][:, 0].numpy()
    X, y, X_new, y_new = data
    train = ((w @ X.T - y[:, 0]) ** 2).mean(1, keepdims=True)
    expected = (((w @ X_new.T - y_new[:, 0]) ** 2 - train) ** 2).mean() / (K + 1) ** 2
    found = quadratic_monte_carlo_delta(net, *data, weights)
    assert found.delta == pytest.approx(expected, rel=1e-11)


def test_vectors_in_several_chunks_change_nothing(linear, monkeypatch):
    net, data, _ = linear
    sampler = sampler_for(IsotropicGaussian(0.5), net, data)
    whole = gaussian_moment_delta(net, *data, sampler, n_probes=5)
    monkeypatch.setattr("sufficiency.deltas.gaussian_moment._CHUNK", 8 * N_FEATURES * 2)
    cut = gaussian_moment_delta(net, *data, sampler, n_probes=5)
    for name, value in asdict(whole.statistics).items():
        assert getattr(cut.statistics, name) == pytest.approx(value, rel=1e-12)


def test_one_candidate_has_no_standard_error(linear):
    net, (X, y, X_new, y_new), increments = linear
    sampler = sampler_for(IsotropicGaussian(0.5), net, (X, y))
    found = gaussian_moment_delta(net, X, y, X_new[:1], y_new[:1], sampler).statistics
    expected = dense_delta(increments[:1], *flat_factor(sampler, net))
    assert found.delta == pytest.approx(expected, rel=1e-11)
    assert math.isnan(found.stderr)
    assert math.isnan(found.gap_sq)
    assert math.isnan(found.spread)


@pytest.mark.parametrize("kind", [Perceptron, SmallRecurrent])
def test_restricted_to_the_last_layer(kind):
    """The same as a Gaussian of all parameters whose deviation is zero elsewhere."""
    X, y = make_data(kind, 30)
    net = trained_net(kind, X, y, steps=50)
    data = X[:20], y[:20], X[20:], y[20:]
    names = list(LossFunction(net).center())
    sampler = sampler_for(IsotropicGaussian(0.3, parameters=names[-2]), net, data)
    part = gaussian_moment_delta(net, *data, sampler, n_probes=100)
    assert LossDerivatives(net, *data[:2], parameters=list(sampler.mean)).n_parameters < 20
    deviation = {n: sampler.deviation.get(n, 0.0 * LossFunction(net).center()[n]) for n in names}
    full = type(sampler)(LossFunction(net).center(), deviation)
    whole = gaussian_moment_delta(net, *data, full, n_probes=100)
    assert whole.exact
    assert part.statistics.delta == pytest.approx(whole.statistics.delta, rel=1e-10)


def test_small_scales_agree_with_monte_carlo_of_the_true_loss():
    """σ = 0.02 of the layer: the cubic rest is far below the standard error."""
    from sufficiency.deltas import monte_carlo_delta
    from sufficiency.engine.loss_matrix import StackedWeights, loss_matrix, mean_losses, plan_blocks

    X, y = make_data(Perceptron, 60)
    net = trained_net(Perceptron, X[:40], y[:40])
    data = X[:40], y[:40], X[40:], y[40:]
    sampler = sampler_for(IsotropicGaussian(0.02), net, data)
    n = 500
    draws = ProbeDraws(sampler, range(n), torch.device("cpu"))
    plan = plan_blocks(net, *data[:2], n_draws=n, vectorize=True)
    center = StackedWeights({name: w[None] for name, w in LossFunction(net).center().items()})
    candidates = loss_matrix(net, draws, *data[2:], plan)
    train = mean_losses(net, draws, *data[:2], plan)
    point = loss_matrix(net, center, *data[2:], plan)[0]
    base = float(mean_losses(net, center, *data[:2], plan)[0])
    true = monte_carlo_delta(candidates, train, point, base, size=40, order=2)
    per_draw = ((candidates - train[:, None]) ** 2).mean(1) / 41**2
    found = gaussian_moment_delta(net, *data, sampler, n_probes=100)
    stderr = per_draw.std(ddof=1) / n**0.5
    assert abs(found.statistics.delta - true.delta) < 4 * stderr
    assert found.statistics.delta_point == pytest.approx(true.delta_point, rel=1e-12)


def test_other_probes_are_refused_with_the_remedy(linear):
    net, data, _ = linear
    with pytest.raises(TypeError, match=r"`probe` must be Gaussian.*use method='monte_carlo'"):
        gaussian_moment_delta(net, *data, sampler_for(StudentT(0.2), net, data))
    sampler = sampler_for(IsotropicGaussian(0.2), net, data)
    with pytest.raises(ValueError, match="`n_probes` must be >= 3"):
        gaussian_moment_delta(net, *data, sampler, n_probes=2)
