"""What a fit found: every cell, the curve, and the answers; needs no net."""

import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sufficiency._validation import check_thresholds
from sufficiency.cells import CELL_COLUMNS, Cell
from sufficiency.curves import FittedCurve, fit_curve
from sufficiency.exceptions import ExtrapolationWarning

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SufficiencyResult"]

_FORMAT = 1
_META, _CELLS = "result.json", "cells.npz"


@dataclass(frozen=True, eq=False)
class SufficiencyResult:
    """
    The outcome of :meth:`LandscapeSufficiencyEstimator.fit`, complete without the net.

    Attributes
    ----------
    cells : tuple of Cell
        One for every (repeat, size), by repeat, then size; failed ones carry their reason.
    order : {1, 2}
        Δ is a mean square (2, in loss²) or a mean absolute value (1, in loss).
    family : str
        The `curve` that was asked for.
    n_samples : int
        Samples passed to ``fit``.
    n_candidates : int
        Unseen candidates of a repeat (the smallest number, if repeats differ).
    disjoint_candidates : bool
        Whether no two repeats share a candidate.
    constant_loss : float
        Mean loss of the best constant prediction; NaN if there is none.
    settings : dict
        The estimator's settings in words, for the record.
    """

    cells: tuple[Cell, ...]
    order: int
    family: str
    n_samples: int
    n_candidates: int
    disjoint_candidates: bool
    constant_loss: float
    settings: Mapping[str, str]

    @cached_property
    def sizes(self) -> npt.NDArray[np.int64]:
        """(m,) sizes, increasing, in samples."""
        return np.unique([cell.size for cell in self.cells])

    @property
    def n_repeats(self) -> int:
        """R."""
        return len(self.cells) // len(self.sizes)

    def table(self, column: str) -> npt.NDArray[np.float64]:
        """
        One column of the cells.

        Parameters
        ----------
        column : str
            A name of :meth:`to_frame`.

        Returns
        -------
        (R, m) float64
            Repeats by sizes; NaN where a cell failed.
        """
        values = np.array([getattr(cell, column) for cell in self.cells], dtype=np.float64)
        return values.reshape(-1, len(self.sizes))

    @cached_property
    def deltas(self) -> npt.NDArray[np.float64]:
        """(m,) mean Δ over the repeats that finished; NaN where none did."""
        return _column_mean(self.table("delta"))

    @cached_property
    def delta_stderr(self) -> npt.NDArray[np.float64]:
        """
        (m,) standard error of :attr:`deltas`.

        From the spread over repeats; with a single one, the cell's own.
        """
        table = self.table("delta")
        counts = np.isfinite(table).sum(axis=0)
        within = _column_mean(self.table("stderr"))
        spread = np.full(len(counts), np.nan)
        for i in np.flatnonzero(counts > 1):
            spread[i] = np.nanstd(table[:, i], ddof=1) / np.sqrt(counts[i])
        return np.where(counts > 1, spread, within)

    @cached_property
    def curve(self) -> FittedCurve:
        """The decay that was fitted."""
        return fit_curve(
            self.sizes,
            self.table("delta"),
            stderr=self.table("stderr"),
            order=self.order,
            family=self.family,
        )

    def predict_sufficient_size(self, threshold: npt.ArrayLike) -> int | npt.NDArray[np.int64]:
        """
        Smallest size from which on the fitted Δ stays at or below `threshold`.

        Parameters
        ----------
        threshold : float or array-like
            Largest acceptable Δ > 0, in loss² (order 2) or loss (order 1).

        Returns
        -------
        int or ndarray of int64
            Samples to train on, in the shape of `threshold`. Never below the smallest measured
            size: a threshold that is met there is answered by it.

        Warns
        -----
        ExtrapolationWarning
            If an answer lies beyond the largest measured size.

        Raises
        ------
        ValueError
            If a threshold is not > 0.
        NotIdentifiableError
            If the curve does not fall.
        """
        values = check_thresholds(threshold)
        sizes = np.array([self.curve.sufficient_size(value) for value in values.ravel()], np.int64)
        # where all cells failed, nothing was measured
        largest = int(self.curve.sizes[-1])
        if len(sizes) and sizes.max() > largest:
            warnings.warn(
                f"the sufficient size {sizes.max()} lies {sizes.max() / largest:.3g} times beyond "
                f"the largest measured size {largest}; it rests on the fitted curve alone",
                ExtrapolationWarning,
                stacklevel=2,
            )
        return int(sizes[0]) if values.ndim == 0 else sizes.reshape(values.shape)

    def to_frame(self) -> "pd.DataFrame":
        """
        All cells as a table.

        Returns
        -------
        pandas.DataFrame
            One row for each (repeat, size); NaN where a cell failed.
        """
        import pandas as pd

        rows = [{name: getattr(cell, name) for name in CELL_COLUMNS} for cell in self.cells]
        return pd.DataFrame(rows, columns=list(CELL_COLUMNS))

    def save(self, path: str | PathLike[str]) -> None:
        """
        Write the result into a directory, as JSON and npz; nothing is pickled.

        Parameters
        ----------
        path : path-like
            Directory; made if it does not exist. Files of an earlier result in it are replaced.
        """
        directory = Path(path)
        directory.mkdir(parents=True, exist_ok=True)
        meta: dict[str, Any] = {"format": _FORMAT, "failures": [c.failure for c in self.cells]}
        for name in _SCALARS:
            meta[name] = getattr(self, name)
        meta["settings"] = dict(self.settings)
        # JSON knows no NaN
        meta["constant_loss"] = repr(float(self.constant_loss))
        columns = {n: np.array([getattr(c, n) for c in self.cells]) for n in CELL_COLUMNS}
        np.savez(directory / _CELLS, **columns)  # type: ignore[arg-type]
        (directory / _META).write_text(json.dumps(meta, indent=2), encoding="utf-8")

    @classmethod
    def load(cls, path: str | PathLike[str]) -> "SufficiencyResult":
        """
        Read what :meth:`save` wrote. No code can run from the files.

        Parameters
        ----------
        path : path-like
            The directory.

        Returns
        -------
        SufficiencyResult
            With the same numbers, bit for bit.

        Raises
        ------
        FileNotFoundError
            If there is no result in the directory.
        ValueError
            If the files are damaged or of another format.
        """
        directory = Path(path)
        try:
            return cls._read(directory)
        except OSError:
            raise
        except Exception as error:
            raise ValueError(
                f"`path` must hold a result of format {_FORMAT} as `save` writes it, got "
                f"{str(directory)!r} with a file that is damaged or foreign ({error!r}); save it "
                "again, or read it with the version of sufficiency that wrote it"
            ) from error

    @classmethod
    def _read(cls, directory: Path) -> "SufficiencyResult":
        meta = json.loads((directory / _META).read_text(encoding="utf-8"))
        if meta["format"] != _FORMAT:
            raise ValueError(f"format {meta['format']!r}")
        # opened here, since np.load leaves a damaged file open
        with (directory / _CELLS).open("rb") as file, np.load(file, allow_pickle=False) as columns:
            rows = zip(*(columns[name].tolist() for name in CELL_COLUMNS), strict=True)
            cells = tuple(
                Cell(**dict(zip(CELL_COLUMNS, row, strict=True)), failure=failure)
                for row, failure in zip(rows, meta["failures"], strict=True)
            )
        scalars = {name: meta[name] for name in _SCALARS}
        scalars["constant_loss"] = float(meta["constant_loss"])
        return cls(cells=cells, settings=dict(meta["settings"]), **scalars)


_SCALARS = (
    "order",
    "family",
    "n_samples",
    "n_candidates",
    "disjoint_candidates",
    "constant_loss",
)


def _column_mean(table: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Mean of the finite values of every column; NaN without any."""
    finite = np.isfinite(table)
    counts = finite.sum(axis=0)
    sums = np.where(finite, table, 0.0).sum(axis=0)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
