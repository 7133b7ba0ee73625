"""The prior that the bank of real ladders gives; see docs/studies/bank."""

import json
import math
from functools import cache
from importlib.resources import files

import numpy as np

from sufficiency.forecasts.continuation import Prior

# What can be forecast.
QUANTITIES = ("delta", "loss", "score")


@cache
def bank_prior(quantity: str, order: int = 2) -> Prior:
    """How loss, score or Δ of the bank's data sets went on; for order 1 that of Δ's root."""
    text = files("sufficiency.forecasts").joinpath("bank.json").read_text(encoding="utf-8")
    numbers = json.loads(text)[quantity]
    # the log of a mean absolute value moves half as much as that of a mean square
    share = order / 2.0 if quantity == "delta" else 1.0
    limit = -order * math.log(2.0) if quantity == "delta" else 0.0
    return Prior(
        damping=np.array(numbers["damping"]),
        roughness=share * np.array(numbers["roughness"]),
        weights=np.array(numbers["weights"]),
        limit=limit,
        noise=share * numbers["noise"],
        widening=numbers["widening"],
    )
