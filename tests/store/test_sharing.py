"""Several processes use one store at the same time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

SHARING = """
import sys
from sufficiency.store.directory import Store
from sufficiency.store.fit_store import FitStore
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
    rounds = 4
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
