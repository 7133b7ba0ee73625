import json
import math
import warnings

import numpy as np
import pandas as pd
import pytest

from sufficiency import ExtrapolationWarning, NotIdentifiableError, SufficiencyResult
from sufficiency.cells.cell import CELL_COLUMNS
from tests.helpers import make_result

NAN = math.nan
SIZES = (9, 19, 39, 79)
KAPPA = np.array([10.0, 20.0, 40.0, 80.0])


def exact(C=4.0, repeats=2, **changes):
    """Δ = C/κ² in every repeat, so that the fit is known."""
    return make_result(np.tile(C / KAPPA**2, (repeats, 1)), SIZES, **changes)


@pytest.fixture
def uneven():
    """Two cells failed, one size has a single finished repeat."""
    table = np.array([[1.0, NAN, 0.25], [1.5, 0.5, 0.2], [2.0, NAN, 0.3]]) * 1e-2
    return make_result(table, stderr=np.abs(table) * 0.3)


def test_tables_are_repeats_by_sizes(uneven):
    assert uneven.sizes.tolist() == [10, 20, 40]
    assert uneven.sizes.dtype == np.int64
    assert uneven.n_repeats == 3
    np.testing.assert_array_equal(
        uneven.table("delta"), [[0.01, NAN, 0.0025], [0.015, 0.005, 0.002], [0.02, NAN, 0.003]]
    )
    np.testing.assert_array_equal(uneven.table("size"), np.tile([10, 20, 40], (3, 1)))
    with pytest.raises(AttributeError):
        uneven.table("delat")


def test_means_and_errors_leave_failed_cells_out(uneven):
    # sums of three numbers: a rounding or two
    np.testing.assert_allclose(uneven.deltas, [0.015, 0.005, 0.0025], rtol=1e-15)
    spread = np.std([1.0, 1.5, 2.0], ddof=1) / np.sqrt(3) * 1e-2
    narrow = np.std([0.25, 0.2, 0.3], ddof=1) / np.sqrt(3) * 1e-2
    # the middle size has one finished repeat: its own error within the cell
    np.testing.assert_allclose(uneven.delta_stderr, [spread, 0.3 * 0.005, narrow], rtol=1e-13)


def test_a_size_without_any_cell_has_no_mean():
    result = make_result([[1.0, NAN, 0.25], [1.5, NAN, 0.2]])
    assert np.isnan(result.deltas).tolist() == [False, True, False]
    assert np.isnan(result.delta_stderr).tolist() == [False, True, False]


def test_a_single_repeat_has_the_errors_of_its_cells():
    result = make_result([[1.0, 0.5, 0.25]], stderr=[[0.1, NAN, 0.2]])
    np.testing.assert_array_equal(result.delta_stderr, [0.1, NAN, 0.2])


def test_the_curve_is_the_one_that_was_asked_for():
    assert exact(family="theory").curve.family == "theory"
    # a mean of logarithms of order one
    assert exact().curve.parameters["C"] == pytest.approx(4, rel=1e-13)
    power_law = exact(family="power_law").curve
    assert power_law.parameters["alpha"] == pytest.approx(2, rel=1e-12)
    assert exact(order=1).curve.order == 1


def test_the_sufficient_size_inverts_the_curve():
    result = exact(C=4.0)
    # 4/κ² ≤ τ: κ ≥ 2/√τ
    for threshold, size in ((1e-2, 19), (4.01 / 40**2, 39), (3.99 / 41**2, 41), (0.9e-3, 66)):
        answer = result.predict_sufficient_size(threshold)
        assert answer == size
        assert type(answer) is int


def test_a_threshold_that_the_smallest_size_meets_is_answered_by_it():
    assert exact().predict_sufficient_size(100.0) == 9


def test_arrays_of_thresholds_keep_their_shape():
    thresholds = np.array([[1e-2, 0.9e-3], [100.0, 2e-3]])
    answer = exact().predict_sufficient_size(thresholds)
    assert answer.tolist() == [[19, 66], [9, 44]]
    assert answer.dtype == np.int64
    assert exact().predict_sufficient_size([1e-2]).shape == (1,)
    assert exact().predict_sufficient_size([]).shape == (0,)


def test_an_answer_beyond_the_measured_sizes_is_named():
    told = "size, 199, lies 2.52 times beyond the largest measured size, 79"
    with pytest.warns(ExtrapolationWarning, match=told):
        assert exact().predict_sufficient_size([1e-2, 1e-4], prior=None).tolist() == [19, 199]


