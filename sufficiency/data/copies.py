"""What gives the target away: candidates that are copies of training samples, and columns."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from sklearn.utils import _safe_indexing
from torch import Tensor

from sufficiency.data.memory_maps import Rows
from sufficiency.data.rows import is_several, parts_of
from sufficiency.data.splits import Splits
from sufficiency.data.torch_datasets import DatasetRows

# Columns that differ from the target in the first rows need no second look.
_LOOK = 32


def count_copies(
    samples: tuple[Any, npt.NDArray], unseen: tuple[Any, npt.NDArray] | None, splits: Splits
) -> int:
    """
    Candidates with the inputs and the target of a sample that is trained on; 0 if not known.

    The largest number of a repeat; inputs in files and datasets are not read for it.
    """
    keys = _keys(samples)
    if keys is None:
        return 0
    if unseen is not None:
        of_unseen = _keys(unseen)
        return 0 if of_unseen is None else int(np.isin(of_unseen, keys).sum())
    return max(int(np.isin(keys[s.candidates], keys[s.order]).sum()) for s in splits.repeats)


def _keys(values: Any) -> npt.NDArray | None:
    """(n,) hashes of rows, the same for the same values."""
    if isinstance(values, (Rows, DatasetRows)):
        return None
    if is_several(values):
        found = [_keys(part) for part in parts_of(values)]
        known = [keys.tolist() for keys in found if keys is not None]
        return _hashed(zip(*known, strict=True)) if len(known) == len(found) else None
    if isinstance(values, Tensor):
        return _keys(values.detach().cpu().numpy())
    if sparse.issparse(values):
        rows = sparse.csr_array(values, copy=True)
        rows.sum_duplicates()
        ends = zip(rows.indptr[:-1], rows.indptr[1:], strict=True)
        return _hashed((rows.indices[a:b].tobytes(), rows.data[a:b].tobytes()) for a, b in ends)
    if hasattr(values, "hash_rows"):
        return np.asarray(values.hash_rows())  # polars
    if isinstance(values, np.ndarray) and values.dtype.kind != "O":
        return _hashed(row.tobytes() for row in values.reshape(len(values), -1))
    if isinstance(values, np.ndarray):
        values = values.reshape(len(values), -1)
    frame = pd.DataFrame(values).copy(deep=False)
    for i in np.flatnonzero(frame.dtypes == "object"):
        # lists, of words for example, have no hash
        frame.isetitem(i, frame.iloc[:, i].map(repr))
    return pd.util.hash_pandas_object(frame, index=False).to_numpy()


def _hashed(rows: Iterable[Any]) -> npt.NDArray[np.int64]:
    return np.fromiter(map(hash, rows), dtype=np.int64)


def target_column(X: Any, y: npt.NDArray, *, classes: bool, names: Any = None) -> str:
    """
    Name of a column of a table that is the target itself; empty if there is none.

    For classes also one that gives them other names.
    """
    y = y[:, 0] if y.shape[1:] == (1,) else y
    shape: tuple[int, ...] = getattr(X, "shape", ())
    if len(shape) != 2 or y.ndim != 1 or sparse.issparse(X) or isinstance(X, (Rows, Tensor)):
        return ""
    names = getattr(X, "columns", range(shape[1])) if names is None else names
    for i, name in enumerate(names):
        column = np.asarray(_safe_indexing(X, i, axis=1))
        if all(_same(column[:some], y[:some], classes) for some in (_LOOK, None)):
            return repr(str(name)) if isinstance(name, str) else str(name)
    return ""


def _same(column: npt.NDArray, y: npt.NDArray, classes: bool) -> bool:
    if not classes:
        return np.array_equal(column, y)
    # codes by the order of appearance
    return np.array_equal(pd.factorize(column)[0], pd.factorize(y)[0])
