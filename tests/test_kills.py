"""``kill -9`` at twenty random moments: the same bits in the end, and nothing finished twice."""

import logging
import multiprocessing
import signal
import time
import warnings
from collections import Counter

import pytest
import torch
from sklearn.datasets import load_iris

from sufficiency import SufficiencyWarning
from tests.test_resume import LONGER, bits, estimator, uninterrupted

pytestmark = pytest.mark.filterwarnings("ignore::sufficiency.exceptions.SufficiencyWarning")

KILLS = 20
N_CELLS = N_CENTERS = 9


def _fit(directory, log):
    """What a process does: fit, and write down at once what the store does."""
    torch.set_num_threads(1)
    logging.basicConfig(filename=log, format="%(message)s", level=logging.WARNING, force=True)
    logging.getLogger("sufficiency.store").setLevel(logging.INFO)
    warnings.simplefilter("ignore", SufficiencyWarning)
    fitted = estimator(store=directory, **LONGER).fit(*load_iris(return_X_y=True))
    logging.warning("bits %s", bits(fitted))


@pytest.fixture
def new_process():
    """Real processes, forked from a server that has the libraries loaded already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.test_kills"])
    return lambda *args: context.Process(target=_fit, args=args)


@pytest.mark.slow
def test_killed_at_twenty_random_moments(new_process, tmp_path, rng, record_property):
    kills, rounds, caught, twice = 0, 0, [], Counter()
    start = time.perf_counter()
    expected = uninterrupted("each_size")
    duration = time.perf_counter() - start
    while kills < KILLS:
        rounds += 1
        store, log = tmp_path / f"store{rounds}", tmp_path / f"log{rounds}"
        log.touch()
        while "bits" not in log.read_text():
            process = new_process(store, log)
            process.start()
            if kills < KILLS:
                _wait_for(process, log, rng.integers(0, 3), rng.uniform(0, duration / N_CELLS))
                process.kill()
            process.join()
            if process.exitcode == -signal.SIGKILL:
                kills += 1
                caught.append(len(list(store.glob("cells/*"))))
            else:
                assert process.exitcode == 0
        lines = log.read_text().splitlines()
        assert lines[-1] == f"bits {expected}"
        kept = Counter(line for line in lines if line.endswith(": kept") and "nets/" not in line)
        twice += Counter({line: n for line, n in kept.items() if n > 1})
        assert len(list(store.glob("cells/*"))) == N_CELLS
        assert len(list(store.glob("centers/*"))) == N_CENTERS + 1  # and the refitted net
        assert not list(store.glob("damaged/*"))
    assert kills == KILLS
    assert not twice
    record_property(
        "figures",
        f"{kills} kills in {rounds} fits, with {caught} of {N_CELLS} cells finished; every fit "
        f"ended with the same bits, {len(twice)} cells or centers were computed twice",
    )


def _wait_for(process, log, cells, seconds):
    """Until some more cells are kept, and then a random while."""
    before = _kept(log)
    while process.is_alive() and _kept(log) < before + cells:
        time.sleep(0.002)
    time.sleep(seconds)


def _kept(log):
    lines = log.read_text().splitlines()
    return sum(line.startswith("cells/") and line.endswith(": kept") for line in lines)
