"""A fit with a store: the numbers of one without, nothing computed twice, killed or not."""

import errno
import functools
import logging
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from joblib.externals.loky.process_executor import TerminatedWorkerError
from sklearn.base import clone
from sklearn.datasets import load_iris
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback, EarlyStopping
from torch import nn

from sufficiency import LandscapeSufficiencyEstimator
from sufficiency.cells.cell import CELL_COLUMNS
from sufficiency.exceptions import CellFailedWarning, StoreWarning
from sufficiency.fit import runner
from sufficiency.probes import RandomSubspace
from sufficiency.store.directory import Store
from tests.oracles import MLP

# trainings of a few steps are never settled; warnings of the store stay errors
pytestmark = [
    pytest.mark.filterwarnings(f"ignore::sufficiency.exceptions.{name}Warning")
    for name in ("NotSettled", "InertProbe", "HeavyTail", "QuadraticModel")
]

ROOT = Path(__file__).resolve().parents[1]
NUMBERS = [name for name in CELL_COLUMNS if not name.endswith("_seconds")]


def estimator(**changes):
    net = NeuralNetClassifier(
        MLP,
        module__n_inputs=4,
        criterion=nn.CrossEntropyLoss,
        lr=0.05,
        max_epochs=3,
        iterator_train__shuffle=True,
        verbose=0,
    )
    settings = {"sizes": 3, "n_repeats": 2, "n_draws": 5, "min_steps": 10, "random_state": 7}
    return LandscapeSufficiencyEstimator(net, **(settings | changes))


@pytest.fixture(scope="module")
def data():
    return load_iris(return_X_y=True)


@pytest.fixture
def log(caplog):
    """What the store has done since it was asked last: {(folder, "found"): how often}."""
    caplog.set_level(logging.INFO, "sufficiency.store")

    def count() -> Counter:
        lines = [record.getMessage() for record in caplog.records]
        caplog.clear()
        return Counter((line.split("/")[0], line.rsplit(": ")[-1]) for line in lines)

    return count


@pytest.fixture
def no_training(monkeypatch):
    def refuse(*args, **kwargs):
        pytest.fail("a net is trained")

    monkeypatch.setattr("sufficiency.training.centers.train_net", refuse)
    monkeypatch.setattr("sufficiency.training.centers.train_together", refuse)


@pytest.fixture
def no_training_later(request):
    """To be called when enough has been trained."""
    return lambda: request.getfixturevalue("no_training")


def bits(fitted) -> list[str]:
    """All numbers, and the weights of the refitted net, as text that NaN does not spoil."""
    tables = [fitted.result_.table(name).tolist() for name in NUMBERS]
    weights = fitted.net_.module_.state_dict() if fitted.refit else {}
    return [repr(tables), *(repr(tensor.tolist()) for tensor in weights.values())]


def test_a_store_changes_no_bit_and_a_second_fit_computes_nothing(
    data, tmp_path, log, no_training_later
):
    plain = estimator().fit(*data)
    assert not log()
    first = estimator(store=tmp_path / "store").fit(*data)
    assert bits(first) == bits(plain)
    # six cells and their centers, the refit, the net's description
    missing = {("cells", "missing"): 6, ("centers", "missing"): 14, ("nets", "missing"): 1}
    assert log() == missing | {("cells", "kept"): 6, ("centers", "kept"): 7, ("nets", "kept"): 1}
    no_training_later()
    again = clone(first).set_params(store=str(tmp_path / "store")).fit(*data)
    assert log() == {("cells", "found"): 6, ("centers", "found"): 1, ("nets", "found"): 1}
    assert bits(again) == bits(plain)
    np.testing.assert_array_equal(again.predict_proba(data[0]), plain.predict_proba(data[0]))
    # durations are those of the run that measured
    assert again.result_.to_frame().equals(first.result_.to_frame())


@pytest.mark.parametrize(
    "changes",
    [
        {"sigma": 0.5},
        {"n_draws": 9},
        {"n_draws": "auto"},
        {"n_eval": 20},
        {"order": 1},
        {"probe": RandomSubspace(3, sigma=0.3)},
        {"method": "gaussian_moment"},
        {"scoring": "neg_log_loss"},
    ],
    ids=str,
)
def test_another_probe_trains_nothing(changes, data, tmp_path, log, no_training_later):
    expected = estimator(**changes).fit(*data)
    estimator(store=tmp_path).fit(*data)
    log()
    no_training_later()
    again = estimator(store=tmp_path, **changes).fit(*data)
    assert bits(again) == bits(expected)
    counted = log()
    assert counted["centers", "found"] == 7
    assert counted["cells", "kept"] == 6


