import numpy as np
import pytest
import torch
from skorch import NeuralNetClassifier, NeuralNetRegressor
from torch import nn

from sufficiency._random import isolated_rng
from sufficiency.nets.default_net import TabularMLP, default_net
from tests.helpers import labeled


def trained(X, y, **params):
    net = default_net(X, y).set_params(max_epochs=1, **params)
    with isolated_rng(0):
        return net.fit(X, y)


@pytest.mark.parametrize(
    "y",
    [
        np.array([0, 1, 2, 1]),
        np.array(["a", "b", "c", "a"]),
        np.array(["a", "b", "c", "a"], dtype=object),
        np.array([2.0, 1.0, 0.0, 0.0]),
    ],
    ids=["int", "str", "object", "whole floats"],
)
def test_classes_make_a_classifier_with_an_output_for_each(y):
    net = default_net(np.zeros((4, 5)), y)
    assert isinstance(net, NeuralNetClassifier)
    assert net.criterion is nn.CrossEntropyLoss
    module = net.initialize().module_
    assert module(torch.zeros(2, 5)).shape == (2, 3)


@pytest.mark.parametrize(("shape", "n_outputs"), [((4,), 1), ((4, 1), 1), ((4, 2), 2)])
def test_reals_make_a_regressor(shape, n_outputs, rng):
    net = default_net(np.zeros((4, 5)), rng.normal(size=shape))
    assert isinstance(net, NeuralNetRegressor)
    assert net.initialize().module_(torch.zeros(2, 5)).shape == (2, n_outputs)


def test_images_are_flattened():
    net = default_net(np.zeros((4, 2, 3, 5)), np.array([0, 1, 0, 1]))
    assert net.initialize().module_(torch.zeros(2, 2, 3, 5)).shape == (2, 2)


def test_other_targets_are_refused_with_the_remedy():
    with pytest.raises(ValueError, match="`net` must be given for targets of type 'multilabel"):
        default_net(np.zeros((4, 5)), np.array([[0, 1], [1, 1], [0, 0], [1, 0]]))


def test_scales_come_from_the_samples_of_the_training_alone(rng):
    X = (rng.normal(size=(40, 3)) * [1, 100, 1e-3] + [0, 1e4, 5]).astype(np.float32)
    X[:, 2] = 5.0  # constant: keeps the scale 1
    y = (3 + 7 * rng.normal(size=(40, 2))).astype(np.float32)
    module = trained(X[:30], y[:30]).module_
    # float64 statistics, rounded once to float32
    mean, scale = X[:30].astype(float).mean(axis=0), X[:30].astype(float).std(axis=0)
    np.testing.assert_allclose(module.input_mean, mean, rtol=2**-23)
    np.testing.assert_allclose(module.input_scale, [*scale[:2], 1.0], rtol=2**-23)
    np.testing.assert_allclose(module.output_mean, y[:30].astype(float).mean(0), rtol=2**-23)
    np.testing.assert_allclose(module.output_scale, y[:30].astype(float).std(0), rtol=2**-23)


def test_a_constant_column_with_rounding_noise_counts_as_constant():
    X = np.full((40, 1), 0.1, dtype=np.float32)
    X[::2] = np.nextafter(np.float32(0.1), np.float32(1))
    assert trained(X, np.arange(40) % 2).module_.input_scale.item() == 1


def test_a_classifiers_outputs_are_not_scaled():
    module = trained(*labeled(30)).module_
    assert module.output_mean.tolist() == [0, 0, 0]
    assert module.output_scale.tolist() == [1, 1, 1]


def test_forward_is_the_formula():
    torch.manual_seed(0)
    module = TabularMLP(2, 1, width=4)
    module.input_mean.copy_(torch.tensor([1.0, -1.0]))
    module.input_scale.copy_(torch.tensor([2.0, 0.5]))
    module.output_mean.fill_(10.0)
    module.output_scale.fill_(3.0)
    X = np.array([[2.0, -1.5], [1e6, 0.0], [-3.0, -1e6]])
    # by hand in float64: five standard deviations are the limit of an input
    z = np.clip((X - [1, -1]) / [2, 0.5], -5, 5)
    layers = [part for part in module.layers if isinstance(part, nn.Linear)]
    for i, layer in enumerate(layers):
        weight, bias = (t.detach().double().numpy() for t in (layer.weight, layer.bias))
        z = z @ weight.T + bias
        z = np.maximum(z, 0) if i < 2 else z
    output = module(torch.tensor(X, dtype=torch.float32)).detach()
    # three products in float32: a few hundred roundings of 6e-8 on values of order 10
    np.testing.assert_allclose(output, 10 + 3 * z, rtol=1e-5)


def test_huge_units_are_learnt():
    # a regression in millions: an unscaled net would not leave its start in 200 steps
    rng = np.random.default_rng(0)
    X = rng.normal(size=(64, 2)).astype(np.float32) * 1e4
    y = (X[:, :1] * 1e3 + 5e8).astype(np.float32)
    net = default_net(X, y).set_params(max_epochs=200)
    with isolated_rng(0):
        error = net.fit(X, y).predict(X) - y
    assert (error**2).mean() < 0.1 * y.var()
