import math
from typing import ClassVar

import numpy as np
import pytest
import torch
from skorch import NeuralNetBinaryClassifier
from skorch.callbacks import Callback, Checkpoint, EarlyStopping
from skorch.dataset import Dataset
from torch import nn

from sufficiency._random import isolated_rng
from sufficiency.data.samples import Samples
from sufficiency.exceptions import DivergedTrainingError, UnsupportedNetError
from sufficiency.fit.net_checks import check_batches
from sufficiency.training.train_net import (
    initialized_net,
    planned_epochs,
    steps_per_epoch,
    train_net,
)
from tests.helpers import (
    Perceptron,
    classifier,
    labeled,
    measured,
    regressor,
    same_weights,
    untouched_generators,
    weights_of,
)

PLAIN = {"center": "last", "min_steps": 0, "seed": 11}
FULL_BATCH = {"batch_size": -1}


class Spy(Callback):
    """Keeps every batch; the list is shared by all copies."""

    batches: ClassVar[list] = []

    def on_batch_begin(self, net, batch=None, training=False, **kwargs):
        self.batches.append((training, batch[0].numpy().copy()))


class SpyDataset(Dataset):
    lengths: ClassVar[list] = []

    def __init__(self, X, y=None, length=None):
        super().__init__(X, y, length)
        self.lengths.append(len(self))


@pytest.fixture
def spy():
    Spy.batches.clear()
    SpyDataset.lengths.clear()
    return Spy


def rows(batches) -> set[bytes]:
    return {row.tobytes() for _, batch in batches for row in batch}


def own_loop(X, y, n_epochs, lr=0.05, seed=11, batch=None):
    """Gradient descent on a Perceptron, in a loop of its own; the module after every epoch."""
    with isolated_rng(seed):
        module = Perceptron()
    X, y = torch.tensor(X), torch.tensor(y)
    states = []
    for _ in range(n_epochs):
        for start in range(0, len(X), batch or len(X)):
            part = slice(start, start + (batch or len(X)))
            module.zero_grad()
            loss = ((module(X[part]) - y[part]) ** 2).mean()
            loss.backward()
            with torch.no_grad():
                for parameter in module.parameters():
                    parameter -= lr * parameter.grad
        states.append({n: t.numpy().copy() for n, t in module.state_dict().items()})
    return states


def assert_close(weights, expected):
    # The same float32 arithmetic up to fused multiply-adds: a rounding of 6e-8 a step, some tens
    # of steps, which gradient descent at these rates does not amplify.
    for name, values in expected.items():
        np.testing.assert_allclose(weights[name], values, rtol=1e-4, atol=1e-5, err_msg=name)


def mean_squared_error(state, X, y):
    module = Perceptron()
    module.load_state_dict({name: torch.tensor(values) for name, values in state.items()})
    with torch.no_grad():
        return float(((module(torch.tensor(X)) - torch.tensor(y)) ** 2).mean())


@pytest.mark.parametrize("batch", [-1, 4, 7])
def test_a_training_is_the_plain_loop(batch):
    X, y = measured(20)
    trained = train_net(regressor(max_epochs=5, batch_size=batch), X, y, None, **PLAIN)
    expected = own_loop(X, y, 5, batch=None if batch == -1 else batch)
    assert_close(weights_of(trained.net), expected[-1])
    assert trained.seconds > 0
    assert not any(part.training for part in trained.net.module_.modules())


def test_exactly_these_samples_are_trained_on_although_the_net_would_split(spy):
    net = classifier(
        callbacks=[Spy()], dataset=SpyDataset, batch_size=8, iterator_train__shuffle=True
    )
    assert net.train_split is not None
    X, y = labeled(30)
    train_net(net, X, y, None, **PLAIN)
    assert all(training for training, _ in spy.batches)
    assert sum(len(batch) for _, batch in spy.batches) == 3 * 30
    assert rows(spy.batches) == {row.tobytes() for row in X}
    assert set(SpyDataset.lengths) == {30}


def test_validation_samples_are_validated_on_and_not_trained_on(spy):
    X, y = labeled(40)
    net = classifier(callbacks=[Spy()], max_epochs=1)
    train_net(net, X[:30], y[:30], (X[30:], y[30:]), **PLAIN)
    trained = [b for b in spy.batches if b[0]]
    validated = [b for b in spy.batches if not b[0]]
    assert rows(trained) == {row.tobytes() for row in X[:30]}
    assert rows(validated) == {row.tobytes() for row in X[30:]}


