"""Slices: their intervals hold, and one is named only where it differs (least squares)."""

import numpy as np
import pytest

from sufficiency.sizing.decay_fits import fit_decay
from sufficiency.sizing.size_intervals import estimate_size
from sufficiency.sizing.slices import neediest_slice
from tests.sizing.ladders import Populations

N = 2000


@pytest.mark.slow
def test_intervals_of_a_slice_cover():
    """Of 95 % intervals of a fifth of the samples, 93 to 97 % hold; 600 have an error of 0.9 %."""
    problem, rng, n_sets = Populations([0.8, 0.2], [1.0, 2.0]), np.random.default_rng(3), 600
    asked = {}
    for k in (N // 2, N // 4):
        asked[k], stderr = problem.true_delta_of(rng, 1, k)
        assert stderr < 0.02 * asked[k]  # in the size 1 %, a tenth of an interval's half
    hits = dict.fromkeys(asked, 0)
    for _ in range(n_sets):
        of_slice = problem.ladder(rng, N).slices["1"]
        fits = fit_decay(of_slice)
        for k, threshold in asked.items():
            low, high = estimate_size(of_slice, fits, threshold, 0.95).interval
            hits[k] += low <= k <= high
    coverage = {k: hit / n_sets for k, hit in hits.items()}
    print(f"slice of a fifth, twice the noise: {coverage}, ± 0.009")
    assert all(0.93 <= share <= 0.97 for share in coverage.values())


@pytest.mark.slow
def test_among_equal_slices_one_is_rarely_named():
    """In at most 5 % of 400 runs, although there are ten that could be."""
    problem, rng = Populations([0.1] * 10, [1.0] * 10), np.random.default_rng(0)
    named = sum(
        neediest_slice(problem.ladder(rng, N), 1e-6, "auto", None, 0.95, lambda *_: None)
        is not None
        for _ in range(400)
    )
    print(f"10 equal slices: one is named in {named} of 400 runs")
    assert named <= 20


@pytest.mark.slow
def test_a_slice_with_twice_the_noise_is_named():
    """A tenth of the data; in 95 of 100 runs."""
    problem, rng = Populations([0.9, 0.1], [1.0, 2.0]), np.random.default_rng(1)
    found = [
        neediest_slice(problem.ladder(rng, N), 1e-5, "auto", None, 0.95, lambda *_: None)
        for _ in range(100)
    ]
    named = [need for need in found if need is not None]
    assert all(need.name == "1" and need.n_slices == 2 for need in named)
    print(f"twice the noise: named in {len(named)} of 100 runs")
    assert len(named) >= 95
