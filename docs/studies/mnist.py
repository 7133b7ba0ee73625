"""
The paper's claims about Δ on MNIST at full size: its perceptrons, and small convolutional nets.

A ladder from 100 to 60 000 images, four repeats, the 10 000 test images unseen. `make data` gets
the images. The whole takes about two hours of two cores; every part that is done is kept, and a
second call goes on.

    python docs/studies/mnist.py

writes docs/studies/results/mnist.json.
"""

import argparse
import json
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import record
import torch
from findings_delta import spread, thresholds
from skorch import NeuralNet

from sufficiency import LandscapeSufficiencyEstimator, SufficiencyResult
from sufficiency.datasets import load_mnist
from sufficiency.models import convnet_classifier, mlp_classifier

SIZES = (100, 220, 500, 1100, 2500, 5500, 12_000, 27_000, 60_000)
REPEATS, STEPS, EPOCHS, DRAWS, CANDIDATES = 4, 1000, 10, 16, 4000
SIGMAS = (0.02, 0.05, 0.1, 0.4)  # beside the default, 0.2
TABLES = ("delta", "stderr", "delta_point", "unseen_loss", "unseen_score", "train_loss",
          "loss_drift", "top1pct_share", "fit_seconds", "probe_seconds")  # fmt: skip
BOTH = {"module__batch_norm": True, "module__dropout": 0.2}


@dataclass(frozen=True)
class Part:
    """One net with one kind of center."""

    net: Callable[[], NeuralNet]
    center: str = "last"
    sizes: tuple[int, ...] = SIZES
    settings: dict[str, Any] = field(default_factory=dict)


def perceptron(**params: Any) -> NeuralNet:
    """The paper's: four hidden layers of 128 units, Adam at 3e-4, batches of 64."""
    return mlp_classifier(784, 10, max_epochs=EPOCHS, **params)


def convolutional(channels: int) -> NeuralNet:
    """Two layers of it, on 28 × 28 pixels."""
    module = {"module__image_size": 28, "module__channels": channels, "module__depth": 2}
    return convnet_classifier(1, 10, max_epochs=EPOCHS // 2, **module)


def best(params: dict[str, Any]) -> Part:
    """
    At the validation-optimal weights, a tenth of the images being for validation.

    A pass over them after each of 500 epochs makes 100 images the most expensive size; with batch
    norm, the ladder starts at 500.
    """
    smaller = SIZES[2:-1] if params.get("module__batch_norm") else SIZES[:-1]
    return Part(lambda: perceptron(**params), "best", (*smaller, 54_000))


PERCEPTRONS = {
    "MLP": {},
    "MLP batch norm": {"module__batch_norm": True},
    "MLP dropout": {"module__dropout": 0.2},
    "MLP batch norm + dropout": BOTH,
}
SHAPES = {
    "MLP 2 layers": {"module__depth": 2},
    "MLP 6 layers": {"module__depth": 6},
    "MLP 32 units": {"module__width": 32},
}
PARTS = {
    **{name: Part(lambda p=params: perceptron(**p)) for name, params in PERCEPTRONS.items()},
    **{f"{name}, best": best(params) for name, params in PERCEPTRONS.items()},
    **{name: Part(lambda p=params: perceptron(**p)) for name, params in SHAPES.items()},
    "conv 8 channels": Part(lambda: convolutional(8)),
    "conv 16 channels": Part(lambda: convolutional(16)),
    **{f"MLP, sigma {sigma}": Part(perceptron, settings={"sigma": sigma}) for sigma in SIGMAS},
}


def measure(part: Part, store: Path) -> SufficiencyResult:
    """One ladder."""
    X, y = load_mnist()
    X_unseen, y_unseen = load_mnist(train=False)
    defaults = {
        "sizes": list(part.sizes),
        "n_repeats": REPEATS,
        "n_draws": DRAWS,
        "min_steps": STEPS,
        "center": part.center,
        "refit": False,
        "store": store,
        "random_state": 0,
    }
    est = LandscapeSufficiencyEstimator(part.net(), **(defaults | part.settings))
    chosen = np.random.default_rng(0).choice(len(y_unseen), CANDIDATES, replace=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return est.fit(X, y, X_unseen=X_unseen[chosen], y_unseen=y_unseen[chosen]).result_


def exponents(kappa: np.ndarray, deltas: np.ndarray) -> dict:
    """−d log Δ/d log κ of every repeat: over all sizes, by decade of k, between neighbors."""
    x, logs = np.log(kappa), np.log(deltas)

    def fitted(kept: np.ndarray) -> dict:
        return spread([float(-np.polyfit(x[kept], row[kept], 1)[0]) for row in logs])

    decades = {f"{low:g}": (kappa > low) & (kappa <= 10.5 * low) for low in (1e2, 1e3, 1e4)}
    return {
        "all": fitted(kappa > 0),
        "decades": {name: fitted(kept) for name, kept in decades.items() if kept.sum() > 1},
        "local": [
            spread((-np.diff(logs)[:, i] / np.diff(x)[i]).tolist()) for i in range(len(x) - 1)
        ],
    }


def summary(part: Part, result: SufficiencyResult, seconds: float) -> dict:
    """What is kept of a ladder."""
    tables = {name: result.table(name) for name in TABLES}
    kappa = result.sizes + 1.0
    scaled = tables["delta"] * kappa**2
    return {
        "center": part.center,
        "sizes": result.sizes.tolist(),
        "seconds": seconds,
        "constant_loss": result.constant_loss,
        "training": result.settings["training"],
        "numerator": scaled.mean(axis=0).tolist(),
        "numerator_stderr": (scaled.std(axis=0, ddof=1) / np.sqrt(REPEATS)).tolist(),
        "exponent": exponents(kappa, tables["delta"]),
        "exponent_point": exponents(kappa, tables["delta_point"]),
        "spread_of_log": {
            name: np.log(tables[name]).std(axis=0, ddof=1).tolist()
            for name in ("delta", "delta_point")
        },
        "family": result.curve.family,
        "thresholds": thresholds([result]),
        "tables": {name: table.tolist() for name, table in tables.items()},
    }


def finished() -> dict:
    """Parts that are written."""
    path = record.RESULTS / "mnist.json"
    return json.loads(path.read_text())["parts"] if path.exists() else {}


def main() -> None:
    """Measure what is not there yet, and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", type=Path, default=Path("mnist-store"))
    parser.add_argument("--part", action="append", choices=PARTS, help="only this one")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for name in arguments.part or PARTS:
        if name in finished():
            continue
        start = time.perf_counter()
        result = measure(PARTS[name], arguments.store)
        part = summary(PARTS[name], result, time.perf_counter() - start)
        ladder = {"repeats": REPEATS, "steps": STEPS, "draws": DRAWS, "candidates": CANDIDATES}
        parts = finished() | {name: part}  # read again: several parts may be measured side by side
        record.write("mnist", "python docs/studies/mnist.py", {**ladder, "parts": parts})
        print(f"{name}: {part['seconds']:.0f} s", flush=True)


if __name__ == "__main__":
    main()
