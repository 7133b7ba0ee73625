"""
Distribution against point: how much Δ varies over seeds, at the center and around it.

Digits, the default perceptron and a small batch-norm convolution net, the estimator's own cells at
two sizes. Every seed has its own order of the data, candidates, initial weights and draws; then,
with the data of one seed, trainings that differ in initial weights, batches and draws only. At each
center Δ is measured for the point mass and for layer-relative Gaussians, of the same draws
stretched: 128 of them, and the default 32, which are the first of these.

    python docs/studies/point.py

writes docs/studies/results/point.json and docs/studies/figures/point.png, in about ten minutes on
one core.
"""

import warnings
from collections.abc import Callable
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
import record
import torch
from sklearn.datasets import load_digits
from skorch import NeuralNetClassifier
from torch import nn

from sufficiency import LandscapeSufficiencyEstimator
from sufficiency._random import child_seed
from sufficiency.cells.around_center import view_center
from sufficiency.cells.measure import increments_around
from sufficiency.fit.plan import plan_fit
from sufficiency.probes import IsotropicGaussian
from sufficiency.training.centers import centers

SIGMAS = (0.1, 0.2, 0.3, 0.5)
SIZES = (350, 1400)
SEEDS, DRAWS = 16, 128
Statistic = Callable[[npt.NDArray], npt.NDArray]


class BatchNormConv(nn.Sequential):
    """Two convolutions with batch norm on the 8 × 8 images."""

    def __init__(self) -> None:
        first = [nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2)]
        second = [nn.Conv2d(8, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2)]
        super().__init__(nn.Unflatten(1, (1, 8, 8)), *first, *second, nn.Flatten(),
                         nn.Linear(64, 10))  # fmt: skip


def conv_net() -> NeuralNetClassifier:
    """With the training recipe of the default net."""
    return NeuralNetClassifier(
        BatchNormConv,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=1e-3,
        batch_size=64,
        max_epochs=40,
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
    )


def measure(net: NeuralNetClassifier | None, seed: int, size: int, training: int) -> dict:
    """Δ of the point mass and of all σ around one center: the estimator's cell."""
    X, y = load_digits(return_X_y=True)
    est = LandscapeSufficiencyEstimator(
        net, sizes=list(SIZES), n_repeats=1, curve="theory", refit=False, random_state=seed
    )
    plan = plan_fit(est, (X / 16).astype(np.float32), y)
    [task] = [task for task in plan.tasks if task.size == size]
    unseen = plan.samples.take(task.split.candidates)
    # training 0 is the seed's own; what is drawn around a center goes with the training
    root = child_seed(plan.settings.root, "training", training)
    settings = replace(plan.settings, root=root)
    task = replace(task, settings=settings, seed=root)
    [(_, center)] = centers([task], plan.samples)
    view = view_center(task, center, unseen)

    def around(sigma: float, n_draws: int) -> float:
        probing = replace(settings, probe=IsotropicGaussian(sigma), n_draws=n_draws)
        around_it = replace(view, task=replace(task, settings=probing))
        return float(increments_around(around_it).by_candidate.mean())

    point = float(((view.point - view.numbers["train_loss"]) ** 2).mean() / (size + 1) ** 2)
    return {
        "delta": [point, *(around(s, DRAWS) for s in SIGMAS)],
        "delta_default_draws": [point, *(around(s, settings.n_draws) for s in SIGMAS)],
        "unseen_loss": view.numbers["unseen_loss"],
        "score": view.numbers["unseen_score"],
    }


def jackknife(statistic: Statistic, table: npt.NDArray) -> tuple[list, list]:
    """A statistic of the seeds (first axis) and its standard error."""
    n = len(table)
    left_out = np.array([statistic(np.delete(table, i, axis=0)) for i in range(n)])
    variance = (n - 1) / n * ((left_out - left_out.mean(axis=0)) ** 2).sum(axis=0)
    return statistic(table).tolist(), np.sqrt(variance).tolist()


def relative_deviation(deltas: npt.NDArray) -> npt.NDArray:
    """Standard deviation over mean, for every probe."""
    return deltas.std(axis=0, ddof=1) / deltas.mean(axis=0)


