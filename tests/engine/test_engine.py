"""Blocks, loops and vmap give the same losses, leave no trace and stay on the device."""

import numpy as np
import pytest
import torch
from skorch import NeuralNetClassifier, NeuralNetRegressor
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from sufficiency import per_sample_losses
from sufficiency.engine import loss_matrix as engine
from sufficiency.engine.loss_matrix import (
    BlockPlan,
    StackedWeights,
    can_vectorize,
    evaluate_block,
    gradient_norm,
    loss_matrix,
    mean_losses,
    plan_blocks,
)
from sufficiency.nets.losses import LossFunction
from tests.nets.test_losses import EXACT, classes, double, perturbed
from tests.oracles import MLP, Branching, ConvNet, Recurrent, naive_losses


def classifier(module=MLP, **kwargs):
    return double(NeuralNetClassifier(module, criterion=nn.CrossEntropyLoss, **kwargs))


@pytest.mark.parametrize("vectorize", [True, False])
@pytest.mark.parametrize(("draws", "samples"), [(1, 1), (2, 5), (3, 7), (5, 17), (4, 100)])
def test_blocks_change_rounding_only(draws, samples, vectorize, rng):
    net = classifier()
    X, y = classes(rng)
    weights = perturbed(net.module_, n_draws=5)
    plan = BlockPlan(draws, samples, vectorize)
    expected = naive_losses(net.module_, nn.CrossEntropyLoss(), weights, X, y)
    stacked = StackedWeights(weights)
    np.testing.assert_allclose(loss_matrix(net, stacked, X, y, plan), expected, **EXACT)
    np.testing.assert_allclose(mean_losses(net, stacked, X, y, plan), expected.mean(1), **EXACT)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_short_losses_are_the_same_numbers(dtype, rng):
    net = NeuralNetClassifier(MLP, criterion=nn.CrossEntropyLoss).initialize()
    net.module_.to(torch.from_numpy(np.empty(0, dtype)).dtype)
    X, y = rng.normal(size=(9, 5)).astype(dtype), rng.integers(0, 3, 9)
    draws = StackedWeights.single(LossFunction(net).center())
    plan = BlockPlan(1, 4, vectorize=True)
    long, short = (loss_matrix(net, draws, X, y, plan, short=short) for short in (False, True))
    assert (long.dtype, short.dtype) == (np.float64, dtype)
    np.testing.assert_array_equal(short.astype(np.float64), long)


def test_means_of_unequal_blocks_are_weighted(rng):
    net = double(NeuralNetRegressor(nn.Linear, module__in_features=1, module__out_features=1))
    X, y = np.zeros((10, 1)), np.zeros((10, 1))
    y[7:] = 2.0  # blocks of 7 + 3: the unweighted mean of block means would be off by 2/5
    weights = {name: torch.zeros_like(p)[None] for name, p in net.module_.named_parameters()}
    means = mean_losses(net, StackedWeights(weights), X, y, BlockPlan(1, 7, vectorize=True))
    np.testing.assert_allclose(means, [4 * 3 / 10], rtol=1e-15)


def test_losses_are_accumulated_in_float64():
    """In float32 the sum of 2²⁴ + 1 ones loses the last one; here the parts differ as much."""
    net = NeuralNetRegressor(nn.Linear, module__in_features=1, module__out_features=1).initialize()
    weights = {name: torch.zeros_like(p)[None] for name, p in net.module_.named_parameters()}
    X = np.zeros((4097, 1), dtype="float32")
    y = np.ones((4097, 1), dtype="float32")
    y[0] = 4096.0  # squared 2²⁴: adding a one to it in float32 changes nothing
    means = mean_losses(net, StackedWeights(weights), X, y, BlockPlan(1, 5000, vectorize=True))
    assert means[0] == (2**24 + 4096) / 4097


def test_vmap_takes_perceptrons_and_convolutions(rng):
    X, y = classes(rng)
    assert can_vectorize(classifier(), X, y)
    images = rng.normal(size=(6, 1, 6, 6))
    assert can_vectorize(classifier(ConvNet), images, y[:6])


