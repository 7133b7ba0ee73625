"""The estimator end to end: any net, any target, bad input refused before any training."""

import warnings

import numpy as np
import pytest
import scipy.sparse
import torch
from sklearn.datasets import load_diabetes, load_iris
from skorch import NeuralNet, NeuralNetBinaryClassifier, NeuralNetClassifier, NeuralNetRegressor
from skorch.callbacks import EarlyStopping, LRScheduler
from torch import nn

from sufficiency import (
    CellFailedWarning,
    ExtrapolationWarning,
    LandscapeSufficiencyEstimator,
    UnsupportedNetError,
)
from sufficiency.probes import IsotropicGaussian, StudentT
from tests.oracles import MLP, Branching, ConvNet, Recurrent

pytestmark = pytest.mark.filterwarnings("ignore::sufficiency.exceptions.SufficiencyWarning")

CHEAP = {"sizes": 3, "n_repeats": 2, "n_draws": 3, "min_steps": 20, "curve": "theory"}


def cheap(net=None, **kwargs):
    return LandscapeSufficiencyEstimator(net, **{"random_state": 0, **CHEAP, **kwargs})


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    return (X - X.mean(0)) / X.std(0), y


@pytest.fixture(scope="module")
def table(iris):
    """Five features, as the nets of the oracles take them."""
    X, y = iris
    return np.column_stack([X, X[:, 0] * X[:, 1]]), y


def net(kind=NeuralNetClassifier, module=MLP, **kwargs):
    defaults = {"lr": 0.05, "max_epochs": 5, "verbose": 0}
    if kind is NeuralNetClassifier:
        defaults["criterion"] = nn.CrossEntropyLoss
    return kind(module, **{**defaults, **kwargs})


def assert_complete(estimator, sizes=3, repeats=2):
    frame = estimator.result_.to_frame()
    assert len(frame) == sizes * repeats
    assert np.isfinite(frame["delta"]).all()
    assert (frame["delta"] > 0).all()
    assert (estimator.deltas_ > 0).all()
    assert isinstance(estimator.predict_sufficient_size(float(estimator.deltas_[1])), int)


LABELS = {
    "int": np.array([3, 5, 9]),
    "negative": np.array([-1, 0, 7]),
    "str": np.array(["a", "b", "c"]),
    "object": np.array(["a", "b", "c"], dtype=object),
    "float": np.array([0.0, 1.0, 2.0]),
}


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("given", [True, False])
def test_labels_of_any_kind(labels, given, table):
    X, y = table
    names = LABELS[labels]
    estimator = cheap(net() if given else None).fit(X, names[y])
    assert_complete(estimator)
    np.testing.assert_array_equal(estimator.classes_, names)
    assert set(estimator.predict(X)) <= set(names)


def test_nll_loss_with_probabilities(table):
    probabilities = net(module__softmax=True, criterion=nn.NLLLoss)
    estimator = cheap(probabilities).fit(*table)
    assert_complete(estimator)
    losses = estimator.result_.table("unseen_loss")
    assert (losses > 0).all()  # without the logarithm they would be −p < 0


@pytest.mark.parametrize("names", [np.array([0, 1]), np.array([False, True]), np.array(["n", "y"])])
def test_binary(names, table):
    X, y = table
    target = names[(y == 0).astype(int)]
    binary = net(NeuralNetBinaryClassifier, module__n_outputs=1)
    estimator = cheap(binary).fit(X, target)
    assert_complete(estimator)
    np.testing.assert_array_equal(estimator.classes_, names)
    assert estimator.predict_proba(X).shape == (150, 2)
    assert estimator.score(X, target) == np.mean(estimator.predict(X) == target)


class Flat(MLP):
    def forward(self, X):
        return super().forward(X)[:, 0]


