"""What is replayed is what was recorded, for other arguments of the same shapes."""

import pytest
import torch
from torch import nn
from torch.func import functional_call, vmap

from sufficiency.training.recording import UnknownTensorError, recorded

ARGUMENTS = (torch.ones(3, 4), torch.zeros(3))


def others(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(3, 4, generator=generator), torch.randn(3, generator=generator)


def test_values_constants_and_views():
    weights = torch.arange(4.0)

    def function(x, y):
        parts = x.split(2, dim=1)
        return {"sum": (x * weights).sum(1) + y, "rest": (parts[1].detach(), x.t()[0], 2)}

    replay, first = recorded(function, *ARGUMENTS)
    torch.testing.assert_close(first, function(*ARGUMENTS), rtol=0, atol=0)
    torch.testing.assert_close(replay(*others()), function(*others()), rtol=0, atol=0)


def test_changes_in_place_are_made_again():
    def function(x, y):
        y.mul_(0.5).add_(x.mean(1))
        x[:, 0] = 7.0
        return x.sum()

    replay, _ = recorded(function, *(a.clone() for a in ARGUMENTS))
    expected, actual = others(), others()
    assert torch.equal(replay(*actual), function(*expected))
    assert all(map(torch.equal, actual, expected))


def test_gradients_of_stacked_nets():
    """By autograd of each net alone."""
    net = nn.Sequential(nn.Linear(4, 5), nn.Softplus(), nn.Linear(5, 2)).double()
    nets = [{n: p + i for n, p in net.state_dict().items()} for i in range(3)]
    x = torch.randn(3, 6, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))

    def loss(weights, x):
        return functional_call(net, weights, (x,)).logsumexp(1).sum()

    def step(weights, x):
        leaves = {name: w.detach().requires_grad_() for name, w in weights.items()}
        total = vmap(loss)(leaves, x).sum()
        return dict(zip(leaves, torch.autograd.grad(total, list(leaves.values())), strict=True))

    stacked = {name: torch.stack([weights[name] for weights in nets]) for name in nets[0]}
    replay, _ = recorded(step, {name: torch.zeros_like(w) for name, w in stacked.items()}, x * 0)
    gradients = replay(stacked, x)
    for i, weights in enumerate(nets):
        leaves = {name: w.clone().requires_grad_() for name, w in weights.items()}
        loss(leaves, x[i]).backward()
        for name, leaf in leaves.items():
            # some tens of roundings of float64
            torch.testing.assert_close(gradients[name][i], leaf.grad, rtol=1e-13, atol=1e-13)


def test_a_tensor_that_came_about_unseen_is_refused():
    def function(x, y):
        with torch.utils._python_dispatch._disable_current_modes():
            hidden = x[0]
        return hidden + y.sum()

    with pytest.raises(UnknownTensorError, match="unknown origin"):
        recorded(function, *ARGUMENTS)


@pytest.mark.parametrize("changes", [False, True])
def test_a_product_with_one_is_left_out_where_it_needs_no_memory_of_its_own(changes):
    def function(x, y):
        same = torch.ops.aten.mul.Scalar(x, 1)
        if changes:
            same[:, 0] = 7.0
        return same.sum(1) + y, x.sum()

    replay, _ = recorded(function, *ARGUMENTS)
    torch.testing.assert_close(replay(*others()), function(*others()), rtol=0, atol=0)
    run = replay.__closure__[0].cell_contents
    assert ("mul" in run.code) == changes
