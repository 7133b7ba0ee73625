"""Gradients and Hessian products against finite differences of loss values."""

import numpy as np
import pytest
import torch

from sufficiency.curvature.derivatives import LossDerivatives, flatten, unflatten
from sufficiency.nets.losses import LossFunction
from tests.curvature.nets import (
    ALL_KINDS,
    GroupNormConv,
    Perceptron,
    SmallConv,
    SmallRecurrent,
    SmallTransformer,
    center_of,
    losses_of_vectors,
    make_data,
    trained_net,
)
from tests.helpers import same_weights, untouched_generators, weights_of

# Fourth-order differences with step 1e-3: 1e-12 times sixth derivatives, which reach about 1e6
# where norms divide by small numbers, and rounding of 1e-16·1e6; gradients with step 1e-5, second
# order: 1e-10 times third derivatives, and 1e-11 of rounding.
ATOL_HESSIAN, ATOL_GRADIENT = 1e-5, 1e-6


def directional(evaluate, w, v, h=1e-3):
    """First and second derivative of every loss along v, by differences of fourth order."""
    values = evaluate(w + h * np.outer([-2, -1, 0, 1, 2], v))
    first = np.array([1, -8, 0, 8, -1]) @ values / (12 * h)
    second = np.array([-1, 16, -30, 16, -1]) @ values / (12 * h**2)
    return first, second


def test_the_last_layer_alone_is_evaluated_at_once():
    """The Hessian of a softmax layer sends the vector of ones to zero: no test of anything."""
    X, y = make_data(Perceptron, 12)
    net = trained_net(Perceptron, X, y)
    last = [name for name, _ in net.module_.named_parameters()][-2:]
    derivatives = LossDerivatives(net, X, y, parameters=last)
    ones = np.ones((derivatives.n_parameters, 1))
    assert np.abs(derivatives.mean(ones)[2]).max() < 1e-14
    assert derivatives._takes_vmap


def test_mean_of_unequal_blocks(dense):
    """7 + 3 samples: the blocks' means averaged without weights would be far off."""
    vectors = np.eye(len(dense.w))
    loss, gradient, products = LossDerivatives(dense.net, dense.X, dense.y, block_size=7).mean(
        vectors
    )
    assert loss == pytest.approx(dense.losses.mean(), rel=1e-13)
    np.testing.assert_allclose(gradient, dense.gradients.mean(0), rtol=0, atol=ATOL_GRADIENT)
    hessian = dense.hessians.mean(0)
    np.testing.assert_allclose(products, hessian, rtol=0, atol=ATOL_HESSIAN)
    unweighted = (dense.hessians[:7].mean(0) + dense.hessians[7:].mean(0)) / 2
    assert np.abs(unweighted - hessian).max() > 1e3 * ATOL_HESSIAN


@pytest.mark.parametrize("block_size", [1, 7, None])
def test_every_sample_has_its_own_derivatives(block_size, dense):
    vectors = np.eye(len(dense.w))
    blocks = list(LossDerivatives(dense.net, dense.X, dense.y, block_size=block_size).each(vectors))
    expected = {1: [1] * 10, 7: [7, 3], None: [10]}[block_size]
    assert [block.where.stop - block.where.start for block in blocks] == expected
    losses = np.concatenate([block.losses for block in blocks])
    gradients = np.concatenate([block.gradients for block in blocks])
    products = np.concatenate([block.products for block in blocks])
    np.testing.assert_allclose(losses, dense.losses, rtol=1e-12)
    np.testing.assert_allclose(gradients, dense.gradients, rtol=0, atol=ATOL_GRADIENT)
    np.testing.assert_allclose(products, dense.hessians, rtol=0, atol=ATOL_HESSIAN)


def test_every_sample_times_a_vector_of_its_own(dense, rng):
    vectors = rng.normal(size=dense.gradients.shape)
    found = np.empty_like(vectors)
    singles = LossDerivatives(dense.net, dense.X, dense.y, block_size=7)
    for where, multiply in singles.each_hessian(1):
        with torch.no_grad():
            found[where] = multiply(vectors[where])
    expected = np.einsum("bij,bj->bi", dense.hessians, vectors)
    np.testing.assert_allclose(found, expected, rtol=0, atol=4 * ATOL_HESSIAN * len(dense.w) ** 0.5)


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_along_a_random_direction(kind, rng):
    """Group norm (no forward mode) and LSTM (no vmap) too."""
    X, y = make_data(kind, 12)
    net = trained_net(kind, X, y, steps=50)
    w = center_of(net)
    v = rng.normal(size=len(w)) / len(w) ** 0.5
    first, second = directional(losses_of_vectors(net, X, y), w, v)
    derivatives = LossDerivatives(net, X, y)
    assert derivatives._takes_vmap == (kind is not SmallRecurrent)
    blocks = list(derivatives.each(v[:, None]))
    slopes = np.concatenate([block.gradients @ v for block in blocks])
    curvatures = np.concatenate([block.products[:, 0] @ v for block in blocks])
    np.testing.assert_allclose(slopes, first, rtol=0, atol=1e-7)
    np.testing.assert_allclose(curvatures, second, rtol=0, atol=1e-5)
    _, gradient, products = derivatives.mean(v[:, None])
    assert gradient @ v == pytest.approx(first.mean(), abs=1e-7)
    assert products[:, 0] @ v == pytest.approx(second.mean(), abs=1e-5)


