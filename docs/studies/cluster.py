"""
MNIST's ladder on dask: measured with one and two workers, simulated with up to 256.

The perceptron of mnist.py with two repeats, on a real local scheduler with workers in processes
of their own; with one worker, joblib measures in the calling process. What `estimate_cost` predicts
is compared with what is measured; bytes over the network and the memory of workers are measured; a
run of which a worker is killed every minute has to end with the same bits. `make data` gets the
images. Nothing else may run on the machine.

    python docs/studies/cluster.py

writes docs/studies/results/cluster.json.
"""

import heapq
import os
import signal
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import psutil
import record
import torch
from distributed import Client, LocalCluster
from mnist import CANDIDATES, DRAWS, SIZES, STEPS, perceptron

from sufficiency import LandscapeSufficiencyEstimator, SufficiencyResult
from sufficiency.datasets import load_mnist

REPEATS = 2
WORKERS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
KILL_EVERY = 60.0  # seconds


def estimator(n_jobs: int, **settings: Any) -> LandscapeSufficiencyEstimator:
    """The ladder, and nothing after it."""
    return LandscapeSufficiencyEstimator(
        perceptron(),
        sizes=list(SIZES),
        n_repeats=REPEATS,
        n_draws=DRAWS,
        min_steps=STEPS,
        refit=False,
        random_state=0,
        n_jobs=n_jobs,
        **settings,
    )


def images() -> dict[str, np.ndarray]:
    """Arguments of `fit`."""
    X, y = load_mnist()
    X_unseen, y_unseen = load_mnist(train=False)
    some = np.random.default_rng(0).choice(len(y_unseen), CANDIDATES, replace=False)
    return {"X": X, "y": y, "X_unseen": X_unseen[some], "y_unseen": y_unseen[some]}


@contextmanager
def cluster(n_workers: int) -> Iterator[Client]:
    """A scheduler and its workers, all of which have imported what they need."""
    settings = {"n_workers": n_workers, "threads_per_worker": 1, "processes": True}
    with (
        LocalCluster(dashboard_address=":0", memory_limit=0, **settings) as local,
        Client(local) as client,
        joblib.parallel_config(backend="dask", n_jobs=n_workers),
    ):
        client.run(import_package)
        yield client


def import_package() -> int:
    """What a worker does before its first cell; its number."""
    import sufficiency.fit.runner

    torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    return os.getpid() * bool(sufficiency)


def peak_megabytes(pid: int) -> float:
    """Largest resident memory of a process so far (Linux)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def on_dask(data: dict[str, np.ndarray], n_workers: int) -> tuple[dict, SufficiencyResult]:
    """One fit: predicted and measured seconds, bytes on the loopback device, memory."""
    est = estimator(n_workers)
    predicted = est.estimate_cost(**data)
    with cluster(n_workers) as client:
        pids = list(client.run(os.getpid).values())
        before = [peak_megabytes(pid) for pid in pids]
        sent, start = psutil.net_io_counters(pernic=True)["lo"].bytes_sent, time.perf_counter()
        result = est.fit(**data).result_
        seconds = time.perf_counter() - start
        sent = psutil.net_io_counters(pernic=True)["lo"].bytes_sent - sent
        after = [peak_megabytes(pid) for pid in pids]
    return {
        "workers": n_workers,
        "predicted_seconds": predicted.seconds,
        "seconds": seconds,
        "predicted_over_measured": predicted.seconds / seconds,
        "megabytes_sent": sent / 2**20,
        "megabytes_of_the_data": sum(array.nbytes for array in data.values()) / 2**20,
        "megabytes_before": before,
        "megabytes_peak": after,
    }, result


def makespan(seconds: list[float], n_workers: int) -> float:
    """Of tasks in this order, each taken by the first worker that is free."""
    free = [0.0] * n_workers
    for task in seconds:
        heapq.heappush(free, heapq.heappop(free) + task)
    return max(free)


def simulated(by_size: list[float]) -> dict:
    """Speed-ups by workers: as it is, with more repeats, with the largest cells cut in two."""

    def speedups(tasks: list[float]) -> list[float]:
        ordered = sorted(tasks, reverse=True)
        return [sum(tasks) / makespan(ordered, n) for n in WORKERS]

    halves = [*by_size[:-1], by_size[-1] / 2, by_size[-1] / 2]
    return {
        "workers": list(WORKERS),
        "share_of_the_largest": by_size[-1] / sum(by_size),
        **{f"{n} repeats": speedups(by_size * n) for n in (2, 4, 16)},
        "4 repeats, largest cells cut in two": speedups(halves * 4),
    }


def killed(data: dict[str, np.ndarray], expected: SufficiencyResult) -> dict:
    """Two workers, of which one is killed every minute."""
    done, killed_pids = threading.Event(), []

    def kill(client: Client) -> None:
        while not done.wait(KILL_EVERY):
            pid = next(iter(client.run(os.getpid).values()))
            os.kill(pid, signal.SIGKILL)
            killed_pids.append(pid)

    with tempfile.TemporaryDirectory() as store, cluster(2) as client:
        killer = threading.Thread(target=kill, args=(client,))
        killer.start()
        start = time.perf_counter()
        try:
            result = estimator(2, store=store).fit(**data).result_
        finally:
            done.set()
            killer.join()
        seconds = time.perf_counter() - start
    same = all(
        np.array_equal(result.table(name), expected.table(name))
        for name in ("delta", "stderr", "train_loss", "unseen_loss", "unseen_score", "grad_norm")
    )
    return {"killed": len(killed_pids), "seconds": seconds, "same_bits": same}


def main() -> None:
    """Measure and write."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    data = images()
    runs, results = zip(*(on_dask(data, n) for n in (1, 2)), strict=True)
    cells = results[0].to_frame()
    by_size = (cells["fit_seconds"] + cells["probe_seconds"]).groupby(cells["size"]).mean()
    study = {
        "ladder": {"sizes": list(SIZES), "repeats": REPEATS},
        "runs": list(runs),
        "cell_seconds": by_size.tolist(),
        "simulated": simulated(by_size.tolist()),
        "killed": killed(data, results[0]),
    }
    print(record.write("cluster", "python docs/studies/cluster.py", study, "dask", "psutil"))


if __name__ == "__main__":
    main()
