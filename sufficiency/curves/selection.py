"""Which family the measured sizes speak for."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sufficiency._tables import mean_of_finished
from sufficiency.curves.families import FAMILIES, Family

__all__ = ["Choice", "choose_family"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Choice:
    """A family, those that do as well (simplest first), and the errors that were compared."""

    family: str
    rivals: tuple[str, ...]
    scores: dict[str, float]


def choose_family(sizes: npt.NDArray[np.int64], deltas: Floats, order: int) -> Choice:
    """
    Simplest family whose rolling-origin error is within one standard error of the best.

    Each family is fitted to the smaller sizes (the mean over repeats, which is what the answer
    rests on) and forecasts the larger ones, from every origin in the upper half. The errors are
    scored repeat by repeat; the standard error is that of the difference to the best family over
    repeats, or over origins where there is a single repeat. A power law that does not fall may
    win: no size follows from it then, which is the right answer to such measurements.
    """
    allowed = [family for family in FAMILIES.values() if family.sizes_needed < len(sizes)]
    if len(allowed) < 2:
        simplest = next(iter(FAMILIES))
        return Choice(simplest, (simplest,), {})
    first = max(len(sizes) // 2, *(family.sizes_needed for family in allowed))
    errors = {family.name: _errors(family, sizes, deltas, order, first) for family in allowed}
    scores = {name: float(error.mean()) for name, error in errors.items()}
    best = errors[min(scores, key=scores.__getitem__)]
    rivals = tuple(name for name, error in errors.items() if _within_one_stderr(error - best))
    return Choice(rivals[0], rivals, scores)


def _within_one_stderr(excess: Floats) -> bool:
    stderr = excess.std(ddof=1) / np.sqrt(len(excess)) if len(excess) > 1 else 0.0
    return bool(excess.mean() <= stderr)


def _errors(
    family: Family, sizes: npt.NDArray[np.int64], deltas: Floats, order: int, first: int
) -> Floats:
    """Mean squared log errors beyond the origins, per repeat; of a single repeat, per origin."""
    kappa = np.asarray(sizes, dtype=np.float64) + 1.0
    by_origin = []
    for origin in range(first, len(sizes)):
        parameters = family.fit(sizes[:origin], deltas[:, :origin], order)
        forecast = family.predict(kappa[origin:], order, parameters)
        # a single cell of exactly 0 has no log; like a failed one it is left out
        with np.errstate(divide="ignore"):
            squares = np.log(deltas[:, origin:] / forecast) ** 2
        by_origin.append(mean_of_finished(squares, axis=1))
    table = np.array(by_origin)
    if len(deltas) == 1:
        return table[:, 0]
    complete = np.isfinite(table).all(axis=0)
    if complete.any():
        return table[:, complete].mean(axis=0)
    return np.nanmean(table, axis=1)
