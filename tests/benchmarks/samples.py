"""Single samples: what keeping them takes of a fit's time and memory, and of a saved result."""

import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from contextlib import ExitStack
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from unittest.mock import patch

from sufficiency import LandscapeSufficiencyEstimator
from tests.benchmarks.ladder import data
from tests.benchmarks.measure import seconds
from tests.benchmarks.nets import random_data


def always(*_, **__):
    return True


# What is done for single samples alone, and for slices, if the arguments say that it is.
FOR_SAMPLES = {
    "sufficiency.cells.measure._others": always,
    "sufficiency.cells.measure._unseen": always,
    "sufficiency.fit.runner.shared": always,
    "sufficiency.result.sample_frame": always,
}
FOR_SLICES = {
    "sufficiency.cells.measure.monte_carlo_delta": lambda *_, which, **__: which is not None,
    "sufficiency.fit.plan.own_score": lambda predictor, *_: not isinstance(predictor.rows, slice),
}


def fitted(X, y, unseen=(None, None), **settings):
    est = LandscapeSufficiencyEstimator(refit=False, random_state=0, **settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return est.fit(X, y, X_unseen=unseen[0], y_unseen=unseen[1]).result_


def shares_of_time(rounds=5):
    """Of a default fit on digits, taken inside it; medians."""
    spent = Counter()

    def timed(kind, function, counts):
        def call(*args, **kwargs):
            start = time.perf_counter()
            result = function(*args, **kwargs)
            spent[kind] += (time.perf_counter() - start) * counts(*args, **kwargs)
            return result

        return call

    fitted(*data(), sizes=2, n_repeats=1)
    with ExitStack() as stack:
        for kind, functions in (("samples", FOR_SAMPLES), ("slices", FOR_SLICES)):
            for name, counts in functions.items():
                module, _, attribute = name.rpartition(".")
                function = getattr(import_module(module), attribute)
                stack.enter_context(patch(name, timed(kind, function, counts)))
        shares = []
        for _ in range(rounds):
            spent.clear()
            whole = seconds(lambda: fitted(*data()))
            shares.append({kind: value / whole for kind, value in spent.items()})
    return {kind: statistics.median(share[kind] for share in shares) for kind in shares[0]}


def bytes_of(result):
    """For each candidate and cell, and for each other sample and center."""
    kept = [cell.unseen for cell in result.cells]
    of_candidates = {id(a): a for u in kept for a in (u.candidates, u.increments, u.losses)}
    of_others = [a for u in kept for a in (u.others, u.other_losses)]
    # classes of candidates are held by the last cell of a repeat
    itemsize = kept[0].predicted.itemsize
    n_others = sum(len(u.others) for u in kept)
    classes = itemsize * (sum(len(u.predicted) for u in kept) - n_others)
    candidates = sum(a.nbytes for a in of_candidates.values()) + classes
    others = sum(a.nbytes for a in of_others) + itemsize * n_others
    return candidates / sum(len(u.candidates) for u in kept), others / n_others


def saved(result):
    """Bytes on disk of the same, with the names of arrays and their heads; of both together."""
    sizes = []
    for cells in (result.cells, tuple(replace(cell, unseen=None) for cell in result.cells)):
        with tempfile.TemporaryDirectory() as directory:
            replace(result, cells=cells).save(directory)
            sizes.append((Path(directory) / "cells.npz").stat().st_size)
    n = sum(len(cell.unseen.candidates) + len(cell.unseen.others) for cell in result.cells)
    return (sizes[0] - sizes[1]) / n


def with_own(n_unseen):
    """A fit whose candidates are the user's."""
    few, many = random_data((2000, 16)), random_data((n_unseen, 16))
    settings = {"sizes": [500, 2000], "n_repeats": 1, "min_steps": 100, "curve": "theory"}
    return lambda: fitted(*few, many, **settings)


MEMORY = """
import resource
import torch
torch.set_num_threads(1)
from tests.benchmarks.samples import with_own
with_own(1000)()
fit = with_own(1_000_000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
fit()
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


def memory():
    """Peak memory that a fit adds to its data, in MB, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def rows():
    shares = shares_of_time()
    yield "share of a fit's time that keeping single samples takes", shares["samples"], "≤ 0.03"
    yield "share of a fit's time that slices take, ten classes", shares["slices"], ""
    result = fitted(*data())
    of_candidates, of_others = bytes_of(result)
    yield "bytes of single samples per candidate and cell", of_candidates, "≤ 8"
    yield "bytes of other unseen samples, per sample and center", of_others, ""
    yield "bytes of both on disk, per sample and center", saved(result), ""
    yield "MB above the data, fit with 10⁶ own candidates", memory(), "≤ 200"