def test_own_candidates_belong_to_the_probe_stage(data, tmp_path, no_training_later):
    X, y = data
    some = {"X_unseen": X[::3] + 0.001, "y_unseen": y[::3]}
    other = {"X_unseen": X[::5] + 0.001, "y_unseen": y[::5]}
    expected = estimator().fit(X, y, **other)
    estimator(store=tmp_path).fit(X, y, **some)
    no_training_later()
    assert bits(estimator(store=tmp_path).fit(X, y, **other)) == bits(expected)


def test_more_repeats_and_another_curve_use_what_is_there(data, tmp_path, log):
    estimator(store=tmp_path, refit=False).fit(*data)
    log()
    more = estimator(store=tmp_path, n_repeats=3, curve="theory", refit=False).fit(*data)
    counted = log()
    assert counted["cells", "kept"] == counted["centers", "kept"]
    assert bits(more) == bits(estimator(n_repeats=3, refit=False).fit(*data))


@pytest.mark.parametrize("backend", [pytest.param("loky", marks=pytest.mark.slow), "threading"])
def test_parallel_workers_use_the_store(backend, data, tmp_path, no_training_later, log):
    from joblib import parallel_config

    with parallel_config(backend=backend, n_jobs=2):
        parallel = estimator(store=tmp_path).fit(*data)
        # workers' lines arrive here
        counted = log()
        assert counted["cells", "kept"] == counted["cells", "missing"] == 6
        assert counted["centers", "kept"] == 7
        assert bits(parallel) == bits(estimator().fit(*data))
        no_training_later()
        assert bits(estimator(store=tmp_path).fit(*data)) == bits(parallel)
    # found here, so that no worker is asked
    assert log() == {("cells", "found"): 6, ("centers", "found"): 1, ("nets", "found"): 1}


def test_one_net_for_all_sizes(data, tmp_path, log, no_training_later):
    expected = estimator(train="once").fit(*data)
    first = estimator(train="once", store=tmp_path).fit(*data)
    assert bits(first) == bits(expected)
    counted = log()
    assert counted["cells", "kept"] == 2
    assert counted["centers", "kept"] == 3
    wider = estimator(train="once", sigma=0.5).fit(*data)
    no_training_later()
    assert bits(estimator(train="once", store=tmp_path).fit(*data)) == bits(expected)
    assert bits(estimator(train="once", store=tmp_path, sigma=0.5).fit(*data)) == bits(wider)


def silent(text):
    """A sink of early stopping."""


@pytest.mark.parametrize(
    "changes",
    [
        {"net": None},
        {"center": "best", "net__callbacks": [EarlyStopping(patience=2, sink=silent)]},
    ],
    ids=["the default net", "validation"],
)
def test_other_nets_are_resumed_too(changes, data, tmp_path, no_training_later):
    def fit(**more):
        return estimator(**more).set_params(**changes).fit(*data)

    expected, wider = fit(), fit(sigma=0.5)
    assert bits(fit(store=tmp_path)) == bits(expected)
    no_training_later()
    assert bits(fit(store=tmp_path)) == bits(expected)
    assert bits(fit(store=tmp_path, sigma=0.5)) == bits(wider)


def test_a_drawn_seed_is_kept_and_used_again(data, tmp_path, no_training_later):
    X, y = data
    first = estimator(random_state=None, store=tmp_path).fit(X, y)
    other = estimator(random_state=None, store=tmp_path).fit(X[::-1], y)
    seeds = [fitted.result_.settings["root_seed"] for fitted in (first, other)]
    assert seeds[0] != seeds[1]
    expected = estimator(random_state=None, store=tmp_path / "other").fit(X, y)
    assert bits(expected) != bits(first)
    no_training_later()
    again = estimator(random_state=None, store=tmp_path).fit(X, y)
    wider = estimator(random_state=None, store=tmp_path, sigma=0.5).fit(X, y)
    assert bits(again) == bits(first)
    assert wider.result_.settings["root_seed"] == seeds[0]
    # a seed that is given is not looked up
    with pytest.raises(pytest.fail.Exception, match="is trained"):
        estimator(store=tmp_path).fit(X, y)


def test_failed_cells_are_not_tried_again(data, tmp_path, no_training_later):
    def fit():
        with pytest.raises(ValueError, match="6 of 6 cells failed"):
            estimator(store=tmp_path).set_params(net__lr=1e30).fit(*data)

    fit()
    no_training_later()
    fit()


