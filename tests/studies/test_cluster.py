"""The simulated scheduler of docs/studies/cluster.py, and the page that shows what it wrote."""

import itertools
import json
from pathlib import Path

import pytest

from tests.docs_pages.pages import section_of, tables_of

DOCS = Path(__file__).resolve().parents[2] / "docs"


def measured_rows(runs):
    """A row for each number of workers."""
    return [
        [
            str(run["workers"]),
            f"{run['predicted_seconds']:.0f} s",
            f"{run['seconds']:.0f} s",
            f"{run['predicted_over_measured']:.2f}",
            f"{run['megabytes_sent']:.0f} MB",
            # one worker: joblib measures in the calling process
            f"{max(run['megabytes_before']):.0f}, {max(run['megabytes_peak']):.0f} MB"
            if run["workers"] > 1
            else "–",
        ]
        for run in runs
    ]


def simulated_rows(found):
    """A row for each ladder."""
    kinds = [kind for kind in found if "repeats" in kind]
    return [[kind, *(f"{speedup:.3g}" for speedup in found[kind])] for kind in kinds]


def test_the_page_shows_the_committed_run():
    run = json.loads((DOCS / "studies/results/cluster.json").read_text("utf-8"))
    page = section_of((DOCS / "how-to/cluster.md").read_text("utf-8"), "Measured on MNIST")
    measured, simulated = tables_of(page)
    assert measured[1:] == measured_rows(run["runs"])
    assert [int(n) for n in simulated[0][1:]] == run["simulated"]["workers"]
    assert simulated[1:] == simulated_rows(run["simulated"])
    words = page.replace("\n", " ")
    for said in (
        f"the data, {run['runs'][0]['megabytes_of_the_data']:.0f} MB",
        f"{100 * run['simulated']['share_of_the_largest']:.0f} % of the work of a repeat",
        f"{run['killed']['killed']} workers were killed",
        f"took {run['killed']['seconds']:.0f} s",
    ):
        assert said in words, said
    assert run["killed"]["same_bits"]


def shortest(seconds, n_workers):
    """Length of the best schedule of all, by trying every assignment."""
    assignments = itertools.product(range(n_workers), repeat=len(seconds))
    return min(
        max(sum(s for s, w in zip(seconds, each, strict=True) if w == worker)
            for worker in range(n_workers))
        for each in assignments
    )  # fmt: skip


def test_tasks_go_to_the_first_worker_that_is_free(study):
    makespan = study("cluster").makespan
    # by hand: 5 | 4; then 3 to the second (7), 3 to the first (8), 1 to the second (8)
    assert makespan([5.0, 4.0, 3.0, 3.0, 1.0], 2) == 8.0
    assert makespan([5.0, 4.0], 8) == 5.0


@pytest.mark.parametrize("n_workers", [1, 2, 3])
def test_largest_first_is_near_the_best_schedule(study, n_workers):
    """Graham 1969: at most 4/3 - 1/(3m) times the best."""
    seconds = [9.0, 7.0, 6.0, 5.0, 5.0, 4.0, 2.0, 1.0]
    best = shortest(seconds, n_workers)
    found = study("cluster").makespan(seconds, n_workers)
    assert best <= found <= (4 / 3 - 1 / (3 * n_workers)) * best


def test_no_speed_up_is_above_the_workers_or_the_largest_cell(study):
    cells = [1.0, 1.0, 2.0, 6.0]
    found = study("cluster").simulated(cells)
    assert found["share_of_the_largest"] == 0.6
    for repeats in (2, 4, 16):
        speedups = found[f"{repeats} repeats"]
        limits = [min(n, repeats / 0.6) for n in found["workers"]]
        assert all(s <= limit + 1e-12 for s, limit in zip(speedups, limits, strict=True))
        assert speedups[0] == 1.0
        assert speedups[-1] == pytest.approx(repeats / 0.6)
    # halves of 3 s are the longest then: 40 s of work
    assert found["4 repeats, largest cells cut in two"][-1] == pytest.approx(40 / 3)
