"""A fit that is running, as its store shows it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from sufficiency.cells.cell import Cell
from sufficiency.report.numbers import duration
from sufficiency.store.running_fits import RunningFit

if TYPE_CHECKING:
    from sufficiency.result import SufficiencyResult


@dataclass(frozen=True)
class Progress:
    """What is finished of a fit."""

    result: SufficiencyResult  # of the cells that are
    finished: int
    left: int
    seconds_left: float | None  # None: not known yet

    def __str__(self) -> str:
        n_cells = self.finished + self.left
        if not self.left:
            return f"All {n_cells} cells are finished."
        text = f"{self.finished} of {n_cells} cells are finished"
        if self.seconds_left is None:
            return f"{text}."
        return f"{text}; about {duration(self.seconds_left)} left, if the fit still runs."


class Live:
    """Looks at the store again and again."""

    def __init__(self, fit: RunningFit, empty: SufficiencyResult) -> None:
        self._fit = fit
        self._empty = empty
        self._known: dict[str, tuple[list[Cell], float]] = {}

    def look(self) -> Progress:
        """What is finished now."""
        self._fit.finished(self._known)
        measured = [cell for cells, _ in self._known.values() for cell in cells]
        at = {(cell.repeat, cell.size): cell for cell in measured}
        cells = tuple(at.get((cell.repeat, cell.size), cell) for cell in self._empty.cells)
        left = [c for c in self._empty.cells if (c.repeat, c.size) not in at]
        result = replace(self._empty, cells=cells)
        return Progress(result, len(measured), len(left), self._seconds_left(left))

    def _seconds_left(self, left: list[Cell]) -> float | None:
        """By what finished cells have cost, and how many were measured at once."""
        new = [(cells, when) for cells, when in self._known.values() if when > self._fit.started]
        costs: dict[int, list[float]] = {}
        for cells, _ in new:
            for cell in cells:
                if np.isfinite(cell.fit_seconds):
                    costs.setdefault(cell.size, []).append(cell.fit_seconds + cell.probe_seconds)
        if not costs:
            return None
        elapsed = max(when for _, when in new) - self._fit.started
        at_once = max(sum(map(sum, costs.values())) / elapsed, 1e-9)

        def cost(size: int) -> float:
            # a size that was not measured yet costs in proportion to the nearest that was
            near = min(costs, key=lambda known: abs(np.log(known / size)))
            return float(np.mean(costs[near])) * size / near

        return sum(cost(cell.size) for cell in left) / at_once