@pytest.mark.parametrize("module", [Recurrent, Branching])
def test_what_vmap_cannot_take_is_looped(module, rng):
    net = classifier(module)
    X, y = classes(rng)
    assert not can_vectorize(net, X, y)
    weights = perturbed(net.module_)
    plan = BlockPlan(2, 17, vectorize=False)
    # a branch on the batch's sum has no per-sample oracle, so each draw is one plain call
    losses = LossFunction(net)
    with torch.no_grad():
        expected = [
            losses({n: w[t] for n, w in weights.items()}, torch.as_tensor(X), torch.as_tensor(y))
            for t in range(3)
        ]
    actual = loss_matrix(net, StackedWeights(weights), X, y, plan)
    np.testing.assert_allclose(actual, torch.stack(expected).numpy(), **EXACT)


def trace(net):
    module = net.module_
    return {
        "modes": [part.training for part in module.modules()],
        "state": {name: tensor.clone() for name, tensor in module.state_dict().items()},
        "grads": [p.grad is None and p.requires_grad for p in module.parameters()],
        "rng": torch.get_rng_state(),
        "numpy": np.random.get_state()[1].copy(),  # noqa: NPY002
    }


def assert_same_trace(before, after):
    assert before["modes"] == after["modes"]
    assert before["grads"] == after["grads"]
    for name in before["state"]:
        assert torch.equal(before["state"][name], after["state"][name]), name
    assert torch.equal(before["rng"], after["rng"])
    np.testing.assert_array_equal(before["numpy"], after["numpy"])


@pytest.mark.parametrize("training", [True, False])
def test_nothing_of_the_net_changes(training, rng):
    net = classifier(ConvNet)
    net.module_.train(training)
    net.module_.features[1].train(not training)  # a mode of its own
    before = trace(net)
    X, y = rng.normal(size=(9, 1, 6, 6)), rng.integers(0, 3, 9)
    per_sample_losses(net, X, y, weights=perturbed(net.module_))
    gradient_norm(net, X, y, BlockPlan(1, 4, vectorize=True))
    assert_same_trace(before, trace(net))


def test_nothing_of_the_net_changes_when_it_fails(rng):
    class Failing(ConvNet):
        calls = 0

        def forward(self, X):
            Failing.calls += 1
            if Failing.calls > 2:
                raise RuntimeError("in the middle")
            return super().forward(X)

    net = classifier(Failing)
    net.module_.train()
    before = trace(net)
    X, y = rng.normal(size=(9, 1, 6, 6)), rng.integers(0, 3, 9)
    weights = StackedWeights(perturbed(net.module_))
    with pytest.raises(RuntimeError, match="in the middle"):
        loss_matrix(net, weights, X, y, BlockPlan(1, 2, vectorize=False))
    assert_same_trace(before, trace(net))


def test_gradient_norm_against_the_normal_equations(rng):
    net = double(NeuralNetRegressor(nn.Linear, module__in_features=4, module__out_features=1))
    X, y = rng.normal(size=(23, 4)), rng.normal(size=(23, 1))
    weight, bias = (p.detach().numpy() for p in net.module_.parameters())
    residual = X @ weight.T + bias - y
    gradient = np.append(2 * X.T @ residual / 23, 2 * residual.mean())
    actual = gradient_norm(net, X, y, BlockPlan(1, 5, vectorize=True))
    np.testing.assert_allclose(actual, np.linalg.norm(gradient), rtol=1e-12)


def test_frozen_parameters_are_not_part_of_the_center():
    net = classifier()
    net.module_.layers[0].requires_grad_(False)
    assert sorted(LossFunction(net).center()) == ["layers.2.bias", "layers.2.weight"]


