"""torch's threads where several processes share the cores."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import joblib
import torch


def threads_of_a_worker(n_jobs: int | None) -> int | None:
    """Cores for each of `n_jobs` workers; None with a single one, which keeps torch's setting."""
    n_workers = joblib.effective_n_jobs(n_jobs)
    return max(1, joblib.cpu_count() // n_workers) if n_workers > 1 else None


@contextmanager
def limited_threads(n_threads: int | None) -> Iterator[None]:
    """In the process's main thread, run with so many torch threads (None: as many as before)."""
    if threading.current_thread() is not threading.main_thread():
        # the number belongs to the process: threads that set and restore it would race
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
