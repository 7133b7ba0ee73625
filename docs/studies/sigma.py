"""
Which σ: does the neighborhood matter, and is it still a neighborhood of a trained net?

Three architectures on the digits, trained until they settle, at three sizes and in three repeats.
Around every center: Δ over Δ at the center itself, and the mean loss of the draws over the loss
of the best constant prediction, for the layer-relative isotropic Gaussian over σ, and for the
other probes.

    python docs/studies/sigma.py

writes docs/studies/results/sigma.json.
"""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import record
import torch
from sklearn.datasets import load_digits
from skorch import NeuralNetClassifier
from torch import Tensor, nn

from sufficiency._random import child_rng, child_seed
from sufficiency.curvature import hessian_operator
from sufficiency.deltas import monte_carlo_delta
from sufficiency.engine.loss_matrix import (
    BlockPlan,
    StackedWeights,
    can_vectorize,
    loss_matrix,
    mean_losses,
    plan_blocks,
)
from sufficiency.nets.constant_prediction import constant_loss
from sufficiency.nets.losses import LossFunction
from sufficiency.probes import (
    CurvatureSubspace,
    IsotropicGaussian,
    Probe,
    RandomSubspace,
    StudentT,
    UniformSphere,
)
from sufficiency.probes.base import prepare_probe
from sufficiency.probes.draws import ProbeDraws
from sufficiency.training.train_net import TrainedNet, train_net

SIGMAS = (0.05, 0.1, 0.2, 0.3, 0.5, 1.0)
SIZES = (100, 400, 1400)
REPEATS, DRAWS, CANDIDATES, STEPS, ROOT = 3, 32, 359, 1500, 0


class MLP(nn.Sequential):
    """Two hidden layers of 64 ReLU units."""

    def __init__(self) -> None:
        hidden = [nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU()]
        super().__init__(nn.Flatten(), *hidden, nn.Linear(64, 10))


class ConvNet(nn.Sequential):
    """Two convolutions with batch norm on the 8 × 8 images."""

    def __init__(self) -> None:
        first = [nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU()]
        second = [nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU()]
        super().__init__(*first, *second, nn.MaxPool2d(2), nn.Flatten(), nn.Linear(512, 10))


class Transformer(nn.Module):
    """Two encoder layers on the rows of the images, a sequence of 8."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.embedding = nn.Linear(8, width)
        self.positions = nn.Parameter(0.1 * torch.randn(8, width))
        layer = nn.TransformerEncoderLayer(width, 4, 2 * width, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(width, 10)

    def forward(self, X: Tensor) -> Tensor:
        """Logits of the mean over the sequence."""
        return self.head(self.encoder(self.embedding(X[:, 0]) + self.positions).mean(1))


@dataclass(frozen=True, eq=False)
class Center:
    """A trained net, its data, and how they are evaluated."""

    trained: TrainedNet
    train: tuple[npt.NDArray, npt.NDArray]
    unseen: tuple[npt.NDArray, npt.NDArray]
    plan: BlockPlan
    constant: float

    @property
    def net(self) -> NeuralNetClassifier:
        """The trained net."""
        return self.trained.net

    def losses(self, draws: ProbeDraws | StackedWeights) -> tuple[npt.NDArray, npt.NDArray]:
        """Mean training loss of every draw, and losses of every candidate at every draw."""
        return (
            mean_losses(self.net, draws, *self.train, self.plan),
            loss_matrix(self.net, draws, *self.unseen, self.plan),
        )


def centers(module: Callable[[], nn.Module]) -> Iterator[tuple[int, int, Center]]:
    """Repeat, size and trained center."""
    data = load_digits()
    X, y = (data.images[:, None] / 16).astype(np.float32), data.target.astype(np.int64)
    net = NeuralNetClassifier(
        module,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=1e-3,
        batch_size=64,
        iterator_train__shuffle=True,
    )
    for repeat in range(REPEATS):
        order = child_rng(ROOT, "order", repeat).permutation(len(y))
        unseen = X[order[-CANDIDATES:]], y[order[-CANDIDATES:]]
        for size in SIZES:
            train = X[order[:size]], y[order[:size]]
            seed = child_seed(ROOT, "training", repeat, size)
            trained = train_net(
                net, *train, None, center="last", min_steps=STEPS, seed=seed, n_classes=10
            )
            vectorize = can_vectorize(trained.net, X[:8], y[:8])
            plan = plan_blocks(trained.net, *train, n_draws=DRAWS, vectorize=vectorize)
            constant = constant_loss(trained.net, *unseen)
            yield repeat, size, Center(trained, train, unseen, plan, constant)


def at_center(center: Center, size: int) -> dict:
    """Losses at the center, and how settled it is."""
    weights = LossFunction(center.net).center()
    train, unseen = center.losses(StackedWeights({n: w[None] for n, w in weights.items()}))
    earlier = StackedWeights({n: w[None] for n, w in center.trained.earlier.items()})
    loop = BlockPlan(1, center.plan.samples, vectorize=False)
    before = mean_losses(center.net, earlier, *center.train, loop)
    rms = np.sqrt(np.mean((unseen - train) ** 2))
    return {
        "train_loss": float(train[0]),
        "unseen_loss": float(unseen.mean()),
        "accuracy": float(center.net.score(*center.unseen)),
        "drift_over_rms": float(abs(before - train)[0] / center.trained.tenths / rms),
        "delta_point": float(rms**2 / (size + 1) ** 2),
    }


def at_draws(center: Center, probe: Probe, repeat: int, size: int) -> dict:
    """Δ over Δ at the center, and losses of the draws over the constant prediction's."""
    weights = LossFunction(center.net).center()
    make_hessian = partial(hessian_operator, center.net, *center.train)
    seed = child_seed(ROOT, "directions", repeat, size)
    sampler = prepare_probe(probe, weights, make_hessian, seed)
    seeds = [child_seed(ROOT, "probe", repeat, size, t) for t in range(DRAWS)]
    draws = ProbeDraws(sampler, seeds, torch.device("cpu"))
    train, unseen = center.losses(draws)
    point = center.losses(StackedWeights({n: w[None] for n, w in weights.items()}))
    statistics = monte_carlo_delta(
        unseen, train, point[1][0], float(point[0][0]), size=size, order=2
    )
    return {
        "delta": statistics.delta,
        "ratio": statistics.delta / statistics.delta_point,
        "variance_share": statistics.delta_variance / statistics.delta,
        "train": float(train.mean() / center.constant),
        "unseen": float(unseen.mean() / center.constant),
        "draws_above": float((unseen.mean(1) > center.constant).mean()),
    }


