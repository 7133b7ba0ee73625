import math

import numpy as np
import pytest

from sufficiency import (
    CellFailedWarning,
    HeavyTailWarning,
    InertProbeWarning,
    NotSettledWarning,
    SufficiencyWarning,
)
from sufficiency.sizing import caveats
from sufficiency.sizing.caveats import inert
from sufficiency.sizing.settled_centers import no_better_than_constant, unsettled
from tests.helpers import make_result

NAN = math.nan
SIZES = np.array([10, 20, 40])


def warn(result):
    """As `fit` does."""
    caveats.check_failures(result.measurements)
    caveats.warn_of_caveats(caveats.run_caveats(result.measurements))


def test_a_sound_result_has_none():
    # warnings are errors in this suite
    warn(make_result())


@pytest.mark.parametrize("order", [1, 2])
def test_a_center_is_unsettled_above_five_percent_of_what_delta_measures(order):
    # the rms (order 2) or mean absolute (order 1) ℓ − L_k is 2.0 everywhere
    table = np.tile((2.0 / (SIZES + 1)) ** order, (2, 1))
    drift = np.array([[0.0, 0.099, 0.101], [0.2, 0.0999, NAN]])
    result = make_result(table, order=order, loss_drift=drift)
    # without a drift, that is after a single step, a center is not settled
    assert unsettled(result.measurements).tolist() == [[False, False, True], [True, False, True]]
    with pytest.warns(
        NotSettledWarning, match=r"^3 of 6 centers are not settled \(.*5 %.*min_steps"
    ):
        warn(result)


def test_failed_cells_are_not_called_unsettled():
    result = make_result([[1.0, NAN, 0.2], [1.0, 0.5, 0.2]])
    assert not unsettled(result.measurements).any()
    assert not no_better_than_constant(result.measurements).any()


def test_best_centers_need_not_be_minima():
    result = make_result(loss_drift=100.0, settings={"center": "best"})
    assert not unsettled(result.measurements).any()
    warn(result)


@pytest.mark.parametrize(
    ("constant", "losses", "expected"),
    [
        (1.0, [0.1, 0.899, 0.901], [False, False, True]),
        (2.0, [0.9, 1.81, 5.0], [False, True, True]),
        # losses that are log densities: ten percent better is below −1.1
        (-1.0, [-1.2, -1.05, 0.0], [False, True, True]),
        (NAN, [0.1, 1.0, 5.0], [False, False, False]),
    ],
)
def test_a_net_has_to_beat_the_constant_by_ten_percent(constant, losses, expected):
    result = make_result(unseen_loss=np.array([losses, [-5.0] * 3]), constant_loss=constant)
    assert no_better_than_constant(result.measurements).tolist() == [expected, [False] * 3]
    if count := sum(expected):
        told = rf"^{count} of 6 centers are hardly better than a constant.* one, {constant:.3g};"
        with pytest.warns(NotSettledWarning, match=told):
            warn(result)
    else:
        warn(result)


@pytest.mark.parametrize(
    ("ratios", "expected"),
    [
        ([1.0] * 6, True),
        ([1.049] * 6, True),
        ([1.051] * 6, False),
        ([0.9] * 6, True),
        # half of the cells and more decide
        ([1.0, 1.0, 1.0, 1.0, 9.0, 9.0], True),
        ([1.0, 1.0, 9.0, 9.0, 9.0, 9.0], False),
    ],
)
def test_a_probe_is_inert_where_it_adds_less_than_five_percent(ratios, expected):
    table = np.array([[1.0, 0.5, 0.2], [1.2, 0.4, 0.3]])
    result = make_result(table, delta_point=table / np.reshape(ratios, (2, 3)))
    assert inert(result.measurements) == expected
    if expected:
        with pytest.warns(InertProbeWarning, match="adds less than 5 % .*; raise `sigma`"):
            warn(result)
    else:
        warn(result)


def test_failed_cells_do_not_make_a_probe_inert():
    table = np.array([[1.0, NAN, 0.2], [NAN, NAN, 0.3]])
    assert not inert(make_result(table).measurements)
    assert inert(make_result(table, delta_point=table).measurements)


def test_a_point_that_does_not_move_at_all_is_no_error():
    table = np.full((2, 3), 0.5)
    point = table.copy()
    point[0] = 0.0
    assert inert(make_result(table, delta_point=point).measurements) is False


