"""Planes of mean losses: the authors' numbers, paraboloids, naive twins, and what is refused."""

import numpy as np
import pytest
import torch
from skorch import NeuralNetRegressor
from torch import nn

from sufficiency import UnsupportedNetError
from sufficiency.engine.loss_matrix import BlockPlan, mean_losses
from sufficiency.landscape import change_plane, loss_line, loss_plane, planes
from sufficiency.landscape.planes import MeanLoss, SubspaceDraws
from sufficiency.nets.losses import LossFunction
from tests.helpers import same_weights, untouched_generators, weights_of
from tests.landscape.nets import LeastSquares, authors_net, double_classifier, gaussian_direction
from tests.nets.test_losses import EXACT, classes
from tests.oracles import MLP, ConvNet, Recurrent, naive_plane

GRID = np.array([-1.0, -0.25, 0.0, 0.5])
OTHER = np.array([-0.5, 0.0, 2.0])


def test_the_authors_plane():
    net, data = authors_net()
    found = loss_plane(net, data["X"], data["y"], data["u"], data["v"], data["grid"], data["grid"])
    np.testing.assert_allclose(found, data["plane"], rtol=1e-12, atol=1e-12)


def test_the_change_of_the_authors_running_mean():
    """Their increments along their one used direction, from a plane whose β is 0."""
    net, data = authors_net()
    order = np.argsort(data["coefs"][:, 0])
    alphas = data["coefs"][order, 0]
    for k in (1, 7, 47):
        found = change_plane(
            net, data["X"], data["y"], data["d0"], data["d1"], alphas, [0.0, 1.0], size=k
        )
        expected = data["diffs"][order, k - 1]
        np.testing.assert_allclose(found[:, 0], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("optimal", [True, False])
def test_a_quadratic_is_the_exact_paraboloid(optimal, rng):
    """L + gᵀd + ½ dᵀHd; at the optimum without the slope."""
    problem = LeastSquares(optimal=optimal)
    loss, gradient, hessian = problem.derivatives()
    assert (np.abs(gradient).max() < 1e-12) == optimal
    u, v = rng.normal(size=(2, 3))
    directions = problem.direction(u), problem.direction(v)
    found = loss_plane(problem.net, problem.X, problem.y, *directions, GRID, OTHER)
    for i, alpha in enumerate(GRID):
        for j, beta in enumerate(OTHER):
            d = alpha * u + beta * v
            expected = loss + gradient @ d + d @ hessian @ d / 2
            assert found[i, j] == pytest.approx(expected, rel=1e-12)
    line = loss_line(problem.net, problem.X, problem.y, directions[0], GRID)
    expected = loss + GRID * (gradient @ u) + GRID**2 * (u @ hessian @ u) / 2
    np.testing.assert_allclose(line, expected, rtol=1e-12)


@pytest.mark.parametrize("vectorize", [True, False])
@pytest.mark.parametrize(("draws", "samples"), [(1, 1), (5, 4), (7, 17), (100, 100)])
def test_planes_from_blocks_equal_planes_point_by_point(draws, samples, vectorize, rng):
    net = double_classifier(MLP)
    X, y = classes(rng)
    u, v = gaussian_direction(net, 1), gaussian_direction(net, 2)
    expected = naive_plane(net.module_, nn.CrossEntropyLoss(), u, v, GRID, OTHER, X, y)
    points = MeanLoss(net, X, y).plane(u, v, GRID, OTHER)
    found = mean_losses(net, points, X, y, BlockPlan(draws, samples, vectorize))
    np.testing.assert_allclose(found.reshape(expected.shape), expected, **EXACT)


@pytest.mark.parametrize("module", [ConvNet, Recurrent])
def test_of_convolutions_with_batch_norm_and_of_what_vmap_does_not_take(module, rng):
    net = double_classifier(module)
    X, y = classes(rng)
    if module is ConvNet:
        X = rng.normal(size=(17, 1, 6, 6))
        net.module_.features[1].running_mean.fill_(0.3)
    u, v = gaussian_direction(net, 1), gaussian_direction(net, 2)
    expected = naive_plane(net.module_, nn.CrossEntropyLoss(), u, v, GRID, OTHER, X, y)
    np.testing.assert_allclose(loss_plane(net, X, y, u, v, GRID, OTHER), expected, **EXACT)


def test_directions_may_leave_parameters_out_and_be_tensors(rng):
    net = double_classifier(MLP)
    X, y = classes(rng)
    u = gaussian_direction(net, 1, ["layers.0.weight", "layers.2.bias"])
    v = gaussian_direction(net, 2, ["layers.2.bias"])
    expected = naive_plane(net.module_, nn.CrossEntropyLoss(), u, v, GRID, OTHER, X, y)
    tensors = [{name: torch.as_tensor(d) for name, d in part.items()} for part in (u, v)]
    np.testing.assert_allclose(loss_plane(net, X, y, *tensors, GRID, OTHER), expected, **EXACT)


def test_weights_of_a_block_are_the_center_plus_the_directions(rng):
    center = {"a": torch.randn(2, 3), "b": torch.tensor(2.0)}
    u = {"a": torch.randn(2, 3)}
    v = {"a": torch.randn(2, 3), "b": torch.tensor(-1.0)}
    coefficients = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, 2.0], [-1.0, 3.0]])
    draws = SubspaceDraws(center, [u, v], coefficients)
    assert (draws.n_draws, draws.bytes_per_draw) == (4, 7 * 4)
    first, rest = draws.block(0, 1), draws.block(1, 4)
    assert torch.equal(first["a"][0], center["a"])  # the center itself, to the bit
    assert rest["a"].shape == (3, 2, 3)
    for row, (alpha, beta) in enumerate(coefficients[1:]):
        # single precision, sums of three terms of order one
        expected = center["a"] + alpha * u["a"] + beta * v["a"]
        torch.testing.assert_close(rest["a"][row], expected.float(), rtol=1e-6, atol=1e-6)
        assert rest["b"][row] == 2.0 - beta


