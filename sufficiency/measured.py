"""What was measured: every cell, the tables, the curve and the answers; needs no net."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sufficiency._tables import mean_of_finished
from sufficiency.answers import Answers
from sufficiency.cells.cell import CELL_COLUMNS, Cell
from sufficiency.curves import FittedCurve
from sufficiency.sizing import fit_delta
from sufficiency.sizing.ladder import Ladder

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MeasuredLadder"]


@dataclass(frozen=True, eq=False)
class MeasuredLadder(Answers):
    """
    All numbers of a ladder, and what follows from them.

    :class:`SufficiencyResult` adds what goes out of it: figures, report and files. These are typed
    on this class, so that they can come before that one.
    The attributes are described there.
    """

    cells: tuple[Cell, ...]
    order: int
    family: str
    n_samples: int
    n_candidates: int
    disjoint_candidates: bool
    own_unseen: bool
    constant_loss: float
    settings: dict[str, str]

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
        return mean_of_finished(self.table("delta"))

    @cached_property
    def delta_stderr(self) -> npt.NDArray[np.float64]:
        """
        (m,) standard error of :attr:`deltas`.

        From the spread over repeats; with a single one, the cell's own. Where repeats share
        candidates it is enlarged as Nadeau and Bengio say; where they share all of them (the
        user's own), the cells' error, which is over candidates, joins it.
        """
        table = self.table("delta")
        counts = np.isfinite(table).sum(axis=0)
        within = mean_of_finished(self.table("stderr"))
        spread = np.full(len(counts), np.nan)
        for i in np.flatnonzero(counts > 1):
            spread[i] = np.nanstd(table[:, i], ddof=1) / np.sqrt(counts[i])
        if self.own_unseen:
            spread = np.hypot(spread, within)
        else:
            spread = spread * self.measurements.overlap_factor
        return np.where(counts > 1, spread, within)

    @cached_property
    def in_sample_deltas(self) -> npt.NDArray[np.float64] | None:
        """(m,) mean Δ from the training samples themselves; None unless ``train="once"``."""
        if self.settings.get("train") != "once":
            return None
        return mean_of_finished(self.table("delta_in_sample"))

    @cached_property
    def measurements(self) -> Ladder:
        """All numbers as tables, for :mod:`sufficiency.sizing`."""
        tables = {name: self.table(name) for name in _TABLES}
        if self.settings.get("center") == "best":
            # a validation-optimal center is not meant to be a minimum of the training loss
            tables["loss_drift"] = np.zeros_like(tables["loss_drift"])
        if self.settings.get("train") == "once":
            # the one net of a repeat was trained on the largest size; the others are read off it
            for name in ("train_loss", "unseen_loss", "unseen_score"):
                tables[name][:, :-1] = np.nan
            tables["loss_drift"][:, :-1] = 0.0
        # a repeat without any finished cell is none
        finished = np.isfinite(tables["delta"]).any(axis=1)
        if finished.any():
            tables = {name: table[finished] for name, table in tables.items()}
        return Ladder(
            sizes=self.sizes,
            constant_loss=self.constant_loss,
            order=self.order,
            n_available=self.n_samples,
            n_candidates=self.n_candidates,
            n_pool=self.n_candidates if self.own_unseen else self.n_samples,
            disjoint_candidates=self.disjoint_candidates,
            **tables,
        )

    @cached_property
    def curve(self) -> FittedCurve:
        """The decay that was fitted."""
        return fit_delta(self.measurements, self.family)

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


_TABLES = (
    "delta",
    "stderr",
    "delta_point",
    "gap_sq",
    "spread",
    "top1pct_share",
    "train_loss",
    "unseen_loss",
    "unseen_score",
    "loss_drift",
)
