import statistics
from fractions import Fraction

import numpy as np
import pytest
import torch
from sklearn.exceptions import DataConversionWarning
from skorch import NeuralNet, NeuralNetBinaryClassifier
from torch import nn

from sufficiency.nets.default_net import default_net
from sufficiency.nets.targets import (
    StandardizedTargets,
    TargetCodec,
    cast_floating,
    fit_target_codec,
)
from tests.helpers import Perceptron, classifier, regressor

LABELS = {
    "str": np.array(["dog", "cat", "dog", "ant"]),
    "int": np.array([7, -3, 7, -5]),
    "float": np.array([2.0, 1.0, 2.0, 0.0]),
    "object": np.array(["dog", "cat", "dog", "ant"], dtype=object),
    "uint8": np.array([200, 100, 200, 0], dtype=np.uint8),
}


def net_without_kind():
    return NeuralNet(Perceptron, criterion=nn.MSELoss)


@pytest.mark.parametrize("y", LABELS.values(), ids=LABELS)
def test_labels_of_any_kind_become_codes_and_come_back(y):
    codec = fit_target_codec(classifier(), y, torch.float32)
    codes = codec.encode(y)
    assert codes.tolist() == [2, 1, 2, 0]
    assert codes.dtype == np.int64
    assert codec.classes is not None
    decoded = codec.decode(np.array([0, 1, 2, 2]))
    assert decoded.tolist() == [y[3], y[1], y[0], y[0]]
    assert decoded.dtype == y.dtype


def test_booleans_are_labels():
    y = np.array([True, False, True])
    codec = fit_target_codec(classifier(), y, torch.float32)
    assert codec.encode(y).tolist() == [1, 0, 1]
    assert codec.decode(np.array([1, 0])).tolist() == [True, False]


def test_a_column_of_labels_is_flattened_with_scikit_learns_warning():
    y = np.array([["a"], ["b"]])
    with pytest.warns(DataConversionWarning):
        codec = fit_target_codec(classifier(), y, torch.float32)
    # said once: targets are encoded many times
    assert codec.encode(y).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("dtype", "expected"), [(torch.float64, np.float64), (torch.bfloat16, np.float32)]
)
def test_one_output_classifiers_get_floating_codes(dtype, expected):
    y = np.array(["yes", "no", "yes"])
    codec = fit_target_codec(NeuralNetBinaryClassifier(Perceptron), y, dtype)
    codes = codec.encode(y)
    assert codes.tolist() == [1.0, 0.0, 1.0]
    assert codes.dtype == expected
    # skorch's binary classifier predicts in uint8
    assert codec.decode(np.array([1, 0], dtype=np.uint8)).tolist() == ["yes", "no"]


def test_unknown_labels_are_refused_by_the_name_of_their_parameter():
    codec = fit_target_codec(classifier(), np.array(["a", "b"]), torch.float32)
    with pytest.raises(ValueError, match=r"`y_unseen` must hold labels that `y`.*got \['c'\]"):
        codec.encode(np.array(["a", "c"]))
    with pytest.raises(ValueError, match="`y` must hold labels"):
        codec.encode(np.array(["c"]), "y")


def test_labels_that_subsets_lack_keep_their_codes():
    codec = fit_target_codec(classifier(), np.array(["a", "b", "c"]), torch.float32)
    assert codec.encode(np.array(["c", "c"])).tolist() == [2, 2]


@pytest.mark.parametrize(
    ("net", "y", "told"),
    [
        (classifier(), np.array([1, 1, 1]), "`y` must hold at least two classes, got 1 class"),
        (classifier(), np.array(["a"]), "at least two classes, got 1 class: .*'a'"),
        (classifier(), np.array([0.5, 0.25, 1.0]), "Unknown label type: continuous"),
        (
            NeuralNetBinaryClassifier(Perceptron),
            np.array([0, 1, 2]),
            "`y` must hold two classes for NeuralNetBinaryClassifier, got 3.*NeuralNetClassifier",
        ),
        (regressor(), np.array(["a", "b"]), "`y` must be numeric for a regressor, got dtype <U1"),
        (regressor(), np.array([1.0, None]), "`y` must be numeric for a regressor"),
    ],
)
def test_targets_that_do_not_suit_the_net_are_refused(net, y, told):
    with pytest.raises(ValueError, match=told):
        fit_target_codec(net, y, torch.float32)


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.int64, np.uint8, np.bool_])
def test_regression_targets_are_floating_columns_and_come_back_flat(kind):
    y = np.array([3, 0, 1]).astype(kind)
    codec = fit_target_codec(regressor(), y, torch.float64)
    encoded = codec.encode(y)
    assert encoded.shape == (3, 1)
    assert encoded.dtype == np.float64
    assert encoded.ravel().tolist() == y.tolist()
    assert codec.classes is None
    np.testing.assert_array_equal(codec.decode(encoded), y)
    assert codec.decode(encoded).shape == (3,)


