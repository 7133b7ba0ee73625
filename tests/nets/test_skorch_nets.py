import numpy as np
import pytest
import torch
from skorch import NeuralNet, NeuralNetBinaryClassifier, NeuralNetClassifier
from skorch.callbacks import (
    Checkpoint,
    EarlyStopping,
    EpochScoring,
    LRScheduler,
    ProgressBar,
    TrainEndCheckpoint,
)
from torch import nn

from sufficiency._random import isolated_rng
from sufficiency.exceptions import UnsupportedNetError
from sufficiency.nets.skorch_nets import (
    check_net,
    evaluation_mode,
    fresh_net,
    has_scheduler,
    is_binary,
    module_dtype,
    monitors_validation,
)
from tests.helpers import (
    Perceptron,
    classifier,
    labeled,
    measured,
    regressor,
    same_weights,
    weights_of,
)


def fresh_weights(net, seed=0, **params) -> dict[str, np.ndarray]:
    with isolated_rng(seed):
        return weights_of(fresh_net(net, **params).initialize())


def test_a_net_comes_back():
    net = classifier()
    assert check_net(net) is net


@pytest.mark.parametrize(
    ("value", "remedy"),
    [
        (NeuralNetClassifier, r"got the class NeuralNetClassifier; pass NeuralNetClassifier\("),
        (nn.Linear(2, 2), r"got a torch module; wrap it: NeuralNetClassifier\("),
        (
            "mlp",
            "must be None, an unfitted skorch NeuralNet or a Pipeline that ends in one, got 'mlp'",
        ),
        (
            nn.Linear,
            "must be None, an unfitted skorch NeuralNet or a Pipeline that ends in one, got <class",
        ),
    ],
)
def test_what_is_no_net_is_refused_with_the_remedy(value, remedy):
    with pytest.raises(TypeError, match=f"`net` must be .*{remedy}|`net` {remedy}"):
        check_net(value)


@pytest.mark.parametrize("make", [lambda: Perceptron, Perceptron], ids=["class", "instance"])
def test_the_seed_alone_decides_the_weights(make):
    net = regressor(make())
    first, again, other = (fresh_weights(net, seed) for seed in (0, 0, 1))
    assert same_weights(first, again)
    assert all(not np.array_equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize("make", [lambda: Perceptron, Perceptron], ids=["class", "instance"])
def test_copies_of_a_fitted_net_start_from_fresh_weights(make):
    net = regressor(make())
    X, y = measured(30)
    before = fresh_weights(net)
    net.fit(X, y)
    assert same_weights(fresh_weights(net), before)
    assert not same_weights(weights_of(net), before)


def test_an_instance_gets_the_weights_that_its_class_would_get():
    # Perceptron draws for its parts in the order of their definition, a reset in reverse: so
    # distributions are compared, on one layer each
    with isolated_rng(0):
        of_class = fresh_net(regressor(nn.Linear, module__in_features=3, module__out_features=1))
        expected = weights_of(of_class.initialize())
    assert same_weights(fresh_weights(regressor(nn.Linear(3, 1))), expected)


def test_params_are_set_on_the_copy_alone():
    net = classifier(max_epochs=3)
    assert fresh_net(net, max_epochs=7).max_epochs == 7
    assert net.max_epochs == 3


def test_an_instance_stays_as_it_is():
    module = Perceptron(3, batch_norm=True)
    module.norm.running_mean.fill_(3.0)
    module.hidden.weight.requires_grad_(False)
    module.hidden.eval()
    module.note = "mine"
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    net = classifier(module)
    params = net.get_params(deep=False)
    fresh_weights(net)
    assert net.module is module
    assert net.get_params(deep=False) == params
    assert not net.initialized_
    assert all(torch.equal(before[name], tensor) for name, tensor in module.state_dict().items())
    assert [part.training for part in module.children()] == [False, True, True, True]
    assert not module.hidden.weight.requires_grad
    assert module.note == "mine"


def test_batch_norm_of_an_instance_forgets_what_it_saw():
    module = Perceptron(batch_norm=True)
    module.norm.running_mean.fill_(3.0)
    module.norm.weight.data.fill_(5.0)
    weights = fresh_weights(regressor(module))
    assert (weights["norm.running_mean"] == 0).all()
    assert (weights["norm.weight"] == 1).all()
    assert weights["norm.num_batches_tracked"] == 0


def test_batch_norm_without_parameters_forgets_too():
    module = nn.Sequential(nn.BatchNorm1d(3, affine=False), nn.Linear(3, 1))
    module[0].running_mean.fill_(3.0)
    assert (fresh_weights(regressor(module))["0.running_mean"] == 0).all()


def test_frozen_layers_of_an_instance_are_part_of_the_recipe():
    module = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))
    for parameter in [*module[0].parameters(), *module[1].parameters()]:
        parameter.requires_grad_(False)
    module[1].running_mean.fill_(3.0)
    before = {name: tensor.numpy().copy() for name, tensor in module.state_dict().items()}
    weights = fresh_weights(regressor(module))
    for name, values in before.items():
        assert np.array_equal(values, weights[name]) == (not name.startswith("2."))


def test_a_single_frozen_parameter_survives_its_layers_reset():
    module = nn.Linear(3, 1)
    module.weight.requires_grad_(False)
    before = module.weight.numpy().copy()
    weights = fresh_weights(regressor(module))
    assert np.array_equal(weights["weight"], before)
    assert weights["bias"] != module.bias.item()


