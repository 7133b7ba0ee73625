"""Per-sample losses of every kind of net, and the nets that are refused."""

import numpy as np
import pytest
import torch
from skorch import NeuralNet, NeuralNetBinaryClassifier, NeuralNetClassifier, NeuralNetRegressor
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from sufficiency import UnsupportedNetError, per_sample_losses
from sufficiency.nets.losses import LossFunction, check_losses, representative, sample_blocks
from tests.oracles import MLP, ConvNet, naive_losses

# Sums of a few hundred terms of order one in float64, in another order than the oracle's:
# rounding is about 300·2⁻⁵³ ≈ 3e-14.
EXACT = {"rtol": 1e-12, "atol": 1e-12}


def double(net):
    net.initialize()
    net.module_.double()
    return net


def perturbed(module, n_draws=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.stack(
            [
                p.detach() + 0.3 * torch.randn(p.shape, generator=generator, dtype=p.dtype)
                for _ in range(n_draws)
            ]
        )
        for name, p in module.named_parameters()
    }


def classes(rng, n=17):
    return rng.normal(size=(n, 5)), rng.integers(0, 3, n)


CASES = {
    "probabilities and NLLLoss": (
        lambda: NeuralNetClassifier(MLP, module__softmax=True),
        nn.NLLLoss(),
        lambda p: torch.log(p + torch.finfo(torch.float64).eps),
    ),
    "logits and CrossEntropyLoss": (
        lambda: NeuralNetClassifier(MLP, criterion=nn.CrossEntropyLoss),
        nn.CrossEntropyLoss(),
        lambda z: z,
    ),
    "label smoothing": (
        lambda: NeuralNetClassifier(
            MLP, criterion=nn.CrossEntropyLoss, criterion__label_smoothing=0.1
        ),
        nn.CrossEntropyLoss(label_smoothing=0.1),
        lambda z: z,
    ),
    "plain NeuralNet": (
        lambda: NeuralNet(MLP, criterion=nn.MultiMarginLoss),
        nn.MultiMarginLoss(),
        lambda z: z,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_classification_losses_equal_one_sample_at_a_time(case, rng):
    make, criterion, transform = CASES[case]
    net = double(make())
    X, y = classes(rng)
    weights = perturbed(net.module_)
    expected = naive_losses(net.module_, criterion, weights, X, y, transform)
    np.testing.assert_allclose(per_sample_losses(net, X, y, weights=weights), expected, **EXACT)


def test_binary_losses_equal_one_sample_at_a_time(rng):
    net = double(NeuralNetBinaryClassifier(MLP, module__n_outputs=1))
    X, y = rng.normal(size=(17, 5)), rng.integers(0, 2, 17).astype(float)
    weights = perturbed(net.module_)
    expected = naive_losses(
        net.module_, nn.BCEWithLogitsLoss(), weights, X, y, lambda z: z.reshape(-1)
    )
    np.testing.assert_allclose(per_sample_losses(net, X, y, weights=weights), expected, **EXACT)


@pytest.mark.parametrize("criterion", [nn.MSELoss, nn.L1Loss, nn.HuberLoss])
def test_regression_losses_are_means_over_output_dimensions(criterion, rng):
    net = double(NeuralNetRegressor(MLP, criterion=criterion))
    X, y = rng.normal(size=(17, 5)), rng.normal(size=(17, 3))
    weights = perturbed(net.module_)
    expected = naive_losses(net.module_, criterion(), weights, X, y)
    np.testing.assert_allclose(per_sample_losses(net, X, y, weights=weights), expected, **EXACT)


def test_batch_norm_and_dropout_are_evaluated_with_the_trained_statistics(rng):
    net = double(NeuralNetClassifier(ConvNet, criterion=nn.CrossEntropyLoss))
    X, y = rng.normal(size=(9, 1, 6, 6)), rng.integers(0, 3, 9)
    with torch.no_grad():
        net.module_.train()(torch.as_tensor(X))  # running statistics other than the initial ones
    weights = perturbed(net.module_)
    expected = naive_losses(net.module_, nn.CrossEntropyLoss(), weights, X, y)
    np.testing.assert_allclose(per_sample_losses(net, X, y, weights=weights), expected, **EXACT)


def test_own_weights_without_weights(rng):
    net = double(NeuralNetClassifier(MLP, criterion=nn.CrossEntropyLoss))
    X, y = classes(rng)
    own = {name: p.detach()[None] for name, p in net.module_.named_parameters()}
    losses = per_sample_losses(net, X, y)
    assert losses.shape == (17,)
    np.testing.assert_array_equal(losses, per_sample_losses(net, X, y, weights=own)[0])


def test_infer_and_get_loss_of_a_subclass_are_used(rng):
    class Halved(NeuralNetRegressor):
        def infer(self, x, **fit_params):
            return super().infer(x, **fit_params) / 2

    X, y = rng.normal(size=(7, 5)), rng.normal(size=(7, 3))
    net = double(Halved(MLP))
    with torch.no_grad():
        expected = ((net.module_(torch.as_tensor(X)) / 2 - torch.as_tensor(y)) ** 2).mean(1)
    np.testing.assert_allclose(per_sample_losses(net, X, y), expected.numpy(), **EXACT)


def test_the_net_keeps_its_criterion(rng):
    net = double(NeuralNetClassifier(MLP, criterion=nn.CrossEntropyLoss))
    per_sample_losses(net, *classes(rng))
    assert net.criterion_.reduction == "mean"


class Penalized(NeuralNetClassifier):
    def get_loss(self, y_pred, y_true, X=None, training=False):
        return super().get_loss(y_pred, y_true, X=X, training=training) + 0.1


class RootOfMean(NeuralNetClassifier):
    def get_loss(self, y_pred, y_true, X=None, training=False):
        return super().get_loss(y_pred, y_true, X=X, training=training).sqrt()


class WithoutReduction(nn.Module):
    def forward(self, output, target):
        return nn.functional.cross_entropy(output, target)


class IgnoresReduction(nn.CrossEntropyLoss):
    def forward(self, output, target):
        return nn.functional.cross_entropy(output, target)


class Contrastive(nn.CrossEntropyLoss):
    """Every sample is measured against the mean of its batch."""

    def forward(self, output, target):
        centered = output - output.mean(0)
        return nn.functional.cross_entropy(centered, target, reduction=self.reduction)


class AlwaysDropping(MLP):
    def forward(self, X):
        return nn.functional.dropout(super().forward(X), 0.5)


def weighted():
    return NeuralNetClassifier(
        MLP, criterion=nn.CrossEntropyLoss, criterion__weight=torch.tensor([1.0, 2.0, 5.0])
    )


REFUSED = {
    "class weights": (weighted, "class weights"),
    "sum": (
        lambda: NeuralNetClassifier(MLP, criterion=nn.CrossEntropyLoss, criterion__reduction="sum"),
        "reduction='sum'",
    ),
    "root of the mean": (
        lambda: RootOfMean(MLP, criterion=nn.CrossEntropyLoss),
        "mean per-sample loss is",
    ),
    "no reduction": (lambda: NeuralNetClassifier(MLP, criterion=WithoutReduction), "`reduction`"),
    "reduction ignored": (
        lambda: NeuralNetClassifier(MLP, criterion=IgnoresReduction),
        "one loss a sample",
    ),
    "contrastive": (
        lambda: NeuralNetClassifier(MLP, criterion=Contrastive),
        "depends on the other samples",
    ),
    "random": (
        lambda: NeuralNetClassifier(AlwaysDropping, criterion=nn.CrossEntropyLoss),
        "random in evaluation mode",
    ),
    "ignore_index": (
        lambda: NeuralNetClassifier(MLP, criterion=nn.CrossEntropyLoss, criterion__ignore_index=1),
        "ignore_index",
    ),
    "too few outputs": (
        lambda: NeuralNetClassifier(MLP, module__n_outputs=2, criterion=nn.CrossEntropyLoss),
        r"each of the 3 classes of y, got an output of shape \(8, 2\)",
    ),
    "wrong inputs": (
        lambda: NeuralNetClassifier(MLP, module__n_inputs=4, criterion=nn.CrossEntropyLoss),
        "cannot compute losses for X of shape",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_has_no_mean_over_samples_is_refused_with_the_remedy(case, rng):
    make, message = REFUSED[case]
    X, y = rng.normal(size=(8, 5)).astype("float32"), np.array([0, 1, 2, 0, 1, 2, 0, 1])
    with pytest.raises(UnsupportedNetError, match=message):
        check_losses(make().initialize(), X, y, n_classes=3)


def test_a_penalty_of_the_weights_belongs_to_every_sample(rng):
    X, y = classes(rng)
    plain = double(NeuralNetClassifier(MLP, criterion=nn.CrossEntropyLoss))
    penalized = double(Penalized(plain.module_, criterion=nn.CrossEntropyLoss))
    check_losses(penalized, X, y, n_classes=3)
    expected = per_sample_losses(plain, X, y) + 0.1
    np.testing.assert_allclose(per_sample_losses(penalized, X, y), expected, **EXACT)


def test_shapes_that_would_broadcast_are_refused(rng):
    X, y = rng.normal(size=(8, 5)).astype("float32"), rng.normal(size=8).astype("float32")
    net = NeuralNetRegressor(MLP, module__n_outputs=1).initialize()
    with pytest.raises(UnsupportedNetError, match="Using a target size"):
        check_losses(net, X, y)
    check_losses(net, X, y[:, None])


def test_broadcasting_is_found_without_torchs_warning(rng):
    class Squared(nn.Module):
        reduction = "mean"

        def forward(self, output, target):
            losses = (output - target) ** 2
            return losses.mean() if self.reduction == "mean" else losses

    X, y = rng.normal(size=(8, 5)).astype("float32"), rng.normal(size=8).astype("float32")
    net = NeuralNetRegressor(MLP, module__n_outputs=1, criterion=Squared).initialize()
    with pytest.raises(UnsupportedNetError, match="make them equal if they broadcast"):
        check_losses(net, X, y)


def test_several_modules_are_refused():
    class Two(NeuralNet):
        def initialize_module(self):
            super().initialize_module()
            self.second_ = nn.Linear(1, 1)
            return self

    net = Two(MLP, criterion=nn.MSELoss).initialize()
    with pytest.raises(UnsupportedNetError, match="one module"):
        LossFunction(net)


def rare(n=600):
    """Classes of which one is seldom: a handful of samples misses it."""
    y = np.zeros(n, dtype="int64")
    y[n // 2 :] = 2
    y[:6] = 1
    return y


def test_a_rare_class_is_looked_at(rng):
    y = rare()
    for seed in range(20):
        chosen = representative(y, 8, np.random.default_rng(seed))
        assert set(y[chosen]) == {0, 1, 2}
        assert len(chosen) >= 8
        assert (np.diff(chosen) > 0).all()


@pytest.mark.parametrize(
    "settings",
    [
        {"criterion__weight": torch.tensor([1.0, 50.0, 1.0])},
        {"criterion__ignore_index": 1},
        {"criterion__reduction": "sum"},
    ],
)
def test_per_sample_losses_refuse_what_is_no_mean(settings, rng):
    net = double(NeuralNetClassifier(MLP, criterion=nn.CrossEntropyLoss, **settings))
    with pytest.raises(UnsupportedNetError):
        per_sample_losses(net, rng.normal(size=(600, 5)), rare())


def test_weights_of_one_are_none(rng):
    net = double(
        NeuralNetClassifier(
            MLP,
            criterion=nn.CrossEntropyLoss,
            criterion__weight=torch.ones(3, dtype=torch.float64),
        )
    )
    X, y = classes(rng)
    assert per_sample_losses(net, X, y).shape == (17,)


def test_samples_for_cuda_go_through_pinned_memory(monkeypatch):
    """Fake tensors carry the device; pinning, which they do not know, is written down."""
    pinned = []

    def pin_memory(tensor):
        pinned.append(tensor)
        return tensor

    monkeypatch.setattr(torch.Tensor, "pin_memory", pin_memory)
    net = NeuralNetClassifier(MLP, criterion=nn.CrossEntropyLoss, device="cuda")
    X, y = np.zeros((5, 4), dtype="float32"), np.zeros(5, dtype="int64")
    with FakeTensorMode(allow_non_fake_inputs=True):
        blocks = list(sample_blocks(net, X, y, 3))
    assert [(x.device.type, len(x), t.device.type, len(t)) for x, t in blocks] == [
        ("cuda", 3, "cuda", 3),
        ("cuda", 2, "cuda", 2),
    ]
    assert len(pinned) == 4