def test_the_change_is_the_difference_of_two_planes(rng):
    net = double_classifier(MLP)
    X, y = classes(rng)
    u, v = gaussian_direction(net, 1), gaussian_direction(net, 2)
    for size, grow in [(1, 1), (5, 1), (5, 7), (10, 7)]:
        found = change_plane(net, X, y, u, v, GRID, OTHER, size=size, grow=grow)
        before, after = (
            naive_plane(net.module_, nn.CrossEntropyLoss(), u, v, GRID, OTHER, X[:k], y[:k])
            for k in (size, size + grow)
        )
        np.testing.assert_allclose(found, after - before, **EXACT)


def test_the_change_keeps_its_digits_in_single_precision(rng):
    """
    At k = 20 000 the change is some 1e-4 of the loss, of which single precision keeps 6e-8.

    A difference of two float32 means has the rounding of the means, 1e-3 of the change; the other
    form that of a single loss, divided by k.
    """
    n, k = 20_001, 20_000
    X = rng.normal(size=(n, 2)).astype(np.float32)
    y = rng.normal(size=(n, 1)).astype(np.float32)
    net = NeuralNetRegressor(nn.Linear, module__in_features=2, module__out_features=1).initialize()
    u, v = gaussian_direction(net, 1), gaussian_direction(net, 2)
    found = change_plane(net, X, y, u, v, GRID, OTHER, size=k)
    net.module_.double()
    args = (X.astype(np.float64), y.astype(np.float64), u, v, GRID, OTHER)
    before = loss_plane(net, args[0][:k], args[1][:k], *args[2:])
    exact = loss_plane(net, *args) - before
    # a loss of squares of order one to ten, in float32, by 20 001
    np.testing.assert_allclose(found, exact, rtol=1e-5, atol=1e-5 * np.abs(exact).max())
    rounded = [np.float32(plane) for plane in (before + exact, before)]
    of_means = np.abs((rounded[0] - rounded[1]) - exact).max()
    assert of_means > 100 * np.abs(found - exact).max()


def test_losses_that_are_not_finite_are_returned_as_they_are(rng):
    """Squares overflow in single precision; no warning is raised on the way."""
    net = NeuralNetRegressor(nn.Linear, module__in_features=1, module__out_features=1).initialize()
    X, y = np.ones((5, 1), np.float32), np.zeros((5, 1), np.float32)
    u, v = {"weight": np.array([[1e25]])}, {"bias": np.array([1.0])}
    found = loss_plane(net, X, y, u, v, [0.0, 1.0], [0.0, 1.0])
    assert np.isfinite(found[0]).all()
    assert np.isinf(found[1]).all()
    moved = change_plane(net, X, y, u, v, [0.0, 1.0], [0.0, 1.0], size=3)
    assert np.isfinite(moved[0]).all()
    assert np.isnan(moved[1]).all()  # ∞ − ∞


