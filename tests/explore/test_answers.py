"""Whatever a result holds, it has a page; and a large one is shown in parts."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from sufficiency.cells.unseen import UnseenSamples
from sufficiency.explore.answers import Exploration
from sufficiency.explore.asked import Place, Query
from sufficiency.result import SufficiencyResult
from tests.campaigns import result_of
from tests.explore.served import hostile_data, hostile_result
from tests.helpers import make_result

EARLIER = Path(__file__).resolve().parents[1] / "data" / "saved_result_1"
NAN = float("nan")
RESULTS = {
    "of an earlier release": lambda: SufficiencyResult.load(EARLIER),
    "one repeat": lambda: make_result([[1e-2, 2.5e-3, 6e-4]]),
    "order 1": lambda: make_result(order=1),
    "no loss": lambda: make_result(unseen_loss=NAN, unseen_score=NAN),
    "nothing finished": lambda: make_result(np.full((2, 3), NAN)),
    "one size finished": lambda: make_result([[1e-2, NAN, NAN]] * 2),
}
QUERIES = {
    "threshold": {"threshold": "1e-3"},
    "target": {"target": "0.9", "quantity": "score"},
    "plan": {"target": "0.95", "quantity": "score"},
    "figure": {"name": "delta", "width": "wide", "repeats": "1"},
    "slices": {"threshold": "1e-3"},
    "samples": {},
    "cells": {"by": "Δ"},
}


def exploration(result, data=None):
    return Exploration(result, Place("results", result.family), data)


@pytest.mark.parametrize("name", RESULTS)
def test_every_result_has_a_page_and_answers_or_reasons(name):
    exploring = exploration(RESULTS[name]())
    assert exploring.page(embedded=False).startswith("<!DOCTYPE html>")
    reasons = {}
    for question, values in QUERIES.items():
        try:
            assert getattr(exploring, question)(Query(values))["html"]
        except ValueError as error:
            reasons[question] = str(error)
    assert "cells" not in reasons
    assert all(len(reason) > 20 for reason in reasons.values())
    if name == "nothing finished":
        assert {"threshold", "target", "plan", "figure"} <= set(reasons)


def test_computations_are_shared():
    exploring = exploration(result_of(1000))
    first = exploring.figure(Query({"name": "delta", "width": "wide"}))
    assert exploring.figure(Query({"name": "delta", "width": "wide"})) == first
    kept = len(exploring._kept)
    exploring.figure(Query({"name": "delta", "width": "wide", "threshold": "1e-3"}))
    assert len(exploring._kept) == kept


def test_what_is_kept_is_limited():
    exploring = exploration(result_of(1000))
    for i in range(300):
        exploring.threshold(Query({"threshold": f"{1e-3 + i * 1e-6!r}"}))
    assert len(exploring._kept) <= 256


def test_images_of_data_are_shown_and_rows_listed():
    result = hostile_result()
    row = int(result.samples(1).index[0])
    listed = exploration(result, hostile_data()).sample(Query({"row": str(row)}))["html"]
    assert f"{row} &lt;img" in listed
    images = np.zeros((1000, 8, 8))
    images[row, 2, 3] = 1.0
    drawn = exploration(result, images).sample(Query({"row": str(row)}))["html"]
    assert 'src="data:image/png;base64,' in drawn
    vectors = exploration(result, np.arange(300_000.0).reshape(1000, 300))
    assert "100 more are not listed" in vectors.sample(Query({"row": str(row)}))["html"]
    nothing = exploration(result).sample(Query({"row": str(row)}))["html"]
    assert "not at hand" in nothing


@pytest.mark.slow
def test_a_large_result_is_shown_in_parts():
    """A thousand repeats of a hundred sizes, and a million samples."""
    rng, sizes = np.random.default_rng(0), np.arange(1, 101) * 8000
    table = 4.0 / (sizes + 1.0) ** 2 * np.exp(0.1 * rng.standard_normal((1000, 100)))
    result = make_result(table, sizes, n_samples=1_000_000, n_candidates=1000)
    cells, groups = list(result.cells), np.split(rng.permutation(1_000_000), 4)
    for repeat, rows in enumerate(groups):
        candidates, others = np.sort(rows[:1000]), np.sort(rows[1000:])
        cells[100 * repeat] = dataclasses.replace(
            cells[100 * repeat],
            unseen=UnseenSamples(
                candidates=candidates,
                increments=rng.exponential(size=1000).astype(np.float32),
                losses=rng.random(1000).astype(np.float32),
                others=others,
                other_losses=rng.random(len(others)).astype(np.float32),
                predicted=np.zeros(0, dtype=np.int32),
                n_candidates=1000,
            ),
        )
    result = dataclasses.replace(result, cells=tuple(cells))
    exploring = exploration(result)
    page = exploring.page(embedded=False)
    assert "1,000,000 samples, 1000 repeats of 100 sizes" in page
    # so many repeats are drawn only when they are asked for
    assert 'id="repeats" type="checkbox">' in page
    parts = {
        "cells": exploring.cells(Query({"by": "Δ", "down": "1"})),
        "samples": exploring.samples(Query({})),
        "threshold": exploring.threshold(Query({"threshold": "1e-9"})),
        "figure": exploring.figure(Query({"name": "delta", "width": "wide"})),
    }
    assert "Page 1 of 1,000" in parts["cells"]["html"]
    assert f'<data value="{float(table.max())!r}">' in parts["cells"]["html"]
    assert "Show more of 1,000,000" in parts["samples"]["html"]
    assert parts["threshold"]["size"] == result.verdict(1e-9).size
    # bytes that a browser has to show
    assert all(len(part["html"]) < 400_000 for part in parts.values())