@pytest.mark.parametrize("module", [MLP, Flat])
def test_regression_targets_keep_their_shape(module, table):
    X, y = table
    regressor = net(NeuralNetRegressor, module, module__n_outputs=1)
    estimator = cheap(regressor).fit(X, y.astype(float))
    assert_complete(estimator)
    assert estimator.predict(X).shape == (150,)
    assert not hasattr(estimator, "classes_")


def test_several_regression_targets(table):
    X, y = table
    estimator = cheap(net(NeuralNetRegressor)).fit(X, np.eye(3)[y])
    assert_complete(estimator)
    assert estimator.predict(X).shape == (150, 3)


def test_plain_neural_net_takes_targets_as_they_are(table):
    plain = net(NeuralNet, criterion=nn.CrossEntropyLoss)
    estimator = cheap(plain).fit(*table)
    assert_complete(estimator)
    assert np.isnan(estimator.result_.table("unseen_score")).all()
    assert estimator.predict(table[0]).shape == (150, 3)


def test_three_lines_on_any_table():
    X, y = load_diabetes(return_X_y=True)
    estimator = cheap(min_steps=200).fit(1e4 * X, 1e6 * y)
    assert_complete(estimator)
    assert estimator.score(1e4 * X, 1e6 * y) > 0.4
    integers = (100 * X).astype(int)
    assert_complete(cheap().fit(integers, y > y.mean()))
    counts = cheap().fit(X, y.astype(int))  # 214 distinct whole numbers are no classes
    assert_complete(counts)
    assert not hasattr(counts, "classes_")


def test_images_and_a_module_instance(rng):
    X, y = rng.normal(size=(60, 1, 6, 6)), np.arange(60) % 3
    module = ConvNet()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    convolutional = net(module=module)
    estimator = cheap(convolutional).fit(X, y)
    assert_complete(estimator)
    assert convolutional.module is module
    assert not convolutional.initialized_
    for name, tensor in module.state_dict().items():
        assert torch.equal(tensor, before[name]), name


@pytest.mark.parametrize("module", [Recurrent, Branching])
def test_nets_that_vmap_cannot_take_are_looped_and_it_is_said_once(module, table):
    with pytest.warns(UserWarning, match="evaluated one by one") as caught:
        estimator = cheap(net(module=module)).fit(*table)
    assert sum("one by one" in str(w.message) for w in caught) == 1
    assert_complete(estimator)


@pytest.mark.parametrize("order", [1, 2])
def test_orders(order, table):
    estimator = cheap(net(), order=order).fit(*table)
    assert_complete(estimator)
    assert estimator.curve_.order == order


def test_order_one_is_the_mean_absolute_change(table):
    by_order = {o: cheap(net(), order=o).fit(*table).result_.table for o in (1, 2)}
    # Jensen: E|D| ≤ √E D², on the same draws and candidates
    assert (by_order[1]("delta") < by_order[2]("delta") ** 0.5).all()
    np.testing.assert_array_equal(by_order[1]("unseen_loss"), by_order[2]("unseen_loss"))


def test_one_candidate_is_the_papers_procedure(table):
    frame = cheap(net(), n_candidates=1).fit(*table).result_.to_frame()
    assert np.isfinite(frame["delta"]).all()
    assert frame["stderr"].isna().all()


def test_own_unseen_data(table):
    X, y = table
    order = np.random.default_rng(0).permutation(150)
    seen, unseen = order[:100], order[100:]
    estimator = cheap(net(), sizes=[50, 100]).fit(
        X[seen], y[seen], X_unseen=X[unseen], y_unseen=y[unseen]
    )
    assert_complete(estimator, sizes=2)
    assert list(estimator.sizes_) == [50, 100]  # nothing was reserved
    assert estimator.result_.n_candidates == 50


def test_groups(table):
    groups = np.arange(150) // 5
    assert_complete(cheap(net()).fit(*table, groups=groups))


