"""Input of ``fit`` and ``predict``: samples of a known kind, finite and of matching lengths."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import check_array, validate_data
from torch import Tensor

from sufficiency._random import isolated_rng
from sufficiency.data.memory_maps import Rows
from sufficiency.data.rows import check_lengths, form_of, is_several, map_arrays, n_rows
from sufficiency.data.slices import check_slices
from sufficiency.data.torch_datasets import DatasetRows, is_dataset
from sufficiency.exceptions import InvalidParameterError

Array = npt.NDArray

# What scikit-learn keeps of a table; other kinds of inputs have no features to count.
_OF_A_TABLE = ("n_features_in_", "feature_names_in_")

# A number as it is written in large parts of the world.
DECIMAL_COMMA = re.compile(r"\s*[-+]?[\d. ]*\d,\d+\s*")

# Columns that a message lists.
_LISTED = 5

# Items of a dataset that are read twice.
_READ_AGAIN = 8


class FitInput(NamedTuple):
    """What ``fit`` is given, checked; `unseen` are inputs and targets."""

    X: Any
    y: Array
    groups: Array | None
    unseen: tuple[Any, Array] | None
    slices: Sequence[tuple[str, Array]]  # partitions of X, or of the unseen inputs

    def map_inputs(self, function: Callable[[Any], Any]) -> "FitInput":
        """The function of the inputs, and of the unseen ones."""
        unseen = None if self.unseen is None else (function(self.unseen[0]), self.unseen[1])
        return self._replace(X=function(self.X), unseen=unseen)


def check_fit_input(
    estimator: BaseEstimator,
    X: Any,
    y: Any,
    groups: Any,
    X_unseen: Any,
    y_unseen: Any,
    slices: Any,
    *,
    raw: bool = False,
) -> FitInput:
    """Everything given to ``fit``, checked."""
    X, y = _pair(estimator, X, y, raw, "y", reset=True)
    if n_rows(X) < 2:
        raise InvalidParameterError("X", f"must have at least 2 samples, got {n_rows(X)} sample")
    if groups is not None:
        groups = _check_groups(groups, len(y), divided=X_unseen is None)
    if X_unseen is None and y_unseen is None:
        return FitInput(X, y, groups, None, check_slices(slices, len(y)))
    if X_unseen is None or (y_unseen is None and not is_dataset(X_unseen)):
        raise ValueError("`X_unseen` and `y_unseen` must be given together, got one of them")
    X_unseen, y_unseen = _pair(estimator, X_unseen, y_unseen, raw, "y_unseen", reset=False)
    shapes = [_shapes(inputs, raw) for inputs in (X, X_unseen)]
    alike = None in shapes or shapes[0] == shapes[1]
    if not alike or y_unseen.shape[1:] != y.shape[1:]:
        raise ValueError(
            f"`X_unseen` and `y_unseen` must be shaped like X and y, got {form_of(X_unseen)} and "
            f"{y_unseen.shape} for {form_of(X)} and {y.shape}"
        )
    of_unseen = check_slices(slices, len(y_unseen), "X_unseen")
    return FitInput(X, y, groups, (X_unseen, y_unseen), of_unseen)


def _check_groups(groups: Any, n_samples: int, *, divided: bool) -> Array:
    """One known group for each sample; two or more, where they are divided from candidates."""
    groups = np.asarray(groups)
    if groups.shape != (n_samples,):
        raise InvalidParameterError(
            "groups", f"must have one entry for each of {n_samples} samples, got {groups.shape}"
        )
    _check_known(groups, "groups")
    if divided and n_samples and (groups == groups[0]).all():
        raise InvalidParameterError(
            "groups",
            f"must be two or more, got {str(groups[0])!r} for all samples, which no candidate may "
            "share with what is trained on; leave `groups` out, or pass `X_unseen` and `y_unseen`",
        )
    return groups


def _check_known(values: Array, name: str) -> None:
    """Refuse missing values, and texts among numbers, in arrays of objects."""
    if values.dtype.kind != "O":
        return
    _check_complete(values, name)
    types = sorted({type(value).__name__ for value in values.flat})
    if "str" in types and len(types) > 1:
        raise InvalidParameterError(
            name, f"must have values of one type, got {', '.join(types)}; convert them to one"
        )


def _check_complete(values: Any, name: str) -> None:
    if missing := int(np.asarray(pd.isna(values)).sum()):
        raise InvalidParameterError(
            name,
            f"must have no missing values, got {missing} of {np.size(values)}; leave these samples "
            'out, or give them a name of their own, such as "unknown"',
        )


def _pair(
    estimator: BaseEstimator, X: Any, y: Any, raw: bool, name: str, reset: bool
) -> tuple[Any, Array]:
    """Inputs and their targets, which a dataset may hold itself."""
    if y is None and not is_dataset(X):
        raise ValueError(
            "LandscapeSufficiencyEstimator requires y to be passed, but the target y is None"
        )
    X = check_inputs(estimator, X, reset=reset, raw=raw)
    y = check_targets(X.own_targets() if y is None else y, name)
    check_lengths(X, y, name)
    return X, y


def _shapes(X: Any, raw: bool) -> object:
    """What the inputs of all samples have in common, as far as it is known without reading."""
    return None if raw or isinstance(X, DatasetRows) else map_arrays(X, lambda a: a.shape[1:])


def check_inputs(estimator: BaseEstimator, X: Any, *, reset: bool, raw: bool = False) -> Any:
    """Inputs of one of the kinds that a net takes."""
    if is_dataset(X) and not isinstance(X, DatasetRows):
        X = DatasetRows(X)
    if isinstance(X, DatasetRows):
        if raw:
            raise InvalidParameterError(
                "X", "must be a table or what else the transformers of `net` take, got a dataset"
            )
        _forget_features(estimator, reset)
        _check_repeatable(X)
        return X
    if raw:
        return _raw(estimator, X, reset)
    by_name = isinstance(X, Mapping) and is_several(X)
    # a tuple of arrays with a row a sample; a list is a single array-like
    if by_name or (isinstance(X, tuple) and X and all(np.ndim(part) > 1 for part in X)):
        _forget_features(estimator, reset)
        parts = X.items() if by_name else enumerate(X)
        checked = {name: _checked_part(name, part) for name, part in parts}
        n_rows(checked)
        return checked if by_name else tuple(checked.values())
    more = {"ensure_min_samples": 2} if reset else {}
    try:
        checked = validate_data(estimator, X, allow_nd=True, reset=reset, **more)
        if checked.dtype.kind == "O":
            # frames with columns of a dtype that NumPy has not, such as categories
            checked = checked.astype(np.float64)
    except (TypeError, ValueError) as error:
        if "inhomogeneous" not in str(error):
            _explain_texts(X, error)
            raise
        raise InvalidParameterError(
            "X",
            f"must be a single array, got a {type(X).__name__} of several shapes; pass several "
            "inputs as a dict, or as a tuple of arrays with two axes or more",
        ) from error
    if checked.dtype.kind in "mM":
        _explain_texts(X, None)
    return _in_its_file(X, checked)


def _explain_texts(X: Any, error: Exception | None) -> None:
    """Refuse a table for its columns that are no numbers, if it has any."""
    if np.ndim(X) != 2 or sparse.issparse(X):
        return
    names = getattr(X, "columns", range(np.shape(X)[1]))
    found = {name: _no_number(_safe_indexing(X, i, axis=1)) for i, name in enumerate(names)}
    examples = {name: str(example) for name, example in found.items() if example is not None}
    if not examples:
        return
    listed = ", ".join(f"{name!r} ({text!r})" for name, text in list(examples.items())[:_LISTED])
    remedy = "encode them in a pipeline that ends in the net, and pass that as `net`"
    if str(pd.NA) in examples.values():
        remedy = "leave samples with missing values out, or impute them in a pipeline, as `net`"
    elif all(DECIMAL_COMMA.fullmatch(text) for text in examples.values()):
        remedy = "write decimal points for commas (pandas reads such files with decimal=',')"
    raise InvalidParameterError(
        "X",
        f"must hold numbers, got something else in {len(examples)} of {len(found)} columns: "
        f"{listed}{', …' * (len(examples) > _LISTED)}; {remedy}",
    ) from error


def _no_number(column: Any) -> object:
    """The first value of a column that is no number; None without any."""
    values = np.asarray(column)
    if values.dtype.kind in "fiub":
        return None
    for value in values:
        if value is pd.NA or isinstance(value, (date, timedelta, np.datetime64, np.timedelta64)):
            return value
        if isinstance(value, str):
            try:
                float(value)
            except ValueError:
                return value
    return None


def _checked_part(name: Any, part: Any) -> Any:
    if isinstance(part, (Mapping, tuple)):
        raise InvalidParameterError(
            "X", f"must hold arrays, got {type(part).__name__} as X[{name!r}]"
        )
    checked = check_targets(part, f"X[{name!r}]")
    if checked.dtype.kind not in "fiub":
        raise ValueError(f"`X[{name!r}]` must be numeric, got dtype {checked.dtype}; encode it")
    return _in_its_file(part, checked)


def _forget_features(estimator: BaseEstimator, reset: bool) -> None:
    for name in _OF_A_TABLE if reset else ():
        vars(estimator).pop(name, None)


def _raw(estimator: BaseEstimator, X: Any, reset: bool) -> Any:
    _forget_features(estimator, reset)
    if isinstance(X, Mapping) and is_several(X):
        return X
    validate_data(estimator, X, reset=reset, skip_check_array=True)
    if sparse.issparse(X):
        # the other formats know no rows
        return X if X.format in ("csr", "csc", "lil") else X.tocsr()
    return _as_rows(X) if isinstance(X, (list, tuple)) else X


def _as_rows(X: Any) -> Array:
    """An array of a list, whose entries stay what they are."""
    try:
        values = np.asarray(X)
    except ValueError:
        # lists of words, none as long as the other
        return np.fromiter(X, dtype=object, count=len(X))
    # texts would become equally wide, and numbers among them texts
    return np.array(X, dtype=object) if values.dtype.kind in "US" else values


def _check_repeatable(X: DatasetRows) -> None:
    """Refuse a dataset whose items are drawn anew whenever they are read."""
    if len(X) == 0:
        raise InvalidParameterError(
            "X", f"must have samples, got a {type(X.base).__name__} of length 0"
        )
    some = np.unique(np.linspace(0, len(X) - 1, _READ_AGAIN).astype(int))
    read = []
    for seed in (0, 1):
        with isolated_rng(seed):
            read.append([X.look(i) for i in some])
    if not _same(*read):
        raise InvalidParameterError(
            "X",
            "must be a dataset that gives the same item whenever it is read, got two that "
            "differ: a loss on random items is no function of the weights. Put augmentation into "
            "the module, under `if self.training`",
        )


def _same(a: Any, b: Any) -> bool:
    """Whether two reads gave the same, NaN being NaN."""
    if isinstance(a, Mapping):
        return a.keys() == b.keys() and all(_same(a[name], b[name]) for name in a)
    if isinstance(a, (tuple, list)):
        return len(a) == len(b) and all(_same(*pair) for pair in zip(a, b, strict=True))
    if isinstance(a, Tensor):
        return a.shape == b.shape and bool(((a == b) | ((a != a) & (b != b))).all())
    return bool(a == b)


def _in_its_file(given: Any, checked: Array) -> Any:
    """Rows of a memory map instead of an array that would be copied for every training."""
    whole = isinstance(given, np.memmap) and np.shares_memory(given, checked)
    return Rows(given) if whole and given.dtype == checked.dtype else checked


def as_floating(X: Any) -> Array:
    """Integers and booleans as float64, for the default net, which computes with its inputs."""
    if isinstance(X, (Mapping, tuple, DatasetRows)):
        raise InvalidParameterError(
            "net", "must be given for a dataset, or for several inputs; None suits a single array"
        )
    return X if X.dtype.kind == "f" else X.astype(np.float64)


def check_targets(y: Any, name: str) -> Array:
    """Finite targets, or inputs beside others, of any kind, at least 1-D."""
    if isinstance(y, (pd.Series, pd.DataFrame)):
        _check_complete(y, name)
        y = _plain_numbers(y)
    values = check_array(y, ensure_2d=False, allow_nd=True, dtype=None, input_name=name)
    _check_known(values, name)
    return values


def check_no_texts_of_numbers(y: Array) -> None:
    """Refuse texts that are numbers with decimal commas, where numbers are wanted or likely."""
    texts = [value for value in y.flat if isinstance(value, str)]
    if texts and all(DECIMAL_COMMA.fullmatch(text) for text in texts):
        raise InvalidParameterError(
            "y",
            "must hold numbers or labels, got numbers with decimal commas, such as "
            f"{str(texts[0])!r}; write decimal points for commas (pandas reads such files with "
            "decimal=',')",
        )


def _plain_numbers(y: pd.Series | pd.DataFrame) -> Any:
    """Nullable and Arrow integers and booleans as NumPy's; check_array makes floats of them."""
    dtypes = pd.DataFrame(y).dtypes
    kinds = {dtype.kind for dtype in dtypes if isinstance(dtype, pd.api.extensions.ExtensionDtype)}
    if len(kinds) != 1 or not kinds <= set("biu"):
        return y
    return y.to_numpy(dtype={"b": bool, "i": np.int64, "u": np.uint64}[kinds.pop()])