def against_point(deltas: npt.NDArray) -> npt.NDArray:
    """Relative deviation over that of the point mass, which the same centers have."""
    deviation = relative_deviation(deltas)
    return deviation / deviation[0]


def log_deviation(deltas: npt.NDArray) -> npt.NDArray:
    """Standard deviation of log Δ."""
    return np.log(deltas).std(axis=0, ddof=1)


def size_error(pairs: npt.NDArray) -> npt.NDArray:
    """
    What the variation means for an answer: sd(log Δ) at the larger size over the decay's slope.

    To first order the standard deviation of the log of the size at which a single training's Δ
    meets a threshold.
    """
    logs = np.log(pairs)
    slope = (logs[:, 0] - logs[:, 1]).mean(axis=0) / np.log(SIZES[1] / SIZES[0])
    return logs[:, 1].std(axis=0, ddof=1) / slope


def size_error_against_point(pairs: npt.NDArray) -> npt.NDArray:
    """The same over that of the point mass."""
    error = size_error(pairs)
    return error / error[0]


def summary(cells: list[dict]) -> dict:
    """Of one size, over seeds."""
    deltas = np.array([cell["delta"] for cell in cells])
    found = {
        "mean_delta": deltas.mean(axis=0).tolist(),
        "unseen_loss": float(np.mean([cell["unseen_loss"] for cell in cells])),
        "score": float(np.mean([cell["score"] for cell in cells])),
        "deltas": deltas.tolist(),
    }
    for statistic in (relative_deviation, against_point, log_deviation):
        value, error = jackknife(statistic, deltas)
        found |= {statistic.__name__: value, f"{statistic.__name__}_stderr": error}
    few = np.array([cell["delta_default_draws"] for cell in cells])
    value, error = jackknife(relative_deviation, few)
    return found | {"default_draws": value, "default_draws_stderr": error}


def study(net: NeuralNetClassifier | None) -> dict:
    """One net: all seeds at both sizes, then one data set with new trainings."""
    cells = {size: [measure(net, seed, size, 0) for seed in range(SEEDS)] for size in SIZES}
    pairs = np.array([[c["delta"] for c in cells[size]] for size in SIZES]).transpose(1, 0, 2)
    sizes = {}
    for statistic in (size_error, size_error_against_point):
        value, error = jackknife(statistic, pairs)
        sizes |= {statistic.__name__: value, f"{statistic.__name__}_stderr": error}
    same_data = [measure(net, 0, SIZES[1], training) for training in range(SEEDS)]
    return {
        "seeds": {str(size): summary(cells[size]) for size in SIZES},
        "same_data": {str(SIZES[1]): summary(same_data)},
        **sizes,
    }


def draw(found: dict) -> None:
    """Relative deviation over σ, and what it means for the size."""
    figure, axes = plt.subplots(1, 3, figsize=(7.0, 3.0), layout="constrained")
    x = np.array([0.0, *SIGMAS])
    largest = str(SIZES[1])
    for i, (name, part) in enumerate(found["nets"].items()):
        spread = "relative_deviation"
        curves = [(part["seeds"][largest], spread), (part["same_data"][largest], spread)]
        curves.append((part, "size_error"))
        for axis, (values, key) in zip(axes, curves, strict=True):
            axis.errorbar(x + 0.006 * i, values[key], values[f"{key}_stderr"], marker="os"[i],
                          markersize=4, linewidth=1, capsize=2, label=name)  # fmt: skip
    titles = ("all new", "same data", "error of log size")
    for axis, title in zip(axes, titles, strict=True):
        axis.set(title=title, xlabel="σ (0: point mass)", ylim=(0, None))
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("relative deviation of Δ")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2,
                  frameon=False)  # fmt: skip
    path = record.RESULTS.parent / "figures" / "point.png"
    figure.savefig(path, dpi=160, metadata={"Software": None})
    print(path)


def main() -> None:
    """Measure, write and draw."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    nets = {"default perceptron": None, "batch-norm convolutions": conv_net()}
    found = {
        "sigmas": [0.0, *SIGMAS],
        "sizes": list(SIZES),
        "seeds": SEEDS,
        "draws": DRAWS,
        "nets": {name: study(net) for name, net in nets.items()},
    }
    print(record.write("point", "python docs/studies/point.py", found))
    draw(found)


if __name__ == "__main__":
    main()