class Scaled(nn.Module):
    """A parameter of its own, and no reset."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 1)
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, X):
        return self.linear(X) * self.scale


class Parent(nn.Module):
    """Resets what its child cannot, to the value that it has."""

    def __init__(self) -> None:
        super().__init__()
        self.child = Scaled()
        self.reset_parameters()

    def reset_parameters(self):
        nn.init.ones_(self.child.scale)
        nn.init.constant_(self.child.linear.weight, 2.0)

    def forward(self, X):
        return self.child(X)


def test_an_instance_that_cannot_be_reset_is_refused_with_the_remedy():
    told = r"parameters \['1\.scale'\] have no reset_parameters.*pass the module's class"
    with pytest.raises(UnsupportedNetError, match=told):
        fresh_net(regressor(nn.Sequential(nn.Linear(3, 3), Scaled())))


def test_the_class_of_such_a_module_is_taken():
    weights = fresh_weights(regressor(Scaled))
    assert weights["scale"] == 1


def test_such_a_parameter_is_taken_if_frozen():
    module = Scaled()
    module.scale.data.fill_(4.0)
    module.scale.requires_grad_(False)
    assert fresh_weights(regressor(module))["scale"] == 4


def test_a_parents_reset_covers_its_children_and_has_the_last_word():
    weights = fresh_weights(regressor(Parent()))
    assert weights["child.scale"] == 1
    assert (weights["child.linear.weight"] == 2).all()


def test_attention_is_reset_as_it_is_constructed():
    # its constructor makes the biases of the output projection zero, a Linear's reset would not
    weights = fresh_weights(regressor(nn.MultiheadAttention(4, 2)))
    assert (weights["out_proj.bias"] == 0).all()
    assert (weights["out_proj.weight"] != 0).all()


def test_lazy_modules_are_left_to_their_first_batch():
    X, y = labeled(30)
    net = classifier(nn.Sequential(nn.LazyLinear(4), nn.ReLU(), nn.LazyLinear(3)))
    copy = fresh_net(net, train_split=None)
    assert copy.fit(X, y).predict(X).shape == (30,)
    assert torch.nn.parameter.is_lazy(net.module[0].weight)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_dtype_is_that_of_the_parameters(dtype):
    net = regressor(nn.Linear(3, 1).to(dtype)).initialize()
    assert module_dtype(net) == dtype


def test_dtype_without_parameters_is_single_precision():
    assert module_dtype(regressor(nn.ReLU, optimizer=lambda *a, **k: None).initialize()) == (
        torch.float32
    )


def test_binary_nets_are_told_apart():
    assert is_binary(NeuralNetBinaryClassifier(Perceptron))
    assert not is_binary(classifier())


def test_several_outputs_for_two_classes_are_not_binary():
    assert not is_binary(classifier(module__n_outputs=2))


@pytest.mark.parametrize(
    ("callbacks", "expected"),
    [
        ([], False),
        ("disable", False),
        ([EarlyStopping()], True),
        ([EarlyStopping(monitor="train_loss")], False),
        ([Checkpoint()], True),
        ([Checkpoint(monitor="train_loss_best")], False),
        ([Checkpoint(monitor=None)], False),
        ([Checkpoint(monitor="valid_acc_best")], True),
        ([Checkpoint(monitor=lambda net: True)], True),
        ([TrainEndCheckpoint()], False),
        ([ProgressBar()], False),
        ([LRScheduler("ReduceLROnPlateau", monitor="valid_loss")], True),
        ([LRScheduler("StepLR", step_size=3)], False),
        ([("f1", EpochScoring("f1_macro")), EarlyStopping(monitor="f1_macro")], True),
        ([("f1", EpochScoring("f1_macro", name="mine")), Checkpoint(monitor="mine_best")], True),
        (
            [EpochScoring("f1_macro", on_train=True, name="mine"), EarlyStopping(monitor="mine")],
            False,
        ),
        ([EpochScoring("f1_macro")], False),
    ],
)
def test_validation_is_needed_where_a_callback_steers_by_it(callbacks, expected):
    net = classifier(callbacks=callbacks).initialize()
    assert monitors_validation(net) == expected


def test_schedules_are_seen():
    assert has_scheduler(classifier(callbacks=[LRScheduler("StepLR", step_size=3)]).initialize())
    assert not has_scheduler(classifier(callbacks=[EarlyStopping()]).initialize())


@pytest.mark.parametrize("error", [None, RuntimeError])
def test_evaluation_mode_ends_as_it_began(error):
    net = NeuralNet(
        Perceptron, criterion=nn.CrossEntropyLoss(), module__dropout=0.5, module__batch_norm=True
    ).initialize()
    net.module_.train()
    net.module_.hidden.eval()
    modes = [part.training for part in net.module_.modules()]
    weights = weights_of(net)
    try:
        with evaluation_mode(net):
            assert not any(part.training for part in net.module_.modules())
            assert not net.criterion_.training
            net.infer(torch.zeros(4, 3))
            if error:
                raise error
    except RuntimeError:
        pass
    assert [part.training for part in net.module_.modules()] == modes
    assert net.criterion_.training
    assert same_weights(weights_of(net), weights)
