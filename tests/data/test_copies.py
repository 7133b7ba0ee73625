"""Copies among the candidates, and columns that are the target, of every kind of inputs."""

import numpy as np
import pandas as pd
import polars
import pytest
import torch
from scipy import sparse

from sufficiency.data.copies import count_copies, target_column
from sufficiency.data.memory_maps import Rows
from sufficiency.data.splits import make_splits
from tests.helpers import labeled

N = 40


@pytest.fixture(scope="module")
def table():
    """Whole numbers in few places, so that many rows are alike."""
    rng = np.random.default_rng(0)
    return rng.integers(0, 3, (N, 3)).astype(np.float32), rng.integers(0, 2, N)


def by_hand(X, y, split):
    """One candidate after the other, against one sample after the other."""
    return sum(
        any((X[c] == X[i]).all() and y[c] == y[i] for i in split.order) for c in split.candidates
    )


KINDS = {
    "array": lambda X: X,
    "not contiguous": np.asfortranarray,
    "images": lambda X: X[:, None, :, None],
    "tensor": torch.as_tensor,
    "frame": pd.DataFrame,
    "frame of texts": lambda X: pd.DataFrame(X.astype(str)),
    "frame of categories": lambda X: pd.DataFrame(X.astype(str)).astype("category"),
    "Arrow frame": lambda X: pd.DataFrame(X).astype("float32[pyarrow]"),
    "frame of polars": polars.DataFrame,
    "sparse": sparse.csr_array,
    "other sparse": sparse.csc_matrix,
    "objects": lambda X: X.astype(object),
    "texts": lambda X: np.array([" ".join(map(str, row)) for row in X], dtype=object),
    "dict": lambda X: {"a": X[:, :1], "b": X[:, 1:]},
    "tuple": lambda X: (X[:, :2], X[:, 2:]),
}


@pytest.mark.parametrize("name", KINDS)
def test_copies_are_counted_in_inputs_of_every_kind(name, table):
    X, y = table
    splits = make_splits(N, sizes=2, n_repeats=3, n_candidates=8, root=0)
    expected = max(by_hand(X, y, split) for split in splits.repeats)
    assert 0 < expected < 8
    assert count_copies((KINDS[name](X), y), None, splits) == expected


def test_own_unseen_samples_are_compared_with_all_others(table):
    X, y = table
    unseen = np.vstack([X[:5], X[5:9] + 7]), np.concatenate([y[:5], y[5:9]])
    splits = make_splits(N, sizes=2, n_repeats=1, n_candidates=0, root=0)
    assert count_copies((X, y), unseen, splits) == 5
    # the same inputs with another target are no copy
    others = unseen[0], np.full(9, 2)
    assert count_copies((X, y), others, splits) == 0


def test_files_are_not_read_for_it(table):
    X, y = table
    splits = make_splits(N, sizes=2, n_repeats=1, n_candidates=8, root=0)
    assert count_copies((Rows(X), y), None, splits) == 0
    assert count_copies(({"a": Rows(X), "b": X}, y), None, splits) == 0
    assert count_copies((X, y), (Rows(X), y), splits) == 0


@pytest.mark.parametrize("make", [np.asarray, pd.DataFrame, polars.DataFrame])
def test_the_target_is_found_among_the_columns(make):
    X, y = labeled(N)
    values = X[:, 0] ** 2
    assert target_column(make(np.column_stack([X, values])), values, classes=False) in {
        "3",
        "'column_3'",
    }
    assert target_column(make(X), values, classes=False) == ""
    # other names for the classes are the classes
    assert target_column(make(np.column_stack([X, 5 - y])), y, classes=True) in {"3", "'column_3'"}
    assert target_column(make(np.column_stack([X, y > 0])), y, classes=True) == ""


def test_names_columns_and_a_target_of_one_column():
    X, y = labeled(N)
    frame = pd.DataFrame(X, columns=list("abc")).assign(kind=np.array(["x", "y", "z"])[y])
    assert target_column(frame, y, classes=True) == "'kind'"
    assert target_column(X, X[:, 1:2], classes=False, names=["a", "b", "c"]) == "'b'"


@pytest.mark.parametrize(
    "X", [sparse.csr_array(np.eye(4)), {"a": np.eye(4)}, np.ones((4, 2, 2)), Rows(np.eye(4))]
)
def test_what_is_no_table_has_no_columns(X):
    assert target_column(X, np.eye(4)[:, 0], classes=False) == ""
