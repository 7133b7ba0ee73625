"""Cells on ray: a real local one, with workers in processes of their own."""

import os
import signal
import threading
import time
from functools import partial

import joblib
import pytest

from tests.test_dask import assert_equal, digits, estimator

__all__ = ["digits"]  # a fixture

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::sufficiency.exceptions.SufficiencyWarning"),
    # of ray itself, about what it leaves open and what it does not know
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:ray"),
]


@pytest.fixture(scope="module")
def backend(require_module):
    with pytest.MonkeyPatch.context() as patch:
        # ray would replace builtins.print, which the tests that come later could not pickle then
        patch.setenv("RAY_TQDM_PATCH_PRINT", "0")
        ray = require_module("ray")
        require_module("ray.util.joblib").register_ray()
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
        yield partial(joblib.parallel_config, backend="ray", n_jobs=2)
        ray.shutdown()


def score_and_sign(predictor, X, y, folder):
    """The score, and a file that is called like the process."""
    (folder / str(os.getpid())).touch()
    return predictor.score(X, y)


def test_the_same_bits_although_a_worker_is_killed(backend, digits, tmp_path):
    signed, killed = tmp_path / "signed", []
    signed.mkdir()

    def kill():
        while len(list(tmp_path.glob("store/cells/*"))) < 2:
            time.sleep(0.05)
        killed.append(int(next(signed.iterdir()).name))
        os.kill(killed[0], signal.SIGKILL)

    alike = {"min_steps": 400, "train_together": False}
    settings = alike | {"scoring": partial(score_and_sign, folder=signed)}
    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    with backend():
        found = estimator(store=tmp_path / "store", **settings).fit(*digits).result_
    killer.join()
    workers = {int(path.name) for path in signed.iterdir()}
    # two of them, neither this process, and one that took the place of the killed one
    assert os.getpid() not in workers
    assert len(workers) >= 3
    assert_equal(found, estimator(**alike).fit(*digits).result_)
