"""Statistics of one (repeat, size): how much the landscape moves when a sample is added."""

import math
from dataclasses import dataclass

import numpy as np

from sufficiency._types import Floats


@dataclass(frozen=True)
class DeltaStatistics:
    """
    What the losses around one center say.

    With D_tj = ℓ_j(w_t) − L_k(w_t) over draws t and unseen candidates j.

    Attributes
    ----------
    delta : float
        Order 2: mean_tj D²/(k+1)², in loss². Order 1: ``mean_tj |D|/(k+1)``, in loss.
    stderr : float
        Standard error of `delta` with draws and candidates crossed; NaN with one candidate.
    delta_point : float
        `delta` at the center itself (σ = 0), same candidates.
    gap_sq : float
        E_t[(mean_j D)² − var_j D/J], unbiased, in loss²; can be negative. NaN with one candidate.
    spread : float
        E_t[var_j D], in loss². NaN with one candidate.
    top1pct_share : float
        Share of Δ that the largest 1 % of the candidates (at least one) carry, in [0, 1].
    delta_mean_sq, delta_variance : float
        The paper's decomposition, section 4.2, averaged over candidates: with the increment
        I_tj = D_tj/(k+1), mean_j (mean_t I_tj)² and mean_j var_t I_tj, in loss². The variance is
        the biased one, over B, so that they add up to `delta`; of B draws, the first is too
        large by about 1/B of the second. NaN for order 1.
    """

    delta: float
    stderr: float
    delta_point: float
    gap_sq: float
    spread: float
    top1pct_share: float
    delta_mean_sq: float = math.nan
    delta_variance: float = math.nan


def monte_carlo_delta(
    candidate_losses: Floats,
    train_losses: Floats,
    point_losses: Floats,
    point_train_loss: float,
    *,
    size: int,
    order: int,
    group: int = 1,
) -> DeltaStatistics:
    """
    Monte Carlo Δ_{k+1} of one cell (paper, section 3.1, averaged over candidates).

    The increment is taken as (ℓ_{k+1} − L_k)/(k+1): subtracting two means loses every digit in
    single precision.

    Parameters
    ----------
    candidate_losses : (B, J) float64
        Loss of candidate j at draw t.
    train_losses : (B,) or (B, m) float64
        L_k at draw t; or the losses of m of the k training samples, a random choice without
        replacement that is the same for all draws. Its mean errs by a variance of s²/m·(1 − m/k),
        s² over the m, which is taken off every square: exact in expectation over choices, and
        for order 2 only. What the choice adds to the standard error is taken to first order.
    point_losses : (J,) float64
        Losses of the candidates at the center.
    point_train_loss : float
        L_k at the center.
    size : int
        k, samples.
    order : {1, 2}
        Mean absolute or mean square.
    group : int, default=1
        So many rows in turn belong together (2 for antithetic pairs) and count as one in the
        standard error.

    Returns
    -------
    DeltaStatistics
    """
    evaluated = train_losses if train_losses.ndim == 2 else train_losses[:, None]
    difference = candidate_losses - evaluated.mean(axis=1)[:, None]
    whole = train_losses.ndim == 1 or evaluated.shape[1] == size
    excess = _excess(train_losses, size)
    terms = increment_terms(candidate_losses, train_losses, size, order)
    point = (np.abs(point_losses - point_train_loss) / (size + 1)) ** order
    n_candidates = difference.shape[1]
    gap_sq = spread = delta_mean_sq = delta_variance = math.nan
    if order == 2:
        increments = difference / (size + 1)
        of_means = 0.0 if whole else float(subset_variance(evaluated.mean(axis=0)[None], size)[0])
        of_rest = float(excess.mean()) - of_means
        delta_mean_sq = float(np.mean(increments.mean(axis=0) ** 2)) - of_means / (size + 1) ** 2
        delta_variance = float(np.mean(increments.var(axis=0))) - of_rest / (size + 1) ** 2
    if n_candidates > 1:
        spreads = difference.var(axis=1, ddof=1)
        gap_sq = float(np.mean(difference.mean(axis=1) ** 2 - spreads / n_candidates - excess))
        spread = float(spreads.mean())
    variance = crossed_variance(grouped_rows(terms, group))
    if not whole:
        # Δ changes by −2·mean_t gap_t·(error of L_k at t) where L_k is off
        slopes = (difference.mean(axis=1)[:, None] * evaluated).mean(axis=0)[None]
        variance += 4 * float(subset_variance(slopes, size)[0]) / (size + 1) ** 4
    return DeltaStatistics(
        delta=float(terms.mean()),
        stderr=math.sqrt(variance),
        delta_point=float(point.mean()),
        gap_sq=gap_sq,
        spread=spread,
        top1pct_share=top_share(terms.mean(axis=0)),
        delta_mean_sq=delta_mean_sq,
        delta_variance=delta_variance,
    )


def increment_terms(
    candidate_losses: Floats, train_losses: Floats, size: int, order: int
) -> Floats:
    """(B, J) terms |increment|^order whose mean is Δ; see :func:`monte_carlo_delta`."""
    means = train_losses if train_losses.ndim == 1 else train_losses.mean(axis=1)
    increments = (candidate_losses - means[:, None]) / (size + 1)
    excess = _excess(train_losses, size) / (size + 1) ** 2
    return np.asarray(np.abs(increments) ** order - excess[:, None])


def _excess(train_losses: Floats, size: int) -> Floats:
    """(B,) what the choice of the evaluated samples adds to the square of a difference."""
    if train_losses.ndim == 1 or train_losses.shape[1] == size:
        return np.zeros(len(train_losses))
    return subset_variance(train_losses, size)


def grouped_rows(terms: Floats, group: int) -> Floats:
    """(B/group, J) means of so many rows in turn."""
    return terms.reshape(-1, group, terms.shape[1]).mean(axis=1)


def subset_variance(losses: Floats, size: int) -> Floats:
    """s²/m·(1 − m/k): variance of the mean of m of k values, chosen without replacement."""
    m = losses.shape[1]
    return losses.var(axis=1, ddof=1) / m * (1 - m / size)


def crossed_variance(terms: Floats) -> float:
    """
    Variance of the mean of a table whose rows and columns are both random.

    var_t(row means)/B + var_j(column means)/J − MS_interaction/(B·J): rows and columns each
    contain the interaction once, so that it has to be taken off once. Unbiased, and therefore
    possibly below zero in a small sample; then 0.
    """
    n_rows, n_columns = terms.shape
    if n_columns < 2:
        return math.nan
    columns = terms.mean(axis=0)
    between_columns = float(columns.var(ddof=1)) / n_columns
    if n_rows < 2:
        return between_columns
    rows = terms.mean(axis=1)
    residual = terms - rows[:, None] - columns + terms.mean()
    interaction = float((residual**2).sum()) / ((n_rows - 1) * (n_columns - 1))
    between_rows = float(rows.var(ddof=1)) / n_rows
    return max(0.0, between_rows + between_columns - interaction / (n_rows * n_columns))


def top_share(columns: Floats) -> float:
    """Share of the total in the largest 1 % of the values."""
    total = float(columns.sum())
    if total == 0.0:
        return math.nan
    n_top = math.ceil(0.01 * len(columns))
    return float(np.sort(columns)[-n_top:].sum()) / total
