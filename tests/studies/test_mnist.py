"""The study of MNIST: its exponents, and that a second run from the store gives the same bits."""

from dataclasses import replace

import numpy as np
import pytest

SMALL = {"n_repeats": 2, "n_draws": 2, "min_steps": 5}


def test_exponents_of_power_laws(study):
    kappa = np.array([101.0, 221, 501, 1101, 2501, 5501, 12_001, 27_001, 60_001])
    alphas = np.array([1.5, 2.5, 3.0])
    found = study("mnist").exponents(kappa, kappa ** -alphas[:, None])
    parts = [found["all"], *found["decades"].values(), *found["local"]]
    assert set(found["decades"]) == {"100", "1000", "10000"}
    assert len(found["local"]) == 8
    # Student's t of 97.5 % with two degrees of freedom, from a table
    half = 4.302653 * alphas.std(ddof=1) / np.sqrt(3)
    for part in parts:
        np.testing.assert_allclose(part["seeds"], alphas, rtol=1e-9)
        middle = alphas.mean()
        np.testing.assert_allclose(part["interval"], [middle - half, middle + half], rtol=1e-6)


def test_the_part_of_a_decade_that_is_measured_decides(study):
    """A bend at 1 000: each decade has the exponent of its side."""
    kappa = np.array([101.0, 221, 501, 1001, 2501, 5501, 10_001])
    deltas = np.where(kappa < 1001, kappa**-3, 1001.0**-1 * kappa**-2)
    found = study("mnist").exponents(kappa, np.stack([deltas, deltas]))
    assert found["decades"]["100"]["mean"] == pytest.approx(3.0)
    assert found["decades"]["1000"]["mean"] == pytest.approx(2.0)


def test_a_second_run_from_the_store_gives_the_same_bits(study, mnist_files, tmp_path, monkeypatch):
    mnist = study("mnist")
    part = replace(mnist.PARTS["MLP 32 units"], sizes=(100, 220), settings=SMALL)
    first = mnist.measure(part, tmp_path / "a")

    def refuse(*args, **kwargs):
        pytest.fail("a net is trained")

    monkeypatch.setattr("sufficiency.training.centers.train_net", refuse)
    monkeypatch.setattr("sufficiency.training.centers.train_together", refuse)
    again = mnist.measure(part, tmp_path / "a")
    assert again.to_frame().equals(first.to_frame())
    monkeypatch.undo()
    anew = mnist.measure(part, tmp_path / "b")
    for name in mnist.TABLES:
        if not name.endswith("_seconds"):
            np.testing.assert_array_equal(anew.table(name), first.table(name))
