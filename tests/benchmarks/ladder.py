"""The whole fit: trainings against a plain loop, workers, scikit-learn's learning curve."""

import warnings

import numpy as np
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import ShuffleSplit, learning_curve
from skorch import NeuralNetClassifier
from torch import nn

from sufficiency import LandscapeSufficiencyEstimator
from sufficiency.fit.plan import plan_fit
from sufficiency.nets.default_net import Standardizer, TabularMLP, default_net
from sufficiency.training.centers import centers
from tests.benchmarks.measure import paired_ratio
from tests.benchmarks.nets import perceptron, random_data

SIZES = [100, 146, 214, 313, 459, 671, 983, 1438]


def data():
    X, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    return X[order].astype("float32"), y[order]


def plain_training(module, batch, X, y, n_epochs):
    """The loop that a PyTorch tutorial has."""
    torch.manual_seed(0)
    module = module()
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3)
    criterion = nn.CrossEntropyLoss()
    X, y = torch.as_tensor(X), torch.as_tensor(y)
    for _ in range(n_epochs):
        for part in torch.randperm(len(y)).split(batch):
            optimizer.zero_grad()
            criterion(module(X[part]), y[part]).backward()
            optimizer.step()


def trainings(module=lambda: TabularMLP(64, 10), net=None, batch=64, rounds=3, **settings):
    """All trainings of a ladder, by default the default one: eight sizes, four repeats."""
    X, y = data()
    plan = plan_fit(LandscapeSufficiencyEstimator(net, random_state=0, **settings), X, y)

    def ours():
        for group in plan.groups:
            for _ in centers(group, plan.samples):
                pass

    def plain():
        for task in plan.tasks:
            some = task.trained_on
            plain_training(module, batch, X[some], y[some], plan.epochs(task.size))

    return paired_ratio(ours, plain, rounds=rounds)


def small_convolution():
    """Two layers of eight channels with batch norm."""
    layers, channels = [nn.Unflatten(1, (1, 8, 8))], 1
    for _ in range(2):
        layers += [nn.Conv2d(channels, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU()]
        channels = 8
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(32, 10))


def large_perceptron():
    """Four layers of 512 units: most of a step is arithmetic."""
    return perceptron(64, 512, 4)


def own_net(module, **settings):
    return NeuralNetClassifier(
        module,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=1e-3,
        iterator_train__shuffle=True,
        verbose=0,
        **settings,
    )


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
    few = {"n_repeats": 2, "rounds": 1}
    yield "trainings of the default ladder: ours / plain PyTorch loop", trainings(), "≤ 0.35"
    yield (
        "trainings of a conv net 2×8 with batch norm: ours / plain loop",
        trainings(small_convolution, own_net(small_convolution, batch_size=64), **few),
        "≤ 0.6",
    )
    yield (
        "trainings of an MLP 4×512, batches of 256: ours / plain loop",
        trainings(
            large_perceptron,
            own_net(large_perceptron, batch_size=256, max_epochs=5),
            batch=256,
            min_steps=20,
            **few,
        ),
        "≤ 1.1",
    )
    yield "log-log slope of the cost of a cell in its size", slope_in_size(), "≤ 1.05"
    yield "whole fit on digits: n_jobs=1 / n_jobs=2, one thread each", workers(), "≥ 1.6"
    yield "learning_curve over skorch / whole fit with Δ", against_learning_curve(), "≥ 4"
    yield "DataEval's Sufficiency / whole fit with Δ", against_dataeval(), "≥ 2"
