"""The cells of one slice."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from sufficiency.cells.cell import Cell


def slice_candidates(cells: Iterable[Cell], name: str) -> int:
    """Candidates of a slice in a repeat, the smallest number."""
    counts = [cell.slices.get(name, {}).get("n_candidates", 0.0) for cell in cells if cell.slices]
    return int(min(counts, default=0.0))


def cells_of_slice(cells: Iterable[Cell], name: str) -> tuple[Cell, ...]:
    """Every cell with the numbers of the slice's candidates."""
    return tuple(_of_slice(cell, name) for cell in cells)


def _of_slice(cell: Cell, name: str) -> Cell:
    numbers = dict(cell.slices.get(name, {}))
    if not cell.failure and not np.isfinite(numbers.get("delta", np.nan)):
        failure = f"it has no candidates of {name} whose Δ is known"
        return Cell(cell.repeat, cell.size, failure=failure)
    numbers.pop("n_candidates", None)
    return replace(cell, **numbers, slices={}, unseen=None)
