import copy

import numpy as np
import pytest

from sufficiency._validation import check_choice, check_integer, check_number, check_thresholds
from sufficiency.exceptions import InvalidParameterError


def test_errors_and_their_copies_know_the_parameter():
    with pytest.raises(InvalidParameterError) as caught:
        check_number("sigma", -0.1, above=0.0)
    for error in (caught.value, copy.copy(caught.value)):
        assert isinstance(error, ValueError)
        assert isinstance(error, TypeError)
        assert error.parameter == "sigma"
        assert error.problem == "must be finite and > 0, got -0.1"
        assert str(error) == "`sigma` must be finite and > 0, got -0.1"


def test_a_choice_comes_back():
    assert check_choice("curve", "auto", ("auto", "theory")) == "auto"


@pytest.mark.parametrize(("value", "near"), [("theroy", "theory"), ("Auto", "auto")])
def test_a_wrong_choice_is_answered_with_the_nearest(value, near):
    with pytest.raises(ValueError, match="`curve` must be one of 'auto', 'theory', got") as caught:
        check_choice("curve", value, ("auto", "theory"))
    assert str(caught.value).endswith(f"got {value!r}; did you mean {near!r}?")


@pytest.mark.parametrize("value", [None, 3, "xyz", ["auto"], np.array(["auto", "theory"])])
def test_a_choice_far_from_all_is_refused_without_a_guess(value):
    with pytest.raises(ValueError, match="`curve` must be one of") as caught:
        check_choice("curve", value, ("auto", "theory"))
    if not isinstance(value, (list, np.ndarray)):
        assert "did you mean" not in str(caught.value)


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3)])
def test_integers_come_back_as_int(value):
    checked = check_integer("n_draws", value, 3)
    assert (checked, type(checked)) == (3, int)


@pytest.mark.parametrize("value", [True, np.True_, 3.0, "3", None, np.array([3])])
def test_what_is_no_integer_is_refused(value):
    with pytest.raises(TypeError, match="`n_draws` must be an integer >= 1, got"):
        check_integer("n_draws", value, 1)


def test_a_small_integer_is_refused():
    with pytest.raises(ValueError, match="`n_draws` must be >= 1, got 0"):
        check_integer("n_draws", 0, 1)


@pytest.mark.parametrize("value", [2, 2.0, np.float32(2), np.int64(2)])
def test_numbers_come_back_as_float(value):
    checked = check_number("sigma", value, at_least=2.0)
    assert (checked, type(checked)) == (2.0, float)


@pytest.mark.parametrize("value", [True, np.False_, "2", None, 2j, np.array([2.0])])
def test_what_is_no_number_is_refused(value):
    with pytest.raises(TypeError, match="`sigma` must be a number >= 0, got"):
        check_number("sigma", value, at_least=0.0)


@pytest.mark.parametrize("value", [-0.1, np.nan, np.inf, -np.inf])
def test_numbers_outside_are_refused(value):
    with pytest.raises(ValueError, match=f"`sigma` must be finite and >= 0, got {value}"):
        check_number("sigma", value, at_least=0.0)


def test_an_open_bound_excludes_itself():
    assert check_number("threshold", 1e-300, above=0.0) == 1e-300
    with pytest.raises(ValueError, match="`threshold` must be finite and > 0, got 0"):
        check_number("threshold", 0, above=0.0)


@pytest.mark.parametrize("value", [1e-3, 1, [1e-3, 2], np.ones((2, 3), np.float32), []])
def test_thresholds_keep_their_shape(value):
    checked = check_thresholds(value)
    assert checked.shape == np.shape(value)
    assert checked.dtype == np.float64


@pytest.mark.parametrize("bad", [0, -1.0, np.nan, np.inf])
def test_one_bad_threshold_is_enough(bad):
    for value in (bad, [1.0, bad], [[1.0], [bad]]):
        with pytest.raises(ValueError, match=f"`tau` must be finite and > 0, got {bad:g}"):
            check_thresholds(value, "tau")


@pytest.mark.parametrize("value", ["1", None, [None], True, [1j], np.array([1], dtype=object)])
def test_thresholds_are_numbers(value):
    with pytest.raises(ValueError, match="`threshold` must be a number > 0 or an array of them"):
        check_thresholds(value)
