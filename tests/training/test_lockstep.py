"""
Nets trained together are the nets that are trained one by one.

The oracle is `train_net`, which runs skorch's own loop and torch's own batch norm and dropout, and
is tested against a loop of its own in test_train_net.py.
"""

import math

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from skorch import NeuralNetClassifier, NeuralNetRegressor
from skorch.callbacks import EarlyStopping
from torch import nn, optim

from sufficiency.data.samples import Samples
from sufficiency.exceptions import DivergedTrainingError
from sufficiency.nets.default_net import default_net
from sufficiency.training.lockstep import Training, train_together
from sufficiency.training.stacking import plan_stacking
from sufficiency.training.train_net import initialized_net, train_net
from tests.helpers import untouched_generators

SIZES = (150, 100, 70, 40, 37)
# Rounding of float64, 1e-16, in 120 steps that amplify it less than a million times.
RTOL = 1e-9


class Perceptron(nn.Module):
    def __init__(self, p=0.0, dtype=torch.float64):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(64, 16), nn.Tanh(), nn.Dropout(p), nn.Linear(16, 10)
        ).to(dtype)

    def forward(self, X):
        return self.layers(X)


class ConvNet(nn.Module):
    def __init__(self, normed=False, p=0.0):
        super().__init__()
        # a bias before batch norm has no gradient but rounding, which Adam makes as large as others
        self.layers = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1, bias=not normed),
            nn.BatchNorm2d(4) if normed else nn.Identity(),
            nn.Tanh(),
            nn.Conv2d(4, 4, 3, padding=1, bias=not normed),
            nn.BatchNorm2d(4, affine=False) if normed else nn.Identity(),
            nn.Tanh(),
            nn.Flatten(),
            nn.Linear(256, 16, bias=not normed),
            nn.BatchNorm1d(16, momentum=0.5) if normed else nn.Identity(),
            nn.Dropout(p, inplace=True),
            nn.Linear(16, 10),
        ).double()

    def forward(self, X):
        return self.layers(X.view(-1, 1, 8, 8))


class Tied(nn.Module):
    """A weight that is used twice, a frozen one, one without axes and one that nothing uses."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(64, 64).double(), nn.Linear(64, 64).double()
        self.second.weight = self.first.weight
        self.last = nn.Linear(64, 10).double()
        self.last.bias.requires_grad_(False)
        self.scale = nn.Parameter(torch.tensor(1.0, dtype=torch.float64))
        self.idle = nn.Parameter(torch.ones(3, dtype=torch.float64))

    def forward(self, X):
        return self.last(self.scale * self.second(self.first(X).tanh()).tanh())


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    return X[order] / 16.0, y[order]


def net(module=Perceptron, **settings):
    defaults = {
        "criterion": nn.CrossEntropyLoss,
        "optimizer": optim.Adam,
        "lr": 0.01,
        "batch_size": 32,
        "max_epochs": 5,
        "iterator_train__shuffle": True,
        "verbose": 0,
    }
    return NeuralNetClassifier(module, **(defaults | settings))


def take(X, y, which):
    return Samples(X[which], y[which], y[which])


def together(net, X, y, sizes=SIZES, validation=(), n_classes=10, **settings):
    """Every size's training, in one stack."""
    plan = plan_stacking(initialized_net(net, 0, n_classes), take(X, y, slice(12)), n_classes)
    assert plan.n_nets > 1, plan
    held_out = take(X, y, np.asarray(validation, dtype=int))
    trainings = [
        Training(np.arange(n), take(X, y, slice(n)), held_out, seed=7 + i)
        for i, n in enumerate(sizes)
    ]
    settings = {"center": "last", "min_steps": 120, "n_classes": n_classes} | settings
    with untouched_generators():
        found = dict(train_together(net, trainings, X, y, plan.sites, **settings))
    return [found[i] for i in range(len(sizes))]


def alone(net, X, y, sizes=SIZES, validation=(), n_classes=10, **settings):
    held_out = (X[list(validation)], y[list(validation)]) if len(validation) else None
    settings = {"center": "last", "min_steps": 120, "n_classes": n_classes} | settings
    return [
        train_net(net, X[:n], y[:n], held_out, seed=7 + i, **settings) for i, n in enumerate(sizes)
    ]