def test_a_store_is_refused_before_any_training(data, tmp_path, no_training):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.tex").write_text("")
    (tmp_path / "file").write_text("")
    for store, error, text in (
        (3, TypeError, "`store` must be the path of a directory or None, got 3"),
        ("", ValueError, "`store` must be the path of a directory or None, got ''"),
        (tmp_path / "thesis", ValueError, r"`store` must be a new or empty directory.*thesis\.tex"),
        (tmp_path / "file", ValueError, "`store` must be a directory that can be written to"),
    ):
        with pytest.raises(error, match=text):
            estimator(store=store).fit(*data)
    # whatever else is wrong, it makes no directory
    with pytest.raises(ValueError, match="n_repeats"):
        estimator(store=tmp_path / "new", n_repeats=0).fit(*data)
    assert not (tmp_path / "new").exists()


def test_a_net_without_a_description_is_refused_by_name(data, tmp_path, no_training):
    lines = (line for line in "abc")
    for random_state in (0, None):
        unclear = estimator(store=tmp_path, random_state=random_state)
        unclear.set_params(net__callbacks=[("mine", EarlyStopping(sink=lines.send))])
        with pytest.raises(TypeError, match=r"net\.callbacks.*generator.*without a store"):
            unclear.fit(*data)


def test_an_estimate_of_the_cost_leaves_no_trace(data, tmp_path):
    estimator(store=tmp_path / "store", random_state=None).estimate_cost(*data)
    assert not (tmp_path / "store").exists()


def test_a_disk_that_fills_up_costs_no_number(data, tmp_path, monkeypatch):
    expected = estimator().fit(*data)
    replace, written = os.replace, []

    def limited(source, target):
        written.append(target)
        if len(written) > 9:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replace(source, target)

    monkeypatch.setattr(os, "replace", limited)
    with pytest.warns(StoreWarning, match=r"No space left on device\): the run goes on"):
        assert bits(estimator(store=tmp_path).fit(*data)) == bits(expected)
    monkeypatch.setattr(os, "replace", replace)
    assert list(tmp_path.glob("cells/*"))
    assert bits(estimator(store=tmp_path).fit(*data)) == bits(expected)


@pytest.mark.slow
def test_warnings_of_workers_arrive(data, tmp_path):
    Store(tmp_path)
    (tmp_path / "centers").write_text("where a folder should be")
    with pytest.warns(StoreWarning) as caught:
        estimator(store=tmp_path, n_jobs=2, refit=False).fit(*data)
    texts = [str(warning.message) for warning in caught]
    # of all six cells, once
    assert sum("cannot be written to" in text for text in texts) == 1


def test_damage_is_named_and_costs_no_number(data, tmp_path, log):
    first = estimator(store=tmp_path).fit(*data)
    cell, center = (sorted(tmp_path.glob(f"{folder}/120-*"))[0] for folder in ("cells", "centers"))
    for path in (cell, center):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 4
        path.write_bytes(content)
    log()
    with pytest.warns(StoreWarning, match="damaged or foreign"):
        again = estimator(store=tmp_path).fit(*data)
    assert bits(again) == bits(first)
    assert log()["cells", "kept"] == 1


def test_an_interrupt_tells_how_to_go_on(data, tmp_path, monkeypatch, caplog, interrupts):
    original, calls = runner.measure, []

    def interrupted(*args):
        calls.append(args)
        if len(calls) == 3:
            signal.raise_signal(signal.SIGINT)
        return original(*args)

    monkeypatch.setattr(runner, "measure", interrupted)
    with pytest.raises(KeyboardInterrupt):
        estimator(store=tmp_path).fit(*data)
    [text] = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert text.startswith(f"interrupted: 2 of 6 cells are finished and kept in {str(tmp_path)!r}")
    again = estimator(store=tmp_path).fit(*data)
    assert len(calls) == 3 + 4
    assert bits(again) == bits(estimator().fit(*data))


FIT = """
import logging, sys, warnings
import torch; torch.set_num_threads(1)
logging.basicConfig(stream=sys.stdout, format="%(message)s", level=logging.WARNING)
logging.getLogger("sufficiency.store").setLevel(logging.INFO)
from sufficiency import SufficiencyWarning
from tests.test_resume import bits, estimator, load_iris
warnings.simplefilter("ignore", SufficiencyWarning)
changes = eval(sys.argv[2])
fitted = estimator(store=sys.argv[1], **changes).fit(*load_iris(return_X_y=True))
print("bits", bits(fitted), flush=True)
"""


