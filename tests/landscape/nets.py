"""Nets whose landscapes are known: least squares, where everything is quadratic, and others."""

from pathlib import Path

import numpy as np
import torch
from skorch import NeuralNetClassifier, NeuralNetRegressor
from torch import nn

from tests.test_reference import AuthorsMLP

AUTHORS = Path(__file__).parents[1] / "data" / "authors_mlp.npz"


class LeastSquares:
    """A linear net in double precision with the dense derivatives of its mean loss."""

    def __init__(self, n=40, d=3, seed=0, noise=0.3, optimal=True):
        rng = np.random.default_rng(seed)
        self.X = rng.normal(size=(n, d)) * np.arange(1, d + 1)
        truth = np.cos(np.arange(d))[:, None]
        self.y = self.X @ truth + noise * rng.normal(size=(n, 1))
        w = np.linalg.lstsq(self.X, self.y, rcond=None)[0] if optimal else truth
        self.w = w[:, 0]
        self.net = NeuralNetRegressor(
            nn.Linear,
            module__in_features=d,
            module__out_features=1,
            module__bias=False,
            module__dtype=torch.float64,
        ).initialize()
        with torch.no_grad():
            self.net.module_.weight.copy_(torch.as_tensor(w.T))

    def derivatives(self, rows=slice(None)):
        """Loss, gradient and Hessian of the mean of (x·w − y)² over some samples."""
        X, y = self.X[rows], self.y[rows, 0]
        rest = X @ self.w - y
        return (rest**2).mean(), 2 * X.T @ rest / len(X), 2 * X.T @ X / len(X)

    def direction(self, vector):
        return {"weight": np.asarray(vector)[None]}


def authors_net():
    """The net of the authors' reference, and their file with our parameter names."""
    with np.load(AUTHORS, allow_pickle=False) as file:
        data = {name: file[name] for name in file.files}
    names = [str(name) for name in data["param_names"]]
    module = AuthorsMLP(names, {name: data[f"w.{name}"].shape for name in names}).double()
    net = NeuralNetClassifier(module, criterion=nn.CrossEntropyLoss).initialize()
    own = [name for name, _ in net.module_.named_parameters()]
    for name, theirs in zip(own, names, strict=True):
        for part in ("w", "u", "v", "d0", "d1"):
            data.setdefault(part, {})[name] = data.pop(f"{part}.{theirs}")
    state = {name: torch.as_tensor(values) for name, values in data["w"].items()}
    net.module_.load_state_dict(state)
    return net, data


def double_classifier(module, **params):
    net = NeuralNetClassifier(module, criterion=nn.CrossEntropyLoss, verbose=0, **params)
    net.initialize().module_.double()
    return net


def gaussian_direction(net, seed=0, names=None):
    """Unscaled normal numbers for some parameters, all by default."""
    rng = np.random.default_rng(seed)
    return {
        name: rng.normal(size=tuple(p.shape))
        for name, p in net.module_.named_parameters()
        if names is None or name in names
    }
