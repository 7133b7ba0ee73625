"""Which nets are trained together: what keeps one from it is found before any training."""

import copy
import random
import re

import numpy as np
import pytest
import torch
from skorch import NeuralNetClassifier, NeuralNetRegressor
from skorch.callbacks import (
    Callback,
    Checkpoint,
    EarlyStopping,
    EpochScoring,
    Freezer,
    GradientNormClipping,
    LRScheduler,
    ProgressBar,
)
from skorch.dataset import Dataset
from torch import nn, optim

from sufficiency.data.samples import Samples
from sufficiency.training import stacking
from sufficiency.training.stacking import Stacking, plan_stacking
from sufficiency.training.train_net import initialized_net
from tests.helpers import labeled, untouched_generators
from tests.oracles import MLP


def few(n=12):
    X, y = labeled(n)
    return Samples(X, y, y)


def plan(module=MLP, samples=None, cls=NeuralNetClassifier, **settings):
    samples = few() if samples is None else samples
    defaults = {"criterion": nn.CrossEntropyLoss, "train_split": None, "verbose": 0}
    if module is MLP:
        defaults |= {"module__n_inputs": samples.X.shape[1], "module__n_outputs": 3}
    net = initialized_net(cls(module, **(defaults | settings)), 0, 3)
    module = net.module_
    before = copy.deepcopy(module).state_dict()
    with untouched_generators():
        found = plan_stacking(net, samples, 3)
    for name, tensor in module.state_dict().items():
        assert nn.parameter.is_lazy(tensor) or torch.equal(before[name], tensor)
    return found


def test_a_plain_net_may():
    found = plan()
    assert found == Stacking(8, (), "")
    assert str(found) == "up to 8 nets at once"


class OwnStep(NeuralNetClassifier):
    def train_step_single(self, batch, **fit_params):
        return super().train_step_single(batch, **fit_params)


class OwnLoss(NeuralNetClassifier):
    def get_loss(self, y_pred, y_true, X=None, training=False):
        loss = super().get_loss(y_pred, y_true, X=X, training=training)
        return loss + 0.01 * sum((w**2).sum() for w in self.module_.parameters())


class Weighted(nn.Module):
    reduction = "mean"

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, output, target):
        return self.weight * nn.functional.cross_entropy(output, target, reduction=self.reduction)


class OwnDataset(Dataset):
    pass


class Listening(Callback):
    pass


class OneNet(MLP):
    """A perceptron for the columns of `labeled` with something of its own."""

    def __init__(self):
        super().__init__(few().X.shape[1], 3)


class Branching(OneNet):
    def forward(self, X):
        return super().forward(X) if X.sum() > 0 else super().forward(-X)


class Recurrent(OneNet):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(few().X.shape[1], few().X.shape[1], batch_first=True)

    def forward(self, X):
        return super().forward(self.lstm(X[:, None])[0][:, 0])


class Noisy(OneNet):
    def forward(self, X):
        return super().forward(X + 0.1 * torch.randn(X.shape[1]) * self.training)


class Stochastic(OneNet):
    def forward(self, X):
        return super().forward(X * (1 + random.random() * self.training))


class Counting(OneNet):
    calls = 0

    def forward(self, X):
        self.calls += 1
        return super().forward(X)


class Centering(OneNet):
    """The samples of a batch depend on each other, and not by batch norm."""

    def forward(self, X):
        return super().forward(X - X.mean(0))


class DroppingColumns(OneNet):
    def forward(self, X):
        kept = nn.functional.dropout(torch.ones(X.shape[1]), 0.5, self.training)
        return super().forward(X * kept)


