"""
Nets that people use, on 2 000 images of MNIST: what a whole fit takes, and what it answers.

A ResNet-18 and a small vision transformer of torchvision, an LSTM over the rows of an image, and a
last layer that is trained on frozen random features. `make data` gets the images.

    python docs/studies/familiar_nets.py

writes docs/studies/results/familiar_nets.json; most of the time goes into the ResNet. Names of
nets, or ``heads``, measure only these.
"""

import argparse
import json
import time
import warnings
from typing import Any

import numpy as np
import record
import torch
import torchvision
from skorch import NeuralNetClassifier
from torch import Tensor, nn

from sufficiency import LandscapeSufficiencyEstimator
from sufficiency.datasets import load_mnist
from sufficiency.probes import IsotropicGaussian

N_SAMPLES, SIZES, REPEATS, DRAWS, CANDIDATES = 2000, [400, 800, 1600], 2, 4, 200
SIGMAS = (0.01, 0.05, 0.2)
SHARE = 1e-2  # of the unseen loss: the threshold


class SmallResNet(nn.Module):
    """ResNet-18 for small gray images: a first convolution of stride 1, and no pooling after it."""

    def __init__(self) -> None:
        super().__init__()
        self.net = torchvision.models.resnet18(num_classes=10)
        self.net.conv1 = nn.Conv2d(1, 64, 3, padding=1, bias=False)
        self.net.maxpool = nn.Identity()

    def forward(self, X: Tensor) -> Tensor:
        """Logits."""
        return self.net(X)


class SmallViT(nn.Module):
    """Vision transformer of four layers on 4 × 4 patches of 7 × 7 pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.net = torchvision.models.VisionTransformer(
            image_size=28, patch_size=7, num_layers=4, num_heads=4, hidden_dim=64, mlp_dim=128,
            num_classes=10,
        )  # fmt: skip
        self.net.conv_proj = nn.Conv2d(1, 64, kernel_size=7, stride=7)

    def forward(self, X: Tensor) -> Tensor:
        """Logits."""
        return self.net(X)


class Rows(nn.Module):
    """LSTM that reads an image row by row."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(28, 64, batch_first=True)
        self.head = nn.Linear(64, 10)

    def forward(self, X: Tensor) -> Tensor:
        """Logits."""
        states, _ = self.lstm(X.squeeze(1))
        return self.head(states[:, -1])


class FrozenFeatures(nn.Module):
    """A linear layer on random features that stay as they are drawn."""

    def __init__(self, frozen: bool = True) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Flatten(), nn.Linear(784, 512), nn.ReLU())
        self.features.requires_grad_(not frozen)
        self.head = nn.Linear(512, 10)

    def forward(self, X: Tensor) -> Tensor:
        """Logits."""
        return self.head(self.features(X))


# Module, settings of the net, `min_steps`.
NETS: dict[str, tuple[type[nn.Module], dict[str, Any], int]] = {
    "ResNet-18": (SmallResNet, {"lr": 1e-3, "max_epochs": 4}, 0),
    "ViT": (SmallViT, {"lr": 1e-3, "max_epochs": 20}, 300),
    "LSTM": (Rows, {"lr": 3e-3, "max_epochs": 20}, 300),
    "frozen features": (FrozenFeatures, {"lr": 1e-3, "max_epochs": 20}, 300),
}


def net_of(name: str) -> NeuralNetClassifier:
    """Unfitted."""
    module, settings, _ = NETS[name]
    return NeuralNetClassifier(
        module,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        batch_size=64,
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
        **settings,
    )


def images() -> tuple[np.ndarray, np.ndarray]:
    """Of MNIST, at random."""
    X, y = load_mnist()
    some = np.random.default_rng(0).permutation(len(y))[:N_SAMPLES]
    return X[some], y[some]


def estimator(name: str, **settings: Any) -> LandscapeSufficiencyEstimator:
    """The same for all nets."""
    defaults = {
        "sizes": SIZES,
        "n_repeats": REPEATS,
        "n_draws": DRAWS,
        "n_candidates": CANDIDATES,
        "min_steps": NETS[name][2],
        "curve": "power_law",
        "random_state": 0,
    }
    return LandscapeSufficiencyEstimator(net_of(name), **(defaults | settings))


def timed(name: str, X: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    """Seconds of a whole fit, the last net on all images included, and what was found."""
    est = estimator(name)
    start = time.perf_counter()
    est.fit(X, y)
    seconds = time.perf_counter() - start
    frame = est.result_.to_frame()
    means = frame.groupby("size")[["delta", "unseen_loss", "unseen_score"]].mean()
    verdict = est.verdict(SHARE, relative=True)
    return {
        "parameters": sum(p.numel() for p in est.net_.module_.parameters() if p.requires_grad),
        "seconds": seconds,
        "fit_seconds": float(frame["fit_seconds"].sum()),
        "probe_seconds": float(frame["probe_seconds"].sum()),
        "training": est.result_.settings["training"],
        "by_size": means.reset_index().to_dict("list"),
        "size": verdict.size,
        "interval": list(verdict.interval),
        "verdict": str(verdict),
    }


def heads(X: np.ndarray, y: np.ndarray, **settings: Any) -> list[dict[str, Any]]:
    """
    Δ of the net on random features, by σ: around its head, and around all of its weights.

    The features are frozen; then they are not, but keep their values by a learning rate of 0, so
    that a probe of all weights moves them, too. In the limit of a small σ all are Δ at the center.
    """
    still = {
        "net__module__frozen": False,
        "net__optimizer__param_groups": [("features.*", {"lr": 0.0})],
    }
    rows = []
    for sigma in SIGMAS:
        found: dict[str, np.ndarray] = {}
        for kind, parameters, changes in (
            ("head", "head.*", {}),
            ("trainable", None, {}),
            ("all", None, still),
        ):
            est = estimator("frozen features", refit=False, **settings)
            est.set_params(probe=IsotropicGaussian(sigma, parameters=parameters), **changes)
            found[kind] = est.fit(X, y).result_.table("delta")
        logs = np.log(found["all"] / found["head"])
        rows.append({
            "sigma": sigma,
            "trainable_is_head": bool(np.array_equal(found["trainable"], found["head"])),
            "all_over_head": np.exp(logs.mean(axis=0)).tolist(),
            "stderr_of_log": (logs.std(axis=0, ddof=1) / np.sqrt(len(logs))).tolist(),
        })  # fmt: skip
    return rows


def main() -> None:
    """Measure what is asked for, and write it to what is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {[*NETS, 'heads']}")
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    X, y = images()
    for part in parser.parse_args().parts or ["heads", *reversed(NETS)]:
        found = heads(X, y, n_repeats=4, n_draws=16) if part == "heads" else timed(part, X, y)
        path = record.RESULTS / "familiar_nets.json"
        study = json.loads(path.read_text()) if path.exists() else {"nets": {}}
        study |= {"n": N_SAMPLES, "sizes": SIZES, "repeats": REPEATS, "draws": DRAWS,
                  "candidates": CANDIDATES, "share": SHARE}  # fmt: skip
        if part == "heads":
            study["heads"] = found
        else:
            study["nets"][part] = found
        record.write("familiar_nets", "python docs/studies/familiar_nets.py", study)
        print(part, flush=True)


if __name__ == "__main__":
    main()
