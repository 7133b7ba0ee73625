"""Seeds: one child per purpose, and a shelter for the global generators."""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from sklearn.utils import check_random_state

# What a parameter `random_state` takes, as in scikit-learn.
RandomState = int | np.random.RandomState | None

_PURPOSES = ("candidates", "order", "training", "probe", "refit", "check", "directions", "subset")

# Generators and switches belong to the whole process: threads that change and use them at once
# would disturb each other, so they take turns.
PROCESS_STATE = threading.RLock()


def seed_from(random_state: RandomState) -> int:
    """An integer ≥ 0 as it is; else the next number of a generator, for None of NumPy's global."""
    if isinstance(random_state, (int, np.integer)) and random_state >= 0:
        return int(random_state)
    return check_random_state(random_state).randint(2**31 - 1)


def child_seed(root: int, purpose: str, *keys: int) -> int:
    """Seed of one task, a function of what the task is and of nothing else."""
    spawn_key = (_PURPOSES.index(purpose), *keys)
    state = np.random.SeedSequence(root, spawn_key=spawn_key).generate_state(1, np.uint64)
    return int(state[0] >> np.uint64(1))


def child_rng(root: int, purpose: str, *keys: int) -> np.random.Generator:
    """NumPy generator on :func:`child_seed` of the same arguments."""
    return np.random.default_rng(child_seed(root, purpose, *keys))


@contextmanager
def isolated_rng(seed: int) -> Iterator[None]:
    """
    Seed Python's, NumPy's and torch's global generators and put them back afterwards.

    Training uses the global generators (initial weights, shuffling, dropout), and skorch has no
    seed parameter. Everything is restored, exceptions included. Threads take turns.
    """
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []
    with PROCESS_STATE, torch.random.fork_rng(devices=devices):
        python_state, numpy_state = random.getstate(), np.random.get_state()
        try:
            torch.manual_seed(seed)
            random.seed(seed)
            np.random.seed(np.random.SeedSequence(seed).generate_state(4))
            yield
        finally:
            random.setstate(python_state)
            np.random.set_state(numpy_state)


@contextmanager
def resumed_rng(stream: torch.Generator) -> Iterator[None]:
    """Torch's global generator goes on where `stream` is, which goes on from there afterwards."""
    with PROCESS_STATE, torch.random.fork_rng(devices=[]):
        torch.set_rng_state(stream.get_state())
        yield
        stream.set_state(torch.get_rng_state())
