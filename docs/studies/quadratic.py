"""
Closed forms against Monte Carlo: where the quadratic model and the curvature subspace hold.

Three small nets on handwritten digits, in double precision. For every scale σ of an isotropic
Gaussian: Δ of the true loss in the full space and in the span of the top D eigenvectors of the
Hessian, and the same of the quadratic model in closed form. At one σ inside the valid region, error
and duration of every method against a reference of many draws.

    python docs/studies/quadratic.py

writes docs/studies/results/quadratic.json.
"""

import argparse
import time
from dataclasses import dataclass

import numpy as np
import record
import torch
from sklearn.datasets import load_digits
from skorch import NeuralNetClassifier
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from sufficiency._random import child_seed
from sufficiency.curvature import (
    hessian_operator,
    max_gradient_norm,
    max_hessian_norm,
    max_loss,
    quadratic_validation,
    top_eigenpairs,
)
from sufficiency.curvature.derivatives import LossDerivatives
from sufficiency.deltas import (
    gaussian_moment_delta,
    monte_carlo_delta,
    quadratic_monte_carlo_delta,
)
from sufficiency.engine.blocks import plan_blocks
from sufficiency.engine.loss_matrix import StackedWeights, loss_matrix, mean_losses
from sufficiency.nets.losses import LossFunction
from sufficiency.probes import (
    CurvatureSubspace,
    GaussianSampler,
    IsotropicGaussian,
)
from sufficiency.probes.draws import ProbeDraws
from sufficiency.theory import bound, theorem1_bound
from sufficiency.training.train_net import train_net

SIZE, N_CANDIDATES, STEPS = 500, 200, 600
SIGMAS = [1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1]
LAYER_SIGMAS = [0.003, 0.01, 0.03, 0.05, 0.1, 0.2, 0.3, 0.5]
DIMS = [1, 10, 50]


class Perceptron(nn.Module):
    """Two layers."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 10))

    def forward(self, X):
        """Logits."""
        return self.layers(X)


class BatchNormConv(nn.Module):
    """A convolution with batch norm."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.AvgPool2d(2),
            nn.Flatten(),
            nn.Linear(128, 10),
        )

    def forward(self, X):
        """Logits."""
        return self.layers(X.reshape(-1, 1, 8, 8))


class Transformer(nn.Module):
    """The rows of an image as tokens, one encoder layer."""

    def __init__(self, width=16):
        super().__init__()
        self.embed = nn.Linear(8, width)
        self.position = nn.Embedding(8, width)
        layer = nn.TransformerEncoderLayer(
            width, 2, 32, dropout=0.0, activation="gelu", batch_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.head = nn.Linear(width, 10)

    def forward(self, X):
        """Logits."""
        tokens = self.embed(X.reshape(-1, 8, 8)) + self.position.weight
        return self.head(self.encoder(tokens).mean(1))


@dataclass(frozen=True, eq=False)
class Problem:
    """A trained net, its samples and unseen candidates."""

    net: NeuralNetClassifier
    data: tuple

    def center(self):
        """Weights by name."""
        return LossFunction(self.net).center()

    def true(self, sampler, n_draws):
        """Monte Carlo Δ of the true loss, and its standard error over the draws."""
        X, y, X_new, y_new = self.data
        draws = drawn(sampler, n_draws)
        plan = plan_blocks(self.net, X, y, n_draws=n_draws, vectorize=True)
        center = StackedWeights({n: w[None] for n, w in self.center().items()})
        candidates = loss_matrix(self.net, draws, X_new, y_new, plan)
        train = mean_losses(self.net, draws, X, y, plan)
        point = loss_matrix(self.net, center, X_new, y_new, plan)[0]
        base = float(mean_losses(self.net, center, X, y, plan)[0])
        found = monte_carlo_delta(candidates, train, point, base, size=len(X), order=2)
        rows = ((candidates - train[:, None]) ** 2).mean(1) / (len(X) + 1) ** 2
        return found, float(rows.std(ddof=1) / n_draws**0.5)


def make(module, seed=0):
    """Train on the first samples of a random order of the digits."""
    X, y = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(X))[: SIZE + N_CANDIDATES]
    X, y = X[order] / 16, y[order].astype(np.int64)
    net = NeuralNetClassifier(
        module,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=0.003,
        batch_size=64,
        max_epochs=1,
        train_split=None,
        verbose=0,
    )
    torch.set_default_dtype(torch.float64)
    net = train_net(
        net, X[:SIZE], y[:SIZE], None, center="last", min_steps=STEPS, seed=seed, n_classes=10,
        verbose=0,
    ).net  # fmt: skip
    torch.set_default_dtype(torch.float32)
    return Problem(net, (X[:SIZE], y[:SIZE], X[SIZE:], y[SIZE:]))


def drawn(sampler, n_draws):
    """Draws with hashed seeds: the generator's streams of 0, 1, 2, … are slightly correlated."""
    seeds = [child_seed(0, "probe", 0, SIZE, t) for t in range(n_draws)]
    return ProbeDraws(sampler, seeds, torch.device("cpu"))


def subspace(problem, vectors, sigma):
    """Sampler of w* + σUz."""
    center = problem.center()
    sizes = [w.numel() for w in center.values()]
    parts = torch.as_tensor(sigma * vectors.T.copy()).split(sizes, dim=1)
    rows = {n: p.reshape(-1, *w.shape) for (n, w), p in zip(center.items(), parts, strict=True)}
    return GaussianSampler(center, factor=rows)


