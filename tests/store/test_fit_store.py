"""What is finished is not computed again, and is what it would be."""

import contextlib
import errno
import logging
import math
import os
import pickle
import shutil

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from torch import nn

from sufficiency.cells.cell import Cell
from sufficiency.exceptions import StoreWarning
from sufficiency.fit.runner import measure_group
from sufficiency.probes import IsotropicGaussian
from sufficiency.store.directory import Store
from sufficiency.store.fit_store import FitStore, remembered_seed
from sufficiency.training.centers import FailedTraining, centers
from sufficiency.training.tasks import refit_task, tasks_of_fit
from tests.cells.test_cells import Double
from tests.helpers import center_task, classifier, regressor
from tests.store.fits import (
    DURATIONS,
    LADDER,
    SPLITS,
    all_cells,
    cells_of,
    changed,
    counted_trainings,
    fit,
    numbers,
)
from tests.store.test_centers import Forgetful, Measuring, assert_same_bits
from tests.store.test_sealed_files import damage, damages


@pytest.fixture
def whole():
    return fit()


def fit_store(folder, settings, samples, **kwargs):
    return FitStore.of(Store(folder, **kwargs), settings, samples)


def finished(store, fit_settings):
    tasks = sorted(tasks_of_fit(fit_settings, LADDER), key=lambda task: (task.repeat, task.size))
    return store.finished(tasks)


def test_finished_cells_are_not_computed_again(whole, tmp_path, caplog):
    caplog.set_level(logging.INFO, "sufficiency.store")
    plain = all_cells(fit_store(tmp_path / "other", *whole), *whole)
    with counted_trainings() as trainings:
        first = all_cells(fit_store(tmp_path / "store", *whole), *whole)
        assert trainings == [10, 30, 10, 30]
        caplog.clear()
        again = all_cells(fit_store(tmp_path / "store", *whole), *whole)
        assert trainings == [10, 30, 10, 30]
    # durations too are those of the run that measured
    assert numbers(first) == numbers(again)
    assert numbers(first, DURATIONS) == numbers(plain, DURATIONS)
    assert {message.split(": ")[1] for message in caplog.messages} == {"found"}
    assert all(math.isfinite(cell.delta) for cell in again)


def test_a_store_changes_no_number(whole, tmp_path):
    settings, samples = whole
    plain = all_cells(None, settings, samples)
    stored = all_cells(fit_store(tmp_path, *whole), *whole)
    assert numbers(plain, DURATIONS) == numbers(stored, DURATIONS)


