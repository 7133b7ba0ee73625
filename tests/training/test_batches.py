"""Batches made at once are the batches that collation makes, bit for bit."""

import numpy as np
import pytest
import torch
from skorch import NeuralNetClassifier
from skorch.dataset import Dataset
from torch import nn
from torch.utils.data import DataLoader

from sufficiency.training import train_net as training
from sufficiency.training.batches import BatchDataset, may_fuse, whole_batches
from sufficiency.training.train_net import train_net
from tests.oracles import MLP


def net(**kwargs):
    defaults = {"criterion": nn.CrossEntropyLoss, "max_epochs": 3, "lr": 0.1, "batch_size": 8}
    return NeuralNetClassifier(MLP, **{**defaults, "iterator_train__shuffle": True, **kwargs})


@pytest.fixture
def data(rng):
    return rng.normal(size=(21, 5)).astype("float32"), rng.integers(0, 3, 21)


def batches(skorch_net, X, y, seed=3):
    torch.manual_seed(seed)
    loader = skorch_net.get_iterator(skorch_net.get_dataset(X, y), training=True)
    return list(loader)


@pytest.mark.parametrize("settings", [{}, {"iterator_train__drop_last": True}, {"batch_size": -1}])
def test_batches_are_bitwise_those_of_the_default_loader(settings, data):
    trained = net(**settings).initialize()
    expected = batches(trained, *data)
    with whole_batches(trained, *data):
        assert trained.dataset is BatchDataset
        actual = batches(trained, *data)
    assert len(actual) == len(expected)
    for (x, y), (x_expected, y_expected) in zip(actual, expected, strict=True):
        assert torch.equal(x, x_expected)
        assert x.dtype == x_expected.dtype
        assert torch.equal(y, y_expected)


def test_predictions_need_no_targets(data):
    trained = net().initialize()
    expected = trained.predict_proba(data[0])
    with whole_batches(trained, data[0], None):
        assert trained.dataset is BatchDataset
        assert (trained.predict_proba(data[0]) == expected).all()


def test_the_net_is_as_before_also_after_an_error(data):
    trained = net().initialize()
    before = trained.get_params(deep=False)
    with pytest.raises(RuntimeError, match="stop"), whole_batches(trained, *data):
        raise RuntimeError("stop")
    after = trained.get_params(deep=False)
    assert {k: v for k, v in before.items() if k != "callbacks"} == {
        k: v for k, v in after.items() if k != "callbacks"
    }


class OwnDataset(Dataset):
    pass


class OwnLoader(DataLoader):
    pass


@pytest.mark.parametrize(
    "own",
    [
        {"dataset": OwnDataset},
        {"iterator_train": OwnLoader},
        {"iterator_valid": OwnLoader},
        {"iterator_train__collate_fn": torch.utils.data.default_collate},
        {"dataset__length": 5},
    ],
)
def test_what_the_user_chose_is_left_alone(own, data):
    trained = net(**own).initialize()
    before = trained.dataset
    with whole_batches(trained, *data):
        assert trained.dataset is before


def test_a_training_is_bitwise_the_plain_one(data, monkeypatch):
    arguments = {"center": "last", "min_steps": 20, "seed": 5, "n_classes": 3}
    fast = train_net(net(), *data, None, **arguments)

    from contextlib import nullcontext

    monkeypatch.setattr(training, "whole_batches", lambda *args: nullcontext())
    plain = train_net(net(), *data, None, **arguments)
    for name, tensor in plain.net.module_.state_dict().items():
        assert torch.equal(tensor, fast.net.module_.state_dict()[name]), name
    assert np.array_equal(plain.net.history[:, "train_loss"], fast.net.history[:, "train_loss"])


@pytest.mark.parametrize(
    ("settings", "fused"),
    [
        ({}, True),
        ({"optimizer": torch.optim.Adam}, True),
        ({"optimizer": torch.optim.AdamW, "optimizer__weight_decay": 0.1}, True),
        ({"optimizer": torch.optim.Adam, "optimizer__fused": False}, False),
        ({"optimizer": torch.optim.Adam, "optimizer__foreach": True}, False),
        ({"optimizer": torch.optim.LBFGS}, False),
        ({"optimizer": torch.optim.RMSprop}, False),
        ({"device": "mps"}, False),
    ],
)
def test_optimisers_are_fused_where_the_user_has_not_chosen(settings, fused):
    assert may_fuse(net(**settings)) == fused


class Double(MLP):
    def __init__(self):
        super().__init__()
        self.double()


@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW])
def test_a_fused_training_is_the_plain_one_to_rounding(optimizer, data, monkeypatch):
    arguments = {"center": "last", "min_steps": 20, "seed": 5, "n_classes": 3}
    double = net(optimizer=optimizer).set_params(module=Double)
    X, y = data[0].astype("float64"), data[1]
    fast = train_net(double, X, y, None, **arguments)
    monkeypatch.setattr(training, "may_fuse", lambda net: False)
    plain = train_net(double, X, y, None, **arguments)
    assert fast.net.optimizer_.defaults["fused"]
    assert not plain.net.optimizer_.defaults["fused"]
    for name, tensor in plain.net.module_.state_dict().items():
        # twenty-one steps, each with a few roundings of 1e-16 of weights of order one
        np.testing.assert_allclose(fast.net.module_.state_dict()[name], tensor, rtol=0, atol=1e-12)


class Complex(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(5, 3, dtype=torch.complex64))

    def forward(self, X):
        return (X.to(self.weight.dtype) @ self.weight).abs()


def test_complex_parameters_have_no_fused_optimiser(data):
    trained = NeuralNetClassifier(
        Complex, criterion=nn.CrossEntropyLoss, max_epochs=1, train_split=None, verbose=0
    )
    assert may_fuse(trained)
    center = train_net(trained, *data, None, center="last", min_steps=0, seed=0, n_classes=3)
    assert not torch.equal(center.net.module_.weight, torch.ones(5, 3, dtype=torch.complex64))
