"""The whole fit: trainings against a plain loop, workers, scikit-learn's learning curve."""

import warnings

import numpy as np
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import ShuffleSplit, learning_curve
from torch import nn

from sufficiency import LandscapeSufficiencyEstimator
from sufficiency.nets.default_net import Standardizer, TabularMLP, default_net
from sufficiency.training.train_net import planned_epochs, train_net
from tests.benchmarks.measure import paired_ratio
from tests.benchmarks.nets import random_data

SIZES = [100, 146, 214, 313, 459, 671, 983, 1438]


def data():
    X, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    return X[order].astype("float32"), y[order]


def plain_training(X, y, n_epochs):
    """The loop that a PyTorch tutorial has."""
    torch.manual_seed(0)
    module = TabularMLP(64, 10)
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3)
    criterion = nn.CrossEntropyLoss()
    X, y = torch.as_tensor(X), torch.as_tensor(y)
    for _ in range(n_epochs):
        for batch in torch.randperm(len(y)).split(64):
            optimizer.zero_grad()
            criterion(module(X[batch]), y[batch]).backward()
            optimizer.step()


def trainings():
    """One repeat of the default ladder."""
    X, y = data()
    net = default_net(X, y)

    def ours():
        for size in SIZES:
            arguments = {"center": "last", "min_steps": 500, "seed": 0, "n_classes": 10}
            train_net(net, X[:size], y[:size], None, **arguments)

    def plain():
        for size in SIZES:
            plain_training(X[:size], y[:size], planned_epochs(net, -(-size // 64), 500))

    return paired_ratio(ours, plain, rounds=3)


def fit(n_jobs=None, net=None, **kwargs):
    X, y = data()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        LandscapeSufficiencyEstimator(
            net, n_jobs=n_jobs, refit=False, random_state=0, **kwargs
        ).fit(X, y)


def workers():
    fit(n_jobs=2, sizes=2, n_repeats=1)  # starts the worker processes
    return paired_ratio(fit, lambda: fit(n_jobs=2), rounds=2)


def against_learning_curve():
    """Same sizes, repeats and epochs; scikit-learn measures no Δ."""
    X, y = data()
    net = default_net(X, y).set_params(callbacks=[("standardizer", Standardizer())])

    def scikit_learn():
        splits = ShuffleSplit(4, test_size=359, random_state=0)
        learning_curve(clone(net), X, y, train_sizes=SIZES, cv=splits)

    own = {"sizes": SIZES, "min_steps": 0, "net": net}
    return paired_ratio(scikit_learn, lambda: fit(**own), rounds=1)


class DataEvalStrategies:
    """What DataEval asks its user to write: the plain loop, and an accuracy."""

    def __init__(self, X, y):
        self.y, self.X = torch.as_tensor(y), torch.as_tensor(X)

    def train(self, model, dataset, indices):
        chosen = torch.as_tensor(list(indices))
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        criterion = nn.CrossEntropyLoss()
        X, y = self.X[chosen], self.y[chosen]
        for _ in range(40):
            for batch in torch.randperm(len(y)).split(64):
                optimizer.zero_grad()
                criterion(model(X[batch]), y[batch]).backward()
                optimizer.step()

    def evaluate(self, model, dataset):
        with torch.no_grad():
            hits = model(self.X[SIZES[-1] :]).argmax(1) == self.y[SIZES[-1] :]
        return {"accuracy": float(hits.double().mean())}


def against_dataeval():
    """Same sizes, repeats and epochs a size; DataEval goes on training from size to size."""
    from dataeval.performance import Sufficiency

    X, y = data()
    strategies = DataEvalStrategies(X, y)
    pairs = list(zip(X, y, strict=True))

    def theirs():
        sufficiency = Sufficiency(TabularMLP(64, 10), strategies, strategies, runs=4)
        sufficiency.evaluate(pairs[: SIZES[-1]], pairs[SIZES[-1] :], schedule=SIZES)

    net = default_net(X, y).set_params(callbacks=[("standardizer", Standardizer())])
    return paired_ratio(theirs, lambda: fit(sizes=SIZES, min_steps=0, net=net), rounds=1)


def slope_in_size():
    """Log-log, of a whole cell: training for so many epochs, 32 draws, 1 000 candidates."""
    X, y = random_data((20_000, 64))
    X_unseen, y_unseen = random_data((1000, 64))

    def cell(size):
        estimator = LandscapeSufficiencyEstimator(
            default_net(X, y).set_params(max_epochs=5),
            sizes=[size // 64, size],
            n_repeats=1,
            min_steps=0,
            refit=False,
            curve="theory",
            random_state=0,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            estimator.fit(X, y, X_unseen=X_unseen, y_unseen=y_unseen)
        return estimator.result_.to_frame().query("size == @size")[["fit_seconds", "probe_seconds"]]

    small, large = (min(float(cell(size).sum().sum()) for _ in range(3)) for size in (8192, 16_384))
    return float(np.log2(large / small))


def rows():
    yield "training one default ladder on digits: ours / plain PyTorch loop", trainings(), "≤ 1.15"
    yield "log-log slope of the cost of a cell in its size", slope_in_size(), "≤ 1.05"
    yield "whole fit on digits: n_jobs=1 / n_jobs=2, one thread each", workers(), "≥ 1.7"
    yield "learning_curve over skorch / whole fit with Δ", against_learning_curve(), "≥ 2"
    yield "DataEval's Sufficiency / whole fit with Δ", against_dataeval(), ""
