"""
The prior from the bank's ladders: how fast curves go on falling, given how they fell so far.

    python docs/studies/bank/fit_prior.py

reads ladders.npz and ladders.json beside this file and writes sufficiency/forecasts/bank.json.
Every ladder is shown up to each of its sizes and asked for the mean slope over the next one and a
half to four doublings, as far as it was measured. Data sets count once, however many ladders,
sizes and horizons they have.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt
from data import BankLadder, read_bank

from sufficiency.forecasts.bank import QUANTITIES
from sufficiency.forecasts.trend import RANGE, TrendPrior

TARGET = Path(__file__).resolve().parents[3] / "sufficiency" / "forecasts" / "bank.json"
HORIZONS = (1.5, 2.0, 3.0, 4.0)
# A ladder is shown from six sizes on, and from this size on.
FEWEST_SIZES, SMALLEST = 6, 60
N_QUANTILES = 79
# Errors below count as this much where their logs or inverses are taken.
_SMALLEST_ERROR = 0.02


@dataclass(frozen=True, eq=False)
class Rows:
    """Shown curves with what came: features, doublings, response, data set."""

    features: npt.NDArray  # (N, p)
    doublings: npt.NDArray  # (N,)
    response: npt.NDArray  # (N,)
    data_sets: npt.NDArray  # (N,) names

    def of(self, kept: npt.NDArray) -> "Rows":
        """Some of them."""
        return Rows(*(getattr(self, f.name)[kept] for f in fields(self)))

    @property
    def weights(self) -> npt.NDArray:
        """(N,) each data set weighs 1."""
        _, inverse, counts = np.unique(self.data_sets, return_inverse=True, return_counts=True)
        return 1.0 / counts[inverse]


def blank(quantity: str) -> TrendPrior:
    """A prior that knows how features and responses are made, and nothing else."""
    empty = np.empty(0)
    return TrendPrior(empty, empty, empty, quantity != "delta", 0.0, empty, empty)


def first_shown(ladder: BankLadder, last: int) -> int:
    """Position of the smallest size that is shown with the one before `last` as the largest."""
    return int(np.argmax(ladder.sizes >= ladder.sizes[last - 1] / RANGE))


def features_of(
    ladder: BankLadder, quantity: str, last: int, also: tuple[str, ...] = ()
) -> npt.NDArray:
    """(p,) from the sizes before a position, with slopes of further quantities."""
    names = ("loss", "score") if quantity == "loss" else (quantity, *also)
    curves = [ladder.curve(name, first_shown(ladder, last), last) for name in names]
    end = float(curves[0].doublings[-1])
    return blank(quantity).features(end, *(curve.slopes for curve in curves))


def rows_of(ladders: Iterable[BankLadder], quantity: str, also: tuple[str, ...] = ()) -> Rows:
    """Every ladder at every size and horizon."""
    found = []
    for ladder in ladders:
        whole = ladder.curve(quantity)
        for last in range(FEWEST_SIZES, len(ladder.sizes)):
            if ladder.sizes[last - 1] < SMALLEST:
                continue
            features = features_of(ladder, quantity, last, also)
            level = ladder.curve(quantity, first_shown(ladder, last), last).slopes.level
            ahead = whole.doublings - whole.doublings[last - 1]
            for horizon in HORIZONS:
                for at in np.flatnonzero(np.abs(ahead - horizon) < 0.1):
                    slope = (level - whole.logs[at]) / ahead[at]
                    response = float(blank(quantity).response(slope))
                    found.append((features, ahead[at], response, ladder.data_set))
    return Rows(*(np.array(column) for column in zip(*found, strict=True)))


def fit_prior(rows: Rows, quantity: str, noise: float) -> TrendPrior:
    """Location and spread from all data sets; quantiles of each one's error without it."""
    z, weights = np.empty(len(rows.response)), rows.weights
    for name in np.unique(rows.data_sets):
        one = rows.data_sets == name
        z[one] = standardized(rows.of(one), *location_and_scale(rows.of(~one)))
    order = np.argsort(z)
    below = np.cumsum(weights[order]) - weights[order] / 2.0
    probabilities = np.arange(1, N_QUANTILES + 1) / (N_QUANTILES + 1)
    location, scale = location_and_scale(rows)
    return TrendPrior(
        location=location,
        scale=scale,
        quantiles=np.interp(probabilities, below / weights.sum(), z[order]),
        log_slopes=quantity != "delta",
        noise=noise,
        low=rows.features.min(axis=0),
        high=rows.features.max(axis=0),
    )


def location_and_scale(rows: Rows) -> tuple[npt.NDArray, npt.NDArray]:
    """Least absolute deviations, by reweighting; the log of their size by least squares."""
    weights = rows.weights
    location = least_squares(rows.features, rows.response, weights)
    for _ in range(20):
        errors = np.maximum(np.abs(rows.response - rows.features @ location), _SMALLEST_ERROR)
        location = least_squares(rows.features, rows.response, weights / errors)
    errors = np.maximum(np.abs(rows.response - rows.features @ location), _SMALLEST_ERROR)
    return location, least_squares(spread_design(rows), np.log(errors), weights, ridge=0.5)


def spread_design(rows: Rows) -> npt.NDArray:
    """(N, 3) what the log of the spread depends on."""
    ones = np.ones(len(rows.response))
    return np.column_stack([ones, rows.features[:, 1], np.log(rows.doublings)])


def standardized(rows: Rows, location: npt.NDArray, scale: npt.NDArray) -> npt.NDArray:
    """(N,) errors in units of their spread."""
    return (rows.response - rows.features @ location) / np.exp(spread_design(rows) @ scale)


def least_squares(
    design: npt.NDArray, values: npt.NDArray, weights: npt.NDArray, ridge: float = 1e-3
) -> npt.NDArray:
    """Weighted, with a small penalty on all coefficients but the first."""
    penalty = ridge * np.diag([0.0] + [1.0] * (design.shape[1] - 1))
    return np.linalg.solve(
        design.T @ (weights[:, None] * design) + penalty, design.T @ (weights * values)
    )


def usual_noise(ladders: Iterable[BankLadder], quantity: str) -> float:
    """Median over ladders of the relative error of a single repeat."""
    errors = [
        np.sqrt((curve.variance + curve.common) * len(ladder.tables[quantity]))
        for ladder in ladders
        for curve in [ladder.curve(quantity)]
    ]
    return float(np.median(errors))


def main() -> None:
    """Fit and write."""
    ladders = read_bank()
    content: dict[str, object] = {
        "command": "python docs/studies/bank/fit_prior.py",
        "n_data_sets": len({ladder.data_set for ladder in ladders}),
        "n_ladders": len(ladders),
    }
    for quantity in QUANTITIES:
        prior = fit_prior(rows_of(ladders, quantity), quantity, usual_noise(ladders, quantity))
        content[quantity] = {
            f.name: np.round(value, 5).tolist() if isinstance(value, np.ndarray) else value
            for f in fields(TrendPrior)
            for value in [getattr(prior, f.name)]
        }
        print(quantity, "location", prior.location.round(3), "scale", prior.scale.round(3))
    TARGET.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
