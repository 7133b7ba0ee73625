"""One way to count, choose, convert and describe samples of every kind."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _num_samples
from torch import Tensor

from sufficiency.data.memory_maps import Rows
from sufficiency.data.torch_datasets import DatasetRows, is_dataset

_ARRAYS = (np.ndarray, Rows, Tensor)


def is_several(X: Any) -> bool:
    """Whether X is a dict, tuple or list of inputs."""
    # some sparse matrices are dicts
    return isinstance(X, (Mapping, tuple, list)) and not sparse.issparse(X)


def n_rows(X: Any) -> int:
    """Number of samples."""
    if not is_several(X):
        return len(X) if isinstance(X, (*_ARRAYS, DatasetRows)) else int(_num_samples(X))
    counts = {n_rows(part) for part in parts_of(X)}
    if len(counts) != 1:
        raise ValueError(
            f"`X` must have equally many samples in all its inputs, got {sorted(counts) or 'none'}"
        )
    return counts.pop()


def check_lengths(X: Any, y: Any, name: str = "y") -> None:
    """Refuse inputs and targets of different numbers of samples."""
    if n_rows(X) != len(y):
        raise ValueError(
            f"`X` and `{name}` must have equally many samples, found input variables with "
            f"inconsistent numbers of samples: {[n_rows(X), len(y)]}"
        )


def take_rows(X: Any, which: Any) -> Any:
    """Some samples, by an index array or a slice; those in files and datasets stay there."""
    if isinstance(X, (Rows, DatasetRows)):
        return X.take(which)
    if is_several(X):
        return map_arrays(X, lambda part: take_rows(part, which))
    return X[which] if isinstance(X, _ARRAYS) else _safe_indexing(X, which)


def map_arrays(X: Any, function: Callable[[Any], Any]) -> Any:
    """The function of an array, or of every array in a dict, tuple or list."""
    if isinstance(X, Mapping):
        return {name: map_arrays(part, function) for name, part in X.items()}
    if isinstance(X, (tuple, list)):
        return type(X)(map_arrays(part, function) for part in X)
    return function(X)


def join_arrays(parts: Sequence[Any]) -> Any:
    """Samples of several inputs of the same form, one after the other."""
    first = parts[0]
    if isinstance(first, Mapping):
        return {name: join_arrays([part[name] for part in parts]) for name in first}
    if isinstance(first, (tuple, list)):
        return type(first)(map(join_arrays, zip(*parts, strict=True)))
    return np.concatenate(parts)


def is_arrays(X: Any) -> bool:
    """Whether X consists of arrays, in memory or in files, which can be cut into batches."""
    if is_several(X):
        return all(is_arrays(part) for part in parts_of(X))
    return isinstance(X, (np.ndarray, Rows))


def in_memory(X: Any) -> Any:
    """Rows of files as arrays; everything else as it is."""
    return map_arrays(X, lambda part: np.asarray(part) if isinstance(part, Rows) else part)


def writable(X: Any) -> Any:
    """Arrays that torch may share; copies of those that must not be written to."""
    return map_arrays(
        X, lambda part: np.require(part, requirements="W") if is_arrays(part) else part
    )


def as_inputs(X: Any) -> Any:
    """Arrays, dicts and tuples of them, or a dataset; a list is an array-like."""
    if is_dataset(X):
        return X if isinstance(X, DatasetRows) else DatasetRows(X)
    if isinstance(X, Rows):
        return X
    return map_arrays(X, np.asarray) if is_several(X) and not isinstance(X, list) else np.asarray(X)


def row_bytes(X: Any) -> int:
    """Bytes of one sample; of a dataset's, the first is looked at, if it can be."""
    if isinstance(X, DatasetRows):
        X = X.look(0)
        if not (is_several(X) or isinstance(X, Tensor)):
            return 1
    if is_several(X):
        return sum(row_bytes(part) for part in parts_of(X))
    if isinstance(X, Tensor):
        return max(1, X[:1].nbytes)
    if isinstance(X, str):
        return max(1, len(X))
    if isinstance(X, (np.ndarray, Rows)):
        return max(1, int(np.prod(X.shape[1:])) * X.dtype.itemsize)
    # what a transformer is going to read: a table, texts
    if hasattr(X, "memory_usage"):
        total = int(np.sum(X.memory_usage(deep=True)))
    else:
        total = int(getattr(X.data, "nbytes", 0)) if sparse.issparse(X) else 0
    return max(1, total // max(1, n_rows(X)))


def form_of(X: Any) -> str:
    """Shapes and dtypes in words."""
    if isinstance(X, DatasetRows):
        return f"items of {type(X.base).__name__}"
    if isinstance(X, Mapping):
        return "; ".join(f"{name!r} of {form_of(part)}" for name, part in X.items())
    if isinstance(X, (tuple, list)):
        return "; ".join(f"one of {form_of(part)}" for part in X)
    if not isinstance(X, _ARRAYS):
        return f"a {type(X).__name__} of {n_rows(X)} rows"
    return f"shape {tuple(X.shape)} and dtype {X.dtype}"


def parts_of(X: Any) -> list[Any]:
    """The inputs in a dict, tuple or list."""
    return list(X.values()) if isinstance(X, Mapping) else list(X)
