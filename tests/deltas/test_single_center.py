"""One center for all sizes: the closed form against every order of the samples."""

import itertools
import math

import numpy as np
import pytest

from sufficiency.deltas import literal_curve, single_center_curve, single_center_delta
from sufficiency.deltas.monte_carlo import crossed_variance


def increments(losses):
    """Change of the running mean, by means over k+1 and k; (…, n) → (…, n−1)."""
    means = np.cumsum(losses, axis=-1) / np.arange(1, losses.shape[-1] + 1)
    return np.diff(means, axis=-1)


def test_all_orders_of_seven_samples(rng):
    losses = rng.exponential(size=(3, 7))
    orders = np.array(list(itertools.permutations(range(7))))
    expected = (increments(losses[:, orders]) ** 2).mean(axis=(0, 1))
    found, _ = single_center_delta(losses, range(1, 7))
    # means of 5040 terms; the oracle subtracts means: 1e-16 over increments of 0.1
    np.testing.assert_allclose(found, expected, rtol=1e-11)


def test_random_orders_of_a_thousand_samples(rng):
    losses = rng.exponential(size=(1, 1000)) ** 2
    n = 4000
    sizes = np.array([1, 10, 100, 999])
    squares = np.stack([increments(rng.permutation(losses[0]))[sizes - 1] ** 2 for _ in range(n)])
    found, _ = single_center_delta(losses, sizes)
    stderr = squares.std(axis=0) / n**0.5
    assert (np.abs(squares.mean(axis=0) - found) < 4 * stderr).all()
    assert (stderr < 0.15 * found).all()


def test_unseen_samples_stand_for_their_distribution(rng):
    """Fresh samples, and an estimate of S² from other ones: unbiased, with an honest s.e."""
    k, n = 5, 4000
    truth = 1.0 / (k * (k + 1))  # variance of the standard exponential
    squares = increments(rng.exponential(size=(n, k + 1)))[:, k - 1] ** 2
    assert abs(squares.mean() - truth) < 4 * squares.std() / n**0.5
    found = [
        single_center_delta(rng.exponential(size=(1, 200)), [k], finite=False) for _ in range(1000)
    ]
    deltas, stderrs = np.array(found)[..., 0].T
    assert abs(deltas.mean() - truth) < 4 * deltas.std() / 1000**0.5
    # (Σ(x − x̄)⁴) of a heavy tail estimates its own spread to some ten percent
    assert np.mean(stderrs**2) == pytest.approx(deltas.var(), rel=0.3)


def test_standard_errors_over_draws_and_samples(rng):
    losses = rng.exponential(size=(6, 30)) * rng.uniform(0.5, 2, size=(6, 1))
    per_draw = losses.var(axis=1, ddof=1)
    delta, stderr = single_center_delta(losses, [4])
    assert delta[0] == pytest.approx(per_draw.mean() / 20, rel=1e-12)
    assert stderr[0] == pytest.approx(per_draw.std(ddof=1) / 6**0.5 / 20, rel=1e-12)
    _, wide = single_center_delta(losses, [4], finite=False)
    table = (losses - losses.mean(1, keepdims=True)) ** 2 * 30 / 29
    assert wide[0] == pytest.approx(math.sqrt(crossed_variance(table)) / 20, rel=1e-12)
    assert math.isnan(single_center_delta(losses[:1], [4])[1][0])


def test_the_curve_has_both(rng):
    losses, unseen = rng.exponential(size=(4, 50)), 3 * rng.exponential(size=(4, 20))
    sizes = np.array([1, 7, 49])
    curve = single_center_curve(losses, sizes, unseen)
    np.testing.assert_array_equal(curve.sizes, sizes)
    for name, expected in [
        ("in_sample", single_center_delta(losses, sizes)),
        ("unseen", single_center_delta(unseen, sizes, finite=False)),
    ]:
        np.testing.assert_array_equal(getattr(curve, name), expected[0])
        np.testing.assert_array_equal(getattr(curve, f"{name}_stderr"), expected[1])
    alone = single_center_curve(losses, sizes)
    assert np.isnan(alone.unseen).all()
    assert np.isnan(alone.unseen_stderr).all()


def test_the_papers_law_has_its_constant(rng):
    delta, _ = single_center_delta(rng.exponential(size=(4, 500)), [10, 100])
    assert delta[0] / delta[1] == pytest.approx(100 * 101 / 110, rel=1e-12)


@pytest.mark.parametrize("order", [1, 2])
def test_the_papers_procedure_to_the_letter(order, rng):
    losses = rng.exponential(size=(3, 20))
    expected = (np.abs(increments(losses)) ** order).mean(axis=0)
    np.testing.assert_allclose(literal_curve(losses, order=order), expected, rtol=1e-10)


def test_a_single_order_is_noise_around_the_closed_form(rng):
    losses = rng.exponential(size=(1, 400))
    found, _ = single_center_delta(losses, [100])
    single = np.array([literal_curve(losses[:, rng.permutation(400)])[99] for _ in range(2000)])
    assert abs(single.mean() - found[0]) < 4 * single.std() / 2000**0.5
    assert single.std() > found[0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: single_center_delta(np.ones((2, 1)), [1]), "`losses` must have shape"),
        (lambda: single_center_delta(np.ones(5), [1]), "`losses` must have shape"),
        (
            lambda: single_center_delta(np.ones((2, 5)), [5]),
            "`sizes` must be integers >= 1 and <= 4",
        ),
        (
            lambda: single_center_delta(np.ones((2, 5)), [0], finite=False),
            "`sizes` must be integers",
        ),
        (lambda: single_center_delta(np.ones((2, 5)), [1.5]), "`sizes` must be integers"),
        (lambda: literal_curve(np.ones((2, 5)), order=3), "`order` must be one of"),
    ],
)
def test_what_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