def pattern(problem, pairs, constants, n_draws):
    """Δ over σ: full space and subspaces, true and quadratic, and the bounds."""
    rows = []
    n = len(pairs.vectors)
    for sigma in SIGMAS:
        sampler = IsotropicGaussian(sigma, "absolute").prepare(problem.center())
        true, stderr = problem.true(sampler, n_draws)
        closed = gaussian_moment_delta(problem.net, *problem.data, sampler)
        row = {
            "sigma": sigma,
            "true": true.delta,
            "true_stderr": stderr,
            "quadratic": closed.statistics.delta,
            "quadratic_stderr": closed.trace_stderr,
            "point": true.delta_point,
            "bound": float(bound(SIZE, sigma=sigma, dim=n, **constants)),
            "theorem1": float(
                theorem1_bound(SIZE, sigma=sigma, dim=n, hessian_norm=constants["hessian_norm"])
            ),
        }
        for dim in DIMS:
            part = subspace(problem, pairs.vectors[:, :dim], sigma)
            row[f"true_{dim}"] = problem.true(part, n_draws)[0].delta
            row[f"quadratic_{dim}"] = gaussian_moment_delta(
                problem.net, *problem.data, part
            ).statistics.delta
        rows.append(row)
    return rows


def methods(problem, sigma, n_reference):
    """Error and duration of every method at one layer-relative σ."""
    probe = IsotropicGaussian(sigma)
    sampler = probe.prepare(problem.center())
    reference, reference_stderr = problem.true(sampler, n_reference)
    net, data = problem.net, problem.data
    rows = []

    def add(name, function):
        start = time.perf_counter()
        delta, stderr = function()
        seconds = time.perf_counter() - start
        rows.append(
            {
                "method": name,
                "delta": delta,
                "stderr": stderr,
                "relative_error": delta / reference.delta - 1,
                "seconds": seconds,
            }
        )

    def closed(n_probes):
        found = gaussian_moment_delta(net, *data, sampler, n_probes=n_probes)
        return found.statistics.delta, found.trace_stderr

    def monte_carlo(n_draws):
        found, stderr = problem.true(sampler, n_draws)
        return found.delta, stderr

    def model(n_draws):
        weights = drawn(sampler, n_draws).block(0, n_draws)
        return quadratic_monte_carlo_delta(net, *data, weights).delta, float("nan")

    add("point mass", lambda: (reference.delta_point, 0.0))
    add("monte_carlo, 32 draws", lambda: monte_carlo(32))
    add("gaussian_moment, 8 vectors", lambda: closed(8))
    add("gaussian_moment, 32 vectors", lambda: closed(32))
    add("quadratic Monte Carlo, 32 draws", lambda: model(32))

    def eigenspace():
        hessian = hessian_operator(net, *data[:2])
        part = CurvatureSubspace(10, sigma).prepare(problem.center(), hessian)
        return gaussian_moment_delta(net, *data, part).statistics.delta, 0.0

    add("gaussian_moment, 10 eigenvectors and finding them", eigenspace)
    return {
        "sigma": sigma,
        "reference": reference.delta,
        "reference_stderr": reference_stderr,
        "rows": rows,
    }


def study(module, n_draws, n_reference):
    """Everything about one net."""
    problem = make(module)
    net, data = problem.net, problem.data
    X, y, X_new, y_new = data
    start = time.perf_counter()
    pairs = top_eigenpairs(hessian_operator(net, X, y), max(DIMS))
    seconds = time.perf_counter() - start
    both = np.concatenate([X, X_new]), np.concatenate([y, y_new])
    losses = constants_of(problem, both)
    found = quadratic_validation(net, *data, LAYER_SIGMAS)
    usable = found.largest_valid if np.isfinite(found.largest_valid) else LAYER_SIGMAS[0]
    return {
        "n_parameters": len(pairs.vectors),
        "train_loss": losses.pop("train_loss"),
        "eigenvalues": pairs.values[:10].tolist(),
        "largest_residual": float(pairs.residuals.max()),
        "eigen_seconds": seconds,
        "constants": losses,
        "validation": {
            "sigmas": found.sigmas.tolist(),
            "relative_error": found.relative_error.tolist(),
            "stderr": found.stderr.tolist(),
            "delta_ratio": found.delta_ratio.tolist(),
            "largest_valid": found.largest_valid,
        },
        "pattern": pattern(problem, pairs, losses, n_draws),
        "methods": methods(problem, usable, n_reference),
    }


def constants_of(problem, both):
    """M_ℓ, M_g and M_H of all samples, and the training loss."""
    net = problem.net
    return {
        "max_loss": max_loss(net, *both).value,
        "gradient_norm": max_gradient_norm(net, *both).value,
        "hessian_norm": max_hessian_norm(net, *both, n_samples=None).value,
        "train_loss": LossDerivatives(net, *problem.data[:2]).mean()[0],
    }


def main():
    """Write the record."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[1])
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--reference", type=int, default=2000)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    # the fused encoder layer has no batching rule
    torch.backends.mha.set_fastpath_enabled(False)
    nets = {"MLP": Perceptron, "batch-norm conv": BatchNormConv, "transformer": Transformer}
    figures = {
        "size": SIZE,
        "n_candidates": N_CANDIDATES,
        "draws": arguments.draws,
        "reference_draws": arguments.reference,
        "nets": {},
    }
    for name, module in nets.items():
        # the fused attention kernel has no batching rule
        with sdpa_kernel(SDPBackend.MATH):
            figures["nets"][name] = study(module, arguments.draws, arguments.reference)
        print(name, "done", flush=True)
    print(record.write("quadratic", "python docs/studies/quadratic.py", figures))


if __name__ == "__main__":
    main()