@pytest.mark.parametrize(
    ("params", "min_steps", "epochs"),
    [
        ({}, 0, 3),
        ({}, 9, 3),  # 3 steps an epoch make 9 already
        ({}, 10, 4),
        ({}, 100, 34),
        ({"iterator_train__drop_last": True}, 10, 5),  # 2 full batches of 4 from 10
        ({"iterator_train__batch_size": 5}, 10, 5),
        ({"batch_size": -1}, 10, 10),
        ({"batch_size": 64, "iterator_train__drop_last": True}, 7, 7),  # no step at all
    ],
)
def test_epochs_are_raised_to_the_fewest_that_make_the_steps(params, min_steps, epochs):
    X, y = measured(10)
    net = regressor(max_epochs=3, **({"batch_size": 4} | params))
    trained = train_net(net, X, y, None, **(PLAIN | {"min_steps": min_steps}))
    assert len(trained.net.history) == epochs
    assert net.max_epochs == 3


def test_planned_epochs_counts_whole_epochs():
    net = regressor(max_epochs=2)
    assert [planned_epochs(net, 4, steps) for steps in (0, 8, 9, 12, 13)] == [2, 2, 3, 3, 4]


def test_steps_are_those_of_the_nets_own_loader():
    X, y = measured(10)
    assert steps_per_epoch(regressor(batch_size=3), X, y) == 4
    # the loader for validation has a size of its own
    assert steps_per_epoch(regressor(batch_size=3, iterator_valid__batch_size=1), X, y) == 4


def test_the_same_seed_gives_the_same_bits_whatever_ran_in_between():
    X, y = labeled(30)
    net = classifier(
        module__dropout=0.5, module__batch_norm=True, iterator_train__shuffle=True, batch_size=8
    )
    first = train_net(net, X, y, None, **PLAIN)
    torch.manual_seed(99)
    np.random.seed(99)  # noqa: NPY002
    train_net(net, X[:20], y[:20], None, **(PLAIN | {"seed": 5}))
    net.fit(X, y)
    second = train_net(net, X, y, None, **PLAIN)
    other = train_net(net, X, y, None, **(PLAIN | {"seed": 12}))
    assert same_weights(weights_of(first.net), weights_of(second.net))
    assert not same_weights(weights_of(first.net), weights_of(other.net))


@pytest.mark.parametrize("make", [lambda: Perceptron, Perceptron], ids=["class", "instance"])
def test_the_users_net_stays_as_it_came(make):
    X, y = measured(30)
    net = regressor(make(), max_epochs=1).fit(X, y)
    net.module_.train()
    net.module_.hidden.eval()
    modes = [part.training for part in net.module_.modules()]
    before, params, history = weights_of(net), net.get_params(deep=False), len(net.history)
    trained = train_net(net, X, y, (X, y), **(PLAIN | {"center": "best"}))
    assert trained.net is not net
    assert trained.net.module_ is not net.module_
    assert same_weights(weights_of(net), before)
    assert net.get_params(deep=False) == params
    assert [part.training for part in net.module_.modules()] == modes
    assert len(net.history) == history
    assert all(p.requires_grad for p in net.module_.parameters())


def test_trainings_of_an_instance_are_independent_of_each_other():
    X, y = measured(30)
    net = regressor(Perceptron())
    first = train_net(net, X, y, None, **PLAIN)
    weights = weights_of(first.net)
    second = train_net(net, X, y, None, **PLAIN)
    assert same_weights(weights_of(second.net), weights)
    assert same_weights(weights_of(first.net), weights)
    assert first.net.module_ is not second.net.module_


def test_frozen_parameters_stay_and_the_others_learn():
    X, y = measured(30)
    module = Perceptron()
    module.hidden.weight.requires_grad_(False)
    before = module.hidden.weight.numpy().copy()
    weights = weights_of(train_net(regressor(module), X, y, None, **PLAIN).net)
    assert weights["hidden.weight"].tobytes() == before.tobytes()
    assert not np.array_equal(weights["out.weight"], module.out.weight.detach().numpy())


