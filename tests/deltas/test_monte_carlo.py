"""The statistics of one cell, against explicit sums and simulation."""

import math

import numpy as np
import pytest

from sufficiency.deltas.monte_carlo import crossed_variance, monte_carlo_delta
from tests.oracles import naive_crossed_variance


def cell(rng, n_draws=6, n_candidates=9):
    return {
        "candidate_losses": rng.exponential(size=(n_draws, n_candidates)),
        "train_losses": rng.uniform(0.1, 0.3, n_draws),
        "point_losses": rng.exponential(size=n_candidates),
        "point_train_loss": 0.2,
    }


@pytest.mark.parametrize("order", [1, 2])
def test_delta_is_the_mean_change_of_the_mean(order, rng):
    """The definition itself, in float64: L_{k+1} and L_k as means over k+1 and k losses."""
    size, losses = 7, cell(rng)
    total = 0.0
    for t, row in enumerate(losses["candidate_losses"]):
        before = losses["train_losses"][t]
        for loss in row:
            after = (size * before + loss) / (size + 1)
            total += abs(after - before) ** order
    statistics = monte_carlo_delta(**losses, size=size, order=order)
    # subtracting means of order one loses about 2⁻⁵³·(k+1) of the increment
    assert statistics.delta == pytest.approx(total / 54, rel=1e-13)
    point = np.abs(losses["point_losses"] - 0.2) / (size + 1)
    assert statistics.delta_point == pytest.approx((point**order).mean(), rel=1e-14)


def test_gap_and_spread_add_up_to_delta(rng):
    statistics = monte_carlo_delta(**cell(rng), size=7, order=2)
    assert statistics.gap_sq + statistics.spread == pytest.approx(64 * statistics.delta, rel=1e-14)


def test_mean_and_variance_add_up_to_delta(rng):
    """The paper's section 4.2 for every candidate, in loops; then their mean."""
    losses = cell(rng)
    statistics = monte_carlo_delta(**losses, size=7, order=2)
    squares, variances = [], []
    for column in losses["candidate_losses"].T:
        increments = [
            (loss - before) / 8 for loss, before in zip(column, losses["train_losses"], strict=True)
        ]
        mean = sum(increments) / 6
        squares.append(mean**2)
        variances.append(sum((i - mean) ** 2 for i in increments) / 6)
    assert statistics.delta_mean_sq == pytest.approx(sum(squares) / 9, rel=1e-13)
    assert statistics.delta_variance == pytest.approx(sum(variances) / 9, rel=1e-13)
    parts = statistics.delta_mean_sq + statistics.delta_variance
    assert parts == pytest.approx(statistics.delta, rel=1e-14)


@pytest.mark.parametrize("order", [1, 2])
def test_many_candidates_in_blocks_are_the_whole_table(order, rng):
    n = 20_000
    losses = cell(rng, n_candidates=n)
    losses["candidate_losses"] = losses["candidate_losses"].astype(np.float32)
    found = monte_carlo_delta(**losses, size=7, order=order, group=2)
    double = losses["candidate_losses"].astype(np.float64)
    differences = double - losses["train_losses"][:, None]
    terms = np.abs(differences / 8) ** order
    gap, spread = differences.mean(axis=1), differences.var(axis=1, ddof=1)
    expected = {
        "delta": terms.mean(),
        "stderr": naive_crossed_variance(terms.reshape(3, 2, n).mean(axis=1)) ** 0.5,
        "gap_sq": (gap**2 - spread / n).mean(),
        "spread": spread.mean(),
        "top1pct_share": np.sort(terms.mean(axis=0))[-200:].sum() / terms.mean(axis=0).sum(),
    }
    if order == 2:
        expected["delta_mean_sq"] = ((differences / 8).mean(axis=0) ** 2).mean()
        expected["delta_variance"] = (differences / 8).var(axis=0).mean()
    for name, value in expected.items():
        # sums of 20 000 and of 120 000 numbers in another order
        assert getattr(found, name) == pytest.approx(value, rel=1e-11), name
    wide = monte_carlo_delta(**losses | {"candidate_losses": double}, size=7, order=order, group=2)
    assert repr(wide) == repr(found)


