"""The samples of a fit, with their targets."""

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from sufficiency._types import Integers
from sufficiency.data.rows import n_rows, row_bytes, take_rows
from sufficiency.data.slices import Slices


@dataclass(frozen=True, eq=False)
class Samples:
    """Inputs and targets of n samples."""

    X: Any  # array, dict or tuple of arrays, DatasetRows, or what transformers take
    encoded: npt.NDArray  # targets for the net
    y: npt.NDArray  # targets of the user
    slices: Slices | None = None  # of those that candidates are taken of

    def __sizeof__(self) -> int:
        # dask sends what it takes for large once to a worker, and small things with every task
        return self.n_bytes

    @property
    def n_bytes(self) -> int:
        """Bytes of all samples, were they in memory."""
        return n_rows(self.X) * row_bytes(self.X) + self.encoded.nbytes + self.y.nbytes

    def take(self, which: Integers | slice) -> "Samples":
        """Some of the samples; those in a file stay there."""
        slices = None if self.slices is None else self.slices.take(which)
        return Samples(take_rows(self.X, which), self.encoded[which], self.y[which], slices)
