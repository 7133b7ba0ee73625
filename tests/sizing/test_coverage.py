"""How often the intervals hold, by simulation. Figures are quoted in the docs."""

import numpy as np
import pytest

from sufficiency.curves.families import FAMILIES
from sufficiency.sizing.decay_fits import fit_decay
from sufficiency.sizing.performance import fit_performance
from sufficiency.sizing.size_intervals import estimate_size
from tests.sizing.ladders import SIZES, LeastSquares, ladder_of, measured, noisy, true_curve

pytestmark = pytest.mark.slow

N_DATA_SETS = 400


def deltas_of(problem, rng, k, n_candidates, draws=500):
    """Δ of many data sets of k samples, each with candidates of its own."""
    n = k + n_candidates
    numbers = rng.standard_normal((draws, n * (problem.dim + 1)))
    X, y = numbers[:, :-n].reshape(draws, n, problem.dim), numbers[:, -n:]
    each, _ = problem.cell(X[:, :k], y[:, :k], X[:, k:], y[:, k:])
    return each.mean(axis=1) / (k + 1) ** 2


@pytest.mark.parametrize(("n", "draws"), [(400, 20_000), (2000, 5000)])
def test_delta_is_unbiased(n, draws):
    """Under 1 % of its value, at a standard error of a third of that."""
    rng, problem, k = np.random.default_rng(n), LeastSquares(), n // 2
    truth, truth_stderr = problem.true_delta(rng, k)
    deltas = np.concatenate([deltas_of(problem, rng, k, n // 5) for _ in range(draws // 500)])
    bias = deltas.mean() / truth - 1
    stderr = np.hypot(deltas.std() / np.sqrt(draws), truth_stderr) / truth
    print(f"n = {n}: bias of Δ at n/2 {100 * bias:+.2f} % ± {100 * stderr:.2f} %")
    assert stderr < 0.0035
    assert abs(bias) < 0.01


@pytest.mark.parametrize(("n", "disjoint"), [(400, True), (2000, True), (400, False)])
def test_intervals_cover_inside_the_measured_range(n, disjoint):
    """
    Of 95 % intervals, 92 to 98 % hold: the standard error of 400 data sets is 1.1 %.

    Thresholds are fixed beforehand as the true Δ at n/2 and n/4.
    """
    problem, rng = LeastSquares(), np.random.default_rng([n, disjoint])
    asked = {k: problem.true_delta(rng, k)[0] for k in (n // 2, n // 4)}
    hits = {k: [] for k in asked}
    for _ in range(N_DATA_SETS):
        ladder = problem.measure(rng, n, problem.sizes(n), disjoint=disjoint)
        fits = fit_decay(ladder)
        for k, threshold in asked.items():
            low, high = estimate_size(ladder, fits, threshold, 0.95).interval
            hits[k].append(low <= k <= high)
    coverage = {k: np.mean(hit) for k, hit in hits.items()}
    print(f"n = {n}, disjoint candidates {disjoint}: {coverage}, ± 0.011")
    assert all(0.92 <= share <= 0.98 for share in coverage.values())


@pytest.mark.parametrize("single", [0.1, 0.3])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_bracket_covers_to_eight_times_the_measured_range(family, single):
    """At least 90 %, whichever family is the truth and whichever was selected."""
    rng, n_ladders = np.random.default_rng([list(FAMILIES).index(family), int(100 * single)]), 80
    beyond = [int(factor * SIZES[-1]) for factor in (2, 4, 8)]
    thresholds = true_curve(family).predict(beyond)
    hits, selected = np.empty((n_ladders, 3)), []
    for i in range(n_ladders):
        ladder = ladder_of(family, rng, single=single)
        fits = fit_decay(ladder)
        selected.append(fits.curve.family)
        for j, (size, threshold) in enumerate(zip(beyond, thresholds, strict=True)):
            low, high = estimate_size(ladder, fits, threshold, 0.95).interval
            hits[i, j] = low <= size <= high
    counts = {name: selected.count(name) for name in FAMILIES}
    print(f"{family}, noise {single}: coverage at 2, 4, 8 times {hits.mean(axis=0)}, {counts}")
    assert (hits.mean(axis=0) >= 0.9).all()


@pytest.mark.parametrize(
    ("floor", "beta", "single"), [(0.2, 0.5, 0.03), (0.02, 0.3, 0.03), (0.3, 1.0, 0.1)]
)
def test_performance_targets_are_covered_and_never_called_unreachable_in_vain(floor, beta, single):
    """Targets met at n/2, 2n and 8n: at least 90 % covered, not one of them unreachable."""
    rng, n_ladders = np.random.default_rng([int(100 * floor), int(10 * beta)]), 60
    met_at = [800, 3200, 12_800]

    def loss(size):
        return floor + ((np.asarray(size) + 1) / (SIZES[0] + 1)) ** -beta

    hits, statuses = np.empty((n_ladders, 3)), []
    for i in range(n_ladders):
        values = noisy(loss(SIZES), rng, level=0.05, single=single)
        fit = fit_performance(measured(SIZES, np.ones_like(values), unseen_loss=values), "loss")
        for j, size in enumerate(met_at):
            estimate = fit.size_for(float(loss(size)), 0.95)
            statuses.append(estimate.status)
            low, high = estimate.interval or (np.inf, -np.inf)
            hits[i, j] = low <= size <= high
    print(f"E = {floor}, β = {beta}: coverage at n/2, 2n, 8n {hits.mean(axis=0)}")
    assert "unreachable" not in statuses
    assert (hits.mean(axis=0) >= 0.9).all()