class Breaks(Callback):
    """Draws from torch, as any training does, and fails at a step."""

    def __init__(self, error=RuntimeError, at=2):
        self.error = error
        self.at = at

    def on_batch_end(self, net, **kwargs):
        torch.rand(1)
        if len(net.history) == self.at:
            raise self.error("in the middle")


def test_the_global_generators_are_restored():
    X, y = labeled(30)
    with untouched_generators():
        train_net(classifier(module__dropout=0.5), X, y, None, **PLAIN)
    for error in (RuntimeError, KeyError, KeyboardInterrupt):
        net = classifier(callbacks=[Breaks(error)])
        with untouched_generators(), pytest.raises(error, match="in the middle"):
            train_net(net, X, y, None, **PLAIN)


@pytest.mark.parametrize("error", [RuntimeError, ValueError])
def test_an_error_with_finite_weights_is_no_divergence(error):
    X, y = labeled(30)
    with pytest.raises(error, match="in the middle"):
        train_net(classifier(callbacks=[Breaks(error)]), X, y, None, **PLAIN)


def validation_case():
    """Validation data in batches of 16 and 4, where weighting the batches matters."""
    X, y = measured(40)
    X_valid, y_valid = X[20:].copy(), y[20:].copy()
    y_valid[16:] *= -0.5  # the last, small batch disagrees with the rest
    return X[:20], y[:20], X_valid, y_valid


def test_best_is_the_epoch_of_the_lowest_validation_loss_over_samples_not_batches():
    X, y, X_valid, y_valid = validation_case()
    states = own_loop(X, y, 40)
    by_sample = [mean_squared_error(state, X_valid, y_valid) for state in states]
    by_batch = [
        (
            mean_squared_error(state, X_valid[:16], y_valid[:16])
            + mean_squared_error(state, X_valid[16:], y_valid[16:])
        )
        / 2
        for state in states
    ]
    best = int(np.argmin(by_sample))
    assert best not in (int(np.argmin(by_batch)), 0, 39)
    net = regressor(max_epochs=40, iterator_train__batch_size=-1, iterator_valid__batch_size=16)
    trained = train_net(net, X, y, (X_valid, y_valid), **(PLAIN | {"center": "best"}))
    assert_close(weights_of(trained.net), states[best])
    # neighboring epochs are further apart than the comparison's tolerance
    with pytest.raises(AssertionError):
        assert_close(weights_of(trained.net), states[best + 1])


def test_best_takes_the_buffers_of_its_epoch_along():
    X, y, X_valid, y_valid = validation_case()
    net = regressor(max_epochs=40, module__batch_norm=True, iterator_train__batch_size=-1)
    best = train_net(net, X, y, (X_valid, y_valid), **(PLAIN | {"center": "best"}))
    losses = best.net.history[:, "valid_loss"]
    epoch = int(np.argmin(losses)) + 1
    assert 1 < epoch < 40
    stopped = train_net(net.set_params(max_epochs=epoch), X, y, (X_valid, y_valid), **PLAIN)
    assert same_weights(weights_of(best.net), weights_of(stopped.net))


def test_last_is_the_last_epoch_also_with_validation_data():
    X, y, X_valid, y_valid = validation_case()
    net = regressor(max_epochs=40, **FULL_BATCH)
    trained = train_net(net, X, y, (X_valid, y_valid), **PLAIN)
    assert_close(weights_of(trained.net), own_loop(X, y, 40)[-1])


@pytest.mark.parametrize("n_steps", [2, 3, 10, 37, 100, 150])
def test_the_earlier_weights_are_those_of_the_training_about_a_tenth_ago(n_steps):
    X, y = measured(12)
    net = regressor(module__batch_norm=True, max_epochs=n_steps, **FULL_BATCH)
    trained = train_net(net, X, y, None, **PLAIN)
    n_earlier = n_steps * (1 - trained.tenths / 10)
    assert n_earlier == pytest.approx(round(n_earlier), abs=1e-9)
    # Snapshots in steps of 1.1, rounded up: 0.9 is at most 0.043 from one of the last two, apart
    # from two roundings.
    assert abs(n_earlier - 0.9 * n_steps) <= 0.043 * n_steps + 2
    again = train_net(net.set_params(max_epochs=round(n_earlier)), X, y, None, **PLAIN)
    earlier = {name: tensor.numpy() for name, tensor in trained.earlier.items()}
    assert same_weights(earlier, weights_of(again.net))


