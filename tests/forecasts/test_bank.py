import json
import math
from importlib.resources import files

import numpy as np
import pytest

from sufficiency.forecasts.bank import QUANTITIES, bank_numbers, bank_prior
from sufficiency.forecasts.forecast import Forecast, curve_of, log2_kappa

SIZES = np.array([100, 164, 269, 442, 725, 1189, 1951, 3200])


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_numbers_make_a_distribution(quantity):
    prior = bank_prior(quantity)
    assert (np.diff(prior.quantiles) >= 0).all()
    assert prior.quantiles[0] < 0 < prior.quantiles[-1]
    assert len(prior.location) == len(prior.low) == len(prior.high)
    assert (prior.low <= prior.high).all()
    assert 0 < prior.noise < 1


def test_it_is_small_and_says_how_it_was_made():
    file = files("sufficiency.forecasts").joinpath("bank.json")
    assert len(file.read_bytes()) < 50_000
    assert bank_numbers()["n_data_sets"] >= 40
    assert json.loads(file.read_text())["command"].startswith("python docs/studies/bank/")


@pytest.mark.parametrize(("quantity", "exponent"), [("loss", 0.3), ("score", 0.4), ("delta", 2.0)])
def test_intervals_cover_where_curves_go_on_as_the_prior_says(rng, quantity, exponent):
    """
    Power laws to 3,200 samples, then slopes drawn from the prior.

    The target is the value that the curve reaches at some size within 30 times the data; 95 %
    intervals of that size, for 1,500 curves whose measurements have an error of 1 %.
    """
    prior, held, n = bank_prior(quantity), [], 1500
    ends = np.concatenate([prior.quantiles[:1], prior.quantiles, prior.quantiles[-1:]])
    probabilities = np.concatenate([[0.0], prior.probabilities, [1.0]])
    logs = -exponent * np.log(SIZES / SIZES[0])
    for _ in range(n):
        table = np.exp(logs + 0.02 * rng.standard_normal((4, len(SIZES))))
        curve = curve_of(SIZES, table)
        shown = [curve.slopes] * (2 if quantity == "loss" else 1)
        features = prior.features(float(curve.doublings[-1]), *shown)
        found = Forecast(prior, features, curve, 0.0, False, 1.0, math.sqrt(curve.variance), 1.0)
        size = 3200 * 30.0 ** rng.random()
        j = float(log2_kappa(size)[0] - curve.doublings[-1])
        z = np.interp(rng.random(), probabilities, ends)
        response = prior.location @ features + prior.spread(features, np.array([j]))[0] * z
        slope = math.exp(response) if prior.log_slopes else response
        target = curve.slopes.level - slope * j + 0.01 * rng.standard_normal()
        low, high = (found.log_kappa(math.exp(target), p) for p in (0.025, 0.975))
        held.append(low <= math.log(size + 1.0) <= high)
    # 95 % and three standard errors of 1,500 curves; each end is one of 400 points
    assert 0.93 <= np.mean(held) <= 0.97
