"""
Slices: do their intervals hold, and is one named where it differs, and only there?

Least squares with populations that differ in the noise alone, whose Δ has a closed form. Coverage:
95 % intervals of both slices, at thresholds that are their true Δ at n/2 and n/4. False names: ten
slices that are alike; also counted is how often one of them lies above the whole at 95 % without
regard to the choice among ten. True names: a slice of a tenth of the samples with more noise, and
the same among nine others.

    python docs/studies/slices.py

writes docs/studies/results/slices.json. The simulated fits are those of tests/sizing/ladders.py.
"""

import sys
from pathlib import Path

import numpy as np
import record

from sufficiency.sizing.decay_fits import fit_decay
from sufficiency.sizing.ladder import Ladder
from sufficiency.sizing.size_intervals import estimate_size
from sufficiency.sizing.slices import neediest_slice

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.sizing.ladders import Populations

N = 2000
NOISES = (1.0, 1.25, 1.5, 1.75, 2.0)
CONFIDENCE = 0.95


def named(ladder: Ladder, confidence: float = CONFIDENCE) -> str:
    """The slice that is said to need most; empty without one."""
    need = neediest_slice(ladder, 1e-6, "auto", None, confidence, lambda *_: None)
    return "" if need is None else need.name


def coverage(n_sets: int = 2000) -> list[dict]:
    """How often intervals of both slices hold the size of their threshold."""
    problem, rng = Populations([0.8, 0.2], [1.0, 2.0]), np.random.default_rng(0)
    asked = {
        (code, k): problem.true_delta_of(rng, code, k, draws=20_000)[0]
        for code in (0, 1)
        for k in (N // 2, N // 4)
    }
    hits, widths = dict.fromkeys(asked, 0), {key: [] for key in asked}
    for _ in range(n_sets):
        ladder = problem.ladder(rng, N)
        fits = [fit_decay(of_slice) for of_slice in ladder.slices.values()]
        for (code, k), threshold in asked.items():
            of_slice = ladder.slices[str(code)]
            low, high = estimate_size(of_slice, fits[code], threshold, CONFIDENCE).interval
            hits[code, k] += low <= k <= high
            widths[code, k].append(high / low)
    return [
        {
            "share": problem.shares[code].item(),
            "noise": problem.noise[code].item(),
            "size": k,
            "sets": n_sets,
            "coverage": hits[code, k] / n_sets,
            "high/low": float(np.median(widths[code, k])),
        }
        for code, k in asked
    ]


def false_names(n_runs: int = 400, n_slices: int = 10) -> dict:
    """How often one of equal slices is named."""
    problem = Populations([1 / n_slices] * n_slices, [1.0] * n_slices)
    rng = np.random.default_rng(0)
    # so that every slice has its own 5 %
    alone = 1.0 - n_slices * (1.0 - CONFIDENCE)
    ladders = [problem.ladder(rng, N) for _ in range(n_runs)]
    return {
        "slices": n_slices,
        "runs": n_runs,
        "named": sum(named(ladder) != "" for ladder in ladders),
        "above without regard to the choice": sum(named(ladder, alone) != "" for ladder in ladders),
    }


def true_names(shares: list[float], n_runs: int = 100) -> list[dict]:
    """How often the last slice is named, and another one, by its noise."""
    found = []
    for noise in NOISES:
        problem = Populations(shares, [1.0] * (len(shares) - 1) + [noise])
        rng = np.random.default_rng(1)
        names = [named(problem.ladder(rng, N)) for _ in range(n_runs)]
        right = names.count(str(len(shares) - 1))
        wrong = n_runs - right - names.count("")
        found.append({"noise": noise, "runs": n_runs, "named": right, "another": wrong})
        print(len(shares), found[-1], flush=True)
    return found


def main() -> None:
    """Simulate and write."""
    found = {"n": N, "coverage": coverage(), "false": false_names()}
    print(found, flush=True)
    found["true"] = {"2": true_names([0.9, 0.1]), "10": true_names([0.1] * 10)}
    print(record.write("slices", "python docs/studies/slices.py", found))


if __name__ == "__main__":
    main()
