"""Fingerprints of JSON, and of arrays and tensors: dtype, shape and every byte."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from scipy import sparse
from torch import Tensor

from sufficiency.data.memory_maps import Rows, row_blocks
from sufficiency.data.torch_datasets import DatasetRows
from sufficiency.exceptions import InvalidParameterError

_PLAIN = (str, bytes, bool, int, float, type(None), np.integer, np.floating, np.bool_)


def digest(node: Any) -> str:
    """SHA-256 of anything that JSON can hold, the same whatever the order of its dictionaries."""
    text = json.dumps(node, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def array_fingerprint(array: npt.NDArray | Rows) -> str:
    """SHA-256 of dtype, shape and values in C order, whatever the layout in memory."""
    described = np.lib.format.dtype_to_descr(array.dtype)
    fingerprint = hashlib.sha256(f"{described!r} {array.shape}".encode())
    for block in row_blocks(array if array.ndim else np.atleast_1d(np.asarray(array))):
        fingerprint.update(_bytes_of(block))
    return fingerprint.hexdigest()


def inputs_fingerprint(X: Any) -> str:
    """SHA-256 of inputs of any kind; of a dataset, every item is read."""
    if isinstance(X, (np.ndarray, Rows)):
        return array_fingerprint(X)
    if isinstance(X, DatasetRows):
        parts: Any = ((str(i), inputs_fingerprint(X.look(i))) for i in range(len(X)))
    elif isinstance(X, str):
        parts = ((repr(X), ""),)
    elif isinstance(X, Tensor):
        return tensor_fingerprint(X)
    elif isinstance(X, Mapping):
        parts = ((f"{name!r}", inputs_fingerprint(part)) for name, part in X.items())
    elif isinstance(X, (tuple, list)):
        parts = ((type(X).__name__, inputs_fingerprint(part)) for part in X)
    elif isinstance(X, (pd.DataFrame, pd.Series)):
        parts = (
            (f"{name!r} {_kind(column)}", array_fingerprint(_column(column)))
            for name, column in pd.DataFrame(X).items()
        )
    elif sparse.issparse(X):
        rows = X.tocsr()
        parts = (
            (f"{name} {X.shape}", array_fingerprint(getattr(rows, name)))
            for name in ("data", "indices", "indptr")
        )
    else:
        got = "items that need a collation" if X is None else type(X).__name__
        raise InvalidParameterError(
            "X",
            f"must be of a kind that a store can read, got {got}; pass an array "
            "or a pandas DataFrame, or fit without a store",
        )
    fingerprint = hashlib.sha256(type(X).__name__.encode())
    for name, part in parts:
        fingerprint.update(f"{name} {part}".encode())
    return fingerprint.hexdigest()


def _kind(column: pd.Series) -> str:
    """Its dtype; of categories their order, and those that do not occur."""
    dtype = column.dtype
    if not isinstance(dtype, pd.CategoricalDtype):
        return str(dtype)
    return f"{dtype} {dtype.ordered} {array_fingerprint(dtype.categories.to_numpy())}"


def _column(column: pd.Series) -> npt.NDArray:
    """Values of a table's column; what is missing is None."""
    values: npt.NDArray = column.to_numpy(copy=True)
    if values.dtype == object:
        values[pd.isna(values)] = None
    return values


def _bytes_of(block: npt.NDArray) -> bytes | memoryview:
    if not block.dtype.hasobject:
        # a view where the block is contiguous; dates know no buffer, bytes do
        return np.ascontiguousarray(block).reshape(-1).view(np.uint8).data
    values = block.ravel().tolist()
    strange = next((value for value in values if not isinstance(value, _PLAIN)), None)
    if strange is not None:
        raise TypeError(
            "data must hold text, numbers or None for a store, got an array of objects with "
            f"{strange!r}; convert its values"
        )
    return json.dumps([[type(value).__name__, repr(value)] for value in values]).encode()


def tensor_fingerprint(tensor: Tensor) -> str:
    """SHA-256 of dtype, shape and bytes of a dense tensor on any device."""
    flat = tensor.detach().resolve_conj().resolve_neg().cpu().contiguous().reshape(-1)
    # NumPy knows fewer dtypes than torch, and both know bytes
    values = flat.view(torch.uint8).numpy()
    fingerprint = hashlib.sha256(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
    fingerprint.update(values.data)
    return fingerprint.hexdigest()
