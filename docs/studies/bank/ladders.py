"""One ladder of the bank: which net, which sizes, and what is kept of the measurements."""

import json
import time
import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from skorch import NeuralNet, NeuralNetClassifier
from tables import TABLES
from torch import nn

from sufficiency import LandscapeSufficiencyEstimator
from sufficiency.nets.default_net import default_net

COLUMNS = ("delta", "stderr", "unseen_loss", "unseen_score", "loss_drift")
# Sizes start here, or at five samples of a class.
SMALLEST = 20


class Convolutions(nn.Sequential):
    """Three convolutions of stride 2 on signals or images of one channel."""

    def __init__(self, shape: tuple[int, ...], n_outputs: int, channels: int = 8) -> None:
        kind = (nn.Conv1d, nn.Conv2d)[len(shape) - 1]
        layers: list[nn.Module] = []
        for i in range(3):
            layers += [kind(channels if i else 1, channels, 3, stride=2, padding=1), nn.ReLU()]
        points = int(np.prod([-(-length // 8) for length in shape]))
        super().__init__(*layers, nn.Flatten(), nn.Linear(channels * points, n_outputs))


def make_net(name: str, X: npt.NDArray, y: npt.NDArray) -> NeuralNet:
    """The default net with 64 or 16 units and half the epochs, or a small convolutional one."""
    if name == "convolutional":
        return NeuralNetClassifier(
            Convolutions,
            module__shape=X.shape[2:],
            module__n_outputs=int(y.max()) + 1,
            criterion=nn.CrossEntropyLoss,
            optimizer=torch.optim.AdamW,
            lr=3e-3,
            batch_size=64,
            max_epochs=20,
            iterator_train__shuffle=True,
            train_split=None,
            verbose=0,
        )
    net = default_net(X, y)
    return net.set_params(module__width=16, max_epochs=20) if name == "perceptron 16" else net


def sizes_of(y: npt.NDArray, *, classes: bool) -> list[int]:
    """From all that a net can be trained on downwards, each 1/√2 of the last."""
    largest = len(y) - min(1000, len(y) // 5)
    fewest = max(SMALLEST, 5 * int(y.max() + 1)) if classes else SMALLEST
    found = [largest]
    while found[-1] / np.sqrt(2) >= fewest:
        found.append(round(largest / np.sqrt(2) ** len(found)))
    return found[::-1]


def measure(position: int, name: str, folder: Path, seed: int = 0) -> dict:
    """The ladder of a table by its position, or what the folder holds of it."""
    table = TABLES[position]
    path = folder / "ladders" / f"{table.name}, {name}.json"
    if path.exists():
        return json.loads(path.read_text())
    torch.set_num_threads(1)
    X, y = table.samples(folder)
    start = time.perf_counter()
    est = LandscapeSufficiencyEstimator(
        make_net(name, X, y),
        sizes=sizes_of(y, classes=table.classes),
        refit=False,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = est.fit(X, y).result_
    found = {
        "table": table.name,
        "net": name,
        "classes": table.classes,
        "constant_loss": result.constant_loss,
        "n_samples": len(y),
        "n_candidates": result.n_candidates,
        "disjoint": result.disjoint_candidates,
        "sizes": result.sizes.tolist(),
        "seconds": time.perf_counter() - start,
        **{column: result.table(column).tolist() for column in COLUMNS},
    }
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(found))
    last = {column: float(result.table(column)[:, -1].mean()) for column in COLUMNS}
    print(f"{table.name}, {name}: {found['seconds']:.0f} s, {len(result.sizes)} sizes to "
          f"{result.sizes[-1]}, {last}", flush=True)  # fmt: skip
    return found