@pytest.mark.parametrize("kind", [SmallConv, SmallTransformer, GroupNormConv])
def test_the_net_is_left_alone(kind):
    X, y = make_data(kind, 8)
    net = trained_net(kind, X, y, steps=10)
    before, modes = weights_of(net), [m.training for m in net.module_.modules()]
    fused = torch.backends.mha.get_fastpath_enabled()
    net.module_.zero_grad(set_to_none=True)  # left by training
    derivatives = LossDerivatives(net, X, y)
    with untouched_generators():
        derivatives.mean(np.ones((derivatives.n_parameters, 1)))
        for _ in derivatives.each(np.ones((derivatives.n_parameters, 1))):
            assert [m.training for m in net.module_.modules()] == modes
    assert same_weights(weights_of(net), before)
    assert [m.training for m in net.module_.modules()] == modes
    assert torch.backends.mha.get_fastpath_enabled() == fused
    assert all(p.grad is None and p.requires_grad for p in net.module_.parameters())


def test_everything_is_restored_after_an_error():
    X, y = make_data(Perceptron, 8)
    net = trained_net(Perceptron, X, y, steps=10)
    fused = torch.backends.mha.get_fastpath_enabled()
    with pytest.raises(RuntimeError):
        LossDerivatives(net, X[:, :3], y, block_size=4).mean()
    assert net.module_.training
    assert torch.backends.mha.get_fastpath_enabled() == fused


def test_weights_are_those_of_the_beginning():
    X, y = make_data(Perceptron, 8)
    net = trained_net(Perceptron, X, y, steps=10)
    derivatives = LossDerivatives(net, X, y)
    before = derivatives.mean()
    with torch.no_grad():
        net.module_.layers[0].weight.mul_(2)
    assert derivatives.mean()[0] == before[0]


def test_restricted_to_some_parameters(dense):
    names = [n for n, _ in dense.net.module_.named_parameters()]
    chosen = names[-2:]  # the head; given in another order, as it may come from a set
    sizes = {n: p.numel() for n, p in dense.net.module_.named_parameters()}
    kept = np.concatenate([np.full(sizes[n], n in chosen) for n in names])
    derivatives = LossDerivatives(dense.net, dense.X, dense.y, parameters=chosen[::-1])
    assert derivatives.n_parameters == kept.sum()
    products = derivatives.mean(np.eye(kept.sum()))[2]
    block = dense.hessians.mean(0)[np.ix_(kept, kept)]
    np.testing.assert_allclose(products, block, rtol=0, atol=ATOL_HESSIAN)


def test_frozen_parameters_are_left_out():
    X, y = make_data(Perceptron, 8)
    net = trained_net(Perceptron, X, y, steps=10)
    net.module_.layers[0].requires_grad_(False)
    assert LossDerivatives(net, X, y).n_parameters == 3 * 6 + 3


def test_a_loss_that_is_linear_in_the_weights_has_no_curvature():
    """A graph without a second derivative, where torch would raise."""

    class Signed(torch.nn.Module):
        reduction = "mean"

        def forward(self, output, y):
            signed = output[:, 0] * y[:, 0]
            return signed if self.reduction == "none" else signed.mean()

    from skorch import NeuralNet

    net = NeuralNet(
        torch.nn.Linear, Signed, module__in_features=2, module__out_features=1
    ).initialize()
    X, y = np.ones((3, 2), np.float32), np.ones((3, 1), np.float32)
    derivatives = LossDerivatives(net, X, y)
    assert not derivatives.mean(np.ones((3, 1)))[2].any()
    assert not next(derivatives.each(np.ones((3, 1)))).products.any()


def test_flat_vectors_follow_named_parameters(dense):
    center = LossFunction(dense.net).center()
    parts = unflatten(dense.w, center)
    assert all(torch.equal(parts[name], tensor) for name, tensor in center.items())
    np.testing.assert_array_equal(flatten(parts, center), dense.w)


def test_what_is_refused(dense):
    with pytest.raises(ValueError, match="`X` must have at least one sample"):
        LossDerivatives(dense.net, dense.X[:0], dense.y[:0])
    with pytest.raises(ValueError, match="`parameters` must be some of"):
        LossDerivatives(dense.net, dense.X, dense.y, parameters=["nowhere"])
    with pytest.raises(ValueError, match="`parameters` must be some of"):
        LossDerivatives(dense.net, dense.X, dense.y, parameters=[])
    with pytest.raises(ValueError, match=r"`vectors` must have shape \(\d+, m\)"):
        LossDerivatives(dense.net, dense.X, dense.y).mean(np.ones(3))
    with pytest.raises(ValueError, match="`block_size` must be >= 1"):
        LossDerivatives(dense.net, dense.X, dense.y, block_size=0)
