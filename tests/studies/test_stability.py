"""Eight seeds, one question: the study of docs/studies/stability.py, and what it must show."""

from types import SimpleNamespace

import pytest


@pytest.mark.slow
def test_answers_of_eight_seeds_agree(study):
    """
    The target of a ratio below 1.5 at n/2, inside the measured sizes; 1.21 was measured.

    The log sizes of the eight seeds have a standard deviation of 0.062. The range of eight normal
    values is then 0.18 ± 0.05, and log 1.5 = 0.41 is 4.5 of its standard deviations above it:
    another machine's rounding, which changes trainings no more than another seed, stays below.
    Beyond the measured sizes only consistency is asked for: all intervals meet. Each holds the
    truth in 95 of 100 cases, and two that both do have it in common.
    """
    stability = study("stability")
    found = stability.compare([stability.measure(seed) for seed in stability.SEEDS])
    for name in ("n/2", "2n"):
        print(name, {key: found[name][key] for key in ("sizes", "ratio", "overlapping_pairs")})
    assert found["n/2"]["ratio"] < 1.5
    assert set(found["n/2"]["statuses"]) == {"reached"}
    assert set(found["2n"]["statuses"]) <= {"extrapolated", "not_identifiable"}
    for name in ("n/2", "2n"):
        assert found[name]["overlapping_pairs"] == found[name]["pairs"]


def test_comparison_of_seeds(study):
    """On invented sizes and intervals, by hand."""

    def run(size, interval):
        verdict = SimpleNamespace(
            size=size, interval=interval, status="reached", curve=SimpleNamespace(family="theory")
        )
        curve = SimpleNamespace(predict=lambda size: [1.0 / size])
        return SimpleNamespace(
            curve=curve, n_samples=100, sizes=[10, 80], verdict=lambda threshold, prior: verdict
        )

    found = study("stability").compare([run(10, (8, 12)), run(20, (11, 30)), run(15, (14, 16))])
    half = found["n/2"]
    assert half["threshold"] == pytest.approx(1 / 50)
    assert half["ratio"] == 2.0
    assert (half["overlapping_pairs"], half["pairs"]) == (2, 3)
    assert half["sizes_in_intervals"] == pytest.approx(4 / 9)
