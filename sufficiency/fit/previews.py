"""What can be said before a fit is over: its cost, and the result of its finished cells."""

import warnings
from collections.abc import Iterable
from os import PathLike
from typing import Any

import numpy as np
import numpy.typing as npt

from sufficiency.cells.cell import Cell
from sufficiency.exceptions import CellFailedWarning
from sufficiency.fit.cost import CostEstimate, estimate_cost
from sufficiency.fit.plan import Plan, n_unseen
from sufficiency.result import SufficiencyResult
from sufficiency.training.settings import FitSettings

__all__ = ["Previews", "result_of"]


def result_of(
    cells: Iterable[Cell], recipe: FitSettings, plan: Plan, family: str
) -> SufficiencyResult:
    """Put the cells of a fit together."""
    return SufficiencyResult(
        cells=tuple(cells),
        order=recipe.order,
        family=family,
        n_samples=len(plan.samples.y),
        n_candidates=n_unseen(plan.unseen, plan.splits),
        disjoint_candidates=plan.splits.disjoint_candidates,
        own_unseen=plan.unseen is not None,
        constant_loss=plan.constant_loss,
        settings=recipe.record,
    )


class Previews:
    """Questions about a fit that is not over, or has not begun."""

    curve: str
    n_jobs: int | None
    refit: bool
    store: str | PathLike[str] | None

    def _prepare(
        self,
        X: Any,
        y: Any,
        groups: Any,
        X_unseen: Any,
        y_unseen: Any,
        directory: Any = None,
        read_only: bool = False,
    ) -> tuple[FitSettings, Plan]:
        raise NotImplementedError

    def estimate_cost(
        self,
        X: Any,
        y: npt.ArrayLike | None = None,
        groups: npt.ArrayLike | None = None,
        X_unseen: Any = None,
        y_unseen: npt.ArrayLike | None = None,
    ) -> CostEstimate:
        """
        Predict duration and memory of ``fit`` on these data, by timing one small cell.

        Parameters
        ----------
        X, y, groups, X_unseen, y_unseen
            As in :meth:`fit`, with the same errors.

        Returns
        -------
        CostEstimate
            Print it, or use its numbers: those of a fit that finds nothing in its `store`. Nothing
            of the estimator is changed, apart from the number and the names of features.
        """
        return estimate_cost(
            *self._prepare(X, y, groups, X_unseen, y_unseen), self.n_jobs, self.refit
        )

    def finished_result(
        self,
        X: Any,
        y: npt.ArrayLike | None = None,
        groups: npt.ArrayLike | None = None,
        X_unseen: Any = None,
        y_unseen: npt.ArrayLike | None = None,
    ) -> SufficiencyResult:
        """
        Result of the cells that the `store` holds of a fit that is under way, or was cut off.

        Nothing is trained, measured or written, and nothing of the estimator is changed, apart
        from the number and the names of features.

        Parameters
        ----------
        X, y, groups, X_unseen, y_unseen
            As given to that :meth:`fit`.

        Returns
        -------
        SufficiencyResult
            Cells that are missing count as failed; fewer repeats make wider intervals.

        Raises
        ------
        ValueError
            Without a `store`, and with finished cells of fewer than two sizes.

        Warns
        -----
        CellFailedWarning
            How many cells are missing.
        """
        if self.store is None:
            raise ValueError("`store` must be the directory of a fit to look into, got None")
        recipe, plan = self._prepare(X, y, groups, X_unseen, y_unseen, self.store, read_only=True)
        found = (
            {}
            if plan.memory is None
            else {(cell.repeat, cell.size): cell for cell in plan.memory.finished(plan.splits)}
        )
        cells = [
            found.get((repeat, size)) or Cell(repeat, size, failure="not finished yet")
            for repeat in range(len(plan.splits.repeats))
            for size in plan.splits.sizes.tolist()
        ]
        result = result_of(cells, recipe, plan, self.curve)
        told = f"{len(found)} of {len(cells)} cells are finished and kept in {str(self.store)!r}"
        if np.isfinite(result.deltas).sum() < 2:
            raise ValueError(f"{told}, which must be cells of two sizes at least; go on with `fit`")
        if len(found) < len(cells):
            warnings.warn(f"{told}; the others are left out", CellFailedWarning, stacklevel=2)
        return result
