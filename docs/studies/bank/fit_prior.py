"""
The prior from the bank's ladders: how often curves go on like each of many processes.

    python docs/studies/bank/fit_prior.py

reads ladders.npz and ladders.json beside this file and writes sufficiency/forecasts/bank.json.
Weights are the maximum of the likelihood of all ladders (nonparametric empirical Bayes, by
expectation maximization), in which every data set counts once. Standard deviations are then
widened so that 90 % intervals for what comes at eight times the shown sizes hold as often as they
claim on data sets that the weights were not fitted to.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from data import BankLadder, read_bank
from scipy import special

from sufficiency.forecasts.bank import QUANTITIES
from sufficiency.forecasts.continuation import Prior, log_densities
from sufficiency.forecasts.forecast import Forecast, forecast

TARGET = Path(__file__).resolve().parents[3] / "sufficiency" / "forecasts" / "bank.json"
DAMPING = (0.0, 0.05, 0.1, 0.2, 0.4, 0.8)
ROUGHNESS = (0.003, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 0.6)
LIMITS = {"delta": -2.0 * math.log(2.0), "loss": 0.0, "score": 0.0}
# A ladder is shown from 1/32 of its end on, as the estimator measures by default.
RANGE = 33.0
