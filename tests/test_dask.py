"""Cells on a real dask scheduler, with workers in processes of their own."""

import os
import signal
import threading
import time
from contextlib import contextmanager

import joblib
import numpy as np
import pytest
from sklearn.datasets import load_digits

from sufficiency import LandscapeSufficiencyEstimator
from sufficiency.data.samples import Samples

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::sufficiency.exceptions.SufficiencyWarning"),
    # of dask itself, about workers that end and ports that are taken
    pytest.mark.filterwarnings("ignore::UserWarning:distributed"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:distributed"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

NUMBERS = ("delta", "stderr", "gap_sq", "train_loss", "unseen_loss", "unseen_score", "grad_norm")


@pytest.fixture
def cluster(require_module, forked_dask_workers):
    distributed = require_module("distributed")

    @contextmanager
    def start():
        settings = {"n_workers": 2, "threads_per_worker": 1, "processes": True}
        with (
            distributed.LocalCluster(dashboard_address=":0", **settings) as local,
            distributed.Client(local) as client,
            joblib.parallel_config(backend="dask", n_jobs=2),
        ):
            yield client

    return start


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X[:500], y[:500]


def estimator(**kwargs):
    settings = {"sizes": 4, "n_repeats": 2, "min_steps": 100, "n_draws": 4, "random_state": 0}
    return LandscapeSufficiencyEstimator(**(settings | {"refit": False} | kwargs))


@pytest.fixture(scope="module")
def alone(digits):
    return estimator().fit(*digits).result_


def assert_equal(found, expected):
    for name in NUMBERS:
        np.testing.assert_array_equal(found.table(name), expected.table(name), err_msg=name)


def test_the_same_bits_and_the_data_sent_once(cluster, digits, alone, monkeypatch):
    sent = []

    def counted(samples):
        sent.append(len(samples.y))
        return {"X": samples.X, "encoded": samples.encoded, "y": samples.y}

    monkeypatch.setattr(Samples, "__getstate__", counted, raising=False)
    with cluster():
        found = estimator().fit(*digits).result_
    assert_equal(found, alone)
    assert sent == [500]  # and not with each of the eight cells


def test_a_worker_that_is_killed_is_survived(cluster, digits, tmp_path):
    with cluster() as client:
        victim = next(iter(client.run(os.getpid).values()))

        def kill():
            # both workers have the data by then
            while len(list(tmp_path.glob("cells/*"))) < 3:
                time.sleep(0.05)
            os.kill(victim, signal.SIGKILL)

        killer = threading.Thread(target=kill, daemon=True)  # a fit that fails keeps no cells
        killer.start()
        found = estimator(min_steps=500, store=tmp_path).fit(*digits).result_
        killer.join()
        assert victim not in client.run(os.getpid).values()
    assert_equal(found, estimator(min_steps=500).fit(*digits).result_)