def test_an_answer_at_the_largest_size_is_measured():
    assert exact().predict_sufficient_size(4.01 / 80**2) == 79


def test_sizes_without_a_finished_cell_are_not_measured():
    table = np.tile(4.0 / KAPPA**2, (2, 1))
    table[:, 3] = NAN
    result = make_result(table, SIZES)
    assert result.predict_sufficient_size(4.01 / 40**2) == 39
    with pytest.warns(ExtrapolationWarning, match="beyond the largest measured size, 39"):
        assert result.predict_sufficient_size(0.9e-3) == 66


@pytest.mark.parametrize("bad", [0, -1.0, NAN, math.inf, "small"])
def test_bad_thresholds_are_refused(bad):
    with pytest.raises(ValueError, match="`threshold` must be"):
        exact().predict_sufficient_size(bad)


def test_a_curve_that_rises_has_no_answer():
    result = make_result(np.array([[1.0, 2.0, 3.0]] * 2), family="power_law")
    with pytest.raises(NotIdentifiableError, match="alpha"):
        result.predict_sufficient_size(1e-3)


def test_the_frame_has_a_row_for_every_cell(uneven):
    frame = uneven.to_frame()
    assert isinstance(frame, pd.DataFrame)
    assert tuple(frame.columns) == CELL_COLUMNS
    assert frame["repeat"].tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert frame["size"].tolist() == [10, 20, 40] * 3
    assert frame["size"].dtype.kind == "i"
    for name in CELL_COLUMNS:
        np.testing.assert_array_equal(frame[name], uneven.table(name).ravel())
    assert frame["delta"].isna().tolist() == [False, True] + [False] * 5 + [True, False]
    assert (frame.dtypes[2:] == np.float64).all()


def awkward(**changes):
    """Numbers that a decimal detour would spoil."""
    table = np.random.default_rng(0).random((3, 3)) ** 20
    table[1, 1] = NAN
    table[2, 2] = 5e-324
    changes = {"constant_loss": 0.1 + 0.2, "settings": {"net": "Ω\n", "center": "best"}} | changes
    return make_result(table, stderr=np.nextafter(table, 1), unseen_score=NAN, **changes)


def same_bits(a: SufficiencyResult, b: SufficiencyResult) -> bool:
    def numbers(result):
        columns = [result.table(name).tobytes() for name in CELL_COLUMNS]
        scalars = [np.float64(result.constant_loss).tobytes(), dict(result.settings)]
        rest = ("order", "family", "n_samples", "n_candidates", "disjoint_candidates", "own_unseen")
        failures = [cell.failure for cell in result.cells]
        return columns, scalars, [getattr(result, name) for name in rest], failures

    return numbers(a) == numbers(b)


@pytest.mark.parametrize("constant", [0.1 + 0.2, NAN, np.float64(0.3), np.float64(NAN), -math.inf])
def test_a_result_comes_back_bit_for_bit(tmp_path, constant):
    result = awkward(constant_loss=constant)
    result.save(tmp_path / "a" / "b")
    loaded = SufficiencyResult.load(str(tmp_path / "a" / "b"))
    assert same_bits(loaded, result)
    assert loaded.deltas.tobytes() == result.deltas.tobytes()
    assert loaded.to_frame().equals(result.to_frame())
    assert all(type(cell.size) is int and type(cell.delta) is float for cell in loaded.cells)


def test_numbers_of_numpy_are_saved_as_numbers(tmp_path):
    exact(order=np.int64(2), n_samples=np.int32(100), disjoint_candidates=np.True_).save(tmp_path)
    assert same_bits(SufficiencyResult.load(tmp_path), exact())


def test_a_loaded_result_answers_as_the_first_did(tmp_path):
    result = exact()
    result.save(tmp_path)
    loaded = SufficiencyResult.load(tmp_path)
    assert loaded.predict_sufficient_size([1e-2, 2e-3]).tolist() == [19, 44]
    assert loaded.curve.parameters == result.curve.parameters


def test_saving_replaces_an_earlier_result(tmp_path):
    exact().save(tmp_path)
    awkward().save(tmp_path)
    assert same_bits(SufficiencyResult.load(tmp_path), awkward())


def test_nothing_is_pickled(tmp_path):
    awkward(constant_loss=NAN).save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cells.npz", "result.json"]
    text = (tmp_path / "result.json").read_text(encoding="utf-8")
    json.loads(text, parse_constant=pytest.fail)  # no NaN, which is no JSON
    with np.load(tmp_path / "cells.npz", allow_pickle=False) as columns:
        assert set(columns) == set(CELL_COLUMNS)
        assert all(columns[name].dtype.kind in "if" for name in columns)


