"""The prior that the bank of real ladders gives; docs/studies/bank makes its numbers."""

import json
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from sufficiency.forecasts.trend import TrendPrior

# What can be forecast.
QUANTITIES = ("delta", "loss", "score")


@cache
def bank_numbers() -> dict[str, Any]:
    """What bank.json holds."""
    text = files("sufficiency.forecasts").joinpath("bank.json").read_text(encoding="utf-8")
    numbers: dict[str, Any] = json.loads(text)
    return numbers


@cache
def bank_prior(quantity: str) -> TrendPrior:
    """How loss, score or Δ of the bank's data sets went on."""
    numbers = bank_numbers()[quantity]
    names = ("location", "scale", "quantiles", "low", "high")
    return TrendPrior(
        **{name: np.array(numbers[name]) for name in names},
        log_slopes=numbers["log_slopes"],
        noise=numbers["noise"],
    )