@pytest.mark.parametrize("training", [True, False])
def test_nothing_of_the_net_changes(training, rng):
    net = double_classifier(ConvNet)
    net.module_.train(training)
    X, y = rng.normal(size=(9, 1, 6, 6)), rng.integers(0, 3, 9)
    before, modes = weights_of(net), [part.training for part in net.module_.modules()]
    u, v = gaussian_direction(net, 1), gaussian_direction(net, 2)
    with untouched_generators():
        loss_plane(net, X, y, u, v, GRID, OTHER)
        change_plane(net, X, y, u, v, GRID, OTHER, size=3, grow=2)
    assert same_weights(before, weights_of(net))
    assert [part.training for part in net.module_.modules()] == modes


def test_nothing_of_the_net_changes_when_it_fails(rng, monkeypatch):
    class Failing(MLP):
        calls = -100  # more than the checks need

        def forward(self, X):
            Failing.calls += 1
            if Failing.calls > 2:
                raise RuntimeError("in the middle")
            return super().forward(X)

    def plan(*args, **kwargs):
        Failing.calls = 0
        return BlockPlan(4, 17, vectorize=False)

    monkeypatch.setattr(planes, "plan_blocks", plan)
    net = double_classifier(Failing)
    net.module_.train()
    X, y = classes(rng)
    before = weights_of(net)
    u, v = gaussian_direction(net, 1), gaussian_direction(net, 2)
    with untouched_generators(), pytest.raises(RuntimeError, match="in the middle"):
        loss_plane(net, X, y, u, v, GRID, OTHER)
    assert same_weights(before, weights_of(net))
    assert all(part.training for part in net.module_.modules())


BAD_GRIDS = [
    ([0.0], "must have at least 2 points, got 1"),
    ([0.0, np.nan], "must be finite, got nan"),
    ([0.0, 0.0, 1.0], "must be strictly increasing"),
    ([[0.0, 1.0]], "must be a row of numbers"),
    (0.0, "must be a row of numbers"),
    (["a", "b"], "must be a row of numbers"),
]


def test_grids_that_cannot_carry_a_plane(rng):
    net, data = double_classifier(MLP), classes(rng)
    u = gaussian_direction(net)
    for grid, message in BAD_GRIDS:
        with pytest.raises(ValueError, match=f"`alphas` {message}"):
            loss_plane(net, *data, u, u, grid, GRID)
        with pytest.raises(ValueError, match=f"`betas` {message}"):
            loss_plane(net, *data, u, u, GRID, grid)


def test_a_plane_need_not_hold_the_center(rng):
    net = double_classifier(MLP)
    u, v = gaussian_direction(net, 1), gaussian_direction(net, 2)
    assert loss_plane(net, *classes(rng), u, v, [1, 2], [3, 4, 5]).shape == (2, 3)


BAD_DIRECTIONS = [
    ({}, r"`v` must be for some of \["),
    ({"nobody": np.zeros(3)}, r"`v` must be for some of \["),
    ({"layers.2.bias": np.zeros(4)}, r"`v\['layers.2.bias'\]` must have shape \(3,\), got \(4,\)"),
    ({"layers.2.bias": np.array([0, np.inf, 1])}, r"`v\['layers.2.bias'\]` must be finite"),
]


@pytest.mark.parametrize(("v", "message"), BAD_DIRECTIONS)
def test_directions_that_do_not_fit(v, message, rng):
    net = double_classifier(MLP)
    with pytest.raises(ValueError, match=message):
        loss_plane(net, *classes(rng), gaussian_direction(net), v, GRID, OTHER)


def test_frozen_parameters_do_not_move(rng):
    net = double_classifier(MLP)
    net.module_.layers[0].requires_grad_(False)
    assert "layers.0.weight" not in LossFunction(net).center()
    with pytest.raises(ValueError, match="`u` must be for some of"):
        loss_plane(net, *classes(rng), *[gaussian_direction(net)] * 2, GRID, OTHER)


@pytest.mark.parametrize(
    ("size", "grow", "message"),
    [
        (17, 1, "`X` must hold at least size \\+ grow = 18 samples, got 17"),
        (10, 8, "at least size \\+ grow = 18"),
        (0, 1, "`size` must be >= 1"),
        (3, 0, "`grow` must be >= 1"),
    ],
)
def test_changes_that_need_more_samples(size, grow, message, rng):
    net = double_classifier(MLP)
    u = gaussian_direction(net)
    with pytest.raises(ValueError, match=message):
        change_plane(net, *classes(rng), u, u, GRID, OTHER, size=size, grow=grow)


def test_nets_whose_loss_is_no_mean_over_samples_are_refused(rng):
    net = double_classifier(MLP, criterion__weight=torch.tensor([1.0, 2.0, 1.0]).double())
    u = gaussian_direction(net)
    with pytest.raises(UnsupportedNetError, match="class weights"):
        loss_plane(net, *classes(rng), u, u, GRID, OTHER)
