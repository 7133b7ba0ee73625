"""Which samples are candidates: the unseen ones of every repeat."""

import numpy as np
import numpy.typing as npt

from sufficiency._random import child_rng

Indices = npt.NDArray[np.int64]


def default_n_candidates(n_samples: int) -> int:
    """min(1000, n // 5), at least one."""
    return max(1, min(1000, n_samples // 5))


def shuffled(indices: Indices, strata: npt.NDArray | None, rng: np.random.Generator) -> Indices:
    """
    Random order in which every stretch holds the classes in about their proportions.

    A sample of rank r in its class of c samples gets the position (r + U)/c, with one uniform U
    for each class: systematic sampling, uniform over the samples of a class.
    """
    indices = rng.permutation(indices)
    if strata is None:
        return indices
    positions = np.empty(len(indices))
    for label in np.unique(strata[indices]):
        of_class = np.flatnonzero(strata[indices] == label)
        positions[of_class] = (np.arange(len(of_class)) + rng.random()) / len(of_class)
    return indices[np.argsort(positions, kind="stable")]


def candidate_folds(
    n_samples: int, n_candidates: int, n_repeats: int, strata: npt.NDArray | None, root: int
) -> list[Indices]:
    """Disjoint folds while they fit into the data, else one independent draw a repeat."""
    everything = np.arange(n_samples)
    if n_repeats * n_candidates <= n_samples:
        order = shuffled(everything, strata, child_rng(root, "candidates"))
        return [order[r * n_candidates : (r + 1) * n_candidates] for r in range(n_repeats)]
    return [
        shuffled(everything, strata, child_rng(root, "candidates", r))[:n_candidates]
        for r in range(n_repeats)
    ]


def group_folds(groups: Indices, n_candidates: int, n_repeats: int, root: int) -> list[Indices]:
    """Like :func:`candidate_folds`, of whole groups, each fold with at least `n_candidates`."""
    counts = np.bincount(groups)
    names = child_rng(root, "candidates").permutation(len(counts))
    folds, start = [], 0
    for repeat in range(n_repeats):
        stop = start + 1 + int(np.searchsorted(np.cumsum(counts[names[start:]]), n_candidates))
        if stop > len(names):
            names = child_rng(root, "candidates", repeat).permutation(len(counts))
            start, stop = 0, 1 + int(np.searchsorted(np.cumsum(counts[names]), n_candidates))
        folds.append(np.flatnonzero(np.isin(groups, names[start:stop])))
        start = stop
    return folds
