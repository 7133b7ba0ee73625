import copy

import numpy as np
import pytest
import torch
from torch import nn

from sufficiency.models import MLP, ConvNet


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


# Weights and biases of every layer, added up by hand: 784 · 128 + 128 is the first, and so on.
# With batch norm a layer has weights, a scale and a shift.
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((3072, 10), (393_216 + 128) + 3 * (16_384 + 128) + (1_280 + 10)),
        ((784, 10, 128, 2), (100_352 + 128) + (16_384 + 128) + (1_280 + 10)),
        ((5, 3, 7, 1), (35 + 7) + (21 + 3)),
        ((5, 3, 7, 3, True), (35 + 14) + 2 * (49 + 14) + (21 + 3)),
        ((5, 3, 7, 3, False, 0.5), (35 + 7) + 2 * (49 + 7) + (21 + 3)),
    ],
)
def test_parameters_of_the_mlp(arguments, expected):
    assert count(MLP(*arguments)) == expected


# 3 · 3 weights for every pair of channels in and out; the head sees every pixel of every channel
@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, (1_728 + 64) + 3 * (36_864 + 64) + (65_536 * 10 + 10)),
        ({"depth": 2}, (1_728 + 64) + (36_864 + 64) + (65_536 * 10 + 10)),
        (
            {"depth": 6, "batch_norm": True},
            (1_728 + 128) + 5 * (36_864 + 128) + (65_536 * 10 + 10),
        ),
        ({"channels": 4, "depth": 1, "image_size": 8}, (108 + 4) + (4 * 64 * 10 + 10)),
        ({"channels": 4, "depth": 1, "image_size": (8, 5)}, (108 + 4) + (4 * 40 * 10 + 10)),
        # without padding two convolutions of 3 × 3 take 4 pixels of each side, of 5 × 5 take 8
        (
            {"channels": 4, "depth": 2, "image_size": 9, "padding": 0},
            (108 + 4) + (144 + 4) + (4 * 25 * 10 + 10),
        ),
        (
            {"channels": 4, "depth": 2, "image_size": 9, "padding": 0, "kernel_size": 5},
            (300 + 4) + (400 + 4) + (4 * 10 + 10),
        ),
    ],
)
def test_parameters_of_the_convnet(settings, expected):
    module = ConvNet(3, 10, **settings)
    assert count(module) == expected
    side = settings.get("image_size", 32)
    shape = side if isinstance(side, tuple) else (side, side)
    assert module.eval()(torch.zeros(2, 3, *shape)).shape == (2, 10)


def weights(module, kind):
    return [
        [t.detach().double().numpy() for t in part.parameters()]
        for part in module.modules()
        if isinstance(part, kind)
    ]


def test_mlp_is_the_formula(rng):
    """Hidden layers by hand in float64; images are flattened."""
    torch.manual_seed(0)
    module = MLP(12, 3, width=6, depth=2)
    X = rng.normal(size=(5, 3, 2, 2))
    *hidden, (head, offset) = weights(module, nn.Linear)
    z = X.reshape(5, 12)
    for weight, bias in hidden:
        z = np.maximum(z @ weight.T + bias, 0)
    expected = z @ head.T + offset
    found = module(torch.tensor(X, dtype=torch.float32)).detach()
    # three products of up to 12 terms of order one in float32: some twenty roundings of 6e-8
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=2e-6)