def test_some_of_the_candidates_are_those_alone(rng):
    losses = cell(rng, n_candidates=40)
    which = rng.choice(40, 17, replace=False)
    found = monte_carlo_delta(**losses, size=7, order=2, which=which)
    for name in ("candidate_losses", "point_losses"):
        losses[name] = losses[name][..., which]
    alone = monte_carlo_delta(**losses, size=7, order=2)
    for name, value in vars(alone).items():
        assert getattr(found, name) == pytest.approx(value, rel=1e-13), name


def test_order_one_has_no_decomposition(rng):
    statistics = monte_carlo_delta(**cell(rng), size=7, order=1)
    assert math.isnan(statistics.delta_mean_sq)
    assert math.isnan(statistics.delta_variance)


def test_gap_is_unbiased(rng):
    """Candidates i.i.d. around a known gap; also where the estimate goes negative."""
    true_gap, true_spread, n = 0.05, 1.0, 4000
    estimates = [
        monte_carlo_delta(
            rng.normal(true_gap, true_spread, (1, 5)),
            np.zeros(1),
            np.ones(5),
            0.0,
            size=1,
            order=2,
        )
        for _ in range(n)
    ]
    gaps = np.array([e.gap_sq for e in estimates])
    spreads = np.array([e.spread for e in estimates])
    assert (gaps < 0).any()
    assert abs(gaps.mean() - true_gap**2) < 4 * gaps.std() / n**0.5
    assert abs(spreads.mean() - true_spread**2) < 4 * spreads.std() / n**0.5


def test_crossed_variance_equals_explicit_sums(rng):
    terms = rng.normal(size=(5, 7)) + 3 * rng.normal(size=7) + rng.normal(size=(5, 1))
    assert crossed_variance(terms) == pytest.approx(naive_crossed_variance(terms), rel=1e-12)


def test_crossed_variance_is_the_variance_of_the_mean(rng):
    """Rows, columns and interaction with known variances; the mean's variance in closed form."""
    n_rows, n_columns, n = 4, 6, 3000
    s_row, s_column, s_rest = 0.5, 1.0, 2.0
    terms = (
        s_row * rng.normal(size=(n, n_rows, 1))
        + s_column * rng.normal(size=(n, 1, n_columns))
        + s_rest * rng.normal(size=(n, n_rows, n_columns))
    )
    true = s_row**2 / n_rows + s_column**2 / n_columns + s_rest**2 / (n_rows * n_columns)
    estimates = np.array([naive_crossed_variance(table) for table in terms[:1000]])
    clipped = np.array([crossed_variance(table) for table in terms[:1000]])
    np.testing.assert_allclose(clipped, np.maximum(estimates, 0), rtol=1e-9, atol=1e-12)
    assert abs(estimates.mean() - true) < 4 * estimates.std() / 1000**0.5
    means = terms.mean(axis=(1, 2))
    # and the formula is about the right thing: four s.e. of a variance of normal means
    assert abs(means.var(ddof=1) - true) < 4 * true * (2 / n) ** 0.5


def test_without_a_second_candidate_there_is_no_standard_error(rng):
    statistics = monte_carlo_delta(**cell(rng, n_candidates=1), size=7, order=2)
    assert math.isnan(statistics.stderr)
    assert math.isnan(statistics.gap_sq)
    assert math.isnan(statistics.spread)
    assert statistics.top1pct_share == 1.0


def test_with_one_draw_the_candidates_remain(rng):
    terms = rng.normal(size=(1, 8))
    assert crossed_variance(terms) == pytest.approx(terms.var(ddof=1) / 8)


def test_top_share():
    losses = np.zeros((1, 200))
    losses[0, :4] = [3.0, 2.0, 1.0, 1.0]  # squared 9, 4, 1, 1: the top 2 of 200 hold 13 of 15
    statistics = monte_carlo_delta(losses, np.zeros(1), losses[0], 0.0, size=1, order=2)
    assert statistics.top1pct_share == pytest.approx(13 / 15)


def test_no_change_at_all():
    ones = np.ones((2, 3))
    statistics = monte_carlo_delta(ones, np.ones(2), np.ones(3), 1.0, size=1, order=2)
    assert statistics.delta == 0.0
    assert statistics.stderr == 0.0
    assert math.isnan(statistics.top1pct_share)