def test_tails_are_heavy_where_few_candidates_carry_more_than_half():
    share = np.array([[0.5, 0.501, 0.1], [0.9, NAN, 0.2]])
    result = make_result(top1pct_share=share)
    told = "^in 2 of 6 cells 1 % of the candidates carry more than half.*n_candidates.*order=1"
    with pytest.warns(HeavyTailWarning, match=told):
        warn(result)


def test_few_candidates_say_nothing_about_tails():
    warn(make_result(top1pct_share=0.9, n_candidates=49))
    with pytest.warns(HeavyTailWarning):
        warn(make_result(top1pct_share=0.9, n_candidates=50))


@pytest.mark.parametrize(
    ("copies", "candidates", "own", "effect"),
    [
        (2, 4, False, None),  # a pair or two that are alike, as iris has them
        (3, 60, False, "unsure"),
        (4, 100, False, None),
        (5, 100, False, "unsure"),
        (60, 60, False, "unsure"),
        (59, 60, True, "unsure"),
        (60, 60, True, "unknown"),
    ],
)
def test_copies_are_a_caveat_from_five_percent_on(copies, candidates, own, effect):
    found = list(caveats.of_data(copies, candidates, "", own_unseen=own))
    assert [caveat.effect for caveat in found] == ([effect] if effect else [])
    assert all(f"{copies} of {candidates}" in str(caveat) for caveat in found)


def test_every_caveat_is_said_and_can_be_caught_as_one():
    table = np.array([[1.0, 0.5, 0.2]])
    result = make_result(
        table, delta_point=table, loss_drift=10.0, unseen_loss=2.0, top1pct_share=0.8
    )
    with pytest.warns(SufficiencyWarning) as caught:
        warn(result)
    kinds = [warning.category for warning in caught]
    assert kinds == [NotSettledWarning, NotSettledWarning, InertProbeWarning, HeavyTailWarning]


def test_failed_cells_are_left_out_by_name():
    result = make_result([[1.0, NAN, 0.2], [1.0, 0.5, NAN], [1.0, 0.5, 0.3]])
    told = (
        r"^2 of 9 cells failed and are left out \(repeat 0, size 20: no luck; repeat 1, size 40: "
    )
    with pytest.warns(CellFailedWarning, match=told):
        warn(result)


@pytest.mark.parametrize(
    ("table", "refused"),
    [
        ([[1.0, NAN, NAN], [1.0, NAN, 0.3]], False),  # three of six
        ([[1.0, NAN, NAN], [NAN, NAN, 0.3]], True),  # four of six
        ([[1.0, NAN], [2.0, NAN]], True),  # half of the cells, but one size left
        ([[1.0, 0.5], [NAN, NAN]], False),
        ([[NAN] * 3] * 2, True),
    ],
)
def test_too_many_failures_are_an_error_that_names_them(table, refused):
    result = make_result(table, SIZES[: len(table[0])])
    failed = [(r, int(result.sizes[s])) for r, s in np.argwhere(np.isnan(table))]
    check = (
        pytest.raises(ValueError, match="cells failed")
        if refused
        else pytest.warns(CellFailedWarning)
    )
    with check as caught:
        warn(result)
    told = str(caught.value if refused else caught[0].message)
    assert told.startswith(f"{len(failed)} of {np.size(table)} cells failed")
    assert all(f"repeat {r}, size {s}: no luck" in told for r, s in failed)
    assert "learning rate" in told


def test_a_training_that_failed_is_of_no_more_use_than_one_that_has_not_settled():
    """One of four failed, one has not settled: half of them are of no use."""
    table = np.array([[1.0, NAN], [1.0, 0.5]])
    found = caveats.run_caveats(make_result(table, SIZES[:2]).measurements)
    assert [caveat.effect for caveat in found] == ["none"]
    drift = np.array([[100.0, 0.0], [0.0, 0.0]])
    found = caveats.run_caveats(make_result(table, SIZES[:2], loss_drift=drift).measurements)
    assert [caveat.effect for caveat in found] == ["unknown", "unknown"]


def test_one_net_for_all_sizes_is_one_training():
    once = make_result(loss_drift=100.0, settings={"train": "once"}).measurements
    (caveat,) = caveats.run_caveats(once)
    assert caveat.text == "2 of 2 centers are not settled"
    assert caveat.effect == "unknown"


def test_warnings_point_to_the_line_that_called():
    with pytest.warns(NotSettledWarning) as caught:
        warn(make_result(loss_drift=100.0))
    assert caught[0].filename == __file__