@pytest.mark.parametrize("callbacks", [None, [("stop", EarlyStopping(patience=3))]])
@pytest.mark.parametrize("center", ["last", "best"])
def test_validation_is_reserved_only_when_something_needs_it(center, callbacks, table):
    estimator = cheap(net(callbacks=callbacks), center=center).fit(*table)
    reserved = 15 if center == "best" or callbacks else 0
    assert estimator.sizes_[-1] == 150 - 30 - reserved
    assert_complete(estimator)


def test_a_schedule_and_more_epochs_warn(table):
    scheduled = net(callbacks=[("lr", LRScheduler("StepLR", step_size=2))])
    with pytest.warns(UserWarning, match="learning-rate schedule was made for fewer"):
        cheap(scheduled).fit(*table)


def test_extrapolation_is_named(table):
    estimator = cheap(net()).fit(*table)
    threshold = float(estimator.deltas_[-1]) / 100
    with pytest.warns(ExtrapolationWarning, match="times beyond the largest measured size, 120"):
        size = estimator.predict_sufficient_size(threshold)
    assert size > 120


def test_thresholds_scalar_and_array(table):
    estimator = cheap(net()).fit(*table)
    middle = float(estimator.deltas_[1])
    scalar = estimator.predict_sufficient_size(middle)
    assert type(scalar) is int
    sizes = estimator.predict_sufficient_size([[middle, 1e9], [middle * 2, middle]])
    assert sizes.dtype == np.int64
    assert sizes.shape == (2, 2)
    assert sizes[0, 0] == sizes[1, 1] == scalar
    assert sizes[0, 1] == estimator.sizes_[0]  # met at the smallest size already
    assert sizes[1, 0] <= scalar


def test_plot_delta_in_one_call(table):
    display = cheap(net()).fit(*table).plot_delta(threshold=1e-3)
    assert display.ax_.get_xscale() == "log"


class Exploding(MLP):
    """Diverges on one size, seen as the one batch of an epoch."""

    def forward(self, X):
        output = super().forward(X)
        return output * float("nan") if self.training and len(X) == 60 else output


def test_a_cell_that_diverges_is_named_and_left_out(table):
    estimator = cheap(net(module=Exploding, batch_size=-1))
    with pytest.warns(CellFailedWarning, match="repeat 0, size 60: .*; repeat 1, size 60: "):
        estimator.fit(*table)
    frame = estimator.result_.to_frame()
    assert list(frame["size"][frame["delta"].isna()]) == [60, 60]
    assert list(np.isfinite(estimator.deltas_)) == [True, False, True]
    assert_complete(
        cheap(net(module=Exploding, batch_size=-1), sizes=[30, 120]).fit(*table), sizes=2
    )


def test_all_cells_diverging_is_an_error_that_names_them(table):
    with pytest.raises(ValueError, match=r"6 of 6 cells failed and are left out \(repeat 0, size"):
        cheap(net(lr=1e30)).fit(*table)


def test_an_error_in_training_names_its_cell(table):
    class Broken(MLP):
        def forward(self, X):
            if self.training and len(X) == 60:
                raise RuntimeError("broken")
            return super().forward(X)

    with pytest.raises(RuntimeError, match="broken") as caught:
        cheap(net(module=Broken, batch_size=-1)).fit(*table)
    assert "in the cell of repeat 0, size 60" in caught.value.__notes__


class NeverTrained(MLP):
    """Fails the test if a training starts."""

    def forward(self, X):
        assert not self.training, "a training was started before the input was refused"
        return super().forward(X)