def test_the_earlier_weights_of_a_best_epoch_come_before_it():
    X, y, X_valid, y_valid = validation_case()
    net = regressor(max_epochs=40, iterator_train__batch_size=-1)
    trained = train_net(net, X, y, (X_valid, y_valid), **(PLAIN | {"center": "best"}))
    best = int(np.argmin(trained.net.history[:, "valid_loss"])) + 1
    n_earlier = round(best * (1 - trained.tenths / 10))
    assert 0 < n_earlier < best
    assert_close(
        {name: tensor.numpy() for name, tensor in trained.earlier.items()},
        own_loop(X, y, n_earlier)[-1],
    )


def test_one_step_has_no_earlier_weights():
    X, y = measured(12)
    trained = train_net(regressor(max_epochs=1, **FULL_BATCH), X, y, None, **PLAIN)
    assert trained.earlier is None
    assert math.isnan(trained.tenths)


def test_early_stopping_ends_a_training():
    X, y, X_valid, y_valid = validation_case()
    ended = []

    class Ends(Callback):
        def on_train_end(self, net, **kwargs):
            ended.append(len(net.history))

    callbacks = [EarlyStopping(patience=3, threshold=0.0), Ends()]
    net = regressor(max_epochs=200, callbacks=callbacks, iterator_train__batch_size=-1)
    trained = train_net(net, X, y, (X_valid, y_valid), **PLAIN)
    n_epochs = len(trained.net.history)
    best = int(np.argmin(trained.net.history[:, "valid_loss"])) + 1
    assert n_epochs == best + 3 < 200
    assert ended == [n_epochs]
    assert_close(weights_of(trained.net), own_loop(X, y, n_epochs)[-1])


def test_early_stopping_may_load_its_best():
    X, y, X_valid, y_valid = validation_case()
    stopper = EarlyStopping(patience=3, threshold=0.0, load_best=True)
    net = regressor(max_epochs=200, callbacks=[stopper], iterator_train__batch_size=-1)
    trained = train_net(net, X, y, (X_valid, y_valid), **PLAIN)
    best = int(np.argmin(trained.net.history[:, "valid_loss"]))
    assert_close(weights_of(trained.net), own_loop(X, y, best + 1)[-1])


def test_the_epoch_at_which_early_stopping_ends_may_be_the_best():
    X, y = measured(40)
    # stops after its patience whatever happens, while the validation loss still falls
    stopper = EarlyStopping(monitor="train_loss", patience=3, threshold=1e6, threshold_mode="abs")
    net = regressor(max_epochs=200, callbacks=[stopper], iterator_train__batch_size=-1)
    trained = train_net(net, X[:20], y[:20], (X[20:], y[20:]), **(PLAIN | {"center": "best"}))
    losses = trained.net.history[:, "valid_loss"]
    assert losses == sorted(losses, reverse=True)
    assert_close(weights_of(trained.net), own_loop(X[:20], y[:20], len(losses))[-1])


def test_an_interrupt_of_the_user_is_no_early_stopping():
    X, y, X_valid, y_valid = validation_case()
    net = regressor(callbacks=[EarlyStopping(patience=3), Breaks(KeyboardInterrupt)])
    with pytest.raises(KeyboardInterrupt):
        train_net(net, X, y, (X_valid, y_valid), **PLAIN)


def test_a_checkpoint_may_load_its_best(tmp_path):
    X, y, X_valid, y_valid = validation_case()
    checkpoint = Checkpoint(dirname=str(tmp_path), load_best=True)
    net = regressor(max_epochs=40, callbacks=[checkpoint], iterator_train__batch_size=-1)
    trained = train_net(net, X, y, (X_valid, y_valid), **PLAIN)
    best = int(np.argmin(trained.net.history[:, "valid_loss"]))
    assert best < 39
    assert_close(weights_of(trained.net), own_loop(X, y, best + 1)[-1])