@pytest.mark.parametrize("shape", [(4, 1), (4, 2), (4, 2, 3)])
def test_other_regression_targets_keep_their_shape(shape, rng):
    y = rng.normal(size=shape)
    codec = fit_target_codec(regressor(), y, torch.float64)
    assert codec.encode(y).shape == shape
    assert codec.decode(codec.encode(y)).shape == shape


def test_predictions_of_another_shape_stay_as_they_are():
    codec = TargetCodec(None, torch.float32, column=True)
    assert codec.decode(np.zeros(3)).shape == (3,)
    assert codec.decode(np.zeros((3, 2))).shape == (3, 2)


def test_a_net_of_no_kind_gets_its_targets_as_they_are_in_its_precision():
    for y in (np.array([1, 2]), np.array([[True], [False]])):
        encoded = fit_target_codec(net_without_kind(), y, torch.float32).encode(y)
        assert encoded.dtype == y.dtype
        assert encoded.shape == y.shape
    y = np.array([0.5, 1.5])
    encoded = fit_target_codec(net_without_kind(), y, torch.float32).encode(y)
    assert (encoded.dtype, encoded.shape) == (np.float32, (2,))


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        (torch.float16, "float16"),
        (torch.float32, "float32"),
        (torch.float64, "float64"),
        (torch.bfloat16, "float32"),  # which NumPy does not have
    ],
)
def test_floating_arrays_take_the_modules_dtype(dtype, expected):
    assert cast_floating(np.ones(2), dtype).dtype == expected


@pytest.mark.parametrize("values", [np.array([1]), np.array([True]), np.array(["a"])])
def test_other_arrays_are_passed_on(values):
    assert cast_floating(values, torch.float32) is values


def test_an_array_in_the_right_precision_is_not_copied():
    values = np.ones(2, dtype=np.float32)
    assert cast_floating(values, torch.float32) is values


@pytest.mark.parametrize(("scale", "shift"), [(0.5, 1e7), (1e-25, 0.0), (1e15, 1e15)])
def test_the_default_net_gets_deviations_from_a_middle_target(scale, shift, rng):
    """Against exact fractions of what y holds, rounded once to single precision."""
    y = scale * rng.normal(size=25) + shift
    codec = fit_target_codec(default_net(np.zeros((25, 2)), y), y, torch.float32)
    exact = [Fraction(value) for value in y.tolist()]
    middle, deviation = statistics.median(exact), Fraction(statistics.pstdev(exact))
    encoded = codec.encode(y)
    assert (encoded.dtype, encoded.shape) == (np.float32, (25, 1))
    expected = [float((value - middle) / deviation) for value in exact]
    np.testing.assert_allclose(encoded[:, 0], expected, rtol=2**-23)
    assert codec.loss_unit == pytest.approx(float(deviation**2), rel=1e-12)
    # single precision of the encoded ones, and the rounding of y itself
    rounding = 2**-23 * float(deviation) * np.abs(encoded).max() + np.spacing(np.abs(y).max())
    np.testing.assert_allclose(codec.decode(encoded), y, rtol=0, atol=rounding)


def test_a_net_in_its_own_unit_predicts_what_its_codec_decoded(rng):
    X, y = rng.normal(size=(25, 3)).astype("float32"), 1e7 + rng.normal(size=(25, 2))
    net = default_net(X, y)
    codec = fit_target_codec(net, y, torch.float32)
    assert isinstance(codec, StandardizedTargets)
    decoded = codec.decode(net.initialize().predict(X))
    own = codec.in_own_unit(net)
    # the last products and sums are in single precision before, and in double precision after
    np.testing.assert_allclose(net.predict(X), decoded, rtol=0, atol=1e-5)
    assert own.loss_unit == 1
    np.testing.assert_array_equal(own.encode(y), y)
