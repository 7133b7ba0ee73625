import numpy as np
import pytest
import torch
from sklearn.base import is_classifier, is_regressor
from sklearn.metrics import accuracy_score, get_scorer, r2_score, roc_auc_score
from skorch import NeuralNetBinaryClassifier

from sufficiency.nets.predictor import PartPredictor, Predictor
from sufficiency.nets.targets import fit_target_codec
from tests.helpers import Perceptron, classifier, labeled, measured, regressor

NAMES = np.array(["ant", "bee", "cat"])


@pytest.fixture(scope="module")
def of_classes():
    X, codes = labeled(60)
    y = NAMES[codes]
    torch.manual_seed(0)
    net = classifier(max_epochs=40, train_split=None).fit(X, codes)
    return Predictor(net, fit_target_codec(net, y, torch.float32)), X, y


@pytest.fixture(scope="module")
def of_two():
    X, codes = labeled(60)
    y = codes > 0
    torch.manual_seed(0)
    net = NeuralNetBinaryClassifier(Perceptron, lr=0.3, max_epochs=20, train_split=None, verbose=0)
    net.fit(X, y.astype(np.float32))
    return Predictor(net, fit_target_codec(net, y, torch.float32)), X, y


@pytest.fixture(scope="module")
def of_numbers():
    X, y = measured(60)
    y = y[:, 0]
    torch.manual_seed(0)
    net = regressor(max_epochs=20, train_split=None).fit(X, y[:, None])
    return Predictor(net, fit_target_codec(net, y, torch.float32)), X, y


def test_labels_are_those_of_the_largest_probability(of_classes):
    predictor, X, _ = of_classes
    probabilities = predictor.predict_proba(X)
    assert probabilities.shape == (60, 3)
    # float32 softmax over three classes
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(predictor.predict(X), NAMES[probabilities.argmax(axis=1)])
    assert predictor.classes_.tolist() == NAMES.tolist()


def test_the_nets_own_score_is_taken(of_classes, of_two, of_numbers):
    for (predictor, X, y), metric in (
        (of_classes, accuracy_score),
        (of_two, accuracy_score),
        (of_numbers, r2_score),
    ):
        score = predictor.score(X, y)
        assert type(score) is float
        # r² in float32 or float64
        assert score == pytest.approx(metric(y, predictor.predict(X)), rel=1e-5)
        assert score > 0.5


def test_binary_labels_are_boolean_again(of_two):
    predictor, X, _ = of_two
    assert predictor.predict(X).dtype == np.bool_
    assert predictor.predict_proba(X).shape == (60, 2)


def test_predictions_are_as_flat_as_the_targets(of_numbers):
    predictor, X, y = of_numbers
    assert predictor.predict(X).shape == y.shape


def test_scikit_learns_scorers_take_it(of_classes, of_two, of_numbers):
    predictor, X, y = of_classes
    probabilities = predictor.predict_proba(X)
    assert get_scorer("accuracy")(predictor, X, y) == predictor.score(X, y)
    expected = np.log(probabilities[np.arange(60), np.searchsorted(NAMES, y)]).mean()
    assert get_scorer("neg_log_loss")(predictor, X, y) == pytest.approx(expected, rel=1e-5)
    predictor, X, y = of_two
    area = roc_auc_score(y, predictor.predict_proba(X)[:, 1])
    assert get_scorer("roc_auc")(predictor, X, y) == pytest.approx(area, rel=1e-12)
    predictor, X, y = of_numbers
    squares = np.mean((predictor.predict(X) - y) ** 2)
    assert get_scorer("neg_mean_squared_error")(predictor, X, y) == pytest.approx(-squares)


def test_its_kind_is_its_nets(of_classes, of_numbers):
    assert is_classifier(of_classes[0])
    assert is_regressor(of_numbers[0])


def test_regressors_have_neither_classes_nor_probabilities(of_numbers):
    predictor, X, _ = of_numbers
    assert not hasattr(predictor, "classes_")
    with pytest.raises(AttributeError, match="a regressor has no predict_proba"):
        predictor.predict_proba(X)


def test_unknown_labels_in_a_score_are_named_as_y(of_classes):
    predictor, X, _ = of_classes
    with pytest.raises(ValueError, match=r"`y` must hold labels .* got \['dog'\]"):
        predictor.score(X, np.full(60, "dog"))


def test_inputs_are_cast_to_the_nets_precision(of_numbers):
    predictor, X, _ = of_numbers
    assert predictor.cast(X.astype(np.float64)).dtype == np.float32
    assert predictor.cast(np.arange(3)).dtype.kind == "i"


def test_parts_of_many_samples_are_predicted_as_a_whole_is(of_classes):
    """More samples than are predicted at a time; rounding alone may differ."""
    predictor, X, y = of_classes
    many = np.tile(X, (1100, 1))
    rows = np.arange(65_000, 66_000)
    part = PartPredictor(predictor.net, predictor.codec, many, {}, many[rows], rows)
    expected = predictor.predict_proba(many[rows])
    np.testing.assert_allclose(part.predict_proba(part.part), expected, rtol=1e-5)
    assert len(part.known["predict_proba"]) == len(many)
    assert part.score(part.part, np.tile(y, 1100)[rows]) == pytest.approx(
        np.mean(predictor.predict(many[rows]) == np.tile(y, 1100)[rows])
    )
