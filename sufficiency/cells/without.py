"""A cell without some of its candidates, from what it keeps of each."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from sufficiency._types import Booleans, Integers
from sufficiency.cells.cell import Cell, Columns
from sufficiency.cells.unseen import UnseenSamples
from sufficiency.data.slices import Slices
from sufficiency.exceptions import InvalidParameterError


def cells_without(
    cells: Sequence[Cell], left_out: npt.NDArray, order: int, slices: Slices | None
) -> tuple[Cell, ...]:
    """All cells without some of their candidates."""
    if left_out.size and left_out.dtype.kind not in "iu":
        raise InvalidParameterError(
            "samples",
            f"must be integers, got {left_out.dtype}; `np.flatnonzero` makes rows of a mask",
        )
    known = np.unique(np.concatenate([cell.unseen.candidates for cell in cells if cell.unseen]))
    foreign = np.setdiff1d(left_out, known)
    if len(foreign):
        raise InvalidParameterError(
            "samples",
            f"must have been candidates, got {foreign[:5].tolist()}; `samples()` has a share of Δ "
            "for those that were",
        )
    kept = tuple(without(cell, left_out, order, slices) for cell in cells)
    if all(cell.failure for cell in kept):
        raise InvalidParameterError("samples", "must leave some candidates, got all of them")
    return kept


def without(cell: Cell, left_out: Integers, order: int, slices: Slices | None) -> Cell:
    """
    The same cell, had these samples been no candidates.

    Δ, losses, Δ at the center and the share of the largest candidates are those of such a
    measurement, to the rounding of single precision. The part of the standard error that draws
    have is scaled with Δ. What needs the losses at every draw, or the scorer, is unknown: gap,
    spread, the two parts of Δ, and the score.
    """
    unseen = cell.unseen
    if unseen is None:
        return cell
    kept = ~np.isin(unseen.candidates, left_out)
    if unseen.n_candidates - (~kept).sum() < 1:
        return Cell(cell.repeat, cell.size, failure="all its candidates are left out")
    of_slices: dict[str, Columns] = {}
    if slices is not None:
        members = slices.take(unseen.candidates).members()
        for name, numbers in cell.slices.items():
            inside = np.zeros(len(kept), dtype=bool)
            inside[members[name]] = True
            # a slice of one candidate has no spread
            if numbers["n_candidates"] - (inside & ~kept).sum() > 1:
                of_slices[name] = numbers | _numbers(unseen, cell, numbers, inside, kept, order)
    everyone = np.ones(len(kept), dtype=bool)
    numbers = _numbers(unseen, cell, vars(cell), everyone, kept, order)
    others = np.flatnonzero(~np.isin(unseen.others, left_out))
    rest = replace(
        unseen.some(np.flatnonzero(kept), others), n_candidates=int(numbers.pop("n_candidates"))
    )
    return replace(cell, **numbers, unseen=rest, slices=of_slices)


def _numbers(
    unseen: UnseenSamples,
    cell: Cell,
    before: Columns,
    inside: Booleans,
    kept: Booleans,
    order: int,
) -> Columns:
    """What changes for the candidates in a slice, or for all of them."""
    increments, losses = (a.astype(np.float64) for a in (unseen.increments, unseen.losses))
    point = (np.abs(losses - cell.train_loss) / (cell.size + 1)) ** order
    unknown = ("gap_sq", "spread", "unseen_score", "delta_mean_sq", "delta_variance")
    if (inside & kept).sum() == inside.sum():
        return {"n_candidates": float(before.get("n_candidates", unseen.n_candidates))}
    n_before = before.get("n_candidates", unseen.n_candidates)
    columns = {"delta": increments, "delta_point": point, "unseen_loss": losses}
    if inside.sum() == n_before:
        rest = inside & kept
        n_after = int(rest.sum())
        numbers = {name: values[rest].mean() for name, values in columns.items()}
        from sufficiency.deltas.monte_carlo import top_share  # its folder needs torch

        numbers["top1pct_share"] = top_share(increments[rest])
        between = [increments[some].var(ddof=1) / some.sum() if some.sum() > 1 else math.nan
                   for some in (inside, rest)]  # fmt: skip
        of_draws = max(before["stderr"] ** 2 - between[0], 0.0)
        scale = (numbers["delta"] / before["delta"]) ** 2 if before["delta"] else 0.0
        variance = of_draws * scale + between[1]
    else:
        # only the largest are kept: what is left out is taken off the sums
        gone = inside & ~kept
        n_after = int(n_before - gone.sum())
        numbers = {
            name: (before[name] * n_before - values[gone].sum()) / n_after
            for name, values in columns.items()
        }
        numbers["top1pct_share"] = math.nan
        # and off the sum of squares around the mean, nearly all of which is the candidates'
        squares = before["stderr"] ** 2 * n_before * (n_before - 1)
        squares -= ((increments[gone] - before["delta"]) ** 2).sum()
        squares -= n_after * (numbers["delta"] - before["delta"]) ** 2
        variance = max(squares, 0.0) / (n_after * (n_after - 1)) if n_after > 1 else math.nan
    numbers["stderr"] = math.sqrt(variance)
    found = {name: float(value) for name, value in numbers.items()}
    return found | dict.fromkeys(unknown, math.nan) | {"n_candidates": float(n_after)}
