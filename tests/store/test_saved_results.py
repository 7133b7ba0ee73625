"""A saved result lasts: through later releases, full disks and killed processes."""

import errno
import itertools
import json
import multiprocessing
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest

from sufficiency import SufficiencyResult
from sufficiency.store.saved_results import read_cells
from tests.helpers import make_result

# Saved in November 2026 by the release before the first one.
SAVED = Path(__file__).resolve().parents[1] / "data" / "saved_result_1"


def test_a_result_of_the_first_release_loads():
    result = SufficiencyResult.load(SAVED)
    assert result.sizes.tolist() == [100, 169, 285, 480]
    # what that release printed
    assert result.deltas.tolist() == [
        3.619583228723415e-05, 9.765947905364724e-06, 2.7404450038457733e-06, 7.943708426168939e-07,
    ]  # fmt: skip
    assert result.delta_stderr.tolist() == [
        1.546732897012064e-05, 3.3956027401118917e-06, 1.293411367828363e-06, 3.437887290779922e-07,
    ]  # fmt: skip
    assert dict(result.curve.parameters) == {"C": 0.2559735204697226}
    verdict = result.verdict(2.7404450038457733e-06, prior=None)  # that release had no other
    # that release printed 5,750 at the upper end, from a search that stopped short of the minimum
    assert (verdict.size, verdict.interval, verdict.status) == (305, (100, 5653), "reached")


@pytest.fixture
def saved(tmp_path):
    folder = tmp_path / "saved"
    shutil.copytree(SAVED, folder)
    return folder


def cells(result) -> str:
    """All numbers, as text that NaN does not spoil."""
    return repr(result.cells)


def columns_of(folder):
    with np.load(folder / "cells.npz") as table:
        return dict(table)


def test_columns_that_came_later_are_missing_numbers(saved):
    columns = columns_of(saved)
    del columns["grad_norm"]
    np.savez(saved / "cells.npz", **columns)
    found, expected = SufficiencyResult.load(saved), SufficiencyResult.load(SAVED)
    assert all(np.isnan(cell.grad_norm) for cell in found.cells)
    assert [cell.delta for cell in found.cells] == [cell.delta for cell in expected.cells]


@pytest.mark.parametrize("column", ["repeat", "size", "delta", "stderr"])
def test_columns_that_were_always_there_are_required(column, saved):
    columns = columns_of(saved)
    del columns[column]
    np.savez(saved / "cells.npz", **columns)
    with pytest.raises(ValueError, match="damaged or foreign"):
        SufficiencyResult.load(saved)


def test_what_a_later_release_added_is_left_out(saved):
    np.savez(saved / "cells.npz", of_tomorrow=np.ones(8), **columns_of(saved))
    meta = json.loads((saved / "result.json").read_text())
    (saved / "result.json").write_text(json.dumps(meta | {"of_tomorrow": {"float": "nan"}}))
    assert cells(SufficiencyResult.load(saved)) == cells(SufficiencyResult.load(SAVED))


def test_scalars_that_came_later_have_defaults():
    _, _, scalars = read_cells(SAVED, {"order": int, "rounds": int}, {"rounds": 3})
    assert scalars == {"order": 2, "rounds": 3}
    with pytest.raises(ValueError, match="rounds"):
        read_cells(SAVED, {"order": int, "rounds": int})


def test_numbers_that_are_not_finite_come_back_from_any_depth(tmp_path):
    settings = {"center": "last", "deep": {"nan": float("nan"), "list": [float("-inf"), 1.0]}}
    make_result(settings=settings).save(tmp_path)
    json.loads((tmp_path / "result.json").read_text(), parse_constant=pytest.fail)
    assert repr(SufficiencyResult.load(tmp_path).settings) == repr(settings)


@pytest.mark.parametrize("fails_at", [1, 2])
def test_a_full_disk_keeps_the_earlier_result(fails_at, saved, monkeypatch):
    """Both files are on the disk before the first one is replaced."""
    fsync, calls = os.fsync, []

    def full(descriptor):
        calls.append(descriptor)
        if len(calls) == fails_at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        make_result().save(saved)
    assert cells(SufficiencyResult.load(saved)) == cells(SufficiencyResult.load(SAVED))
    assert sorted(os.listdir(saved)) == ["cells.npz", "result.json"]


def save_and_die(folder, step):
    """Save another result, with SIGKILL before some step of the writing."""
    steps = []

    def counted(call):
        def step_of_writing(*args, **kwargs):
            steps.append(call)
            if len(steps) == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*args, **kwargs)

        return step_of_writing

    for name in ("fsync", "unlink", "replace"):
        setattr(os, name, counted(getattr(os, name)))
    make_result().save(folder)


# what newer Pythons say of forks beside the threads of a library
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_kill_leaves_one_result_or_none_but_no_mixture(tmp_path):
    """Before each step of the writing, in turn."""
    known = {cells(SufficiencyResult.load(SAVED)): "old", cells(make_result()): "new"}
    ends = []
    for step in itertools.count(1):
        folder = tmp_path / str(step)
        shutil.copytree(SAVED, folder)
        process = multiprocessing.get_context("fork").Process(
            target=save_and_die, args=(folder, step)
        )
        process.start()
        process.join()
        try:
            ends.append(known[cells(SufficiencyResult.load(folder))])
        except FileNotFoundError:
            ends.append("none")
        # the next one clears what this one left
        make_result().save(folder)
        assert sorted(os.listdir(folder)) == ["cells.npz", "result.json"]
        if process.exitcode == 0:
            break
        assert process.exitcode == -signal.SIGKILL
    assert list(dict.fromkeys(ends)) == ["old", "none", "new"]