BAD_PARAMETERS = [
    ({"sizes": 1}, ValueError, "`sizes` must be >= 2, got 1"),
    ({"sizes": []}, ValueError, "`sizes` must hold at least 2"),
    ({"sizes": [100, 50]}, ValueError, "strictly increasing"),
    ({"sizes": [50, 50, 100]}, ValueError, "strictly increasing"),
    ({"sizes": [50, 1000]}, ValueError, "between 1 and 120, got 50 to 1000"),
    ({"sizes": [0, 100]}, ValueError, "between 1 and 120"),
    ({"sizes": [0.5, 1.5]}, ValueError, r"fractions must lie in \(0, 1\]"),
    ({"sizes": [0.5, 60]}, TypeError, "all of one kind"),
    ({"sizes": "many"}, TypeError, "`sizes` must be an integer"),
    ({"sizes": 200}, ValueError, "150 samples less 30 candidates leave 120"),
    ({"n_repeats": 0}, ValueError, "`n_repeats` must be >= 1, got 0"),
    ({"n_repeats": 1.5}, TypeError, "`n_repeats` must be an integer"),
    ({"n_draws": 0}, ValueError, "`n_draws` must be >= 1, got 0"),
    ({"n_candidates": 0}, ValueError, "`n_candidates` must be >= 1, got 0"),
    ({"n_candidates": 149}, ValueError, "less 149 candidates leave 1"),
    ({"n_candidates": 500}, ValueError, "candidates leave 0"),
    ({"min_steps": -1}, ValueError, "`min_steps` must be >= 0, got -1"),
    ({"sigma": -0.1}, ValueError, "`sigma` must be finite and >= 0, got -0.1"),
    ({"sigma": float("inf")}, ValueError, "`sigma` must be finite"),
    ({"probe": "isotropc"}, ValueError, "did you mean 'isotropic'"),
    ({"probe": IsotropicGaussian(), "sigma": 0.1}, ValueError, "`sigma` must be None with a Probe"),
    ({"probe": 3}, TypeError, "`probe` must be one of"),
    ({"order": 3}, ValueError, r"`order` must be 1 .* or 2 .*, got 3"),
    ({"order": "2"}, ValueError, "`order` must be"),
    ({"center": "Best"}, ValueError, "did you mean 'best'"),
    ({"curve": "powerlaw"}, ValueError, "did you mean 'power_law'"),
    ({"curve": "transient", "sizes": 2}, ValueError, "'transient' needs at least 3 sizes, got 2"),
    ({"scoring": "acuracy"}, ValueError, "acuracy"),
    ({"method": "gauss"}, ValueError, "did you mean 'gaussian_moment'"),
    ({"train": "one"}, ValueError, "did you mean 'once'"),
    ({"order": 1, "method": "gaussian_moment"}, ValueError, "`order` must be 2 with method"),
    ({"order": 1, "train": "once"}, ValueError, "`order` must be 2 with train"),
    ({"train": "once", "method": "gaussian_moment"}, ValueError, "must be 'monte_carlo' with"),
    ({"train": "once", "n_candidates": 1}, ValueError, "`n_candidates` must be >= 2"),
    ({"method": "gaussian_moment", "probe": StudentT()}, TypeError, "`probe` must be Gaussian"),
    ({"probe": IsotropicGaussian(parameters="nobody.*")}, ValueError, "which matches none"),
    ({"random_state": "x"}, ValueError, "cannot be used to seed"),
]


@pytest.mark.parametrize(("kwargs", "error", "message"), BAD_PARAMETERS)
def test_bad_parameters_are_refused_before_any_training(kwargs, error, message, table):
    with pytest.raises(error, match=message):
        cheap(net(module=NeverTrained), **kwargs).fit(*table)


def with_value(X, value):
    X = X.copy()
    X[3, 2] = value
    return X


BAD_DATA = [
    (lambda X, y: (with_value(X, np.nan), y), "Input X contains NaN"),
    (lambda X, y: (with_value(X, np.inf), y), "Input X contains infinity"),
    (lambda X, y: (X[:-1], y), "inconsistent numbers of samples"),
    (lambda X, y: (X, np.where(y == 0, np.nan, y)), "Input y contains NaN"),
    (lambda X, y: (X, np.zeros(150, int)), "at least two classes, got 1 class"),
    (lambda X, y: (X, y + 0.5 * X[:, 0]), "Unknown label type"),
    (lambda X, y: (X, None), "requires y to be passed"),
    (lambda X, y: (X[:, 0], y), "Expected 2D array"),
]


