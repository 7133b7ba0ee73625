"""From measured Δ to a fitted curve, and which family the measured sizes speak for."""

import numpy as np
import numpy.typing as npt

from sufficiency._tables import mean_of_finished
from sufficiency._types import Floats, Integers
from sufficiency._validation import check_choice
from sufficiency.curves.families import FAMILIES, Family
from sufficiency.curves.fitted_curve import FittedCurve


def fit_curve(
    sizes: npt.ArrayLike,
    deltas: npt.ArrayLike,
    *,
    stderr: npt.ArrayLike | None = None,
    order: int = 2,
    family: str = "auto",
) -> FittedCurve:
    """
    Fit a decay to the measured Δ.

    The log of the mean over repeats is fitted by weighted least squares. One relative variance is
    pooled over all sizes and divided by the number of finished repeats of each: weights from each
    size's own few repeats favor the sizes that are low by chance and bias log C (math.md,
    "Weights").

    Parameters
    ----------
    sizes : array-like of shape (m,)
        Training sizes, increasing integers ≥ 1.
    deltas : array-like of shape (R, m)
        Δ of every repeat and size, in loss^order; NaN where a cell failed.
    stderr : array-like of shape (R, m), optional
        Standard errors within the cells, in loss^order; used only with a single repeat.
    order : {1, 2}, default=2
        2 where Δ is a mean square, 1 where it is a mean absolute value.
    family : {"auto", "theory", "power_law", "transient"}, default="auto"
        The form of the decay. ``"auto"`` compares forecasts from a rolling origin and takes the
        simplest family within one standard error of the best.

    Returns
    -------
    FittedCurve

    Raises
    ------
    ValueError
        If the arrays do not fit each other, no cell finished, a mean Δ is not positive, or the
        family needs more sizes than were measured.
    """
    check_choice("family", family, ("auto", *FAMILIES))
    checked_sizes, table = _check_measurements(sizes, deltas, order)
    measured = np.isfinite(table).any(axis=0)
    relative_stderr = _pooled_relative_stderr(table, stderr)[measured]
    kept, table = checked_sizes[measured], table[:, measured]
    rivals: tuple[str, ...] = (family,)
    scores: dict[str, float] = {}
    if family == "auto":
        rivals, scores = _compare_families(kept, table, order)
    parameters = FAMILIES[rivals[0]].fit(kept, table, order)
    return FittedCurve(rivals[0], order, parameters, kept, relative_stderr, scores, rivals)


def _check_measurements(
    sizes: npt.ArrayLike, deltas: npt.ArrayLike, order: int
) -> tuple[Integers, Floats]:
    if order not in (1, 2):
        raise ValueError(f"`order` must be 1 or 2, got {order!r}; 2 is the paper's mean square")
    given = np.asarray(sizes)
    counts = given.ndim == 1 and given.size and (given >= 1).all() and (given % 1 == 0).all()
    if not counts or (np.diff(given) <= 0).any():
        raise ValueError(
            f"`sizes` must be increasing counts >= 1, got {given.tolist()}; sort them and drop "
            "duplicates"
        )
    values = np.asarray(deltas, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] != len(given):
        raise ValueError(
            f"`deltas` must have shape (repeats, {len(given)}), got {values.shape}; give one "
            "column per size, NaN where a cell failed"
        )
    if np.isnan(values).all():
        raise ValueError(
            "`deltas` must hold at least one finished cell, got NaN everywhere; every training or "
            "evaluation failed, see the warnings of fit"
        )
    wrong = (np.isinf(values) | (values < 0)).any(axis=0) | (mean_of_finished(values) == 0)
    if wrong.any():
        size = int(given[wrong.argmax()])
        raise ValueError(
            f"`deltas` must be finite and > 0 on average, got {values[:, given == size].ravel()} "
            f"at size {size}; a loss that does not change at all cannot be fitted in logs: check "
            "that the net trains and the candidates differ; a net that predicts all of them "
            "without any loss has enough samples at this size"
        )
    return given.astype(np.int64), values


def _pooled_relative_stderr(deltas: Floats, stderr: npt.ArrayLike | None) -> Floats:
    """Relative s.e. of the mean at each size (m,), from one variance pooled over the sizes."""
    finished = np.isfinite(deltas)
    counts = finished.sum(axis=0)
    repeated = counts >= 2
    if repeated.any():
        ratios = deltas[:, repeated] / mean_of_finished(deltas)[repeated]
        variance = np.nansum((ratios - 1.0) ** 2) / (counts[repeated] - 1).sum()
    elif stderr is not None:
        ratios = np.asarray(stderr, dtype=np.float64)[finished] / deltas[finished]
        variance = np.mean(ratios[np.isfinite(ratios)] ** 2) if np.isfinite(ratios).any() else 0.0
    else:
        variance = 0.0
    if variance == 0.0:
        return np.full(len(counts), np.nan)
    return np.sqrt(variance / np.maximum(counts, 1))


def _compare_families(
    sizes: Integers, deltas: Floats, order: int
) -> tuple[tuple[str, ...], dict[str, float]]:
    """
    Families, simplest first, whose rolling-origin error is within one standard error of the best.

    Each family is fitted to the smaller sizes (the mean over repeats, which is what the answer
    rests on) and forecasts the larger ones, from every origin in the upper half. The errors are
    scored repeat by repeat; the standard error is that of the difference to the best family over
    repeats, or over origins where there is a single repeat. A power law that does not fall may
    win: no size follows from it then, which is the right answer to such measurements.
    Second, the errors of all.
    """
    allowed = [family for family in FAMILIES.values() if family.sizes_needed < len(sizes)]
    if len(allowed) < 2:
        return (next(iter(FAMILIES)),), {}
    first = max(len(sizes) // 2, *(family.sizes_needed for family in allowed))
    errors = {family.name: _errors(family, sizes, deltas, order, first) for family in allowed}
    scores = {name: float(error.mean()) for name, error in errors.items()}
    best = errors[min(scores, key=scores.__getitem__)]
    rivals: list[str] = []
    for name, error in errors.items():
        # a transient that has vanished is the power law or the theory once more
        again = any(np.allclose(error, errors[rival], rtol=1e-6, atol=0.0) for rival in rivals)
        if _within_one_stderr(error - best, rounding=1e-6 * best.mean()) and not again:
            rivals.append(name)
    return tuple(rivals), scores


def _within_one_stderr(excess: Floats, rounding: float) -> bool:
    stderr = excess.std(ddof=1) / np.sqrt(len(excess)) if len(excess) > 1 else 0.0
    return bool(excess.mean() <= stderr + rounding)


def _errors(family: Family, sizes: Integers, deltas: Floats, order: int, first: int) -> Floats:
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
