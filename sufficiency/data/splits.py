"""Sizes, and which samples train, in which order, and which validate: indices only."""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
import numpy.typing as npt

from sufficiency._random import child_rng
from sufficiency._validation import check_integer
from sufficiency.data.candidates import Indices, candidate_folds, group_folds, shuffled
from sufficiency.exceptions import InvalidParameterError

VALIDATION_FRACTION = 0.1


@dataclass(frozen=True, eq=False)
class Split:
    """One repeat's division of the data."""

    order: Indices  # (n_fit,); the subset of size k is order[:k], so subsets are nested
    candidates: Indices  # (J,) in no subset of this repeat
    validation: Indices  # (V,) for the best centers and early stopping; empty if neither is used


@dataclass(frozen=True, eq=False)
class Splits:
    """Sizes and divisions of a fit."""

    sizes: Indices  # (m,) of the subsets, increasing
    repeats: tuple[Split, ...]
    disjoint_candidates: bool  # no two repeats share one
    refit: Split  # of the net that is trained on everything: no candidates


def _split(
    n_samples: int,
    candidates: Indices,
    n_validation: int,
    strata: npt.NDArray | None,
    groups: Indices | None,
    rng: np.random.Generator,
) -> Split:
    """Order what is left after the candidates; the tail of the order validates."""
    rest = np.setdiff1d(np.arange(n_samples), candidates)
    if groups is None:
        order = shuffled(rest, strata, rng)
        n_fit = max(len(order) - n_validation, 0)
    else:
        names = rng.permutation(np.unique(groups[rest]))
        rank = np.empty(groups.max() + 1, dtype=np.int64)
        rank[names] = np.arange(len(names))
        order = rng.permutation(rest)
        order = order[np.argsort(rank[groups[order]], kind="stable")]
        n_fit = max(len(order) - n_validation, 0)
        # a group that the cut would divide validates as a whole
        while 0 < n_fit < len(order) and groups[order[n_fit]] == groups[order[n_fit - 1]]:
            n_fit -= 1
    return Split(order[:n_fit], candidates, order[n_fit:])


def make_splits(
    n_samples: int,
    *,
    sizes: int | Sequence[float],
    n_repeats: int,
    n_candidates: int,
    root: int,
    strata: npt.NDArray | None = None,
    groups: npt.NDArray | None = None,
    reserve_validation: bool = False,
) -> Splits:
    """Divide the data for every repeat and choose the sizes."""
    codes = None if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    if n_candidates == 0:
        folds = [np.empty(0, dtype=np.int64)] * n_repeats
    elif codes is None:
        folds = candidate_folds(n_samples, n_candidates, n_repeats, strata, root)
    else:
        folds = group_folds(codes, n_candidates, n_repeats, root)
    n_validation = math.ceil(VALIDATION_FRACTION * n_samples) if reserve_validation else 0
    splits = tuple(
        _split(n_samples, fold, n_validation, strata, codes, child_rng(root, "order", repeat))
        for repeat, fold in enumerate(folds)
    )
    tightest = min(splits, key=lambda split: len(split.order))
    n_classes = 0 if strata is None else len(np.unique(strata))
    # groups are reserved as a whole, so that more samples may be than were asked for
    reserve = f"{len(tightest.candidates)} candidates" + (
        f" and {len(tightest.validation)} for validation" * bool(n_validation)
    )
    resolved = resolve_sizes(sizes, len(tightest.order), n_classes, n_samples, reserve)
    nobody = np.empty(0, dtype=np.int64)
    refit = _split(n_samples, nobody, n_validation, strata, codes, child_rng(root, "refit"))
    pooled = np.concatenate(folds)
    disjoint = n_candidates > 0 and len(np.unique(pooled)) == len(pooled)
    return Splits(resolved, splits, disjoint, refit)


def resolve_sizes(
    sizes: int | Sequence[float], n_fit: int, n_classes: int, n_samples: int, reserve: str
) -> Indices:
    """Sizes in samples from the estimator's `sizes`."""
    left = f"{n_samples} sample{'s' * (n_samples != 1)} less {reserve} leave {max(n_fit, 0)}"
    if isinstance(sizes, (int, np.integer)) and not isinstance(sizes, bool):
        wanted = check_integer("sizes", sizes, 2)
        if n_fit < wanted:
            raise InvalidParameterError(
                "sizes",
                f"must be <= {max(n_fit, 0)}, the samples to train on, got {wanted}: {left}; "
                "pass more samples, fewer sizes or fewer candidates",
            )
        smallest = max(1, int(min(max(n_fit / 32, 10 * n_classes, 20), n_fit / 2)))
        counts = np.round(np.geomspace(smallest, n_fit, wanted)).astype(np.int64)
        # close to the number of samples, rounding may give the same size twice
        for i in range(1, wanted):
            counts[i] = max(counts[i], counts[i - 1] + 1)
        return np.minimum(counts, n_fit - np.arange(wanted)[::-1])
    counts = _counts(sizes, n_fit)
    if counts.min() < 1 or counts.max() > n_fit:
        raise InvalidParameterError(
            "sizes",
            f"must lie between 1 and {max(n_fit, 0)}, got {counts.min()} to {counts.max()}: "
            f"{left}; choose sizes in between, or fewer candidates",
        )
    if (np.diff(counts) <= 0).any():
        raise InvalidParameterError(
            "sizes",
            f"must be strictly increasing, got {counts.tolist()}; sort them and drop duplicates",
        )
    return counts


def _counts(sizes: object, n_fit: int) -> Indices:
    """Counts from a sequence of fractions or of counts."""
    rule = "must be an integer >= 2, a sequence of fractions in (0, 1] or of counts"
    if isinstance(sizes, (str, bytes, bool)) or not np.iterable(sizes):
        raise InvalidParameterError("sizes", f"{rule}, got {sizes!r}")
    values = list(sizes)
    if len(values) < 2:
        raise InvalidParameterError("sizes", f"must hold at least 2 sizes, got {values}")
    if all(isinstance(v, Integral) and not isinstance(v, bool) for v in values):
        return np.asarray(values, dtype=np.int64)
    if not all(isinstance(v, Real) and not isinstance(v, (Integral, bool)) for v in values):
        raise InvalidParameterError("sizes", f"{rule}, all of one kind, got {values}")
    fractions = np.asarray(values, dtype=np.float64)
    if not ((fractions > 0) & (fractions <= 1)).all():
        raise InvalidParameterError("sizes", f"{rule}; fractions must lie in (0, 1], got {values}")
    return np.floor(fractions * n_fit + 1e-9).astype(np.int64)


def stratification(y: npt.NDArray) -> npt.NDArray | None:
    """The strata for encoded class labels, or None if a class has a single sample."""
    labels, counts = np.unique(y, return_counts=True)
    if counts.min() >= 2:
        return y
    rare = labels[counts == 1]
    warnings.warn(
        f"{len(rare)} of {len(labels)} classes have a single sample, so subsets are not "
        "stratified; merge rare classes or collect more of them",
        UserWarning,
        stacklevel=6,
    )
    return None
