"""Which family the measured sizes speak for."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sufficiency._tables import mean_of_finished
from sufficiency.curves.families import FAMILIES, SIZES_NEEDED, evaluate
from sufficiency.curves.least_squares import fit_parameters

__all__ = ["Choice", "choose_family"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Choice:
    """
    Outcome of a comparison of families.

    Attributes
    ----------
    family : str
        The simplest of `rivals`.
    rivals : tuple of str
        Families within one standard error of the best, simplest first.
    scores : dict of str to float
        Mean squared log error of every family that was compared; empty if none was.
    """

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
    allowed = [family for family in FAMILIES if SIZES_NEEDED[family] < len(sizes)]
    if len(allowed) < 2:
        return Choice("theory", ("theory",), {})
    first = max(len(sizes) // 2, *(SIZES_NEEDED[family] for family in allowed))
    errors = {family: _errors(family, sizes, deltas, order, first) for family in allowed}
    scores = {family: float(errors[family].mean()) for family in allowed}
    best = min(allowed, key=scores.__getitem__)
    rivals = tuple(f for f in allowed if _within_one_stderr(errors[f] - errors[best]))
    return Choice(rivals[0], rivals, scores)


def _within_one_stderr(excess: Floats) -> bool:
    stderr = excess.std(ddof=1) / np.sqrt(len(excess)) if len(excess) > 1 else 0.0
    return bool(excess.mean() <= stderr)


def _errors(
    family: str, sizes: npt.NDArray[np.int64], deltas: Floats, order: int, first: int
) -> Floats:
    """Mean squared log errors beyond the origins, per repeat; of a single repeat, per origin."""
    by_origin = []
    for origin in range(first, len(sizes)):
        parameters = fit_parameters(family, sizes[:origin], deltas[:, :origin], order)
        forecast = evaluate(family, order, parameters, sizes[origin:])
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