@pytest.mark.parametrize(("change", "message"), BAD_DATA)
def test_bad_data_are_refused_before_any_training(change, message, table):
    with pytest.raises(ValueError, match=message):
        cheap(net(module=NeverTrained)).fit(*change(*table))


def test_too_few_samples_for_the_sizes_and_the_reserve(table):
    X, y = table
    with pytest.raises(ValueError, match="between 1 and 60, got 100 to 120: 75 samples less 15"):
        cheap(net(module=NeverTrained), sizes=[100, 120]).fit(X[::2], y[::2])
    with pytest.raises(ValueError, match=r"`sizes` must be <= .*pass more samples"):
        cheap(net(module=NeverTrained), sizes=8).fit(X[::20], y[::20])


def test_sparse_input_is_refused(table):
    with pytest.raises(TypeError, match="Sparse data was passed"):
        cheap(net(module=NeverTrained)).fit(scipy.sparse.csr_matrix(table[0]), table[1])


BAD_FIT = [
    ({"groups": np.zeros(3)}, "`groups` must have one entry for each of 150 samples"),
    ({"X_unseen": np.zeros((4, 5))}, "must be given together"),
    ({"y_unseen": np.zeros(4)}, "must be given together"),
    ({"X_unseen": np.zeros((4, 4)), "y_unseen": np.zeros(4, int)}, "4 features"),
    (
        {"X_unseen": np.zeros((4, 5)), "y_unseen": np.full(4, 9)},
        "`y_unseen` must hold labels that `y`",
    ),
    ({"X_unseen": np.zeros((4, 5)), "y_unseen": np.zeros(3, int)}, "inconsistent numbers"),
]


@pytest.mark.parametrize(("kwargs", "message"), BAD_FIT)
def test_bad_arguments_of_fit_are_refused_before_any_training(kwargs, message, table):
    with pytest.raises(ValueError, match=message):
        cheap(net(module=NeverTrained)).fit(*table, **kwargs)


def test_candidates_and_own_unseen_data_exclude_each_other(table):
    with pytest.raises(ValueError, match="`n_candidates` must be None with own unseen data"):
        cheap(net(module=NeverTrained), n_candidates=5).fit(
            *table, X_unseen=table[0], y_unseen=table[1]
        )


BAD_NETS = [
    (MLP(), TypeError, "got a torch module; wrap it"),
    (NeuralNetClassifier, TypeError, "must be an instance of a skorch net, got the class"),
    ("net", TypeError, "must be None, an unfitted skorch NeuralNet or a Pipeline that ends in one"),
    (net(module=NeverTrained, module__n_outputs=2), UnsupportedNetError, "each of the 3 classes"),
    (net(module=NeverTrained, criterion__reduction="sum"), UnsupportedNetError, "reduction='sum'"),
    (net(NeuralNetBinaryClassifier, NeverTrained), ValueError, "must hold two classes"),
]


@pytest.mark.parametrize(("bad", "error", "message"), BAD_NETS)
def test_bad_nets_are_refused_before_any_training(bad, error, message, table):
    with pytest.raises(error, match=message):
        cheap(bad).fit(*table)


def test_outputs_that_would_broadcast_are_refused_before_any_training(table):
    regressor = net(NeuralNetRegressor, NeverTrained, module__n_outputs=2)
    with pytest.raises(UnsupportedNetError, match="target size"):
        cheap(regressor).fit(table[0], table[1].astype(float))


@pytest.mark.parametrize("threshold", [0, -1e-6, float("nan"), float("inf"), "small", [1e-6, 0]])
def test_bad_thresholds(threshold, table):
    estimator = cheap(net()).fit(*table)
    with pytest.raises(ValueError, match="`threshold` must be"):
        estimator.predict_sufficient_size(threshold)
    with pytest.raises((ValueError, TypeError), match="`threshold` must be"):
        estimator.plot_delta(threshold=threshold)


