"""What a center says of single samples that it has not seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from sufficiency._types import Integers

# With more candidates than this, those with the largest increments are kept alone.
_MOST, _KEPT = 100_000, 1_000


@dataclass(frozen=True, eq=False)
class UnseenSamples:
    """
    Candidates of a cell, and other samples that its center has not seen.

    The candidates are unseen at every size of the repeat; the others, up to four times as many as
    the center was trained on, at some, and they take no part in Δ.
    """

    # rows and classes are integers as short as they can be: see `compact`
    candidates: npt.NDArray  # (J,) rows of X, or of X_unseen
    # single precision where its range holds them: see `short`
    increments: npt.NDArray[np.floating]  # (J,) mean |increment|^order over draws; their mean is Δ
    losses: npt.NDArray[np.floating]  # (J,) at the center
    others: npt.NDArray  # (K,) rows of X
    other_losses: npt.NDArray[np.floating]  # (K,)
    # (J + K,) classes; (K,), of the others, where a larger center knows better; or none
    predicted: npt.NDArray
    n_candidates: int  # before `largest` left some out

    def largest(self) -> "UnseenSamples":
        """The same, or where there are very many samples those that stand out."""
        if max(len(self.candidates), len(self.others)) <= _MOST:
            return self
        return self.some(_top(self.increments), _top(self.other_losses))

    def some(self, kept: Integers, others: Integers) -> "UnseenSamples":
        """Those at some positions among the candidates, and among the others."""
        J, K = len(self.candidates), len(self.others)
        predicted = self.predicted
        if len(predicted) == J + K:
            predicted = predicted[np.concatenate([kept, J + others])]
        elif len(predicted) == K:
            predicted = predicted[others]
        return replace(
            self,
            candidates=self.candidates[kept],
            increments=self.increments[kept],
            losses=self.losses[kept],
            others=self.others[others],
            other_losses=self.other_losses[others],
            predicted=predicted,
        )


def short(values: npt.NDArray) -> npt.NDArray[np.floating]:
    """In single precision, unless the largest is outside of its range."""
    largest, limits = np.abs(values).max(initial=0), np.finfo(np.float32)
    holds = largest == 0 or limits.tiny / limits.eps < largest < limits.max
    return values.astype(np.float32 if holds else np.float64)


def compact(values: npt.NDArray) -> npt.NDArray:
    """Integers >= 0 in as few bytes as the largest takes."""
    return values.astype(np.min_scalar_type(values.max(initial=0)))


def _top(values: npt.NDArray) -> Integers:
    """Positions of the largest, in their order; of all where there are few."""
    if len(values) <= _MOST:
        return np.arange(len(values))
    return np.sort(np.argsort(values)[-_KEPT:])


def read_unseen(arrays: Mapping[str, Any] | None) -> UnseenSamples | None:
    """From its attributes by name, as a file holds them."""
    return None if arrays is None else UnseenSamples(**arrays)


def shared(unseen: Sequence[UnseenSamples | None]) -> list[UnseenSamples | None]:
    """
    Those of one repeat, by size, with what they have in common held once.

    These are their candidates; predicted classes stay those of the largest center.
    """
    kept: list[UnseenSamples | None] = []
    last = next((one for one in reversed(unseen) if one is not None), None)
    for one in unseen:
        if one is not None and last is not None and one is not last:
            same = np.array_equal(one.candidates, last.candidates)
            of_others = len(one.predicted) - len(one.others)
            one = replace(
                one,
                candidates=last.candidates if same else one.candidates,
                predicted=one.predicted[max(of_others, 0) :],
            )
        kept.append(one)
    return kept
