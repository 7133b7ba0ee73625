"""What was measured on one ladder of sizes: plain numbers, from which every answer follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from sufficiency._tables import mean_of_finished
from sufficiency._types import Floats, Integers

# So many fits tell a standard error to 7 %; a thousand repeats take no longer.
_MOST_GROUPS = 100


@dataclass(frozen=True, eq=False)
class Ladder:
    """
    Numbers of every (repeat, size) and of the design they were taken with.

    Tables have shape (R, m), repeats by sizes, float64; NaN where a cell failed or a quantity
    was not measured. Units: loss^order for Δ, loss² for gap and spread, loss for losses.

    Parameters
    ----------
    sizes : (m,) int64
        Training sizes in samples, increasing.
    delta, stderr, delta_point : (R, m)
        Δ, its standard error within the cell, and Δ at the center itself (σ = 0).
    gap_sq, spread : (R, m)
        E_t[gap_t² − spread_t/J], unbiased and possibly negative, and E_t[spread_t] of math.md,
        "Growing by m samples". For order 2, Δ·(k+1)² = gap_sq + spread.
    top1pct_share : (R, m)
        Share of Δ that the largest 1 % of the candidates carry, in [0, 1].
    train_loss, unseen_loss, unseen_score : (R, m)
        At the center: mean loss on its training samples, mean loss and score on the candidates.
    loss_drift : (R, m)
        Change of the training loss over the last tenth of the training.
    constant_loss : (R, m) or float
        Unseen loss of the best constant prediction.
    order : {1, 2}
        Δ is a mean absolute value (1) or a mean square (2).
    n_available : int
        Samples passed to ``fit``.
    n_candidates : int
        J, unseen candidates of each repeat.
    n_pool : int
        n, samples from which candidates and subsets were drawn.
    disjoint_candidates : bool
        Whether no two repeats share a candidate.
    quadratic_error : (R, m)
        Relative error of the quadratic increment; of the closed form only.
    failures : tuple of str
        Where and why each failed cell did, also those of repeats that are left out.
    point_probe : bool
        Whether the probe is the center itself, so that it cannot add to Δ.
    one_net : bool
        Whether the center of a repeat's largest size serves all its sizes.
    of_slice : str
        The slice that all this is about, with its share of the samples; empty: all of them.
    slices : dict of {str: Ladder}
        Those slices that have enough candidates to be judged.
    too_small : tuple of str
        Those that have not.
    n_copies : int
        Candidates of a repeat that are copies of samples it trains on.
    target_column : str
        Column of the inputs that is the target itself; empty: none.
    """

    sizes: Integers
    delta: Floats
    stderr: Floats
    delta_point: Floats
    gap_sq: Floats
    spread: Floats
    top1pct_share: Floats
    train_loss: Floats
    unseen_loss: Floats
    unseen_score: Floats
    loss_drift: Floats
    constant_loss: Floats | float
    order: int
    n_available: int
    n_candidates: int
    n_pool: int
    disjoint_candidates: bool
    quadratic_error: Floats | float = float("nan")
    failures: tuple[str, ...] = ()
    point_probe: bool = False
    one_net: bool = False
    of_slice: str = ""
    slices: Mapping[str, Ladder] = field(default_factory=dict)
    too_small: tuple[str, ...] = ()
    n_copies: int = 0
    target_column: str = ""

    def __post_init__(self) -> None:
        """Give every table one shape, whatever its creator passed."""
        object.__setattr__(self, "sizes", np.asarray(self.sizes, dtype=np.int64))
        shape = np.shape(self.delta)
        if len(shape) != 2 or shape[1] != len(self.sizes):
            raise ValueError(
                f"`delta` must have shape (repeats, {len(self.sizes)}), got {shape}; give one row "
                "per repeat and one column per size"
            )
        for name in TABLES:
            table = np.asarray(getattr(self, name), dtype=np.float64)
            if table.shape not in ((), shape):
                raise ValueError(
                    f"`{name}` must have the shape of `delta`, {shape}, got {table.shape}"
                )
            object.__setattr__(self, name, np.broadcast_to(table, shape))

    @property
    def n_repeats(self) -> int:
        """R."""
        return len(self.delta)

    @property
    def largest(self) -> int:
        """Largest size with a finished cell; the measured range ends there."""
        finished = self.sizes[np.isfinite(self.delta).any(axis=0)]
        if not len(finished):
            raise ValueError(
                "`delta` must hold at least one finished cell, got NaN everywhere; every training "
                "or evaluation failed, see the warnings of fit"
            )
        return int(finished[-1])

    def at_largest(self, quantity: str) -> float:
        """
        What was measured at the largest size.

        Parameters
        ----------
        quantity : {"loss", "score", "delta"}
            Of the unseen samples, or Δ.

        Returns
        -------
        float
            Mean over the repeats that finished.
        """
        table = getattr(self, "delta" if quantity == "delta" else f"unseen_{quantity}")
        return float(mean_of_finished(table[:, self.sizes == self.largest])[0])

    def repeats(self, kept: npt.ArrayLike) -> Ladder:
        """
        The same ladder with some of its repeats.

        Parameters
        ----------
        kept : array-like of int
            Integers of repeats.

        Returns
        -------
        Ladder
        """
        rows = np.atleast_1d(np.asarray(kept, dtype=np.int64))
        return replace(self, **{name: getattr(self, name)[rows] for name in TABLES})

    @cached_property
    def left_out(self) -> tuple[Ladder, ...]:
        """The ladder without some of its repeats, for each group of :func:`jackknife_groups`."""
        rows = np.arange(self.n_repeats)
        return tuple(self.repeats(np.delete(rows, some)) for some in jackknife_groups(len(rows)))

    @property
    def overlap_factor(self) -> float:
        """
        By how much the variation over repeats understates the standard error of their mean.

        1 where repeats have disjoint candidates; otherwise √(1 + R·J/(n − J)) of Nadeau and
        Bengio (2003, "Inference for the generalization error", section 3): repeats that share
        test samples are correlated by J/n. It is infinite where all repeats share all candidates
        (n = J): their spread then says nothing of another sample of candidates.
        """
        if self.disjoint_candidates:
            return 1.0
        rest = self.n_pool - self.n_candidates
        if rest <= 0:
            return float("inf")
        return float(np.sqrt(1.0 + self.n_repeats * self.n_candidates / rest))


def jackknife_groups(n_repeats: int) -> list[Integers]:
    """
    Which repeats are left out at a time: each of them alone, and of more than 100 a hundredth.

    For G groups of equal size the jackknife's standard error is the same, with G − 1 degrees of
    freedom. Empty for a single repeat.
    """
    rows = np.arange(n_repeats)
    return np.array_split(rows, min(n_repeats, _MOST_GROUPS)) if n_repeats > 1 else []


# Names of what has shape (R, m).
TABLES = tuple(f.name for f in fields(Ladder) if str(f.type).startswith("Floats"))
