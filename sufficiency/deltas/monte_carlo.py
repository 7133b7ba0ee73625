"""Statistics of one (repeat, size): how much the landscape moves when a sample is added."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from sufficiency._types import Floats, Integers

# Candidates whose terms at all draws are in memory at once.
_BLOCK = 2**13


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
    which: Integers | None = None,
) -> DeltaStatistics:
    """
    Monte Carlo Δ_{k+1} of one cell (paper, section 3.1, averaged over candidates).

    The increment is taken as (ℓ_{k+1} − L_k)/(k+1): subtracting two means loses every digit in
    single precision.

    Parameters
    ----------
    candidate_losses : (B, J) float32 or float64
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
    which : (n,) int, optional
        Positions of the candidates that count, as those of a slice. None: all.

    Returns
    -------
    DeltaStatistics
    """
    table = _Table(candidate_losses, train_losses, size, order, which)
    of_candidates, (gap, spreads) = table.of_candidates(), table.gaps_and_spreads()
    gap_sq = float(np.mean(gap**2 - spreads / table.n_candidates - table.excess))
    mean_sq, between_draws = table.decomposition() if order == 2 else (math.nan, math.nan)
    variance = _crossed_variance(lambda: (grouped_rows(t, group) for t in table.terms()))
    if not table.whole:
        # Δ changes by −2·mean_t gap_t·(error of L_k at t) where L_k is off
        slopes = (gap[:, None] * table.evaluated).mean(axis=0)[None]
        variance += 4 * float(subset_variance(slopes, size)[0]) / (size + 1) ** 4
    of_point = point_losses if which is None else point_losses[which]
    point = (np.abs(of_point - point_train_loss) / (size + 1)) ** order
    return DeltaStatistics(
        delta=float(of_candidates.mean()),
        stderr=math.sqrt(variance),
        delta_point=float(point.mean()),
        gap_sq=gap_sq,
        spread=float(spreads.mean()),
        top1pct_share=top_share(of_candidates),
        delta_mean_sq=mean_sq,
        delta_variance=between_draws,
    )


def increments_of_candidates(
    candidate_losses: Floats, train_losses: Floats, size: int, order: int
) -> Floats:
    """(J,) means over draws of |increment|^order; their mean is Δ of :func:`monte_carlo_delta`."""
    return _Table(candidate_losses, train_losses, size, order).of_candidates()


@dataclass(frozen=True, eq=False)
class _Table:
    """The differences D_tj, which are made for some of the candidates at a time."""

    candidate_losses: Floats  # (B, J)
    train_losses: Floats  # (B,) or (B, m)
    size: int
    order: int
    which: Integers | None = None

    @property
    def n_candidates(self) -> int:
        return self.candidate_losses.shape[1] if self.which is None else len(self.which)

    @property
    def evaluated(self) -> Floats:
        """(B, m) losses of training samples; (B, 1) means where only these are known."""
        return self.train_losses if self.train_losses.ndim == 2 else self.train_losses[:, None]

    @property
    def whole(self) -> bool:
        """Whether L_k is known, and not only a part of the training samples."""
        return self.train_losses.ndim == 1 or self.train_losses.shape[1] == self.size

    @property
    def excess(self) -> Floats:
        """(B,) what the choice of the evaluated samples adds to the square of a difference."""
        if self.whole:
            return np.zeros(len(self.train_losses))
        return subset_variance(self.train_losses, self.size)

    def differences(self) -> Iterator[Floats]:
        """Blocks of D, float64."""
        means = self.evaluated.mean(axis=1)[:, None]
        for start in range(0, self.n_candidates, _BLOCK):
            some = slice(start, start + _BLOCK)
            yield self.candidate_losses[:, some if self.which is None else self.which[some]] - means

    def terms(self) -> Iterator[Floats]:
        """Blocks of |increment|^order, whose mean is Δ."""
        excess = self.excess[:, None] / (self.size + 1) ** 2
        for difference in self.differences():
            yield np.abs(difference / (self.size + 1)) ** self.order - excess

    def of_candidates(self) -> Floats:
        """(J,) means of the terms."""
        return np.concatenate([terms.mean(axis=0) for terms in self.terms()])

    def gaps_and_spreads(self) -> tuple[Floats, Floats]:
        """(B,) means of D over candidates, and its variances, NaN for a single one."""
        n = self.n_candidates
        gap = np.sum([d.sum(axis=1) for d in self.differences()], axis=0) / n
        if n == 1:
            return gap, np.full(len(gap), math.nan)
        squares = [((d - gap[:, None]) ** 2).sum(axis=1) for d in self.differences()]
        return gap, np.sum(squares, axis=0) / (n - 1)

    def decomposition(self) -> tuple[float, float]:
        """The square of an increment's mean over draws, and its variance; means over candidates."""
        of_means = 0.0
        if not self.whole:
            of_means = float(subset_variance(self.evaluated.mean(axis=0)[None], self.size)[0])
        of_rest = float(self.excess.mean()) - of_means
        parts = [(float((d.mean(axis=0) ** 2).sum()), float(d.var(axis=0).sum()))
                 for d in self.differences()]  # fmt: skip
        mean_sq, variance = np.sum(parts, axis=0) / self.n_candidates
        kappa_sq = (self.size + 1) ** 2
        return float(mean_sq - of_means) / kappa_sq, float(variance - of_rest) / kappa_sq


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
    return _crossed_variance(lambda: iter([terms]))


def _crossed_variance(blocks: Callable[[], Iterator[Floats]]) -> float:
    """That of a table which comes in blocks of its columns, twice."""
    columns, sums = list[Floats](), list[Floats]()
    for terms in blocks():
        columns.append(terms.mean(axis=0))
        sums.append(terms.sum(axis=1))
    every = np.concatenate(columns)
    rows = np.sum(sums, axis=0) / len(every)
    n_rows, n_columns = len(rows), len(every)
    if n_columns < 2:
        return math.nan
    between_columns = float(every.var(ddof=1)) / n_columns
    if n_rows < 2:
        return between_columns
    mean, residuals = rows.mean(), 0.0
    for terms, of_block in zip(blocks(), columns, strict=True):
        residuals += float(((terms - rows[:, None] - of_block + mean) ** 2).sum())
    interaction = residuals / ((n_rows - 1) * (n_columns - 1))
    between_rows = float(rows.var(ddof=1)) / n_rows
    return max(0.0, between_rows + between_columns - interaction / (n_rows * n_columns))


def top_share(columns: Floats) -> float:
    """Share of the total in the largest 1 % of the values."""
    total = float(columns.sum())
    if total == 0.0:
        return math.nan
    n_top = math.ceil(0.01 * len(columns))
    return float(np.sort(columns)[-n_top:].sum()) / total
