import math

import numpy as np
import pytest
import torch
from scipy.stats import entropy
from skorch import NeuralNet, NeuralNetBinaryClassifier, NeuralNetClassifier, NeuralNetRegressor
from torch import nn

from sufficiency.nets.constant_prediction import constant_loss
from sufficiency.training.train_net import initialized_net
from tests.helpers import Perceptron, same_weights, weights_of

COUNTS = np.array([70, 20, 10])
CODES = np.repeat([0, 1, 2], COUNTS)

# The losses are convex in the outputs, and L-BFGS stops at gradients of 1e-7 or where the loss no
# longer falls by 1e-9: at these optima, with curvatures of 0.1 and more, the loss is then less
# than 1e-8 above its minimum. What remains is rounding: 100 float32 losses of order 1 and their
# mean, each with 2^-24 = 6e-8.
SINGLE = 1e-6


class Probabilities(Perceptron):
    def forward(self, X):
        return super().forward(X).softmax(1)


class LogProbabilities(Perceptron):
    def forward(self, X):
        return super().forward(X).log_softmax(1)


class Sigmoid(Perceptron):
    def forward(self, X):
        return super().forward(X).sigmoid()


class Pair(Perceptron):
    def forward(self, X):
        return super().forward(X), X


def loss(net, y, n=100):
    untrained = initialized_net(net, seed=0)
    before = weights_of(untrained)
    untrained.module_.train()
    value = constant_loss(untrained, np.zeros((n, 3), np.float32), y)
    assert untrained.module_.training
    assert same_weights(weights_of(untrained), before)
    return value


@pytest.mark.parametrize(
    "net",
    [
        NeuralNetClassifier(Perceptron, module__n_outputs=3, criterion=nn.CrossEntropyLoss),
        NeuralNetClassifier(Probabilities, module__n_outputs=3),
        NeuralNet(LogProbabilities, module__n_outputs=3, criterion=nn.NLLLoss),
        NeuralNet(Perceptron, module__n_outputs=3, criterion=nn.CrossEntropyLoss),
    ],
    ids=["cross-entropy", "NLL of probabilities", "NLL of logarithms", "plain"],
)
def test_of_cross_entropy_it_is_the_entropy_of_the_class_shares(net):
    assert loss(net, CODES) == pytest.approx(entropy(COUNTS / 100), rel=SINGLE)


@pytest.mark.parametrize(
    "net",
    [
        NeuralNetBinaryClassifier(Perceptron),
        NeuralNetBinaryClassifier(Sigmoid, criterion=nn.BCELoss),
    ],
    ids=["logits", "probabilities"],
)
def test_of_binary_cross_entropy_it_is_the_entropy_too(net):
    y = (CODES == 0).astype(np.float32)
    assert loss(net, y) == pytest.approx(entropy([0.7, 0.3]), rel=SINGLE)


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_of_squared_error_it_is_the_variance(rng, n_outputs):
    y = (5 + 3 * rng.normal(size=(100, n_outputs))).astype(np.float32)
    net = NeuralNetRegressor(Perceptron, module__n_outputs=n_outputs)
    # mean over outputs
    assert loss(net, y) == pytest.approx(y.astype(float).var(axis=0).mean(), rel=SINGLE)


def test_of_absolute_error_it_is_the_mean_deviation_from_the_median(rng):
    # skewed, so that mean and median are apart; 101 samples, so that the median is one of them
    y = np.exp(rng.normal(size=(101, 1))).astype(np.float32)
    exact = np.abs(y.astype(float) - np.median(y)).mean()
    at_mean = np.abs(y.astype(float) - y.mean()).mean()
    value = loss(NeuralNetRegressor(Perceptron, criterion=nn.L1Loss), y, 101)
    # Not smooth: the line search ends within one gap between neighbors of the median, where the
    # slope is at most 3/101. Gaps of 101 standard exponentials of normals at their middle are
    # about 1/(101·0.4) = 0.025 on average; ten of them cost at most 0.25·3/101.
    assert exact * (1 - SINGLE) <= value <= exact + 0.25 * 3 / 101
    assert value < at_mean - 0.5 * (at_mean - exact)


def test_of_poisson_losses_it_is_at_the_logarithm_of_the_mean():
    y = np.repeat([0.0, 1.0, 6.0], COUNTS).astype(np.float32)[:, None]
    mean = 0.8
    net = NeuralNetRegressor(Perceptron, criterion=nn.PoissonNLLLoss)
    # exp(f) − y·f at f = log of the mean
    assert loss(net, y) == pytest.approx(mean - mean * math.log(mean), rel=SINGLE)


def test_units_do_not_matter():
    y = (1e6 + 1e3 * np.random.default_rng(0).normal(size=(100, 1))).astype(np.float64)
    net = NeuralNetRegressor(Perceptron().double())
    untrained = initialized_net(net, seed=0)
    value = constant_loss(untrained, np.zeros((100, 3)), y)
    # double precision: the start, the mean itself, is right to (1e6·1e-16)²
    assert value == pytest.approx(y.var(), rel=1e-9)


def test_of_large_data_a_random_part_is_taken():
    y = np.arange(20_000) % 2  # any fixed stride of even length sees one class only
    net = NeuralNetClassifier(Perceptron, module__n_outputs=2, criterion=nn.CrossEntropyLoss)
    # 10 000 without replacement: a share has the s.e. √(0.25/10 000 · 1/2) = 0.0035, and the
    # entropy is log 2 − 2(share − 1/2)², 4 s.e. of which are 4e-4
    assert loss(net, y, len(y)) == pytest.approx(math.log(2), abs=4e-4)


def test_without_a_single_output_there_is_none():
    net = NeuralNet(Pair, criterion=nn.MSELoss)
    assert math.isnan(loss(net, np.zeros((100, 1), np.float32)))


def test_the_modules_gradients_stay_empty():
    net = initialized_net(NeuralNetRegressor(Perceptron), seed=0)
    constant_loss(net, np.zeros((9, 3), np.float32), np.zeros((9, 1), np.float32))
    assert all(parameter.grad is None for parameter in net.module_.parameters())


def test_a_custom_loss_is_minimised_through_the_nets_own_get_loss():
    class Shifted(NeuralNetRegressor):
        def get_loss(self, y_pred, y_true, X, training=False):
            return super().get_loss(y_pred, y_true, X, training=training) + 2.0

    y = torch.linspace(0, 1, 100).numpy()[:, None]
    assert loss(Shifted(Perceptron), y) == pytest.approx(2 + y.astype(float).var(), rel=SINGLE)
