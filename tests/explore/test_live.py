"""A fit that is running, seen through its store."""

import os
import shutil

import numpy as np
import pytest

from sufficiency import LandscapeSufficiencyEstimator, SufficiencyWarning
from sufficiency.explore.live import Live
from sufficiency.result import SufficiencyResult
from sufficiency.store.running_fits import RunningFit
from tests.explore.served import served
from tests.helpers import classifier, labeled

N_CELLS = 6


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The store of a fit that has ended, and its result."""
    store = tmp_path_factory.mktemp("store")
    est = LandscapeSufficiencyEstimator(
        classifier(), sizes=[20, 30, 40], n_repeats=2, n_draws=2, min_steps=0, curve="theory",
        random_state=0, refit=False, store=store, train_together=False,
    )  # fmt: skip
    with pytest.warns(SufficiencyWarning):  # three epochs settle nothing
        est.fit(*labeled(60))
    return store, est.result_


@pytest.fixture
def running(finished, tmp_path):
    """The same store before any cell has finished, and a way to finish some."""
    store = tmp_path / "store"
    shutil.copytree(finished[0], store)
    names = sorted(os.listdir(store / "cells"), key=lambda name: -int(name.split("-")[0]))
    (store / "later").mkdir()
    for name in names:
        (store / "cells" / name).rename(store / "later" / name)

    def finish(count):
        for name in names[:count]:
            if (store / "later" / name).exists():
                (store / "later" / name).rename(store / "cells" / name)

    finish(0)
    return store, finish


def live(store):
    fit = RunningFit.newest(store)
    return Live(fit, SufficiencyResult.load(fit.result))


def test_what_is_finished_is_the_result(finished):
    store, result = finished
    progress = live(store).look()
    assert (progress.finished, progress.left) == (N_CELLS, 0)
    assert str(progress) == "All 6 cells are finished."
    assert progress.result.to_frame().equals(result.to_frame())
    assert str(progress.result.verdict(1e-3)) == str(result.verdict(1e-3))


def test_cells_appear_as_they_finish(running):
    store, finish = running
    looking = live(store)
    progress = looking.look()
    assert (progress.finished, progress.left, progress.seconds_left) == (0, N_CELLS, None)
    assert {cell.failure for cell in progress.result.cells} == {"not finished yet"}
    finish(4)
    progress = looking.look()
    assert (progress.finished, progress.left) == (4, 2)
    assert np.isfinite(progress.result.deltas).sum() == 2
    assert "2 of 6 cells are not finished yet" in str(progress.result.verdict(1e-3))
    # the two that are left are half as large as the four that took `elapsed` altogether
    when = [path.stat().st_mtime for path in (store / "cells").iterdir()]
    elapsed = max(when) - RunningFit.newest(store).started
    done = [c.fit_seconds + c.probe_seconds for c in progress.result.cells if not c.failure]
    of_30 = np.mean([c.fit_seconds + c.probe_seconds for c in progress.result.cells
                     if c.size == 30])  # fmt: skip
    expected = 2 * of_30 * 20 / 30 * elapsed / sum(done)
    assert progress.seconds_left == pytest.approx(expected)
    assert str(progress).startswith("4 of 6 cells are finished; about ")


def test_the_newest_fit_is_shown(running):
    store, _ = running
    [known] = (store / "fits").glob("*.json")
    shutil.copytree(known.with_suffix(""), store / "fits" / "another")
    (store / "fits" / "another.json").write_text("{}")
    os.utime(store / "fits" / "another.json", (2e9, 2e9))
    # a damaged file is left out
    with pytest.warns(UserWarning, match="damaged or foreign"):
        assert RunningFit.newest(store).result == known.with_suffix("")
    assert (store / "fits" / "another.json").exists()


def test_a_damaged_cell_is_left_out(running):
    store, finish = running
    finish(2)
    first = next((store / "cells").iterdir())
    first.write_bytes(first.read_bytes()[:-9])
    assert live(store).look().finished == 1


def test_stores_without_a_fit_are_refused(running):
    store, _ = running
    shutil.rmtree(store / "fits")
    with pytest.raises(ValueError, match="shows no fit"):
        RunningFit.newest(store)


def test_the_page_follows(running, chromium):
    store, finish = running
    looking = live(store)
    page = chromium.new_page()
    with served(looking.look().result, look=looking.look) as url:
        page.goto(url)
        page.locator("#progress", has_text="0 of 6 cells").wait_for()
        page.locator("#delta-problem", has_text="finished cell").wait_for()
        finish(4)
        page.locator("#progress", has_text="4 of 6 cells are finished; about").wait_for()
        page.locator("#delta-answer h3").wait_for()
        finish(6)
        page.locator("#progress", has_text="All 6 cells are finished.").wait_for()
        page.locator("#performance-answer h3").wait_for()
    page.context.close()