@pytest.mark.parametrize(
    "changes",
    [
        {"probe": IsotropicGaussian(0.5)},
        {"order": 1},
        {"n_draws": 7},
        {"scorer": None},
        {"n_draws": "auto"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_another_probe_stage_trains_nothing(changes, whole, tmp_path):
    settings, samples = whole
    all_cells(fit_store(tmp_path, *whole), *whole)
    other = changed(settings, **changes)
    fresh = all_cells(fit_store(tmp_path / "fresh", other, samples), other, samples)
    with counted_trainings() as trainings:
        again = all_cells(fit_store(tmp_path, other, samples), other, samples)
    assert trainings == []
    assert numbers(again, DURATIONS) == numbers(fresh, DURATIONS)
    # and the durations of trainings are those of the first run
    assert all(cell.fit_seconds > 0 for cell in again)


def test_more_sizes_and_repeats_train_those_alone(whole, tmp_path):
    all_cells(fit_store(tmp_path, *whole), *whole)
    third = changed(SPLITS[0], order=SPLITS[0].order[::-1])
    more = changed(LADDER, sizes=np.array([10, 20, 30]), repeats=(*SPLITS, third))
    with counted_trainings() as trainings:
        all_cells(fit_store(tmp_path, *whole), *whole, ladder=more)
    assert trainings == [20, 20, 10, 20, 30]


@pytest.mark.parametrize("kept", range(5))
def test_a_run_that_was_cut_off_is_taken_up(kept, whole, tmp_path):
    """After any number of cells; what is missing is computed, what is there is not."""
    store = fit_store(tmp_path, *whole)
    expected = all_cells(fit_store(tmp_path / "whole", *whole), *whole)
    tasks = [(repeat, size) for repeat in range(2) for size in (10, 30)]
    for repeat, size in tasks[:kept]:
        cells_of(store, *whole, SPLITS[repeat], repeat, size)
    assert [(cell.repeat, cell.size) for cell in finished(store, whole[0])] == tasks[:kept]
    with counted_trainings() as trainings:
        cells = all_cells(fit_store(tmp_path, *whole), *whole)
    assert trainings == [size for _, size in tasks[kept:]]
    assert numbers(cells, DURATIONS) == numbers(expected, DURATIONS)
    assert numbers(finished(store, whole[0])) == numbers(cells)


def test_a_death_between_training_and_probing_keeps_the_center(whole, tmp_path):
    settings, samples = whole
    store, task = fit_store(tmp_path, *whole), center_task(settings, SPLITS[0], 0, 10)
    with counted_trainings() as trainings:
        next(centers([task], samples, store))
        cells_of(store, *whole, SPLITS[0], 0, 10)
    assert trainings == [10]


def test_one_net_for_all_sizes(tmp_path):
    settings, samples = fit(train="once")
    store = fit_store(tmp_path, settings, samples)
    ladder = changed(LADDER, sizes=np.array([5, 10, 30]))
    tasks = tasks_of_fit(settings, ladder)
    with counted_trainings() as trainings:
        first, again = (measure_group(0, tasks, samples, None, store, None)[1] for _ in range(2))
        fewer = tasks_of_fit(settings, changed(ladder, sizes=ladder.sizes[1:]))
        some = measure_group(0, fewer[:1], samples, None, store, None)[1]
    assert trainings == [30, 30]
    assert numbers(first) == numbers(again) == numbers(store.finished(tasks))
    assert numbers(some, DURATIONS) == numbers(first[1:3], DURATIONS)


def test_a_refitted_net_is_remembered(whole, tmp_path):
    settings, samples = whole
    task = refit_task(settings, LADDER)
    with counted_trainings() as trainings:
        nets = [
            center.net
            for _ in range(2)
            for _, center in centers([task], samples, fit_store(tmp_path, *whole))
        ]
    assert trainings == [30]
    assert_same_bits(nets[0].module_.state_dict(), nets[1].module_.state_dict())
    np.testing.assert_array_equal(nets[0].predict(samples.X), nets[1].predict(samples.X))


def test_a_training_that_diverged_is_not_tried_again(tmp_path):
    settings, samples = fit(regressor(Double, lr=1e200, max_epochs=20))
    first = all_cells(fit_store(tmp_path, settings, samples), settings, samples)
    assert all("diverged" in cell.failure for cell in first)
    with counted_trainings() as trainings:
        again = all_cells(fit_store(tmp_path, settings, samples), settings, samples)
        other = changed(settings, n_draws=3)
        re_probed = all_cells(fit_store(tmp_path, other, samples), other, samples)
    assert trainings == []
    assert numbers(first) == numbers(again) == numbers(re_probed)


def no_memory(predictor, X, y):
    raise MemoryError("none left")


def test_an_error_is_not_kept(tmp_path):
    whole = fit(scorer=no_memory)
    store = fit_store(tmp_path, *whole)
    for _ in range(2):
        with pytest.raises(MemoryError):
            cells_of(store, *whole, SPLITS[0], 0, 10)
    assert not (tmp_path / "cells").exists()


@pytest.mark.parametrize(
    "cell",
    [
        Cell(0, 10, failure="the losses at some weight draws are not finite"),
        Cell(
            0, 10, delta=math.inf, stderr=-math.inf, delta_point=5e-324, gap_sq=-0.0,
            spread=0.1 + 0.2, top1pct_share=1 / 3, train_loss=1.7976931348623157e308,
            failure="ℓ → ∞",
        ),
    ],
    ids=["failure", "numbers"],
)  # fmt: skip
def test_cells_of_any_kind_come_back(cell, whole, tmp_path):
    store, task = fit_store(tmp_path, *whole), center_task(whole[0], SPLITS[0], 0, 10)
    store.keep_cells(task, [changed(cell, top1pct_share=np.float64(cell.top1pct_share))])
    assert numbers(store.cells(task)) == numbers([cell])


def test_swapped_files_are_foreign(whole, tmp_path):
    """Each is whole and of its kind, but under the name of the other."""
    store = fit_store(tmp_path, *whole)
    one = changed(LADDER, repeats=SPLITS[:1])
    expected = all_cells(store, *whole, ladder=one)
    for folder in ("cells", "centers"):
        first, last = (tmp_path / folder).iterdir()
        shutil.move(first, tmp_path / "meanwhile")
        shutil.move(last, first)
        shutil.move(tmp_path / "meanwhile", last)
    with counted_trainings() as trainings, pytest.warns(StoreWarning, match="foreign") as caught:
        cells = all_cells(store, *whole, ladder=one)
    assert len(caught) == 4
    assert trainings == [10, 30]
    assert numbers(cells, DURATIONS) == numbers(expected, DURATIONS)


@hypothesis_settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(damages(3000), damages(3000))
def test_damage_never_makes_a_wrong_number(damaged_store, of_cell, of_center):
    """Cell and center are damaged; the cell is computed again and is what it was."""
    folder, whole, expected, files = damaged_store
    for path, how in zip(files, (of_cell, of_center), strict=True):
        path.write_bytes(damage(files[path], how[0], how[1] % len(files[path]), *how[2:]))
    changed_files = [path for path, data in files.items() if path.read_bytes() != data]
    store = FitStore(Store(folder), fit_store(folder, *whole).keys)
    with pytest.warns(StoreWarning) if changed_files else contextlib.nullcontext():
        cells = cells_of(store, *whole, SPLITS[0], 0, 10)
    assert numbers(cells, DURATIONS) == expected


@pytest.fixture(scope="module")
def damaged_store(tmp_path_factory):
    folder, whole = tmp_path_factory.mktemp("store"), fit()
    cells = cells_of(fit_store(folder, *whole), *whole, SPLITS[0], 0, 10)
    [cell], [center] = (list((folder / name).iterdir()) for name in ("cells", "centers"))
    files = {path: path.read_bytes() for path in (cell, center)}
    return folder, whole, numbers(cells, DURATIONS), files


def test_a_full_disk_does_not_end_the_run(whole, tmp_path, monkeypatch):
    expected = all_cells(fit_store(tmp_path / "whole", *whole), *whole)
    store = fit_store(tmp_path / "full", *whole)
    cells_of(store, *whole, SPLITS[0], 0, 10)

    def full(*args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.warns(StoreWarning, match="No space left on device"):
            cells = all_cells(store, *whole)
    assert numbers(cells, DURATIONS) == numbers(expected, DURATIONS)
    kept = [cell for cell in finished(store, whole[0]) if not cell.failure]
    assert [(cell.repeat, cell.size) for cell in kept] == [(0, 10)]


def test_a_net_with_a_hidden_state_is_trained_again_rather_than_wrongly_restored(tmp_path):
    settings, samples = fit(regressor(Forgetful, callbacks=[Measuring()]), scorer=None)
    store = fit_store(tmp_path, settings, samples)
    with pytest.warns(StoreWarning, match="cannot be made again .*make buffers"):
        first = all_cells(store, settings, samples)
    assert not (tmp_path / "centers").exists()
    assert numbers(all_cells(store, settings, samples)) == numbers(first)
    other = changed(settings, n_draws=3)
    with counted_trainings() as trainings, pytest.warns(StoreWarning, match="cannot be made again"):
        all_cells(fit_store(tmp_path, other, samples), other, samples)
    assert len(trainings) == 4


class LazyDouble(nn.Module):
    """Has no shapes before its first batch, and is no longer lazy after it."""

    def __init__(self):
        super().__init__()
        self.layer = nn.LazyLinear(3, dtype=torch.float64)

    def forward(self, X):
        return self.layer(X)


def test_a_lazy_net_s_cells_are_kept_though_its_centers_are_not(tmp_path):
    settings, samples = fit(classifier(LazyDouble))
    store = fit_store(tmp_path, settings, samples)
    with pytest.warns(StoreWarning, match="cannot be made again"):
        cells_of(store, settings, samples, SPLITS[0], 0, 10)
    assert finished(store, settings)[0].failure == ""


def test_a_read_only_store_gives_what_it_has(whole, tmp_path):
    store = fit_store(tmp_path, *whole)
    [known] = cells_of(store, *whole, SPLITS[0], 0, 10)
    looking = fit_store(tmp_path, *whole, read_only=True)
    assert numbers(finished(looking, whole[0])[:1]) == numbers([known])
    before = sorted(tmp_path.rglob("*"))
    with counted_trainings() as trainings:
        all_cells(looking, *whole)
    assert trainings == [30, 10, 30]
    assert sorted(tmp_path.rglob("*")) == before


def test_the_root_seed_belongs_to_data_and_net(whole, tmp_path):
    settings, samples = whole
    draws, store = iter(range(10)), Store(tmp_path)

    def root(net=settings.net, X=samples.X, y=samples.y):
        return remembered_seed(store, net, X, y, lambda: next(draws))

    assert root() == root() == 0
    assert root(X=samples.X + 1) == 1
    assert root(y=samples.y[::-1]) == 2
    assert root(classifier(Double, module__n_outputs=3)) == 3
    assert root() == 0


def test_an_interrupted_run_is_told_how_to_go_on(whole, tmp_path):
    store = fit_store(tmp_path, *whole)
    assert store.how_to_go_on(tasks_of_fit(whole[0], LADDER)).startswith(
        "0 of 4 cells are finished"
    )
    cells_of(store, *whole, SPLITS[0], 0, 10)
    store.keep_cells(center_task(whole[0], SPLITS[0], 0, 30), [Cell(0, 30, failure="diverged")])
    text = store.how_to_go_on(tasks_of_fit(whole[0], LADDER))
    assert text.startswith(f"2 of 4 cells are finished and kept in {str(tmp_path)!r}")


def test_a_store_is_small_and_travels(whole, tmp_path):
    settings, samples = whole
    store = fit_store(tmp_path, *whole)
    sent = pickle.dumps(store)
    assert len(sent) < 10_000
    again = pickle.loads(sent)  # noqa: S301
    expected = all_cells(store, *whole)
    with counted_trainings() as trainings:
        assert numbers(all_cells(again, settings, samples)) == numbers(expected)
    assert trainings == []


def test_a_diverged_training_fails_again(tmp_path):
    settings, samples = fit(regressor(Double, lr=1e200, max_epochs=20))
    task = refit_task(settings, LADDER)
    first, again = (
        next(centers([task], samples, fit_store(tmp_path, settings, samples)))[1] for _ in range(2)
    )
    assert isinstance(first, FailedTraining)
    assert first == again


def test_the_content_of_the_net_is_there_to_be_read(whole, tmp_path):
    store = fit_store(tmp_path, *whole)
    [path] = (tmp_path / "nets").iterdir()
    text = path.read_text(encoding="utf-8")
    assert '"class":"Double"' in text
    assert '"batch_size":16' in text
    # and is not written again
    before = path.stat().st_mtime_ns
    fit_store(tmp_path, *whole)
    assert path.stat().st_mtime_ns == before
    assert path.stem == store.keys.of_center["net"][:32]
