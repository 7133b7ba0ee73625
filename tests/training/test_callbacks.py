"""Callbacks hear what skorch would tell them, in its order."""

import numpy as np
import pytest
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback, EpochTimer
from torch import nn

from sufficiency.training.callbacks import only_listeners
from sufficiency.training.train_net import train_net
from tests.helpers import same_weights, weights_of
from tests.oracles import MLP

EVENTS = ("on_train_begin", "on_train_end", "on_epoch_begin", "on_epoch_end")
EVENTS += ("on_batch_begin", "on_batch_end", "on_grad_computed")


def recorder(*events):
    """A callback that writes down the named events and their arguments."""

    class Recorder(Callback):
        def __init__(self, log=None):
            self.log = log

    def listen(event):
        def hook(self, net, **kwargs):
            self.log.append((type(self), event, sorted(kwargs)))

        return hook

    for event in events:
        setattr(Recorder, event, listen(event))
    return Recorder


EVERYTHING, BATCHES, EPOCHS = recorder(*EVENTS), recorder("on_batch_end"), recorder(*EVENTS[2:4])


def net(callbacks=(), kind=NeuralNetClassifier, **kwargs):
    settings = {"criterion": nn.CrossEntropyLoss, "max_epochs": 3, "lr": 0.1, "batch_size": 8}
    settings |= {"train_split": None, "verbose": 0, "classes": np.arange(3)}
    return kind(MLP, callbacks=list(callbacks), **(settings | kwargs))


@pytest.fixture
def data(rng):
    return rng.normal(size=(21, 5)).astype("float32"), rng.integers(0, 3, 21)


@pytest.fixture
def fitted(data):
    def fit(trained, context=None):
        trained.initialize()
        with context(trained) if context else only_listeners(trained):
            trained.partial_fit(*data)
        return trained

    return fit


def test_the_same_calls_in_the_same_order(data):
    logs = []
    for context in (True, False):
        log = []
        callbacks = [("a", EPOCHS(log)), ("b", EVERYTHING(log)), ("c", BATCHES(log))]
        trained = net(callbacks).initialize()
        if context:
            with only_listeners(trained):
                trained.partial_fit(*data)
        else:
            trained.partial_fit(*data)
        logs.append(log)
    assert logs[0] == logs[1]
    assert {event for _, event, _ in logs[0]} == set(EVENTS)


def test_deaf_callbacks_are_not_called(fitted, monkeypatch):
    def never(self, net, **kwargs):
        raise AssertionError("called for an event that it ignores")

    log = []
    deaf = recorder("on_train_end")(log)
    monkeypatch.setattr(Callback, "on_batch_end", never)
    fitted(net([("deaf", deaf), ("timer", EpochTimer())]))
    assert [event for _, event, _ in log] == ["on_train_end"]


def test_weights_and_history_are_bitwise_the_same(data):
    plain, lean = net().initialize(), net().initialize()
    lean.module_.load_state_dict(plain.module_.state_dict())
    plain.partial_fit(*data)
    with only_listeners(lean):
        lean.partial_fit(*data)
    assert same_weights(weights_of(plain), weights_of(lean))
    for key in ("epoch", "train_loss", "train_batch_count"):
        assert plain.history[:, key] == lean.history[:, key]


def test_a_hook_of_the_instance_and_what_is_no_callback(fitted):
    heard = []
    own = Callback()
    own.on_epoch_end = lambda net, **kwargs: heard.append("instance")
    trained = net().initialize()

    class Duck:
        def __getattr__(self, name):
            if name not in EVENTS:
                raise AttributeError(name)
            return lambda net, **kwargs: heard.append(name)

    trained.callbacks_ = [("own", own), ("duck", Duck())]
    with only_listeners(trained):
        trained.notify("on_epoch_end", dataset_train=None, dataset_valid=None)
    assert heard == ["instance", "on_epoch_end"]


def test_a_callback_that_comes_later_hears():
    log = []
    trained = net().initialize()
    trained.callbacks_ = []
    with only_listeners(trained):
        trained.notify("on_batch_end")
        trained.callbacks_.append(("late", BATCHES(log)))
        trained.notify("on_batch_end")
        trained.callbacks_.pop()
        trained.notify("on_batch_end")
    assert len(log) == 1


@pytest.mark.parametrize(("verbose", "lines"), [(0, 0), (1, 5)])
def test_the_log_prints_as_asked(verbose, lines, fitted, capsys):
    fitted(net(verbose=verbose))
    assert len(capsys.readouterr().out.splitlines()) == lines


def test_a_sink_of_the_users_own_gets_every_line(fitted):
    lines = []
    fitted(net(callbacks__print_log__sink=lines.append))
    assert len(lines) == 5


class Telling(NeuralNetClassifier):
    def notify(self, method_name, **kwargs):
        self.told = [*getattr(self, "told", []), method_name]
        super().notify(method_name, **kwargs)


def test_a_net_that_notifies_in_its_own_way_is_left_alone(fitted):
    trained = fitted(net(kind=Telling))
    assert set(trained.told) == set(EVENTS)


def test_the_net_is_as_before_also_after_an_error():
    trained = net().initialize()
    with pytest.raises(AttributeError, match="on_nothing"), only_listeners(trained):
        trained.notify("on_nothing")
    assert "notify" not in vars(trained)


def test_a_trained_center_keeps_nothing_of_it(data):
    trained = train_net(net(), *data, None, center="last", min_steps=0, seed=0, n_classes=3)
    assert "notify" not in vars(trained.net)
