"""Constants of the bounds against dense derivatives."""

import numpy as np
import pytest
import torch
from skorch import NeuralNetRegressor

from sufficiency.curvature import max_gradient_norm, max_hessian_norm, max_loss
from sufficiency.probes import RandomSubspace
from tests.curvature.test_derivatives import ATOL_GRADIENT, ATOL_HESSIAN


def test_all_samples(dense):
    n_weights = len(dense.w)
    norms = np.abs(np.linalg.eigvalsh(dense.hessians)).max(1)
    found = max_hessian_norm(dense.net, dense.X, dense.y)
    assert found.value == pytest.approx(norms.max(), abs=ATOL_HESSIAN * n_weights**0.5)
    assert (found.index, found.n_examined, found.n_samples) == (norms.argmax(), 10, 10)
    slopes = np.linalg.norm(dense.gradients, axis=1)
    found = max_gradient_norm(dense.net, dense.X, dense.y)
    assert found.value == pytest.approx(slopes.max(), abs=ATOL_GRADIENT * n_weights**0.5)
    assert found.index == slopes.argmax()
    found = max_loss(dense.net, dense.X, dense.y)
    assert found.value == pytest.approx(dense.losses.max(), rel=1e-12)


@pytest.mark.parametrize("measure", [max_loss, max_gradient_norm, max_hessian_norm])
def test_some_samples_give_a_lower_estimate_that_says_so(measure, dense):
    whole = measure(dense.net, dense.X, dense.y)
    part = measure(dense.net, dense.X, dense.y, n_samples=3, random_state=5)
    again = measure(dense.net, dense.X, dense.y, n_samples=3, random_state=5)
    assert part == again
    assert part.value <= whole.value
    assert (part.n_examined, part.n_samples) == (3, 10)
    assert "largest of 3 samples examined, of 10: a lower estimate" in str(part)
    single = slice(part.index, part.index + 1)
    assert measure(dense.net, dense.X[single], dense.y[single]).value == pytest.approx(part.value)


class Scaled(torch.nn.Module):
    """s·x with a parameter that has no axes."""

    def __init__(self):
        super().__init__()
        self.s = torch.nn.Parameter(torch.tensor(0.5, dtype=torch.float64))

    def forward(self, X):
        return self.s * X


def test_a_parameter_without_axes():
    """By hand: (sx − y)² has the derivatives 2x(sx − y) and 2x² by s."""
    X = np.array([[1.0], [-2.0], [3.0]])
    y = np.array([[0.0], [1.0], [2.0]])
    net = NeuralNetRegressor(Scaled, train_split=None).initialize()
    slopes = np.abs(2 * X * (0.5 * X - y))
    # a few roundings of float64
    assert max_gradient_norm(net, X, y).value == pytest.approx(slopes.max(), rel=1e-12)
    assert max_hessian_norm(net, X, y).value == pytest.approx(18.0, rel=1e-12)
    center = {"s": net.module_.s.detach()}
    probe = RandomSubspace(dim=1, orthogonal=True, perturb_1d=True)
    sampler = probe.prepare(center, random_state=0)
    assert sampler.factor["s"].shape == (1,)
