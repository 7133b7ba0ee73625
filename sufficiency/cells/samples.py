"""Which samples carry Δ: shares, losses and ranks of single samples."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from sufficiency._types import Floats
from sufficiency.cells.cell import Cell
from sufficiency.cells.unseen import UnseenSamples
from sufficiency.data.slices import Slices

_CLASS = "class"


def sample_frame(cells: Sequence[Cell], slices: Slices | None) -> pd.DataFrame:
    """
    One row for every sample that some center has not seen, the largest loss first.

    A share is a candidate's part of Δ in a cell, averaged over the cells of a repeat, and then over
    the repeats. The loss is the mean over all centers that have not seen the sample, with the
    weights k² that the 1/k² law of Δ gives centers of size k: inverse to how much they still move.
    """
    measured = [(cell, cell.unseen) for cell in cells if cell.unseen is not None]
    rows = np.concatenate([np.r_[u.candidates, u.others] for _, u in measured])
    rows = np.unique(rows).astype(np.int64)
    at = {id(u): (np.searchsorted(rows, u.candidates), np.searchsorted(rows, u.others))
          for _, u in measured}  # fmt: skip
    weight, loss, n_cells = (np.zeros(len(rows)) for _ in range(3))
    for cell, u in measured:
        for where, losses in zip(at[id(u)], (u.losses, u.other_losses), strict=True):
            weight[where] += float(cell.size) ** 2
            loss[where] += float(cell.size) ** 2 * losses.astype(np.float64)
            n_cells[where] += 1
    share, stderr = _shares(measured, at, len(rows))
    frame = pd.DataFrame({"share": share, "share_stderr": stderr, "loss": loss / weight}, rows)
    frame["n_cells"] = n_cells.astype(np.int64)
    if slices is not None:
        taken = slices.take(rows)
        if (labels := taken.column(_CLASS)) is not None:
            frame["label"] = labels
            frame["predicted"] = _predicted(measured, at, slices, len(rows))
        for name in taken.partitions:
            if name != _CLASS:
                frame[name] = taken.column(name)
    frame = frame.sort_values("loss", ascending=False, kind="stable").rename_axis("sample")
    frame.insert(0, "rank", np.arange(1, len(frame) + 1))
    return frame


def _shares(
    measured: Sequence[tuple[Cell, UnseenSamples]], at: dict[int, Any], n: int
) -> tuple[Floats, Floats]:
    """(n,) shares of Δ and their standard errors over repeats; NaN for no candidate."""
    repeats = sorted({cell.repeat for cell, _ in measured})
    tables = np.full((len(repeats), n), np.nan)
    for table, repeat in zip(tables, repeats, strict=True):
        of_repeat = [(cell, u) for cell, u in measured if cell.repeat == repeat]
        for cell, u in of_repeat:
            where = at[id(u)][0]
            part = u.increments.astype(np.float64)
            # where only the largest are kept, the sum is known from Δ alone
            every = part.sum() if len(part) == u.n_candidates else cell.delta * u.n_candidates
            found = part / every / len(of_repeat) if every else np.full(len(part), np.nan)
            table[where] = np.where(np.isnan(table[where]), found, table[where] + found)
    candidate = np.isfinite(tables)
    counts = candidate.sum(axis=0)
    share = np.where(counts > 0, np.nansum(tables, axis=0) / len(repeats), np.nan)
    stderr = np.full(n, np.nan)
    several = counts > 1
    spread = np.nanstd(tables[:, several], axis=0, ddof=1)
    stderr[several] = np.sqrt(counts[several]) * spread / len(repeats)
    return share, stderr


def _predicted(
    measured: Sequence[tuple[Cell, UnseenSamples]], at: dict[int, Any], slices: Slices, n: int
) -> np.ndarray[Any, np.dtype[Any]]:
    """(n,) classes as the largest center predicts them that has not seen the sample."""
    codes = np.full(n, -1)
    for _, u in sorted(measured, key=lambda pair: pair[0].size):
        candidates, others = at[id(u)]
        where = np.concatenate([candidates, others])
        codes[where[len(where) - len(u.predicted) :]] = u.predicted
    classes = np.array([*slices.values[slices.partitions.index(_CLASS)], None], dtype=object)
    return classes[codes]
