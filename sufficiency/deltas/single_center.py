"""Δ of one net for all sizes (``train="once"``): the paper's figures, with their constant."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sufficiency._types import Floats, Integers
from sufficiency._validation import check_choice
from sufficiency.deltas.monte_carlo import crossed_variance


@dataclass(frozen=True, eq=False)
class SingleCenterCurve:
    """
    Δ at every size, around one center that was trained on all n samples.

    Attributes
    ----------
    sizes : (m,) int64
        k.
    in_sample, in_sample_stderr : (m,) float64
        E_p[S²]/(k(k+1)) of the samples that the net was trained on, in loss²: the paper's curve,
        expected over orders of the data. Too small for a decision, since the net has fitted them.
    unseen, unseen_stderr : (m,) float64
        The same of unseen candidates; NaN without any. Decisions use this one.
    """

    sizes: Integers
    in_sample: Floats
    in_sample_stderr: Floats
    unseen: Floats
    unseen_stderr: Floats


def single_center_delta(
    losses: Floats, sizes: npt.ArrayLike, *, finite: bool = True
) -> tuple[Floats, Floats]:
    """
    Mean square increment over all orders of the samples, in closed form.

    For a draw w whose n per-sample losses have the unbiased variance S²(w),

        E_orders (L_{k+1} − L_k)² = S²(w)/(k(k+1))        for every 1 ≤ k < n, exactly:

    ℓ_{k+1} − L_k has mean zero, and by exchangeability variance S²·(1 + 1/k). Averaged over draws.

    Parameters
    ----------
    losses : (B, n) float64
        Of every draw and sample, n ≥ 2.
    sizes : array-like of int
        k ≥ 1.
    finite : bool, default=True
        The samples are the whole data set, so that k < n. False: they stand for their
        distribution, of which there are as many samples as one likes (unseen candidates).

    Returns
    -------
    delta : (m,) float64
        In loss².
    stderr : (m,) float64
        Standard error of the mean over draws, for ``finite=False`` over draws and samples.

    Raises
    ------
    ValueError
        If there are fewer than two samples, or a size is out of range.
    """
    losses = _check_losses(losses)
    n = losses.shape[1]
    k = _check_sizes(sizes, n if finite else None)
    centered_sq = (losses - losses.mean(axis=1, keepdims=True)) ** 2 * (n / (n - 1))
    per_draw = centered_sq.mean(axis=1)
    variance = np.nan
    if not finite:
        variance = crossed_variance(centered_sq)
    elif len(per_draw) > 1:
        variance = float(per_draw.var(ddof=1)) / len(per_draw)
    pairs = k * (k + 1.0)
    return per_draw.mean() / pairs, np.sqrt(variance) / pairs


def single_center_curve(
    losses: Floats, sizes: npt.ArrayLike, unseen_losses: Floats | None = None
) -> SingleCenterCurve:
    """
    The in-sample curve of the paper's figures and the one from unseen candidates beside it.

    Parameters
    ----------
    losses : (B, n) float64
        Of the n training samples at B draws around the center.
    sizes : array-like of int
        1 ≤ k < n.
    unseen_losses : (B, J) float64, optional
        Of unseen candidates at the same draws, J ≥ 2.

    Returns
    -------
    SingleCenterCurve
    """
    in_sample = single_center_delta(losses, sizes)
    k = _check_sizes(sizes, losses.shape[1])
    if unseen_losses is None:
        nothing = np.full(len(k), np.nan)
        return SingleCenterCurve(k, *in_sample, nothing, nothing)
    return SingleCenterCurve(k, *in_sample, *single_center_delta(unseen_losses, k, finite=False))


def literal_curve(losses: Floats, *, order: int = 2) -> Floats:
    """
    The paper's procedure to the letter: one order of the samples, each next one the only candidate.

    Parameters
    ----------
    losses : (B, n) float64
        Of every draw and sample, in the order in which samples are added.
    order : {1, 2}, default=2
        Mean absolute or mean square increment.

    Returns
    -------
    (n − 1,) float64
        Δ at k = 1 … n−1. A single one of them says next to nothing: for one order, the relative
        standard deviation is of order one.
    """
    losses = _check_losses(losses)
    check_choice("order", str(order), ("1", "2"))
    n = losses.shape[1]
    k = np.arange(1, n)
    before = np.cumsum(losses, axis=1)[:, :-1] / k
    increments = (losses[:, 1:] - before) / (k + 1)
    return np.asarray((np.abs(increments) ** order).mean(axis=0))


def _check_losses(losses: Floats) -> Floats:
    losses = np.asarray(losses, dtype=np.float64)
    if losses.ndim != 2 or losses.shape[1] < 2 or len(losses) < 1:
        raise ValueError(
            "`losses` must have shape (draws, samples) with two samples or more, got "
            f"{losses.shape}"
        )
    return losses


def _check_sizes(sizes: npt.ArrayLike, n: int | None) -> Integers:
    k = np.atleast_1d(np.asarray(sizes))
    top = np.inf if n is None else n - 1
    if k.dtype.kind not in "iu" or k.ndim != 1 or (k < 1).any() or (k > top).any():
        upper = "" if n is None else f" and <= {n - 1}, one less than there are samples"
        raise ValueError(f"`sizes` must be integers >= 1{upper}, got {sizes!r}")
    return k.astype(np.int64)
