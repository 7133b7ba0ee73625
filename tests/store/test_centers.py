"""A center that comes back from a file is the one that was trained, bit for bit."""

import copy
import dataclasses
import math

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback, EarlyStopping, Freezer
from torch import nn

from sufficiency.cells.around_center import view_center
from sufficiency.cells.measure import measure
from sufficiency.nets.default_net import default_net
from sufficiency.store.centers import named_tensors, parse_center, render_center, same_losses
from sufficiency.store.sealed_documents import DamagedFileError
from sufficiency.training.centers import TrainedCenter, centers
from tests.cells.test_cells import Double
from tests.helpers import (
    Perceptron,
    center_task,
    classifier,
    measured,
    regressor,
    untouched_generators,
)
from tests.store.fits import SPLITS, fit

SPLIT = SPLITS[0]


class Tied(nn.Module):
    """Two layers with the same weights, which a state dict has twice."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Linear(3, 3)
        self.decoder = nn.Linear(3, 3)
        self.decoder.weight = self.encoder.weight
        self.double()

    def forward(self, X):
        return self.decoder(torch.tanh(self.encoder(X)))


class Hidden(Double):
    """A buffer that a state dict leaves out."""

    def __init__(self, **params):
        super().__init__(**params)
        self.register_buffer("seen", torch.zeros(()).double(), persistent=False)

    def forward(self, X):
        if self.training:
            self.seen += 1.0
        return super().forward(X) * (1 + self.seen / 1000)


class Reduced(Double):
    """Half precision inside."""

    def __init__(self, **params):
        super().__init__(**params)
        self.gain = nn.Parameter(torch.ones(3, dtype=torch.bfloat16))
        self.register_buffer("phase", torch.ones(3, dtype=torch.complex128))

    def forward(self, X):
        return super().forward(X) * self.gain * self.phase.abs()


class Learned(nn.CrossEntropyLoss):
    """A criterion with a parameter, which skorch trains as well."""

    def __init__(self, **params):
        super().__init__(**params)
        self.temperature = nn.Parameter(torch.tensor(1.3, dtype=torch.float64))

    def forward(self, output, target):
        return super().forward(output / self.temperature, target)


def frozen_instance():
    torch.manual_seed(4)
    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 3)).double()
    module[0].requires_grad_(False)
    return module


NETS = {
    "batch norm": lambda: classifier(Double, module__n_outputs=3, module__batch_norm=True),
    "dropout": lambda: classifier(Double, module__n_outputs=3, module__dropout=0.5),
    "tied weights": lambda: classifier(Tied),
    "a hidden buffer": lambda: classifier(Hidden, module__n_outputs=3),
    "other dtypes": lambda: classifier(Reduced, module__n_outputs=3, lr=0.01),
    "a learned criterion": lambda: classifier(Double, module__n_outputs=3, criterion=Learned),
    "a frozen instance": lambda: classifier(frozen_instance()),
    "frozen while training": lambda: classifier(
        Double, module__n_outputs=3, callbacks=[Freezer("hidden*")]
    ),
    "early stopping": lambda: classifier(
        Double, module__n_outputs=3, max_epochs=20, lr=5.0,
        callbacks=[EarlyStopping("train_loss", patience=2, sink=lambda text: None)],
    ),
    "a recurrent layer": lambda: classifier(Recurrent),
}  # fmt: skip


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.LSTM(3, 4, batch_first=True)
        self.out = nn.Linear(4, 3)
        self.double()

    def forward(self, X):
        return self.out(self.layer(X[:, None])[0][:, -1])


def center_of(settings, samples, size=30) -> TrainedCenter:
    [(_, center)] = centers([center_task(settings, SPLIT, 0, size)], samples)
    return center


def trained(net, **changes):
    settings, samples = fit(net, **changes)
    center = center_of(settings, samples)
    return settings, samples, center.train, center.trained


def bits(tensors):
    return {
        name: (t.dtype, tuple(t.shape), t.detach().cpu().contiguous().flatten().view(torch.uint8))
        for name, t in tensors.items()
    }


def assert_same_bits(a, b):
    first, second = bits(a), bits(b)
    assert first.keys() == second.keys()
    for name, (*form, values) in first.items():
        assert form == list(second[name][:2]), name
        assert torch.equal(values, second[name][2]), name


@pytest.mark.parametrize("center", ["last", "best"])
@pytest.mark.parametrize("name", NETS)
def test_a_net_comes_back_bit_for_bit(name, center):
    settings, samples, train, before = trained(NETS[name](), center=center, vectorize=False)
    data = render_center("key", before, {})
    with untouched_generators():
        after = parse_center(data, "key", settings.net, 3)
    assert_same_bits(named_tensors(before.net), named_tensors(after.net))
    assert_same_bits(before.net.module_.state_dict(), after.net.module_.state_dict())
    assert (before.earlier is None) == (after.earlier is None)
    assert_same_bits(before.earlier or {}, after.earlier or {})
    assert repr(after.tenths) == repr(before.tenths)
    assert after.seconds == before.seconds
    for first, second in zip(
        before.net.module_.parameters(), after.net.module_.parameters(), strict=True
    ):
        assert first.requires_grad == second.requires_grad
    assert not any(part.training for part in after.net.module_.modules())
    assert same_losses(before.net, after.net, train)
    # everything that is seen at the center, and the score
    candidates = samples.take(SPLIT.candidates)
    task = center_task(settings, SPLIT, 0, 30)
    views = [view_center(task, TrainedCenter(t, train, None), candidates) for t in (before, after)]
    assert repr(views[0].numbers) == repr(views[1].numbers)
    np.testing.assert_array_equal(views[0].point, views[1].point)


def test_tied_weights_stay_tied():
    settings, _, _, before = trained(classifier(Tied))
    module = parse_center(render_center("key", before, {}), "key", settings.net, 3).net.module_
    assert module.encoder.weight is module.decoder.weight


def test_the_default_net_keeps_its_scales():
    """Its callback measures them at the beginning of a training, and there is none here."""
    X, y = measured(60)
    settings, samples = fit(default_net(X, y[:, 0]))
    samples = type(samples)(X, y, y[:, 0])
    before = center_of(settings, samples).trained
    after = parse_center(render_center("key", before, {}), "key", settings.net, None)
    assert float(after.net.module_.input_mean.abs().sum()) > 0
    assert_same_bits(before.net.module_.state_dict(), after.net.module_.state_dict())
    np.testing.assert_array_equal(before.net.predict(X), after.net.predict(X))


def test_the_net_is_ready_for_use():
    settings, samples, _, before = trained(NETS["batch norm"](), min_steps=50)
    after = parse_center(render_center("key", before, {}), "key", settings.net, 3)
    np.testing.assert_array_equal(
        before.net.predict_proba(samples.X), after.net.predict_proba(samples.X)
    )
    assert after.net.max_epochs == before.net.max_epochs > settings.net.max_epochs
    assert after.net.history[:, "train_loss"] == before.net.history[:, "train_loss"]
    copy.deepcopy(after.net)
    after.net.partial_fit(samples.X, samples.encoded)


def test_a_training_of_one_step_has_no_earlier_weights():
    settings, _, _, before = trained(NETS["dropout"]().set_params(max_epochs=1, batch_size=-1))
    assert before.earlier is None
    after = parse_center(render_center("key", before, {}), "key", settings.net, 3)
    assert after.earlier is None
    assert math.isnan(after.tenths)


def test_another_net_s_file_is_foreign():
    settings, _, _, before = trained(NETS["batch norm"]())
    data = render_center("key", before, {})
    for net in (
        classifier(Double, module__n_outputs=3),
        classifier(Double, module__n_outputs=4, module__batch_norm=True),
        classifier(Perceptron, module__n_outputs=3, module__batch_norm=True),
    ):
        with pytest.raises(DamagedFileError, match="not those of the net"):
            parse_center(data, "key", net, 3)
    with pytest.raises(DamagedFileError, match="key"):
        parse_center(data, "another", settings.net, 3)


class Forgetful(Double):
    """Remembers in a plain attribute what its callback measured."""

    shift = 0.0

    def forward(self, X):
        return super().forward(X) + self.shift


class Measuring(Callback):
    def on_train_begin(self, net, X=None, y=None, **kwargs):
        net.module_.shift = float(np.abs(X).mean())


def test_what_a_file_cannot_hold_is_noticed():
    settings, _, train, before = trained(regressor(Forgetful, callbacks=[Measuring()]), n_draws=2)
    after = parse_center(render_center("key", before, {}), "key", settings.net, None)
    assert not same_losses(before.net, after.net, train)


def test_a_net_is_compared_with_itself_without_being_changed():
    _, _, train, before = trained(NETS["a hidden buffer"]())
    state = {name: tensor.clone() for name, tensor in named_tensors(before.net).items()}
    with untouched_generators():
        assert same_losses(before.net, before.net, train)
    assert_same_bits(state, named_tensors(before.net))


def test_cells_of_a_net_that_came_back_are_the_same():
    settings, samples = fit(NETS["batch norm"]())
    task, center = center_task(settings, SPLIT, 0, 20), center_of(settings, samples, 20)
    data = render_center("key", center.trained, {})
    restored = dataclasses.replace(center, trained=parse_center(data, "key", settings.net, 3))
    [plain], [again] = (measure(task, some, samples) for some in (center, restored))
    for name, value in vars(plain).items():
        if name != "probe_seconds":
            assert repr(getattr(again, name)) == repr(value), name


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_net_on_a_gpu_comes_back_there():
    settings, _, train, before = trained(NETS["batch norm"]().set_params(device="cuda"))
    after = parse_center(render_center("key", before, {}), "key", settings.net, 3)
    assert next(after.net.module_.parameters()).is_cuda
    assert all(tensor.is_cuda for tensor in after.earlier.values())
    assert_same_bits(named_tensors(before.net), named_tensors(after.net))
    assert same_losses(before.net, after.net, train)
