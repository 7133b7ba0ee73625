"""Several processes use one store at once, and some of them die."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sufficiency.store import FitStore, Store
from sufficiency.training.tasks import tasks_of_fit
from tests.store.fits import DURATIONS, LADDER, all_cells, counted_trainings, fit, numbers

ROOT = Path(__file__).resolve().parents[2]

SHARING = """
import sys
from sufficiency.store import FitStore, Store
from tests.store.fits import all_cells, fit, numbers, DURATIONS
import torch; torch.set_num_threads(1)
whole = fit()
for i in range(int(sys.argv[2])):
    store = Store(sys.argv[1])
    seed = store.seed({"round": i}, lambda: int(sys.argv[3]))
    print(seed, numbers(all_cells(FitStore.of(store, *whole), *whole), DURATIONS), flush=True)
    # away with some of it, so that both write and read all the time
    for path in [*store.directory.glob("cells/*"), *store.directory.glob("centers/1*")]:
        path.unlink(missing_ok=True)
"""


def start(code: str, *arguments: object) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(ROOT)}, cwd=ROOT,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.mark.slow
def test_two_processes_share_a_store(tmp_path):
    """Both open it for the first time, write and read the same keys, and delete them."""
    rounds = 8
    processes = [start(SHARING, tmp_path, rounds, number) for number in (1, 2)]
    lines = []
    for process in processes:
        out, error = process.communicate()
        assert process.returncode == 0, error
        assert not error
        lines.append(out.splitlines())
    assert len(lines[0]) == rounds
    # the same seeds and, bit for bit, the same numbers
    assert lines[0] == lines[1]
    assert len({line.split(" ", 1)[1] for line in lines[0]}) == 1
    assert not list(tmp_path.glob("damaged/*"))
    assert not list(tmp_path.glob("tmp/*"))


RUN = """
import sys, time
from sufficiency.store import FitStore, Store
from tests.store.fits import LADDER, cells_of, fit
import torch; torch.set_num_threads(1)
whole = fit(min_steps=200)
memory = FitStore.of(Store(sys.argv[1]), *whole)
print("ready", flush=True)
for repeat, split in enumerate(LADDER.repeats):
    for size in LADDER.sizes.tolist():
        cells_of(memory, *whole, split, repeat, size)
print("done", flush=True)
"""


@pytest.mark.slow
def test_killed_again_and_again_a_run_comes_to_its_end(tmp_path, rng):
    """SIGKILL at random moments: finished cells stay, at most the one in flight is lost."""
    whole = fit(min_steps=200)
    expected = all_cells(FitStore.of(Store(tmp_path / "whole"), *whole), *whole)
    memory = FitStore.of(Store(tmp_path / "store"), *whole)
    finished = 0
    for pause in rng.uniform(0.05, 0.4, size=4):
        with start(RUN, tmp_path / "store") as process:
            assert process.stdout.readline() == "ready\n"
            time.sleep(pause)
            process.send_signal(signal.SIGKILL)
        assert len(memory.finished(tasks_of_fit(whole[0], LADDER))) >= finished
        finished = len(memory.finished(tasks_of_fit(whole[0], LADDER)))
    with counted_trainings() as trainings:
        cells = all_cells(FitStore.of(Store(tmp_path / "store"), *whole), *whole)
    # a center may be there although its cell is not
    assert len(trainings) <= len(expected) - finished
    assert numbers(cells, DURATIONS) == numbers(expected, DURATIONS)
    assert not list(tmp_path.glob("store/damaged/*"))
    assert not list(tmp_path.glob("store/tmp/*"))
