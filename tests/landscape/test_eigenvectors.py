"""Directions of the largest curvature against dense Hessians; nets that have none."""

import numpy as np
import pytest
import torch
from skorch import NeuralNetClassifier, NeuralNetRegressor
from torch import nn

from sufficiency import UnsupportedNetError
from sufficiency.landscape import (
    TopEigenvectors,
    landscape_slice,
    loss_line,
    width_measures,
)
from tests.curvature.nets import Perceptron, center_of, make_data, trained_net
from tests.helpers import same_weights, untouched_generators, weights_of
from tests.landscape.nets import LeastSquares


def test_of_least_squares():
    problem = LeastSquares(d=4)
    hessian = problem.derivatives()[2]
    values, vectors = np.linalg.eigh(hessian)
    found = TopEigenvectors().around(problem.net, problem.X, problem.y, n=3)
    np.testing.assert_allclose(found.geometry.eigenvalues, values[:0:-1], rtol=1e-12)
    assert (found.geometry.residuals < 1e-10 * values[-1]).all()
    norm = np.linalg.norm(problem.w)
    np.testing.assert_allclose(found.geometry.gram, norm**2 * np.eye(3), atol=1e-12 * norm**2)
    for direction, expected in zip(found.vectors, vectors.T[:0:-1], strict=True):
        overlap = direction["weight"].numpy()[0] @ expected / norm
        assert abs(overlap) == pytest.approx(1, rel=1e-12)


def test_the_loss_along_an_eigenvector_is_its_parabola():
    problem = LeastSquares()
    loss, _, _ = problem.derivatives()
    found = TopEigenvectors(norm=0.5).around(problem.net, problem.X, problem.y)
    grid = np.linspace(-2, 2, 9)
    for i in range(2):
        line = loss_line(problem.net, problem.X, problem.y, found.vectors[i], grid)
        expected = loss + found.geometry.eigenvalues[i] * (0.5 * grid) ** 2 / 2
        np.testing.assert_allclose(line, expected, rtol=1e-12)
    assert found.geometry.labels[0] == (
        f"α along eigenvector 1, λ = {found.geometry.eigenvalues[0]:.3g} (1: distance 0.5)"
    )


def test_second_differences_of_a_net_are_its_eigenvalues():
    """Fourth-order differences: h⁴ times sixth derivatives, and rounding of 1e-16/h²."""
    X, y = make_data(Perceptron, 40)
    net = trained_net(Perceptron, X, y)
    found = TopEigenvectors(norm=1.0).around(net, X, y, n=3)
    h = 1e-2
    for value, direction in zip(found.geometry.eigenvalues, found.vectors, strict=True):
        line = loss_line(net, X, y, direction, h * np.arange(-2, 3))
        second = np.array([-1, 16, -30, 16, -1]) @ line / (12 * h**2)
        assert second == pytest.approx(value, rel=1e-4)


def test_of_some_parameters():
    X, y = make_data(Perceptron, 40)
    net = trained_net(Perceptron, X, y)
    found = TopEigenvectors(parameters="layers.2.*").around(net, X, y)
    assert set(found.u) == {"layers.2.weight", "layers.2.bias"}
    moved = np.concatenate([p.detach().numpy().ravel() for p in net.module_.layers[2].parameters()])
    np.testing.assert_allclose(found.geometry.norms, np.linalg.norm(moved), rtol=1e-12)
    assert found.geometry.center_norm < np.linalg.norm(center_of(net))


def test_the_same_bits_again():
    X, y = make_data(Perceptron, 20)
    net = trained_net(Perceptron, X, y)
    with untouched_generators():
        a, b = (TopEigenvectors().around(net, X, y) for _ in range(2))
    assert all(torch.equal(a.u[name], b.u[name]) for name in a.u)


