"""Numbers made by the authors' own code, unmodified, reproduced to rounding."""

from pathlib import Path

import numpy as np
import pytest
import torch
from skorch import NeuralNetClassifier
from torch import nn

from sufficiency import per_sample_losses
from sufficiency.deltas import monte_carlo_delta

FILE = Path(__file__).parent / "data" / "authors_mlp.npz"


class AuthorsMLP(nn.Module):
    """Flatten, then Linear and ReLU twice (16 units), then Linear."""

    def __init__(self, names, shapes):
        super().__init__()
        layers = [nn.Flatten()]
        weights = [name for name in names if name.endswith("weight")]
        for i, name in enumerate(weights):
            layers.append(nn.Linear(shapes[name][1], shapes[name][0]))
            if i + 1 < len(weights):
                layers.append(nn.ReLU())
        self.layers = nn.Sequential(*layers)

    def forward(self, X):
        return self.layers(X)


@pytest.fixture(scope="module")
def reference():
    with np.load(FILE, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


@pytest.fixture(scope="module")
def net(reference):
    names = [str(name) for name in reference["param_names"]]
    values = {name: reference[f"w.{name}"] for name in names}
    module = AuthorsMLP(names, {name: value.shape for name, value in values.items()}).double()
    net = NeuralNetClassifier(module, criterion=nn.CrossEntropyLoss).initialize()
    own = list(net.module_.named_parameters())
    with torch.no_grad():
        for (_, parameter), value in zip(own, values.values(), strict=True):
            parameter.copy_(torch.as_tensor(value))
    net.names_ = dict(zip(names, (name for name, _ in own), strict=True))
    return net


def stacked(net, reference, coefficients, direction):
    """W* + c·d for every c, by our parameter names."""
    return {
        own: reference[f"w.{name}"]
        + np.multiply.outer(coefficients, reference[f"{direction}.{name}"])
        for name, own in net.names_.items()
    }


@pytest.fixture(scope="module")
def losses(net, reference):
    # the authors' code applies only the first of its directions
    weights = stacked(net, reference, reference["coefs"][:, 0], "d0")
    return per_sample_losses(net, reference["X"], reference["y"], weights=weights)


def test_losses_of_every_batch_at_every_draw(losses, reference):
    assert int(reference["batch_size"]) == 1  # their batch is one sample here
    np.testing.assert_allclose(losses, reference["batch_losses"], rtol=1e-12, atol=1e-12)


def test_increments_of_the_running_mean(losses, reference):
    """(ℓ_{k+1} − L_k)/(k+1) is the difference of the authors' running means."""
    sizes = np.arange(1, losses.shape[1])
    before = np.cumsum(losses, axis=1)[:, :-1] / sizes
    increments = (losses[:, 1:] - before) / (sizes + 1)
    np.testing.assert_allclose(increments, reference["diffs"], rtol=0, atol=1e-12)


@pytest.mark.parametrize(("order", "name"), [(1, "delta_abs"), (2, "delta_square")])
def test_delta_of_the_authors_procedure(order, name, losses, reference):
    """One candidate, the next sample of the one order, at every size."""
    deltas = [
        monte_carlo_delta(
            losses[:, [k]], losses[:, :k].mean(1), losses[0, [k]], 0.0, size=k, order=order
        ).delta
        for k in range(1, losses.shape[1])
    ]
    np.testing.assert_allclose(deltas, reference[name], rtol=1e-12, atol=1e-12)


def test_plane_of_mean_losses(net, reference):
    grid = reference["grid"]
    alphas, betas = (axis.ravel() for axis in np.meshgrid(grid, grid, indexing="ij"))
    weights = {
        own: reference[f"w.{name}"]
        + np.multiply.outer(alphas, reference[f"u.{name}"])
        + np.multiply.outer(betas, reference[f"v.{name}"])
        for name, own in net.names_.items()
    }
    plane = per_sample_losses(net, reference["X"], reference["y"], weights=weights).mean(1)
    np.testing.assert_allclose(
        plane.reshape(len(grid), -1), reference["plane"], rtol=1e-12, atol=1e-12
    )