def assert_same(some, others, rtol=RTOL):
    for one, other in zip(some, others, strict=True):
        expected = other.net.module_.state_dict()
        for name, tensor in one.net.module_.state_dict().items():
            atol = rtol * float(expected[name].double().abs().max())
            np.testing.assert_allclose(tensor, expected[name], rtol=0, atol=atol, err_msg=name)
        assert (one.earlier is None) == (other.earlier is None)
        assert one.tenths == pytest.approx(other.tenths, nan_ok=True)
        assert one.earlier.keys() == other.earlier.keys()
        assert not any(part.training for part in one.net.module_.modules())


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"module__p": 0.3},
        {"module": ConvNet},
        {"module": ConvNet, "module__normed": True, "lr": 0.001},
        {"module": ConvNet, "module__normed": True, "module__p": 0.5, "lr": 0.001},
        {"module": Tied},
        {"iterator_train__drop_last": True},
        {"iterator_train__shuffle": False},
        {"iterator_train__batch_size": 50},
        {"batch_size": 1000},
        {"optimizer__param_groups": [("layers.0*", {"lr": 0.1})]},
        {"optimizer__fused": False},
    ],
    ids=str,
)
def test_every_kind_of_net(settings, digits):
    module = settings.get("module", Perceptron)
    trained = net(module, **{k: v for k, v in settings.items() if k != "module"})
    assert_same(together(trained, *digits), alone(trained, *digits))


@pytest.mark.parametrize(
    ("optimizer", "settings"),
    [
        (optim.SGD, {"lr": 0.1, "optimizer__momentum": 0.9, "optimizer__nesterov": True}),
        (optim.SGD, {"lr": 0.1, "optimizer__weight_decay": 0.01}),
        (optim.Adam, {"optimizer__amsgrad": True}),
        (optim.AdamW, {"optimizer__weight_decay": 0.1}),
        (optim.NAdam, {}),
        (optim.RAdam, {}),
        (optim.RMSprop, {"lr": 0.001, "optimizer__centered": True}),
        (optim.Adagrad, {}),
        (optim.Adadelta, {"lr": 1.0}),
        (optim.Adamax, {}),
        (optim.ASGD, {}),
        (optim.Rprop, {"lr": 0.001}),
    ],
)
def test_every_optimizer(optimizer, settings, digits):
    trained = net(Tied, optimizer=optimizer, **settings)
    assert_same(together(trained, *digits), alone(trained, *digits))


@pytest.mark.parametrize(
    ("center", "callbacks"),
    [
        ("last", []),
        ("best", []),
        ("last", [EarlyStopping(patience=2)]),
        ("best", [EarlyStopping(patience=2)]),
        ("last", [EarlyStopping(patience=2, load_best=True)]),
        ("last", [EarlyStopping(monitor="train_loss", patience=2, threshold=0.1)]),
    ],
    ids=("last", "best", "stopped", "best, stopped", "best loaded", "training loss"),
)
def test_validation_and_early_stopping(center, callbacks, digits):
    trained = net(module__p=0.2, lr=0.05, max_epochs=40, callbacks=callbacks)
    settings = {"validation": range(1000, 1100), "center": center, "min_steps": 0}
    some, others = together(trained, *digits, **settings), alone(trained, *digits, **settings)
    assert_same(some, others)
    epochs = [len(one.net.history) for one in some]
    assert epochs == [len(other.net.history) for other in others]
    if callbacks:
        assert len(set(epochs)) > 1
    for one, other in zip(some, others, strict=True):
        for name in ("train_loss", "valid_loss", "valid_acc", "train_batch_count"):
            np.testing.assert_allclose(
                one.net.history[:, name], other.net.history[:, name], rtol=1e-6
            )


def test_the_default_net_and_its_scales(digits):
    X, y = digits[0].astype("float32"), digits[1]
    trained = default_net(X, y).set_params(max_epochs=3, optimizer=optim.SGD)
    # float32: rounding of 6e-8 in a hundred steps
    settings = {"min_steps": 100}
    assert_same(together(trained, X, y, **settings), alone(trained, X, y, **settings), rtol=1e-3)


