"""
How far `estimate_cost` is off: predicted and real duration and memory of fits of three nets.

Fits are the default ones, with two repeats. Every run has a process of its own, in which the
prediction and, at once, the fit are timed. On a machine with other work both vary, so runs are
paired and their ratios' medians reported.

    python docs/studies/cost.py

writes docs/studies/results/cost.json.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
import warnings

import numpy as np
import record
import torch
from sklearn.datasets import load_digits
from skorch import NeuralNetClassifier
from torch import nn

from sufficiency import LandscapeSufficiencyEstimator


class ConvNet(nn.Module):
    """Two convolutions and a linear layer on 8 by 8 images."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(64, 10),
        )

    def forward(self, X):
        """Logits, (n, 10)."""
        return self.layers(X)


def skorch_net(module):
    """The settings of the default net around a module."""
    return NeuralNetClassifier(
        module,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=1e-3,
        batch_size=64,
        max_epochs=40,
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
    )


def wide():
    """A perceptron of two layers of 256 units."""
    return nn.Sequential(
        nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10)
    )


NETS = {
    "default perceptron (64 units)": lambda: None,
    "wide perceptron (256 units)": lambda: skorch_net(wide()),
    "convolutional": lambda: skorch_net(ConvNet),
}


def run_once(name: str, n_samples: int | None = None, **settings) -> dict:
    """Predict and fit, in this process."""
    X, y = load_digits(return_X_y=True)
    X, y = X[:n_samples].astype(np.float32) / 16, y[:n_samples]
    if name == "convolutional":
        X = X.reshape(-1, 1, 8, 8)
    est = LandscapeSufficiencyEstimator(NETS[name](), n_repeats=2, random_state=0, **settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        predicted = est.estimate_cost(X, y)
        start = time.perf_counter()
        est.fit(X, y)
        seconds = time.perf_counter() - start
    unit = 1 if sys.platform == "darwin" else 1024
    return {
        "predicted_seconds": predicted.seconds,
        "seconds": seconds,
        "predicted_bytes": predicted.peak_bytes,
        "bytes": unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
    }


def main() -> None:
    """Run all, or the one that was asked for, and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--once", choices=NETS, help="one run, printed")
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.once:
        print(json.dumps(run_once(arguments.once)))
        return
    runs = {name: [] for name in NETS}
    for done_before in range(arguments.runs):
        for name in NETS:
            done = subprocess.run(
                [sys.executable, __file__, "--once", name],
                check=True,
                capture_output=True,
                text=True,
            )
            runs[name].append(json.loads(done.stdout))
            print(name, runs[name][-1], flush=True)
        print(record.write("cost", command(done_before + 1), {"nets": summary(runs)}))


def command(runs: int) -> str:
    """Line that makes the results."""
    return f"python docs/studies/cost.py --runs {runs}"


def summary(runs: dict[str, list[dict]]) -> dict:
    """Medians over the runs of each net."""
    study = {}
    for name, found in runs.items():
        seconds = [run["predicted_seconds"] / run["seconds"] for run in found]
        memory = [run["predicted_bytes"] / run["bytes"] for run in found]
        study[name] = {
            "seconds_ratio": float(np.median(seconds)),
            "seconds_ratio_range": [min(seconds), max(seconds)],
            "bytes_ratio": float(np.median(memory)),
            "seconds": float(np.median([run["seconds"] for run in found])),
            "bytes": float(np.median([run["bytes"] for run in found])),
            "runs": found,
        }
    return study


if __name__ == "__main__":
    main()