def test_a_class_with_one_sample_warns_and_is_not_stratified(table):
    X, y = table[0], table[1].copy()
    y[7] = 3
    with pytest.warns(UserWarning, match="1 of 4 classes have a single sample"):
        cheap(net(module__n_outputs=4)).fit(X, y)


def test_batch_norm_and_a_last_batch_of_one_is_refused_with_the_remedy(rng):
    X, y = rng.normal(size=(60, 1, 6, 6)), np.arange(60) % 3
    normed = net(module=Flattened, batch_size=8)
    with pytest.raises(UnsupportedNetError, match=r"sizes \[33\].*drop_last"):
        cheap(normed, sizes=[33, 40]).fit(X, y)
    assert_complete(
        cheap(normed.set_params(iterator_train__drop_last=True), sizes=[33, 40]).fit(X, y), sizes=2
    )
    # the refit on all 65 samples ends in a batch of one, too
    X, y = rng.normal(size=(65, 1, 6, 6)), np.arange(65) % 3
    with pytest.raises(UnsupportedNetError, match=r"sizes \[65\]"):
        cheap(net(module=Flattened, batch_size=8), sizes=[32, 40]).fit(X, y)
    assert_complete(
        cheap(net(module=Flattened, batch_size=8), sizes=[32, 40], refit=False).fit(X, y), sizes=2
    )


class Flattened(MLP):
    """Batch norm without space, which a single sample has no variance for."""

    def __init__(self):
        super().__init__(n_inputs=36)
        self.norm = nn.BatchNorm1d(36)

    def forward(self, X):
        return super().forward(self.norm(X.flatten(1)))


def test_the_net_for_predictions_has_seen_all_samples(table):
    seen = []

    class Recording(MLP):
        def forward(self, X):
            if self.training:
                seen.append(X.detach().clone())
            return super().forward(X)

    X, y = table
    estimator = cheap(net(module=Recording, max_epochs=1), min_steps=0, sizes=2, n_repeats=1)
    estimator.fit(X, y)
    last_epoch = torch.cat(seen[-2:])  # 150 samples in batches of 128
    assert len(last_epoch) == 150
    np.testing.assert_array_equal(
        np.unique(last_epoch.numpy(), axis=0), np.unique(X.astype("float32"), axis=0)
    )
    # labels in order would make the first batch one without the last class
    assert not torch.equal(last_epoch, torch.as_tensor(X.astype("float32")))


def test_classes_are_known_without_a_refit(table):
    estimator = cheap(net(), refit=False).fit(*table)
    assert list(estimator.classes_) == [0, 1, 2]
    assert not hasattr(estimator, "net_")


def test_questions_are_passed_on_to_the_result(table):
    estimator = cheap(net()).fit(*table)
    threshold = float(estimator.deltas_[1])
    result = estimator.result_
    assert estimator.sufficient_size_interval(threshold) == result.sufficient_size_interval(
        threshold
    )
    assert estimator.sufficient_size_interval(
        threshold, confidence=0.5
    ) == result.sufficient_size_interval(threshold, confidence=0.5)
    verdict = estimator.verdict(0.05, relative=True)
    assert str(verdict) == str(result.verdict(0.05, relative=True))
    assert verdict.n_available == 150
    by_growth = estimator.predict_sufficient_size(1e-2, growth=0.1)
    assert by_growth == result.predict_sufficient_size(1e-2, growth=0.1)
    assert estimator.predict_sufficient_size(0.05, relative=True) == verdict.size
    with pytest.raises(ValueError, match="growth"):
        cheap(net(), order=1).fit(*table).predict_sufficient_size(1e-2, growth=0.1)
    with pytest.raises(ValueError, match="`growth` must go with two candidates or more"):
        cheap(net(), n_candidates=1).fit(*table).predict_sufficient_size(1e-2, growth=0.1)
    with pytest.raises(ValueError, match="`n_repeats` must be >= 2 for an interval"):
        cheap(net(), n_repeats=1).fit(*table).sufficient_size_interval(threshold)


