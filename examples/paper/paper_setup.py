"""What the scripts of this folder share: data, trainings, and comparisons over seeds."""

import argparse
import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback
from skorch.dataset import Dataset
from skorch.helper import predefined_split

from sufficiency.datasets import load_cifar10, load_digits, make_mnist1d
from sufficiency.landscape import LandscapeSlice, width_measures
from sufficiency.plotting import LandscapeComparisonDisplay

# The three nets of figures 2, 3, 7 and 8. The paper names no dropout rate.
VARIANTS = {
    "dropout + batch norm": {"module__batch_norm": True, "module__dropout": 0.2},
    "batch norm": {"module__batch_norm": True},
    "neither": {},
}


@dataclass(frozen=True)
class Data:
    """Samples to train on, and others that choose the epoch."""

    X: npt.NDArray[np.float32]
    y: npt.NDArray[np.int64]
    X_valid: npt.NDArray[np.float32]
    y_valid: npt.NDArray[np.int64]


def split(X: npt.NDArray, y: npt.NDArray, n_train: int, n_valid: int, seed: int) -> Data:
    """Two random parts."""
    order = np.random.default_rng(seed).permutation(len(y))
    train, valid = order[:n_train], order[n_train : n_train + n_valid]
    return Data(X[train], y[train], X[valid], y[valid])


def noisy_digits(seed: int) -> Data:
    """
    1 000 + 500 digits of 8 × 8 pixels with so much noise that nets overfit, as on CIFAR-10.

    Without it the validation loss falls to the end, and the best epoch is the last.
    """
    X, y = load_digits()
    noise = np.random.default_rng(seed).standard_normal(X.shape, dtype=np.float32)
    return split(X + 0.6 * noise, y, 1000, 500, seed)


def mnist1d(seed: int) -> Data:
    """2 000 + 1 000 curves of 40 points, new ones for every seed."""
    return split(*make_mnist1d(3000, random_state=seed), 2000, 1000, seed)


def cifar10(root: str, seed: int) -> Data:
    """The paper's images, a tenth of which choose the epoch."""
    return split(*load_cifar10(root), 45_000, 5_000, seed)


class BestEpoch(Callback):
    """Keeps the weights of the lowest validation loss."""

    def on_epoch_end(self, net: NeuralNet, **kwargs: Any) -> None:
        """Copy them where they are new."""
        if net.history[-1, "valid_loss_best"]:
            self.epoch, self.state = len(net.history), copy.deepcopy(net.module_.state_dict())


def train(net: NeuralNet, data: Data, seed: int) -> dict[str, NeuralNet]:
    """Train a net, and return it with the weights of its last epoch and with those of its best."""
    torch.manual_seed(seed)
    best = BestEpoch()
    validation = predefined_split(Dataset(data.X_valid, data.y_valid))
    net.set_params(train_split=validation, callbacks=[("best", best)])
    net.fit(data.X, data.y)
    centers = {"last": net, "best": copy.deepcopy(net)}
    centers["best"].module_.load_state_dict(best.state)
    return centers


def misfit(plane: LandscapeSlice) -> float:
    """Share of a plane's variance that no quadratic in α and β explains; 0 for a parabola."""
    a, b = (grid.ravel() for grid in np.meshgrid(plane.alphas, plane.betas, indexing="ij"))
    losses = plane.losses.ravel()
    quadratic = np.stack([np.ones_like(a), a, b, a * a, a * b, b * b], axis=1)
    rest = losses - quadratic @ np.linalg.lstsq(quadratic, losses, rcond=None)[0]
    return float(rest.var() / losses.var())


def train_variants(
    make_net: Callable[..., NeuralNet],
    get_data: Callable[[int], Data],
    seeds: Iterable[int],
    n_directions: int,
) -> tuple[dict[str, dict[str, list[float]]], dict[str, dict[str, NeuralNet]]]:
    """
    Rise of the loss at a relative distance of 0.1, around last and best weights of all variants.

    By center and variant: one rise for every seed, and the net of the first seed.
    """
    rises = {center: {name: [] for name in VARIANTS} for center in ("last", "best")}
    first = {center: {} for center in rises}
    for seed in seeds:
        data = get_data(seed)
        for name, options in VARIANTS.items():
            for center, net in train(make_net(**options), data, seed).items():
                measured = width_measures(
                    net, data.X, data.y, n_directions=n_directions, curvature=False
                )
                rises[center][name].append(measured.rise)
                first[center].setdefault(name, net)
    return rises, first


def draw_variants(
    nets: Mapping[str, NeuralNet], data: Data, n_samples: int, title: str
) -> LandscapeComparisonDisplay:
    """
    Their landscapes side by side, with directions of the norm of each net's own weights.

    Batch norm makes the loss independent of the scale of the weights before it, so that an absolute
    distance would say nothing.
    """
    display = LandscapeComparisonDisplay.from_estimators(
        nets,
        data.X,
        data.y,
        norm="relative",
        size=n_samples,
        grid=np.linspace(-0.5, 0.5, 15),
        log=True,
    )
    display.figure_.suptitle(title)
    return display


def compare_variants(rises: Mapping[str, list[float]]) -> dict[str, tuple[float, float]]:
    """Logarithms of the ratios of rises, with their standard errors."""
    pairs = [
        ("batch norm", "neither"),
        ("dropout + batch norm", "batch norm"),
        ("dropout + batch norm", "neither"),
    ]
    return {f"{a} / {b}": log_ratio(rises[a], rises[b]) for a, b in pairs}


def mean_and_stderr(values: npt.ArrayLike) -> tuple[float, float]:
    """Over seeds."""
    values = np.asarray(values, dtype=np.float64)
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))


def log_ratio(a: npt.ArrayLike, b: npt.ArrayLike) -> tuple[float, float]:
    """Mean of log(a/b) over seeds, which are pairs: the same data for both; and its s.e."""
    return mean_and_stderr(np.log(np.asarray(a)) - np.log(np.asarray(b)))


def print_ratios(title: str, ratios: Mapping[str, tuple[float, float]]) -> None:
    """Geometric means of ratios, with a range of one standard error."""
    print(title)
    for name, (mean, stderr) in ratios.items():
        low, middle, high = np.exp([mean - stderr, mean, mean + stderr])
        print(f"  {name}: {middle:.2f} ({low:.2f} to {high:.2f})")


def command_line() -> argparse.Namespace:
    """``--full`` and ``--root``; what is not known, such as Sphinx's own, is let through."""
    parser = argparse.ArgumentParser(description="Figures of the paper")
    parser.add_argument("--full", action="store_true", help="CIFAR-10 on a GPU, as in the paper")
    parser.add_argument("--root", help="folder with CIFAR-10, for --full")
    parser.add_argument("--output", help="folder to write the figures to")
    return parser.parse_known_args()[0]


def save_figures(folder: str | None) -> None:
    """All open figures, for those who run a script without Sphinx."""
    import sys
    from pathlib import Path

    import matplotlib.pyplot as plt

    if folder is None:
        return
    Path(folder).mkdir(parents=True, exist_ok=True)
    for number in plt.get_fignums():
        path = Path(folder) / f"{Path(sys.argv[0]).stem}_{number}.png"
        plt.figure(number).savefig(path, dpi=110)
        print(f"The figure is in {path}.")
