"""Tables of repeats by sizes, with NaN where a cell failed."""

import numpy as np
import numpy.typing as npt


def mean_of_finished(table: npt.NDArray[np.float64], axis: int = 0) -> npt.NDArray[np.float64]:
    """Mean of the finite values along an axis, by default of each size; NaN without any."""
    finished = np.isfinite(table)
    counts = finished.sum(axis=axis)
    sums = np.where(finished, table, 0.0).sum(axis=axis)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