def rewrite(**changes):
    def damage(path):
        meta = json.loads((path / "result.json").read_text(encoding="utf-8"))
        (path / "result.json").write_text(json.dumps(meta | changes), encoding="utf-8")

    return damage


def drop(key):
    def damage(path):
        meta = json.loads((path / "result.json").read_text(encoding="utf-8"))
        del meta[key]
        (path / "result.json").write_text(json.dumps(meta), encoding="utf-8")

    return damage


def cells(content):
    def damage(path):
        if isinstance(content, bytes):
            (path / "cells.npz").write_bytes(content)
        elif isinstance(content, dict):
            np.savez(path / "cells.npz", **content)
        else:
            with (path / "cells.npz").open("wb") as file:
                np.save(file, content)

    return damage


def truncate(path):
    whole = (path / "cells.npz").read_bytes()
    (path / "cells.npz").write_bytes(whole[: len(whole) // 2])


def flip_a_number(path):
    whole = bytearray((path / "cells.npz").read_bytes())
    position = whole.index(np.float64(make_result().cells[0].delta).tobytes())
    whole[position] ^= 1
    (path / "cells.npz").write_bytes(whole)


def text(content):
    return lambda path: (path / "result.json").write_text(content, encoding="utf-8")


def executable(path):
    """A foreign archive whose objects would run code if they were unpickled."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        columns = {name: np.zeros(6) for name in CELL_COLUMNS}
        np.savez(path / "cells.npz", **(columns | {"delta": np.array([Bomb()] * 6, object)}))


class Bomb:
    def __reduce__(self):
        return pytest.fail, ("code from the file has run",)


@pytest.mark.parametrize(
    "damage",
    [
        rewrite(format=2),
        rewrite(format=None),
        rewrite(failures=[]),
        rewrite(constant_loss="a lot"),
        rewrite(settings=3),
        drop("format"),
        drop("order"),
        drop("failures"),
        text(""),
        text("[]"),
        text("{"),
        text('"result"'),
        cells(b""),
        cells(b"PK\x03\x04 and nothing"),
        cells(b"\x80\x04K\x01."),  # a pickle
        cells(np.zeros(3)),
        cells({"delta": np.zeros(6)}),
        cells({name: np.zeros(5) for name in CELL_COLUMNS}),
        truncate,
        flip_a_number,
        executable,
    ],
)
def test_damaged_and_foreign_files_are_refused_by_name(tmp_path, damage):
    make_result().save(tmp_path)
    damage(tmp_path)
    with pytest.raises(ValueError, match="`path` must hold a result of format 1") as caught:
        SufficiencyResult.load(tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize("missing", ["cells.npz", "result.json"])
def test_missing_files_are_missing(tmp_path, missing):
    make_result().save(tmp_path)
    (tmp_path / missing).unlink()
    with pytest.raises(FileNotFoundError, match=missing):
        SufficiencyResult.load(tmp_path)


def test_a_missing_directory_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError):
        SufficiencyResult.load(tmp_path / "nowhere")


def test_a_repeat_that_failed_as_a_whole_is_none():
    table = np.array([[1.2], [0.9], [1.05], [1.0]]) * 4.0 / KAPPA**2
    three = make_result(table[:3], SIZES)
    dead = table.copy()
    dead[3] = NAN
    four = make_result(dead, SIZES)
    assert four.measurements.n_repeats == 3
    assert four.sufficient_size_interval(4e-3) == three.sufficient_size_interval(4e-3)


def test_own_unseen_data_enlarge_the_standard_error_by_that_of_the_candidates():
    table = np.array([[1.2], [0.8]]) * 4.0 / KAPPA**2
    within = 0.3 * table
    repeats = np.full(len(SIZES), 0.2) * 4.0 / KAPPA**2  # half the distance of the two
    apart = make_result(table, SIZES, stderr=within)
    np.testing.assert_allclose(apart.delta_stderr, repeats, rtol=1e-12)
    own = make_result(table, SIZES, stderr=within, own_unseen=True, disjoint_candidates=False)
    np.testing.assert_allclose(own.delta_stderr, np.hypot(repeats, within.mean(0)), rtol=1e-12)
    shared = make_result(table, SIZES, stderr=within, disjoint_candidates=False)
    factor = shared.measurements.overlap_factor
    assert factor > 1
    np.testing.assert_allclose(shared.delta_stderr, factor * repeats, rtol=1e-12)