def test_learning_curve_in_one_call(table):
    display = cheap(net()).fit(*table).plot_learning_curve()
    assert display.ax_.get_ylabel() == "loss on unseen samples"


@pytest.mark.parametrize(
    "criterion",
    [{"criterion__weight": torch.tensor([1.0, 50.0, 1.0])}, {"criterion__ignore_index": 1}],
)
def test_a_rare_class_is_found_before_any_training(criterion, rng):
    X, y = rng.normal(size=(600, 5)), np.zeros(600, int)
    y[300:], y[:6] = 2, 1
    for seed in range(3):
        with pytest.raises(UnsupportedNetError, match=r"class weights|ignore_index"):
            cheap(net(module=NeverTrained, **criterion), random_state=seed).fit(X, y)


def test_a_new_fit_starts_without_the_old(table):
    estimator = cheap(net(), refit=True).fit(*table)
    estimator.set_params(refit=False).fit(*table)
    assert not hasattr(estimator, "net_")
    with pytest.raises(ValueError, match="`n_draws`"):
        estimator.set_params(n_draws=0).fit(*table)
    assert not hasattr(estimator, "result_")


def test_scoring_gives_a_plain_net_a_score(table):
    def losses_of(predictor, X, y):
        return -float(np.mean(predictor.predict(X)[np.arange(len(y)), y]))

    plain = net(NeuralNet, criterion=nn.CrossEntropyLoss)
    estimator = cheap(plain, scoring=losses_of).fit(*table)
    assert np.isfinite(estimator.result_.table("unseen_score")).all()
    assert estimator.score(*table) == pytest.approx(losses_of(estimator, *table))


def test_booleans_are_numbers_for_the_default_net(table):
    X, y = table[0] > 0, table[1]
    estimator = cheap().fit(X[::2], y[::2], X_unseen=X[1::2], y_unseen=y[1::2])
    assert estimator.predict(X).shape == (150,)


class OwnProbe:
    def __init__(self, draw):
        self.draw = draw

    def prepare(self, center):
        return lambda generator: self.draw(center)


BAD_PROBES = [
    (OwnProbe(lambda center: {}), ValueError, "`probe` must"),
    (OwnProbe(lambda center: {"l.weihgt": torch.zeros(1)}), ValueError, "promises"),
    (OwnProbe(lambda center: {n: w[:1] for n, w in center.items()}), ValueError, "promises"),
]


@pytest.mark.parametrize(("probe", "error", "message"), BAD_PROBES)
def test_bad_probes_are_refused_before_any_training(probe, error, message, table):
    with pytest.raises(error, match=message):
        cheap(net(module=NeverTrained), probe=probe).fit(*table)


def test_a_net_without_trainable_parameters_is_refused(table):
    class Frozen(NeverTrained):
        def __init__(self):
            super().__init__()
            self.requires_grad_(False)

    with pytest.raises(UnsupportedNetError, match="trainable parameters"):
        cheap(net(module=Frozen)).fit(*table)


@pytest.mark.parametrize("shift", [0.0, 1e3, 1.7e9])
def test_digits_that_the_net_cannot_hold_are_pointed_out(shift):
    # a column of seconds: float32 holds 24 bits, 1.7e9 in steps of 128
    X, y = load_iris(return_X_y=True)
    X[:, 2] = 10 * X[:, 2] + shift
    est = LandscapeSufficiencyEstimator(
        sizes=2, n_repeats=2, n_draws=2, min_steps=0, refit=False, random_state=0, curve="theory"
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        est.fit(X, y)
    told = [str(w.message) for w in caught if "will be rounded" in str(w.message)]
    assert len(told) == (shift > 1e6)
    if told:
        assert "columns [2]" in told[0]
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            est.fit(X - X.mean(0), y)
        assert not any("will be rounded" in str(w.message) for w in caught)