@pytest.mark.parametrize("budget", [1, 10_000, 1_000_000, 2**30])
@pytest.mark.parametrize("vectorize", [True, False])
def test_plans_hold_everything_within_the_budget(budget, vectorize, rng):
    net = classifier()
    X, y = classes(rng)
    plan = plan_blocks(net, X, y, n_draws=32, vectorize=vectorize, budget=budget)
    assert 1 <= plan.draws <= 32
    assert 1 <= plan.samples <= 17
    n_weights = sum(p.numel() for p in net.module_.parameters())
    # outputs of Linear, Tanh, Linear and the inputs, 8 bytes each
    floor = plan.draws * n_weights * 8 + plan.samples * (8 + 8 + 3 + 5) * 8
    assert floor <= budget or plan.draws == 1 or plan.samples <= 16
    if budget == 2**30:
        assert (plan.draws, plan.samples) == (32, 17)


BAD_WEIGHTS = [
    ({}, "must be for some of"),
    ({"nobody": np.zeros((2, 3))}, "must be for some of"),
    ({"layers.2.bias": np.zeros((2, 4))}, r"shape \(M, \*\(3,\)\)"),
    ({"layers.2.bias": np.zeros(())}, r"shape \(M, \*\(3,\)\)"),
    ({"layers.2.bias": np.zeros((2, 3)), "layers.0.bias": np.zeros((3, 8))}, "same M"),
]


@pytest.mark.parametrize(("weights", "message"), BAD_WEIGHTS)
def test_weights_that_do_not_fit_are_refused(weights, message, rng):
    with pytest.raises(ValueError, match=message):
        per_sample_losses(classifier(), *classes(rng), weights=weights)


@pytest.mark.parametrize("vectorize", [True, False])
@pytest.mark.parametrize("module", [MLP, ConvNet])
def test_the_core_stays_on_the_nets_device(module, vectorize):
    """No GPU needed: fake tensors carry a device and refuse to be mixed with another's."""
    shape = (7, 5) if module is MLP else (7, 1, 6, 6)
    with FakeTensorMode(), torch.device("cuda"):
        # device=None: skorch leaves module and batches where they are
        net = NeuralNetClassifier(module, criterion=nn.CrossEntropyLoss, device=None)
        net.initialize()
        net.module_.eval()
        losses = LossFunction(net)
        weights = {name: torch.stack([w, w]) for name, w in losses.center().items()}
        x = torch.empty(shape, device="cuda")
        y = torch.zeros(7, dtype=torch.int64, device="cuda")
        values = evaluate_block(losses, weights, x, y, vectorize=vectorize)
        assert values.device.type == "cuda"
        assert values.shape == (2, 7)
        with pytest.raises(Exception, match="device"):
            evaluate_block(losses, weights, x.cpu(), y.cpu(), vectorize=vectorize)


@pytest.mark.parametrize("limit", [1, 4, 20, 1000])
@pytest.mark.parametrize("vectorize", [True, False])
def test_blocks_are_halved_when_memory_is_short(limit, vectorize, rng, monkeypatch):
    """A device that holds so many (draw, sample) pairs and no more."""
    net = classifier()
    X, y = classes(rng)
    weights = StackedWeights(perturbed(net.module_, n_draws=5))
    plan = BlockPlan(5, 17, vectorize)
    expected = loss_matrix(net, weights, X, y, plan)
    original, refused = engine.evaluate_block, []

    def short(losses, stacked, x, targets, *, vectorize):
        pairs = len(next(iter(stacked.values()))) * len(targets)
        if pairs > limit:
            refused.append(pairs)
            raise torch.OutOfMemoryError("out of memory")
        return original(losses, stacked, x, targets, vectorize=vectorize)

    monkeypatch.setattr(engine, "evaluate_block", short)
    np.testing.assert_allclose(loss_matrix(net, weights, X, y, plan), expected, **EXACT)
    np.testing.assert_allclose(mean_losses(net, weights, X, y, plan), expected.mean(1), **EXACT)
    assert bool(refused) == (limit < 85)


def test_one_sample_of_one_draw_cannot_be_halved(rng, monkeypatch):
    def never(*args, **kwargs):
        raise torch.OutOfMemoryError("out of memory")

    net = classifier()
    monkeypatch.setattr(engine, "evaluate_block", never)
    with pytest.raises(torch.OutOfMemoryError):
        loss_matrix(
            net, StackedWeights(perturbed(net.module_)), *classes(rng), BlockPlan(3, 9, True)
        )
