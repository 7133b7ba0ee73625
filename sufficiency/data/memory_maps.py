"""Samples in a file, which are read when they are needed and never all at once."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

_BLOCK_BYTES = 1 << 22


class Rows:
    """Rows of a memory map in some order and dtype, read into an array when they are indexed."""

    def __init__(
        self,
        base: npt.NDArray,
        indices: npt.NDArray[np.int64] | None = None,
        dtype: npt.DTypeLike | None = None,
    ) -> None:
        self.base = base
        self.indices = np.arange(len(base)) if indices is None else indices
        self.dtype = base.dtype if dtype is None else np.dtype(dtype)
        self.ndim = base.ndim
        self.shape = (len(self.indices), *base.shape[1:])
        self.nbytes = int(np.prod(self.shape)) * self.dtype.itemsize  # were they in memory

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, key: Any) -> npt.NDArray:
        read = np.asarray(self.base[self.indices[key]], dtype=self.dtype)
        # a single row is a view of the file, which torch would warn of
        return read if read.flags.writeable else read.copy()

    def __array__(
        self, dtype: npt.DTypeLike | None = None, copy: bool | None = None
    ) -> npt.NDArray:
        return np.asarray(self[:], dtype=dtype)

    def take(self, which: Any) -> "Rows":
        """Some of the rows: an index array, or a slice."""
        return Rows(self.base, self.indices[which], self.dtype)

    def astype(self, dtype: npt.DTypeLike, copy: bool = True) -> "Rows":
        """The same rows, cast when they are read."""
        return Rows(self.base, self.indices, dtype)


def row_blocks(values: Any) -> Iterator[npt.NDArray]:
    """All rows, a few megabytes at a time."""
    row_bytes = max(1, int(np.prod(values.shape[1:])) * values.dtype.itemsize)
    count = max(1, _BLOCK_BYTES // row_bytes)
    for start in range(0, len(values), count):
        yield values[start : start + count]


def as_columns(values: npt.NDArray) -> npt.NDArray[np.float64]:
    """A row for each sample, in float64."""
    return values.reshape(len(values), -1).astype(np.float64)


def moments(rows: Rows) -> tuple[npt.NDArray, npt.NDArray, npt.NDArray]:
    """Means, deviations and largest values of the columns, in two passes over the file."""
    center = np.sum([as_columns(block).sum(0) for block in row_blocks(rows)], axis=0) / len(rows)
    squares, largest = np.zeros_like(center), np.zeros_like(center)
    for block in row_blocks(rows):
        columns = as_columns(block)
        squares += ((columns - center) ** 2).sum(0)
        largest = np.maximum(largest, np.abs(columns).max(0))
    return center, np.sqrt(squares / len(rows)), largest