class Once(torch.autograd.Function):
    """A backward pass that has none itself."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x):
        return x.exp()

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(output)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, slope):
        return slope * ctx.saved_tensors[0]


class Linear(nn.Module):
    def __init__(self, n_outputs=1):
        super().__init__()
        self.linear = nn.Linear(3, n_outputs).double()

    def forward(self, X):
        return self.linear(X)


class FirstOrderOnly(Linear):
    def forward(self, X):
        return Once.apply(super().forward(X))


class Stepped(Linear):
    """Constant almost everywhere."""

    def forward(self, X):
        return torch.sign(super().forward(X))


class Largest(nn.Module):
    """The largest of two learned numbers, which torch looks up without a second derivative."""

    def __init__(self):
        super().__init__()
        self.bag = nn.EmbeddingBag(4, 1, mode="max", dtype=torch.float64)

    def forward(self, X):
        return self.bag(X)


class Bent(Linear):
    """A second derivative that is infinite where it stands."""

    def __init__(self):
        super().__init__()
        self.power = nn.Parameter(torch.zeros((), dtype=torch.float64))

    def forward(self, X):
        return super().forward(X) + self.power.abs().pow(1.5)


WITHOUT = [
    (Largest, nn.MSELoss, "'_embedding_bag_backward' is not implemented"),
    (Linear, nn.MultiMarginLoss, "multi_margin_loss_backward is not implemented"),
    (FirstOrderOnly, nn.MSELoss, "all of them are zero; the loss is linear in the weights, or"),
    (Stepped, nn.MSELoss, "all of them are zero;"),
    (Linear, nn.L1Loss, "all of them are zero;"),
    (Bent, nn.MSELoss, "not finite"),
]


@pytest.mark.parametrize(("module", "criterion", "reason"), WITHOUT)
def test_nets_without_second_derivatives_are_refused(module, criterion, reason, rng):
    net = NeuralNetRegressor(module, criterion=criterion)
    X, y = rng.normal(size=(12, 3)), rng.normal(size=(12, 1))
    if module is Largest:
        X = rng.integers(0, 4, (12, 2))
    if criterion is nn.MultiMarginLoss:
        net = NeuralNetClassifier(module, module__n_outputs=3, criterion=criterion)
        y = np.arange(12) % 3
    net.initialize()
    net.module_.train()
    before = weights_of(net)
    calls = [
        ("random directions", lambda: TopEigenvectors().around(net, X, y)),
        ("random directions", lambda: landscape_slice(net, X, y, directions=TopEigenvectors())),
        ("`curvature=False`", lambda: width_measures(net, X, y, n_folds=3)),
    ]
    for remedy, call in calls:
        with (
            untouched_generators(),
            pytest.raises(UnsupportedNetError, match="must have second derivatives") as caught,
        ):
            call()
        assert reason in str(caught.value)
        assert f"use {remedy}, or smooth activations" in str(caught.value)
    assert same_weights(before, weights_of(net))
    assert net.module_.training
    # everything that needs no curvature still works
    assert np.isfinite(landscape_slice(net, X, y).losses).all()
    assert np.isnan(width_measures(net, X, y, n_folds=3, curvature=False).trace)


def test_a_net_that_is_refused_for_another_reason_keeps_that_reason(monkeypatch):
    problem = LeastSquares()

    def refuse(*args, **kwargs):
        raise UnsupportedNetError("`net` has no per-sample form")

    monkeypatch.setattr("sufficiency.landscape.directions.hessian_operator", refuse)
    with pytest.raises(UnsupportedNetError, match=r"^`net` has no per-sample form$"):
        TopEigenvectors().around(problem.net, problem.X, problem.y)


def test_short_memory_is_no_missing_derivative(monkeypatch):
    problem = LeastSquares()

    def short(*args, **kwargs):
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr("sufficiency.landscape.directions.top_eigenpairs", short)
    with pytest.raises(torch.OutOfMemoryError):
        TopEigenvectors().around(problem.net, problem.X, problem.y)


def test_what_is_refused():
    problem = LeastSquares()
    data = (problem.net, problem.X, problem.y)
    with pytest.raises(ValueError, match="`dim` must be <= 3, the number of parameters, got 4"):
        TopEigenvectors().around(*data, n=4)
    with pytest.raises(ValueError, match="`n` must be >= 1"):
        TopEigenvectors().around(*data, n=0)
    with pytest.raises(ValueError, match="`norm` must be finite and > 0"):
        TopEigenvectors(norm=-1).around(*data)
    nn.init.zeros_(problem.net.module_.weight)
    with pytest.raises(ValueError, match="`norm` must be given around weights that are all zero"):
        TopEigenvectors().around(*data)
    np.testing.assert_allclose(TopEigenvectors(norm=2.0).around(*data).geometry.norms, 2.0)
