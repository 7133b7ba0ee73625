"""The extrapolation study of docs/studies at a small scale, and its arithmetic."""

import numpy as np
import pytest


@pytest.mark.slow
def test_small_study_is_consistent(study, require_module):
    """Answers lie in their own intervals, in order, and truths are what was measured."""
    extrapolation = study("extrapolation")
    results = [
        extrapolation.measure(
            *extrapolation.mnist1d(seed, 800), seed, n_small=4, min_steps=150, n_draws=8
        )
        for seed in (0, 1)
    ]
    methods = {name: extrapolation.METHODS[name] for name in ("sufficiency", "power law")}
    found = extrapolation.compare(results, methods)
    n = found["n"]
    assert max(found["shown"]) <= n / 8
    assert found["sizes"][-1] == n == 800 - 160
    for kind in extrapolation.KINDS:
        part = found[kind]
        assert part["truth"] == pytest.approx(part["measured"][-1])
        for run in part["runs"]["sufficiency"]:
            assert np.isfinite(run["value"])
            if run["size"] is not None:
                assert run["low"] <= run["size"]
                assert run["high"] is None or run["size"] <= run["high"]
        told = part["summary"]["sufficiency"]
        assert 0 <= told["covered"] <= told["intervals"] <= 2
        assert sum(told["statuses"].values()) == 2
        print(kind, told)
    for run in found["delta"]["runs"]["sufficiency"]:
        assert run["value_low"] < run["value"] < run["value_high"]
    # dataeval looks for its curve for seconds, so it is asked once
    require_module("dataeval.performance")
    small, truth = extrapolation.small_part(results[0]), found["score"]["truth"]
    assert 0 < extrapolation.dataeval(small, "score", n, truth)["value"] <= 1


def test_data_are_new_for_every_seed_and_the_same_for_one(study):
    extrapolation = study("extrapolation")
    X, y = extrapolation.mnist1d(0, 100)
    assert X.shape == (100, 40)
    assert np.unique(y).size == 10
    again, other = extrapolation.mnist1d(0, 100), extrapolation.mnist1d(1, 100)
    np.testing.assert_array_equal(X, again[0])
    assert not np.array_equal(X, other[0])


def test_ladder_shows_an_eighth(study):
    sizes = study("extrapolation").ladder(1438)
    assert sizes == sorted(set(sizes))
    assert sum(size <= 1438 // 8 for size in sizes) == 8
    assert sizes[-4:] == [179, 359, 719, 1438]


def test_summary_counts(study):
    runs = [
        {"value": 2.0, "size": 50, "low": 40, "high": 90, "status": "reached"},
        {"value": 1.0, "size": 100, "low": 60, "high": None, "status": "extrapolated"},
        {"value": 0.5, "size": None, "low": None, "high": None, "status": "unreachable"},
    ]
    told = study("extrapolation").summary(runs, n=100, truth=1.0)
    assert told["value_ratio"] == [1.0, 0.5, 2.0]
    assert told["size_ratio"] == [0.75, 0.5, 1.0]
    assert (told["no_size"], told["intervals"], told["covered"], told["open"]) == (1, 2, 1, 1)
    assert told["width"] == 2.25