class Logistic(nn.Module):
    """Its weights leave the finite numbers at the first step, its outputs are NaN from then on."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 1)

    def forward(self, X):
        return self.linear(X).sigmoid()


@pytest.mark.parametrize(
    "net",
    [
        regressor(lr=1e20, max_epochs=5),
        # refuses NaN with a RuntimeError at the next step
        NeuralNetBinaryClassifier(
            Logistic, criterion=nn.BCELoss, lr=math.inf, max_epochs=9, verbose=0, batch_size=4
        ),
    ],
    ids=["silent", "refused by the criterion"],
)
def test_a_training_that_diverges_is_told_apart(net):
    X, y = measured(12)
    y = (y[:, 0] > 0).astype(np.float32) if isinstance(net, NeuralNetBinaryClassifier) else y
    with untouched_generators(), pytest.raises(DivergedTrainingError, match="training diverged"):
        train_net(net, X, y, None, **PLAIN)


def test_classes_that_the_samples_lack_are_known_to_the_net():
    X, y = labeled(30)
    some = y < 2
    trained = train_net(classifier(), X[some], y[some], None, n_classes=3, **PLAIN)
    assert trained.net.classes_.tolist() == [0, 1, 2]
    assert trained.net.predict_proba(X).shape == (30, 3)
    assert trained.net.predict(X).dtype.kind == "i"


@pytest.mark.parametrize(("verbose", "printed"), [(0, False), (1, False), (2, True)])
def test_a_net_speaks_only_where_it_is_asked_to(capsys, verbose, printed):
    X, y = measured(12)
    train_net(regressor(verbose=1), X, y, None, verbose=verbose, **PLAIN)
    assert bool(capsys.readouterr().out) == printed


def test_a_silent_net_stays_silent(capsys):
    X, y = measured(12)
    train_net(regressor(verbose=0), X, y, None, verbose=2, **PLAIN)
    assert not capsys.readouterr().out


def test_nets_without_default_callbacks_are_trained():
    X, y = measured(12)
    trained = train_net(
        regressor(callbacks="disable", max_epochs=5, **FULL_BATCH), X, y, None, **PLAIN
    )
    assert_close(weights_of(trained.net), own_loop(X, y, 5)[-1])
    assert trained.net.callbacks_ == []


def test_a_look_at_a_net_trains_nothing():
    net = regressor(Perceptron())
    with untouched_generators():
        first, second = (initialized_net(net, seed=3) for _ in range(2))
    assert first.initialized_
    assert len(first.history) == 0
    assert same_weights(weights_of(first), weights_of(second))
    assert not net.initialized_


def test_checkpoints_of_cells_stay_apart_and_leave_no_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    X, y = measured(30)
    keeper = Checkpoint(monitor="train_loss_best", load_best=True)
    net = regressor(callbacks=[("keeper", keeper)], max_epochs=4)
    trained = train_net(net, X, y, None, **PLAIN)
    assert list(tmp_path.iterdir()) == []
    assert keeper.dirname == ""
    plain = train_net(regressor(max_epochs=4), X, y, None, **PLAIN)
    # the training loss falls in every epoch, so the best weights are the last
    assert np.all(np.diff(plain.net.history[:, "train_loss"]) < 0)
    assert same_weights(weights_of(trained.net), weights_of(plain.net))


@pytest.mark.parametrize(
    ("params", "refused"),
    [
        ({"module__batch_norm": True, "batch_size": 4}, [9, 13]),
        ({"module__batch_norm": True, "iterator_train__batch_size": 3}, [10, 13]),
        ({"module__batch_norm": True, "batch_size": 4, "iterator_train__drop_last": True}, []),
        ({"module__batch_norm": True, "batch_size": -1}, []),
        ({"module__batch_norm": False, "batch_size": 4}, []),
    ],
)
def test_batch_norm_with_a_last_batch_of_one_is_refused_with_the_remedy(params, refused):
    X, y = measured(13)
    net = regressor(**params)
    sizes = [8, 9, 10, 13]
    if not refused:
        check_batches(net, Samples(X, y, y), sizes, seed=0)
        train_net(net, X, y, None, **PLAIN)
        return
    with pytest.raises(
        UnsupportedNetError, match=f"{refused!r}.*drop_last=True".replace("[", r"\[")
    ):
        check_batches(net, Samples(X, y, y), sizes, seed=0)
    # as it is
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        train_net(net, X, y, None, **PLAIN)