def start(store, changes) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-u", "-W", "error", "-c", FIT, str(store), repr(changes)],
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}, cwd=ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


# Long enough to be hit by a signal in the middle.
LONGER = {"n_repeats": 3, "min_steps": 200}


@functools.cache
def uninterrupted(train):
    return bits(estimator(train=train, **LONGER).fit(*load_iris(return_X_y=True)))


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.slow
def test_interrupted_workers_keep_what_they_finished(data, tmp_path, one_thread, interrupts):
    """They write it themselves; Ctrl-C reaches all of them."""
    with start(tmp_path, LONGER | {"n_jobs": 2}) as process:
        while len(list(tmp_path.glob("cells/*.json"))) < 2 and process.poll() is None:
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)
        out, errors = process.communicate()
    assert process.returncode != 0, out
    assert "of 9 cells are finished and kept in" in out
    assert errors.rstrip().endswith("KeyboardInterrupt")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("c*/*")}
    assert bits(estimator(store=tmp_path, **LONGER).fit(*data)) == uninterrupted("each_size")
    # none of them was written again
    assert before == {path: path.stat().st_mtime_ns for path in before}


class Dies(Callback):
    """Kills the process that trains on the largest size, so many times."""

    def __init__(self, folder, times):
        self.folder = folder
        self.times = times

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        deaths = len(os.listdir(self.folder))
        if len(y) == 120 and deaths < self.times:
            Path(self.folder, str(os.getpid())).touch()
            os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.slow
def test_a_worker_that_dies_is_replaced(data, tmp_path, caplog):
    est = estimator(n_jobs=2, refit=False)
    est.set_params(net__callbacks=[Dies(str(tmp_path), 1)])
    found = est.fit(*data)
    assert "a worker process died (TerminatedWorkerError)" in caplog.text
    assert bits(found) == bits(estimator(refit=False, train_together=False).fit(*data))


@pytest.mark.slow
def test_workers_that_die_again_and_again_are_an_error(data, tmp_path):
    (tmp_path / "deaths").mkdir()
    est = estimator(n_jobs=2, refit=False, store=tmp_path / "store")
    est.set_params(net__callbacks=[Dies(str(tmp_path / "deaths"), 100)])
    with pytest.raises(TerminatedWorkerError, match="worker process"):
        est.fit(*data)
    # what finished is kept
    est.set_params(net__callbacks=None, n_jobs=None)
    assert bits(est.fit(*data)) == bits(estimator(refit=False).fit(*data))


def cut_off(data, store, n_cells, **changes):
    """A fit that ends after so many cells."""
    calls, measure = [], runner.measure

    def measured(*args, **kwargs):
        if len(calls) == n_cells:
            raise KeyboardInterrupt
        calls.append(args)
        return measure(*args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "measure", measured)
        with pytest.raises(KeyboardInterrupt):
            estimator(store=store, **changes).fit(*data)


@pytest.mark.parametrize("random_state", [7, None])
def test_a_result_of_the_finished_cells(random_state, data, tmp_path, no_training_later):
    """Five of six cells: their numbers, wider intervals, nothing computed, nothing written."""
    store = tmp_path / "store"
    changes = {"random_state": random_state, "curve": "theory"}
    cut_off(data, store, 5, **changes)
    before = {path: path.stat().st_mtime_ns for path in store.rglob("*")}
    no_training_later()
    with pytest.warns(CellFailedWarning, match="5 of 6 cells are finished"):
        part = estimator(store=store, **changes).finished_result(*data)
    assert {path: path.stat().st_mtime_ns for path in store.rglob("*")} == before
    missing = [cell for cell in part.cells if cell.failure]
    assert [(cell.repeat, cell.size) for cell in missing] == [(1, int(part.sizes[0]))]
    assert part.verdict(float(part.deltas[-1])).size is not None


def test_too_few_finished_cells_are_no_result(data, tmp_path):
    store = tmp_path / "store"
    cut_off(data, store, 2)
    with pytest.raises(ValueError, match=r"2 of 6 cells are finished .* two sizes at least"):
        estimator(store=store).finished_result(*data)
    with pytest.raises(ValueError, match="`store` must be the directory of a fit"):
        estimator().finished_result(*data)


def test_the_result_of_a_whole_fit_is_that_fit(data, tmp_path):
    whole = estimator(store=tmp_path / "store").fit(*data).result_
    again = estimator(store=tmp_path / "store").finished_result(*data)
    for name in NUMBERS:
        np.testing.assert_array_equal(again.table(name), whole.table(name))
