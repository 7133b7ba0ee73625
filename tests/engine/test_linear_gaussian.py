"""Linear least squares, where the quadratic model is exact and Δ has a closed form."""

import numpy as np
import pytest
import torch
from skorch import NeuralNetRegressor
from torch import nn

from sufficiency.deltas import monte_carlo_delta
from sufficiency.engine.loss_matrix import BlockPlan, loss_matrix, mean_losses
from sufficiency.nets.losses import LossFunction
from sufficiency.probes import IsotropicGaussian
from sufficiency.probes.draws import ProbeDraws
from tests.oracles import gaussian_moment

N_FEATURES, SIZE, N_CANDIDATES, N_DRAWS = 6, 40, 25, 4000


@pytest.fixture(scope="module")
def problem():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(SIZE + N_CANDIDATES, N_FEATURES))
    y = X @ rng.normal(size=N_FEATURES) + rng.normal(size=len(X))
    train = X[:SIZE], y[:SIZE]
    weight = np.linalg.lstsq(*train, rcond=None)[0]
    net = NeuralNetRegressor(
        nn.Linear,
        module__in_features=N_FEATURES,
        module__out_features=1,
        module__bias=False,
        module__dtype=torch.float64,
    ).initialize()
    with torch.no_grad():
        net.module_.weight.copy_(torch.as_tensor(weight[None]))
    return net, X, y, weight


def quadratic(X, y, weight):
    """Value, gradient and Hessian of (y − xᵀw)² for every sample, by hand."""
    residual = X @ weight - y
    return residual**2, 2 * residual[:, None] * X, 2 * X[:, :, None] * X[:, None, :]


@pytest.mark.parametrize("scale", ["absolute", "layer"])
@pytest.mark.parametrize("sigma", [0.05, 0.3, 1.0])
def test_monte_carlo_delta_is_within_four_standard_errors_of_the_exact_value(sigma, scale, problem):
    net, X, y, weight = problem
    values, gradients, hessians = quadratic(X, y, weight)
    k = SIZE
    s = sigma * (1.0 if scale == "absolute" else np.sqrt(np.mean(weight**2)))
    exact = np.mean(
        [
            gaussian_moment(
                (values[j] - values[:k].mean()) / (k + 1),
                (gradients[j] - gradients[:k].mean(0)) / (k + 1),
                (hessians[j] - hessians[:k].mean(0)) / (k + 1),
                s,
            )
            for j in range(k, k + N_CANDIDATES)
        ]
    )
    sampler = IsotropicGaussian(sigma, scale).prepare(LossFunction(net).center())
    draws = ProbeDraws(sampler, range(N_DRAWS), torch.device("cpu"))
    plan = BlockPlan(500, 1000, vectorize=True)
    targets = y[:, None]
    candidates = loss_matrix(net, draws, X[k:], targets[k:], plan)
    train = mean_losses(net, draws, X[:k], targets[:k], plan)
    statistics = monte_carlo_delta(
        candidates, train, values[k:], values[:k].mean(), size=k, order=2
    )
    # the candidates are the same on both sides: only the draws are random
    per_draw = ((candidates - train[:, None]) ** 2).mean(1) / (k + 1) ** 2
    stderr = per_draw.std(ddof=1) / N_DRAWS**0.5
    assert abs(statistics.delta - exact) < 4 * stderr
    assert stderr < 0.1 * exact  # the comparison means something
    point = ((values[k:] - values[:k].mean()) ** 2).mean() / (k + 1) ** 2
    assert statistics.delta_point == pytest.approx(point, rel=1e-12)
    assert exact > point


def test_the_increment_keeps_its_digits_in_single_precision():
    """Relative error at k = 60 000: subtraction of float32 means loses everything."""
    rng = np.random.default_rng(0)
    k = 60_000
    losses = rng.exponential(size=(1, k + 1)).astype(np.float32)
    wide = losses.astype(np.float64)
    exact = wide[0].mean() - wide[0, :k].mean()
    statistics = monte_carlo_delta(
        losses[:, k:].astype(np.float64),
        wide[:, :k].mean(1),
        wide[0, k:],
        0.0,
        size=k,
        order=1,
    )
    # float64 means of 6e4 terms are good to about 1e-14, the increment is about 1e-5 of them
    assert statistics.delta == pytest.approx(abs(exact), rel=1e-8)
    lost = losses[0].mean() - losses[0, :k].mean()
    assert abs(lost - exact) > 1e-4 * abs(exact)
