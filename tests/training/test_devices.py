"""
A stacked step stays on its nets' device.

No GPU is needed: fake tensors carry a device and refuse to be mixed with another's. The device is
"meta", since autograd asks the driver of a "cuda" one.
"""

import pytest
import torch
from skorch import NeuralNetClassifier
from torch import nn, optim
from torch._subclasses.fake_tensor import FakeTensorMode

from sufficiency.training.stacked_step import StackedStep, shares_of

N_NETS, BATCH = 3, 6


def stacked(module, device):
    """A net on the fake device, and weights, samples and masks of several like it."""
    net = NeuralNetClassifier(module, criterion=nn.CrossEntropyLoss, device=None)
    net.initialize()
    net.module_.train()
    named = dict([*net.module_.named_parameters(), *net.module_.named_buffers()])
    weights = {name: torch.stack([w.detach()] * N_NETS) for name, w in named.items()}
    parameters = {name: weights.pop(name) for name, _ in net.module_.named_parameters()}
    shape = (N_NETS, BATCH, 64)
    x = torch.empty(shape, device=device)
    y = torch.zeros(shape[:2], dtype=torch.int64, device=device)
    # one of the nets has a short batch
    shares = torch.stack([shares_of(count, BATCH, x) for count in (BATCH, BATCH, 4)])
    mask = torch.ones((N_NETS, BATCH, 16), device=device)
    return StackedStep(net), (parameters, weights, x, y, shares, [mask])


def perceptron():
    return nn.Sequential(nn.Linear(64, 16), nn.Tanh(), nn.Dropout(0.3), nn.Linear(16, 10))


def normed_conv_net():
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(),
        nn.Linear(144, 16), nn.BatchNorm1d(16), nn.Dropout(0.3), nn.Linear(16, 10),
    )  # fmt: skip


@pytest.mark.parametrize("module", [perceptron, normed_conv_net])
def test_losses_gradients_and_updates_stay_on_the_device(module):
    with FakeTensorMode(allow_non_fake_inputs=True), torch.device("meta"):
        step, arguments = stacked(module, "meta")
        losses, gradients = step(*arguments)
        parameters, state, *_ = arguments
        assert losses.device.type == "meta"
        assert {g.device.type for g in gradients} == {"meta"}
        assert all(w.device.type == "meta" for w in state.values())
        optimizer = optim.Adam(parameters.values())
        for weight, gradient in zip(parameters.values(), gradients, strict=True):
            weight.grad = gradient
        optimizer.step()
        assert {w.device.type for w in parameters.values()} == {"meta"}


def test_samples_of_another_device_are_refused():
    with FakeTensorMode(allow_non_fake_inputs=True), torch.device("meta"):
        step, (parameters, state, x, y, shares, masks) = stacked(perceptron, "meta")
        with pytest.raises(Exception, match="device"):
            step(parameters, state, x.cpu(), y.cpu(), shares, masks)