def test_regression_with_two_outputs_and_dict_inputs(digits):
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(32, 2).double(), nn.Linear(32, 2).double()

        def forward(self, left, right):
            return self.a(left) * self.b(right)

    X = {"left": digits[0][:, :32], "right": digits[0][:, 32:]}
    y = digits[0][:, [20, 30]]
    trained = NeuralNetRegressor(Two, lr=0.1, batch_size=16, train_split=None, verbose=0)
    few = Samples({name: part[:9] for name, part in X.items()}, y[:9], y[:9])
    assert plan_stacking(initialized_net(trained, 0), few, None).n_nets > 1
    nobody = Samples({name: part[:0] for name, part in X.items()}, y[:0], y[:0])
    settings = {"center": "last", "min_steps": 50}
    trainings, others = [], []
    for i, n in enumerate((60, 41)):
        some = Samples({name: part[:n] for name, part in X.items()}, y[:n], y[:n])
        trainings.append(Training(np.arange(n), some, nobody, seed=i))
        others.append(train_net(trained, some.X, y[:n], None, seed=i, **settings))
    found = dict(train_together(trained, trainings, X, y, (), **settings))
    assert_same([found[0], found[1]], others)


def test_one_that_diverges_costs_its_own_center_only(digits):
    X, y = digits[0].copy(), digits[1]
    X[120:150] = np.inf  # in the largest subset only
    first, *rest = together(net(), X, y)
    assert isinstance(first, DivergedTrainingError)
    assert_same(rest, together(net(), *digits)[1:])
    assert_same(rest[:1], alone(net(), *digits)[1:2])


def test_a_center_does_not_depend_on_the_others_but_for_rounding(digits):
    """Nor on where in the stack it is, nor on who leaves it when."""
    whole = together(net(module__p=0.3, max_epochs=20), *digits, min_steps=0)
    fewer = together(net(module__p=0.3, max_epochs=20), *digits, sizes=SIZES[:2], min_steps=0)
    assert_same(whole[:2], fewer)


def test_no_epochs_leave_the_initial_weights(digits):
    trained = net(max_epochs=0)
    [one, other] = together(trained, *digits, sizes=(40, 30), min_steps=0)
    for seed, done in ((7, one), (8, other)):
        expected = initialized_net(trained, seed, 10).module_.state_dict()
        for name, tensor in done.net.module_.state_dict().items():
            assert torch.equal(tensor, expected[name])
        assert done.earlier is None
        assert math.isnan(done.tenths)


def test_a_user_may_interrupt(digits):
    trained = net(callbacks=[EarlyStopping(patience=50)])
    X, y = digits
    plan = plan_stacking(initialized_net(trained, 0, 10), take(X, y, slice(12)), 10)
    nobody = take(X, y, slice(0))

    def trainings():
        yield Training(np.arange(40), take(X, y, slice(40)), nobody, seed=1)
        raise KeyboardInterrupt

    settings = {"center": "last", "min_steps": 200, "n_classes": 10}
    with untouched_generators(), pytest.raises(KeyboardInterrupt):
        dict(train_together(trained, trainings(), X, y, plan.sites, **settings))


def test_dropout_keeps_as_many_as_it_says_and_every_net_its_own():
    """A step adds what dropout keeps to the weight: Σ x·kept/(1 − p), its mean over the batch."""
    p, n_steps, width, n = 0.3, 200, 50, 20

    class Sum(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros((), dtype=torch.float64))

        def forward(self, X):
            kept = nn.functional.dropout(X, p, self.training)
            return kept.sum(1, keepdim=True) * self.weight

    X, y = np.ones((n, width)), np.full((n, 1), 1e9)
    trained = NeuralNetRegressor(
        Sum, criterion=nn.L1Loss, lr=1.0, batch_size=n, train_split=None, verbose=0
    )
    some = Samples(X, y, y)
    plan = plan_stacking(initialized_net(trained, 0), some, None)
    trainings = [Training(np.arange(n), some, some.take(slice(0)), seed=i) for i in range(2)]
    settings = {"center": "last", "min_steps": n_steps}
    found = dict(train_together(trained, trainings, X, y, plan.sites, **settings))
    shares = [found[i].net.module_.weight.item() * (1 - p) / n_steps / width for i in range(2)]
    # of so many independent draws
    stderr = math.sqrt(p * (1 - p) / (n_steps * n * width))
    assert shares == pytest.approx([1 - p] * 2, abs=4 * stderr)
    assert shares[0] != shares[1]