def convolved(X, weight, bias, padding):
    """Correlation with a kernel, pixel by pixel."""
    X = np.pad(X, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    k = weight.shape[-1]
    height, width = X.shape[2] - k + 1, X.shape[3] - k + 1
    result = np.empty((len(X), len(weight), height, width))
    for i, j in np.ndindex(height, width):
        patch = X[:, None, :, i : i + k, j : j + k]
        result[:, :, i, j] = (patch * weight).sum((2, 3, 4)) + bias
    return result


def test_convnet_is_the_formula(rng):
    torch.manual_seed(0)
    module = ConvNet(2, 3, image_size=(5, 4), channels=3, depth=2)
    X = rng.normal(size=(4, 2, 5, 4))
    z = X
    for weight, bias in weights(module, nn.Conv2d):
        z = np.maximum(convolved(z, weight, bias, 1), 0)
    [(head, offset)] = weights(module, nn.Linear)
    expected = z.reshape(4, -1) @ head.T + offset
    found = module(torch.tensor(X, dtype=torch.float32)).detach()
    # sums of up to 60 terms of order one in float32, three times: some fifty roundings of 6e-8
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=3e-6)


MAKERS = {
    "mlp": lambda **kwargs: MLP(12, 3, width=6, depth=2, **kwargs),
    "convnet": lambda **kwargs: ConvNet(
        3, 3, image_size=2, channels=4, depth=2, kernel_size=1, padding=0, **kwargs
    ),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=list(MAKERS))
def test_batch_norm_is_between_layer_and_relu(make):
    """A constant added before a batch norm vanishes, so no layer before one has a bias."""
    module = make(batch_norm=True)
    norms = [m for m in module.modules() if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d))]
    assert len(norms) == 2
    torch.manual_seed(0)
    X = torch.randn(64, 3, 2, 2)
    inputs = []
    for part in module.modules():
        if isinstance(part, nn.ReLU):
            part.register_forward_hook(lambda _, args, output: inputs.append(args[0]))
    module.train()(X)
    for values in inputs:
        columns = values.transpose(0, 1).flatten(1)
        # fresh norms give mean 0 and variance v / (v + 1e-5); a mean of 64 rounded numbers
        np.testing.assert_allclose(columns.mean(1).detach(), 0, atol=1e-6)
        assert (columns.var(1, correction=0) > 0.9).all()
    layers = [m for m in module.modules() if isinstance(m, (nn.Linear, nn.Conv2d))]
    assert [layer.bias is None for layer in layers] == [True, True, False]


@pytest.mark.parametrize("make", MAKERS.values(), ids=list(MAKERS))
def test_dropout_acts_in_training_alone(make):
    torch.manual_seed(0)
    X = torch.randn(8, 3, 2, 2)
    module = make(dropout=0.5)
    assert not torch.equal(module.train()(X), module(X))
    assert torch.equal(module.eval()(X), module(X))
    plain = make()
    plain.load_state_dict(copy.deepcopy(module.state_dict()))
    assert torch.equal(module(X), plain(X))


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda: MLP(0, 2), ValueError, "`n_inputs` must be >= 1, got 0"),
        (lambda: MLP(3, 2, width=2.5), TypeError, "`width` must be an integer >= 1, got 2.5"),
        (lambda: MLP(3, 2, depth=0), ValueError, "`depth` must be >= 1, got 0"),
        (lambda: MLP(3, 2, dropout=1), ValueError, r"`dropout` must be in \[0, 1\), got 1"),
        (lambda: MLP(3, 2, dropout=-0.1), ValueError, "`dropout` must be finite and >= 0, got"),
        (lambda: ConvNet(3, 2, channels=0), ValueError, "`channels` must be >= 1, got 0"),
        (lambda: ConvNet(3, 2, padding=-1), ValueError, "`padding` must be >= 0, got -1"),
        (lambda: ConvNet(3, 2, image_size=(3, 4, 4)), ValueError, r"`image_size` must be one num"),
        (lambda: ConvNet(3, 2, image_size=0), ValueError, "`image_size` must be >= 1, got 0"),
        (
            lambda: ConvNet(3, 2, image_size=(9, 8), padding=0),
            ValueError,
            r"`image_size` must be > 8 for these convolutions, got \(9, 8\); raise `padding`",
        ),
    ],
)
def test_wrong_arguments(build, error, message):
    with pytest.raises(error, match=message):
        build()
