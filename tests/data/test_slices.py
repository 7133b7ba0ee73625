"""What `slices` may be, and what is refused with a reason."""

import numpy as np
import pandas as pd
import pytest

from sufficiency.data.slices import check_slices, make_slices
from sufficiency.exceptions import InvalidParameterError

SITES = ["b", "a", "b", "c"]


def of(slices, n=4, **classes):
    return make_slices(check_slices(slices, n), **classes)


@pytest.mark.parametrize(
    "given",
    [SITES, np.array(SITES), pd.Series(SITES, index=[7, 8, 9, 3]), pd.Categorical(SITES)],
    ids=["list", "array", "series", "categories"],
)
def test_one_partition(given):
    found = of(given)
    assert found.names() == ["slice=a", "slice=b", "slice=c"]
    assert {name: rows.tolist() for name, rows in found.members().items()} == {
        "slice=a": [1], "slice=b": [0, 2], "slice=c": [3],
    }  # fmt: skip
    assert found.column("slice").tolist() == SITES
    assert found.column("site") is None


def test_several_partitions_and_the_classes():
    table = pd.DataFrame({"site": [10, 2, 10, 2], "night": [True, False, False, False]})
    found = of(table, classes=np.array(["no", "yes"]), encoded=np.array([0, 1, 1, 1]))
    # numbers in their order, and not as words
    assert found.names() == [
        "site=2", "site=10", "night=False", "night=True", "class=no", "class=yes",
    ]  # fmt: skip
    few = found.take(np.array([0, 3]))
    assert few.names() == found.names()
    assert few.members()["site=10"].tolist() == [0]
    assert few.members()["class=no"].tolist() == [0]
    assert few.members()["night=False"].tolist() == [1]
    assert of(dict(table)).codes.tolist() == of(table).codes.tolist()


def test_a_named_series_names_its_slices_and_numbers_mix_with_words():
    assert of(pd.Series([1, 2, 1, 1], name="site")).names() == ["site=1", "site=2"]
    assert of([1, "x", 1, "y"]).names() == ["slice=1", "slice=x", "slice=y"]


def test_without_any_there_are_none():
    assert of(None) is None


@pytest.mark.parametrize(
    ("slices", "message"),
    [
        (SITES[:3], r"one entry for each of the 4 rows of X, got 'slice' of shape \(3,\)"),
        (np.array([SITES, SITES]).T, "columns of a DataFrame"),
        ({"site": SITES, "day": SITES[:2]}, "got 'day' of shape"),
        (["a", None, "b", "a"], "no missing values, got 1 in 'slice'"),
        ([1.0, np.nan, 2.0, np.nan], "no missing values, got 2"),
        (pd.DataFrame({"site": ["a", None, "a", "a"]}), "got 1 in 'site'"),
        ([1, 2, 3, 4], "a value of its own for each of them"),
        (pd.DataFrame([[1, 2]] * 4, columns=["a", "a"]), "different names"),
        ([1, "1", 1, "2"], "got two that are called 'slice=1'; convert the column to one type"),
    ],
)
def test_refused(slices, message):
    with pytest.raises(InvalidParameterError, match=message) as caught:
        of(slices)
    assert caught.value.parameter == "slices"


def test_classes_are_slices_already():
    with pytest.raises(InvalidParameterError, match="whose classes are slices already"):
        of({"class": SITES}, classes=np.array([0, 1]), encoded=np.array([0, 1, 1, 1]))