def summary(rows: list[dict]) -> dict:
    """Over all cells of an architecture: sizes by repeats."""
    table = {key: np.array([row[key] for row in rows]).reshape(REPEATS, -1) for key in rows[0]}
    spread = table["delta"].std(axis=0, ddof=1) / table["delta"].mean(axis=0)
    return {
        "ratio_by_size": np.exp(np.log(table["ratio"]).mean(axis=0)).tolist(),
        "ratio_min": float(table["ratio"].min()),
        "ratio_max": float(table["ratio"].max()),
        "train_by_size": table["train"].mean(axis=0).tolist(),
        "unseen_by_size": table["unseen"].mean(axis=0).tolist(),
        "unseen_max": float(table["unseen"].max()),
        "draws_above_constant": float(table["draws_above"].mean()),
        "cells_above_constant": int((table["unseen"] > 1).sum()),
        "variance_share": float(table["variance_share"].mean()),
        "spread_over_repeats_by_size": spread.tolist(),
    }


def probes() -> dict[str, Probe]:
    """All that are measured, by name."""
    others = [RandomSubspace(), UniformSphere(), StudentT(), CurvatureSubspace()]
    others += [
        RandomSubspace(sigma=0.2),
        CurvatureSubspace(sigma=0.5),
        CurvatureSubspace(sigma=1.0),
    ]
    return {f"isotropic {s}": IsotropicGaussian(s) for s in SIGMAS} | {repr(p): p for p in others}


def study(module: Callable[[], nn.Module]) -> dict:
    """One architecture."""
    points, rows = [], {name: [] for name in probes()}
    for repeat, size, center in centers(module):
        points.append(at_center(center, size))
        for name, probe in probes().items():
            rows[name].append(at_draws(center, probe, repeat, size))
    table = {key: np.array([p[key] for p in points]).reshape(REPEATS, -1) for key in points[0]}
    spread = table["delta_point"].std(axis=0, ddof=1) / table["delta_point"].mean(axis=0)
    return {
        "centers": {key: values.mean(axis=0).tolist() for key, values in table.items()}
        | {"point_spread_over_repeats": spread.tolist()},
        "probes": {name: summary(cells) for name, cells in rows.items()},
    }


def main() -> None:
    """Measure and write."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    found = {
        "sizes": list(SIZES),
        "repeats": REPEATS,
        "draws": DRAWS,
        "candidates": CANDIDATES,
        "min_steps": STEPS,
        "architectures": {m.__name__: study(m) for m in (MLP, ConvNet, Transformer)},
    }
    print(record.write("sigma", "python docs/studies/sigma.py", found))


if __name__ == "__main__":
    main()
