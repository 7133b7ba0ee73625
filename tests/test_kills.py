"""``kill -9`` at moments spread over a fit: the same bits in the end, nothing finished twice."""

import itertools
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

KILLS = 16
# The fits in turn: with their files in `cells` and, the refit included, in `centers`.
FITS = {"each_size": (9, 10), "once": (3, 4)}
# So much of a cell's duration later than the last one each kill comes, modulo that duration:
# multiples of the golden ratio fill an interval evenly.
GOLDEN = 0.618


def _fit(directory, log, train):
    """What a process does: fit, and write down at once what the store does."""
    torch.set_num_threads(1)
    logging.basicConfig(filename=log, format="%(message)s", level=logging.WARNING, force=True)
    logging.getLogger("sufficiency.store").setLevel(logging.INFO)
    warnings.simplefilter("ignore", SufficiencyWarning)
    fitted = estimator(store=directory, train=train, **LONGER).fit(*load_iris(return_X_y=True))
    logging.warning("bits %s", bits(fitted))


@pytest.fixture
def new_process():
    """Real processes, forked from a server that has the libraries loaded already."""
    context = multiprocessing.get_context("forkserver")
    # the first optimizer of a process would import the latter
    context.set_forkserver_preload(["tests.test_kills", "torch._dynamo"])
    return lambda *args: context.Process(target=_fit, args=args)


@pytest.mark.slow
def test_killed_at_spread_moments(new_process, tmp_path, record_property):
    kills, caught, twice = 0, [], Counter()
    start = time.perf_counter()
    expected = {train: uninterrupted(train) for train in FITS}
    cell_seconds = (time.perf_counter() - start) / sum(cells for cells, _ in FITS.values())
    for rounds, train in enumerate(itertools.cycle(FITS), start=1):
        store, log = tmp_path / f"store{rounds}", tmp_path / f"log{rounds}"
        log.touch()
        while "bits" not in log.read_text():
            process = new_process(store, log, train)
            process.start()
            if kills < KILLS:
                _wait_for(process, log, kills % 3, kills * GOLDEN % 1 * cell_seconds)
                process.kill()
            process.join()
            if process.exitcode == -signal.SIGKILL:
                kills += 1
                caught.append(f"{len(list(store.glob('cells/*')))}/{FITS[train][0]}")
            else:
                assert process.exitcode == 0
        lines = log.read_text().splitlines()
        assert lines[-1] == f"bits {expected[train]}"
        kept = Counter(line for line in lines if line.endswith(": kept") and "nets/" not in line)
        twice += Counter({line: n for line, n in kept.items() if n > 1})
        files = tuple(len(list(store.glob(f"{folder}/*"))) for folder in ("cells", "centers"))
        assert files == FITS[train]
        assert not list(store.glob("damaged/*"))
        assert not list(store.glob("tmp/.*"))
        if kills == KILLS:
            break
    assert not twice
    record_property(
        "figures",
        f"{kills} kills in {rounds} fits, with {', '.join(caught)} cells finished; every fit "
        f"ended with the same bits, {len(twice)} cells or centers were computed twice",
    )


def _wait_for(process, log, files, seconds):
    """Until some more cells or centers are kept, and then a while."""
    before = _kept(log)
    while process.is_alive() and _kept(log) < before + files:
        time.sleep(0.002)
    time.sleep(seconds)


def _kept(log):
    lines = log.read_text().splitlines()
    return sum(line.startswith("c") and line.endswith(": kept") for line in lines)
