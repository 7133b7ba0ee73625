"""
How much the answer depends on chance: eight values of random_state on the digits.

The thresholds are fixed by the first run, as its fitted Δ at n/2 and at 2n, and put to all eight.

    python docs/studies/stability.py

writes docs/studies/results/stability.json.
"""

import itertools
import warnings

import numpy as np
import record
import torch
from sklearn.datasets import load_digits

from sufficiency import LandscapeSufficiencyEstimator, SufficiencyResult

SEEDS = range(8)


def measure(seed: int) -> SufficiencyResult:
    """The default estimator on all digits."""
    X, y = load_digits(return_X_y=True)
    est = LandscapeSufficiencyEstimator(refit=False, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return est.fit(X, y).result_


def compare(results: list[SufficiencyResult]) -> dict:
    """Answers of all runs to the thresholds of the first."""
    first, study = results[0], {"n": results[0].n_samples, "largest": int(results[0].sizes[-1])}
    for name, factor in {"n/2": 0.5, "2n": 2.0}.items():
        threshold = float(first.curve.predict(factor * first.n_samples)[0])
        verdicts = [result.verdict(threshold, prior=None) for result in results]
        sizes = [verdict.size for verdict in verdicts]
        intervals = [verdict.interval for verdict in verdicts]
        pairs = list(itertools.combinations(intervals, 2))
        met = [max(a[0], b[0]) <= min(a[1], b[1]) for a, b in pairs]
        held = [low <= size <= high for low, high in intervals for size in sizes]
        study[name] = {
            "threshold": threshold,
            "sizes": sizes,
            "ratio": max(sizes) / min(sizes),
            "intervals": [list(interval) for interval in intervals],
            "statuses": [verdict.status for verdict in verdicts],
            "families": [verdict.curve.family for verdict in verdicts],
            "overlapping_pairs": sum(met),
            "pairs": len(pairs),
            "sizes_in_intervals": float(np.mean(held)),
        }
    return study


def main() -> None:
    """Measure and write."""
    torch.set_num_threads(1)
    study = compare([measure(seed) for seed in SEEDS])
    print(record.write("stability", "python docs/studies/stability.py", study))


if __name__ == "__main__":
    main()
