"""Print how many times faster than its slow twin each fast path is."""

import copy
import statistics
import time

import numpy as np
import torch
from skorch import NeuralNetClassifier
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from sufficiency.engine import loss_matrix, plan_blocks
from sufficiency.losses import LossFunction
from sufficiency.probes import IsotropicGaussian, ProbeDraws

N_DRAWS, ROUNDS = 16, 5


def perceptron(n_inputs, width, depth, n_outputs):
    layers, size = [nn.Flatten()], n_inputs
    for _ in range(depth):
        layers += [nn.Linear(size, width), nn.ReLU()]
        size = width
    return nn.Sequential(*layers, nn.Linear(size, n_outputs))


def convolutional(channels, depth, n_outputs):
    layers, size = [], 3
    for _ in range(depth):
        layers += [nn.Conv2d(size, channels, 3, padding=1), nn.ReLU()]
        size = channels
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(size, n_outputs))


CASES = {
    "MLP 2×64, 2 000 × 64": (lambda: perceptron(64, 64, 2, 10), (2000, 64)),
    "MLP 4×128, 5 000 × 3 072": (lambda: perceptron(3072, 128, 4, 10), (5000, 3, 32, 32)),
    "ConvNet 4×64, 512 × 3 × 32 × 32": (lambda: convolutional(64, 4, 10), (512, 3, 32, 32)),
}


def naive(module, X, y, n_draws):
    """The published procedure: a copy of the module and a walk over a loader for every draw."""
    loader = DataLoader(TensorDataset(X, y), batch_size=64, shuffle=True)
    for _ in range(n_draws):
        twin = copy.deepcopy(module).eval()
        with torch.no_grad():
            for parameter in twin.parameters():
                parameter += 0.2 * parameter.square().mean().sqrt() * torch.randn_like(parameter)
            for x, target in loader:
                nn.functional.cross_entropy(twin(x), target)


def forwards(module, X, n_draws):
    """The floor of any loop: the forward passes alone."""
    with torch.no_grad():
        for _ in range(n_draws):
            for start in range(0, len(X), 512):
                module(X[start : start + 512])


def seconds(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def measure(make, shape):
    """Medians of ratios over rounds in which every side runs once."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=shape).astype("float32"), rng.integers(0, 10, shape[0])
    net = NeuralNetClassifier(make(), criterion=nn.CrossEntropyLoss).initialize()
    sampler = IsotropicGaussian().prepare(LossFunction(net).center())
    draws = ProbeDraws(sampler, range(N_DRAWS), torch.device("cpu"))
    plan = plan_blocks(net, X, y, n_draws=N_DRAWS, vectorize=True)
    x_tensor, y_tensor = torch.as_tensor(X), torch.as_tensor(y)
    loss_matrix(net, draws, X, y, plan)
    against_naive, against_forwards = [], []
    for _ in range(ROUNDS):
        ours = seconds(lambda: loss_matrix(net, draws, X, y, plan)) / N_DRAWS
        against_naive.append(seconds(lambda: naive(net.module_, x_tensor, y_tensor, 1)) / ours)
        floor = seconds(lambda: forwards(net.module_, x_tensor, 2)) / 2
        against_forwards.append(ours / floor)
    return ours, statistics.median(against_naive), statistics.median(against_forwards)


def main():
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {N_DRAWS} draws")
    print(f"{'case':34}{'ms/draw':>10}{'× faster than naive':>22}{'× plain forwards':>18}")
    for name, (make, shape) in CASES.items():
        ours, faster, floor = measure(make, shape)
        print(f"{name:34}{1e3 * ours:>10.2f}{faster:>22.1f}{floor:>18.2f}")


if __name__ == "__main__":
    main()
