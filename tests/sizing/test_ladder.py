import numpy as np
import pytest

from tests.sizing.ladders import measured


def test_tables_share_one_shape():
    ladder = measured([10, 20], np.ones((3, 2)), constant_loss=0.7, unseen_loss=np.eye(3, 2))
    assert ladder.constant_loss.shape == ladder.stderr.shape == (3, 2)
    assert ladder.n_repeats == 3


def test_repeats_select_rows_of_every_table():
    delta = np.arange(6.0).reshape(3, 2) + 1
    some = measured([10, 20], delta, spread=10 * delta).repeats([2, 0])
    np.testing.assert_array_equal(some.delta, delta[[2, 0]])
    np.testing.assert_array_equal(some.spread, 10 * delta[[2, 0]])
    assert some.n_repeats == 2


def test_the_measured_range_ends_at_the_largest_size_with_a_finished_cell():
    assert measured([10, 20, 30], [[1.0, 1.0, np.nan], [1.0, np.nan, np.nan]]).largest == 20


def test_without_a_finished_cell_there_is_no_range():
    with pytest.raises(ValueError, match="at least one finished cell"):
        _ = measured([10, 20], np.full((2, 2), np.nan)).largest


@pytest.mark.parametrize(
    ("n_candidates", "n_pool", "disjoint", "factor"),
    [(80, 400, True, 1.0), (80, 400, False, np.sqrt(2.0)), (400, 400, False, np.inf)],
)
def test_overlap_factor(n_candidates, n_pool, disjoint, factor):
    design = {"n_candidates": n_candidates, "n_pool": n_pool, "disjoint_candidates": disjoint}
    ladder = measured([10, 20], np.ones((4, 2)), **design)
    assert ladder.overlap_factor == pytest.approx(factor, rel=1e-15)


@pytest.mark.parametrize(
    ("delta", "changed", "message"),
    [
        (np.ones(2), {}, r"`delta` must have shape \(repeats, 2\), got \(2,\)"),
        (np.ones((1, 3)), {}, r"`delta` must have shape \(repeats, 2\), got \(1, 3\)"),
        (np.ones((1, 2)), {"spread": np.ones((2, 2))}, "`spread` must have the shape of `delta`"),
    ],
)
def test_shapes_are_checked(delta, changed, message):
    with pytest.raises(ValueError, match=message):
        measured([10, 20], delta, **changed)
