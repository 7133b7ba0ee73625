"""The study of Δ's local exponent, on ladders whose exponents are known."""

import numpy as np
import pytest

SIZES = np.round(64 * np.sqrt(2.0) ** np.arange(11)).astype(int)


@pytest.fixture
def ladder(study):
    """κ²Δ ∝ κ^(-0.5 of the loss's exponent), the loss a power law, four equal repeats."""

    def make(of_loss, of_numerator):
        kappa = SIZES + 1.0
        rows = {"delta": 3.0 * kappa ** (-2.0 - of_numerator), "loss": kappa**-of_loss}
        tables = {name: np.tile(row, (4, 1)) for name, row in rows.items()}
        tables["score"] = 1.0 - tables["loss"]
        return study("exponents").BankLadder("invented", "none", SIZES, tables, 100)

    return make


def test_exponents_of_windows(study, ladder, monkeypatch):
    exponents = study("exponents")
    monkeypatch.setattr(exponents, "read_bank", lambda: [ladder(0.4, 0.2)])
    found = list(exponents.windows())
    assert len(found) == 7
    names, middles, of_loss, of_delta = zip(*found, strict=True)
    assert set(names) == {"invented"}
    np.testing.assert_allclose(of_loss, 0.4)
    np.testing.assert_allclose(of_delta, 2.2)
    np.testing.assert_allclose(middles, np.sqrt((SIZES[:-4] + 1.0) * (SIZES[4:] + 1.0)))


@pytest.mark.parametrize(
    ("of_loss", "of_numerator", "exact"),
    [
        (0.4, 0.0, {"theory", "power_law", "transient", "κ²Δ frozen"}),
        (0.4, 0.2, {"power_law", "transient", "κ²Δ falls by 0.5 of the loss's"}),
        (0.4, 0.4, {"power_law", "transient", "κ²Δ falls by 1 of the loss's",
                    "κ²Δ falls by 1 of its own exponent"}),
    ],
)  # fmt: skip
def test_each_way_tells_the_law_it_assumes(study, ladder, of_loss, of_numerator, exact):
    exponents = study("exponents")
    one = ladder(of_loss, of_numerator)
    told = exponents.told(one, 7)
    truth = np.log(one.tables["delta"][0, -1])
    # the last three of the sizes, rounded to integers, are not quite a geometric series, and the
    # transient has to come near to its limit of no floor
    near = {name for name, value in told.items() if abs(value - truth) < 5e-3}
    assert exact <= near
    if of_numerator:
        assert not {"theory", "κ²Δ frozen"} & near


def test_every_data_set_has_the_same_weight(study):
    values = np.array([0.0, 1, 2, 3, 4, 10])
    sets = np.array(["a", "a", "a", "a", "a", "b"])
    low, middle, high = study("exponents").weighted_quantiles(values, sets)
    # half of the weight lies at 10; the other half evenly below
    assert low == pytest.approx(0.5)
    assert 4.0 < middle < 10.0
    assert high == 10.0
