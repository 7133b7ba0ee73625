"""The probe stage against the published procedure, the floor and the limit."""

import subprocess
import sys

import numpy as np
import torch
from torch import nn

from sufficiency.engine.loss_matrix import mean_losses, plan_blocks
from sufficiency.nets.losses import LossFunction
from sufficiency.probes import IsotropicGaussian
from sufficiency.probes.draws import ProbeDraws
from tests.benchmarks.measure import paired_ratio, seconds
from tests.benchmarks.nets import convolutional, initialized, perceptron, random_data

N_DRAWS = 16


def plain_forwards(module, X, batch=64):
    with torch.no_grad():
        for x in X.split(batch):
            module(x)


def stage(module, shape, n_draws=N_DRAWS):
    """A function that evaluates all draws, and what its twins need."""
    net, (X, y) = initialized(module), random_data(shape)
    sampler = IsotropicGaussian().prepare(LossFunction(net).center())
    draws = ProbeDraws(sampler, range(n_draws), torch.device("cpu"))
    plan = plan_blocks(net, X, y, n_draws=n_draws, vectorize=True)
    return (
        lambda: mean_losses(net, draws, X, y, plan),
        net.module_,
        torch.as_tensor(X),
        torch.as_tensor(y),
    )


def against_forwards(module, shape):
    ours, plain, X, _ = stage(module, shape, n_draws=4)
    return paired_ratio(ours, lambda: plain_forwards(plain, X), per_a=4)


def against_bmm(width, depth, shape):
    """Matrix products of the same shapes and nothing else."""
    ours, plain, X, _ = stage(perceptron(shape[1], width, depth), shape)
    factors = [
        torch.randn(N_DRAWS, layer.in_features, layer.out_features)
        for layer in plain
        if isinstance(layer, nn.Linear)
    ]

    def products():
        for x in X.split(1024):
            h = x.expand(N_DRAWS, *x.shape)
            for factor in factors:
                h = torch.bmm(h, factor)

    return paired_ratio(ours, products)


def slope(costs):
    """Of log cost against log amount, over the two largest of the amounts."""
    amounts, times = zip(*costs, strict=True)
    return float(np.diff(np.log(times[-2:]))[0] / np.diff(np.log(amounts[-2:]))[0])


def slopes():
    def cost(n_draws=64, n_samples=4096, width=128):
        ours, *_ = stage(perceptron(64, width, 2), (n_samples, 64), n_draws)
        return min(seconds(ours) for _ in range(3))

    n_weights = {w: 64 * w + w * w + 10 * w + 2 * w + 10 for w in (128, 256, 512)}
    return {
        "draws": slope([(n, cost(n_draws=n)) for n in (64, 128, 256)]),
        "samples": slope([(n, cost(n_samples=n)) for n in (4096, 8192, 16384)]),
        "parameters": slope([(n_weights[w], cost(width=w)) for w in n_weights]),
    }


MEMORY = """
import resource
import torch
torch.set_num_threads(1)
from tests.benchmarks.probe_stage import stage
from tests.benchmarks.nets import perceptron
small, *_ = stage(perceptron(784, 128, 2), (600, 784), 64)
small()
ours, *_ = stage(perceptron(784, 128, 2), (60_000, 784), 64)
made = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
ours()
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - made) / 1024)
"""


def memory():
    """Peak memory that the evaluation adds, in MB, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def rows():
    yield (
        "per draw, ConvNet 4×64, 512 × 3 × 32 × 32: ours / plain forwards",
        against_forwards(convolutional(64, 4), (512, 3, 32, 32)),
        "≤ 1.1",
    )
    yield (
        "per draw, MLP 2×64, 2 000 × 64: ours / torch.bmm",
        against_bmm(64, 2, (2000, 64)),
        "≤ 1.5",
    )
    yield (
        "per draw, MLP 4×128, 2 000 × 3 072: ours / torch.bmm",
        against_bmm(128, 4, (2000, 3072)),
        "≤ 1.5",
    )
    for name, value in slopes().items():
        yield f"log-log slope of the cost in {name}", value, "≤ 1.05"
    yield "MB above the data, 60 000 × 784, 64 draws, MLP", memory(), "≤ 500"