class Unable(OneNet):
    def forward(self, X):
        if self.training:
            raise RuntimeError("not today. Ask again")
        return super().forward(X)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"cls": OwnStep}, "the net has its own train_step_single"),
        ({"optimizer": optim.LBFGS}, "the optimizer LBFGS may mix weights"),
        ({"callbacks": [LRScheduler()]}, "the callback LRScheduler may change a training"),
        ({"callbacks": [Freezer("layers.0*")]}, "the callback Freezer may"),
        ({"callbacks": [GradientNormClipping(1.0)]}, "the callback GradientNormClipping may"),
        ({"callbacks": [Checkpoint()]}, "the callback Checkpoint may"),
        ({"callbacks": [ProgressBar()]}, "the callback ProgressBar may"),
        ({"callbacks": [Listening()]}, "the callback Listening may"),
        (
            {"callbacks": [EpochScoring("accuracy", on_train=True)]},
            "the callback 'accuracy' looks at every batch",
        ),
        (
            {"callbacks": [EpochScoring(lambda net, X, y: 0.0, name="own")]},
            "the callback 'own' may do more than score",
        ),
        ({"criterion": Weighted}, "the criterion has parameters"),
        ({"dataset": OwnDataset}, "the data are not arrays in batches of the default loader"),
        ({"iterator_train__num_workers": 0}, "the data are not arrays in batches"),
        ({"batch_size": -1}, "every step takes all samples"),
        ({"module": nn.LazyLinear, "module__out_features": 3}, "shapes are not known"),
        ({"module": Branching}, "vmap does not take the net"),
        ({"module": Recurrent}, "vmap does not take the net|gives other numbers"),
        ({"module": Noisy}, "vmap does not take the net"),
        ({"module": Stochastic}, "draws random numbers that are not dropout"),
        ({"module": Counting}, "the module keeps something that is no buffer"),
        ({"module": Centering}, "a step of two nets together gives other numbers"),
        ({"module": DroppingColumns}, "dropout of the net does not drop parts of samples"),
        ({"module": Unable}, "a step on 12 samples fails: not today$"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_why_one_at_a_time(settings, reason):
    found = plan(**settings)
    assert found.n_nets == 1
    assert found.sites == ()
    assert str(found) == f"one net at a time: {found.reason}"
    assert re.search(reason, found.reason), found.reason


@pytest.mark.parametrize(
    "settings",
    [
        {"cls": OwnLoss},
        {"callbacks": [EarlyStopping()]},
        {"callbacks": [EpochScoring("accuracy", on_train=False, name="valid_accuracy")]},
        {"iterator_train__drop_last": True},
        {"optimizer": optim.SGD, "optimizer__momentum": 0.9},
    ],
    ids=("loss", "stopping", "score", "last batch", "momentum"),
)
def test_what_is_no_reason(settings):
    assert plan(**settings).n_nets == 8


def test_dropout_is_found_where_it_is():
    class Dropping(OneNet):
        def forward(self, X):
            return nn.functional.dropout(super().forward(X), 0.25, self.training)

    [site] = plan(module=Dropping).sites
    assert (site.shape, site.p, site.dtype) == ((3,), 0.25, torch.float32)


def test_a_large_net_is_trained_alone():
    assert "most of a step is arithmetic" in plan(module=WideNet).reason


class WideNet(nn.Sequential):
    def __init__(self):
        n = few().X.shape[1]
        super().__init__(nn.Linear(n, 512), nn.ReLU(), nn.Linear(512, 512), nn.Linear(512, 3))


def test_many_weights_are_not_stacked_beyond_the_memory(monkeypatch):
    monkeypatch.setattr(stacking, "MEMORY_BUDGET", 10_000)
    assert plan(batch_size=4).n_nets in range(2, 8)
    monkeypatch.setattr(stacking, "MEMORY_BUDGET", 1000)
    assert "do not fit into the memory" in plan().reason


def test_regression_too():
    X = np.linspace(0, 1, 20, dtype="float32")[:, None]
    net = NeuralNetRegressor(nn.Linear, module__in_features=1, module__out_features=1)
    assert plan_stacking(net.initialize(), Samples(X, X, X), None).n_nets == 8
