"""
Does the local exponent of Δ go to 2? On the bank's ladders, from numbers that are kept.

    python docs/studies/exponents.py

writes docs/studies/results/exponents.json: the local exponent of Δ beside that of the unseen loss,
over factors of four in k, and how well Δ is told four and eight times beyond what is shown by the
three families, by the loss, and by the package's prior.
"""

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).resolve().parent / "bank"))
import record
from bank.data import BankLadder, read_bank
from fit_prior import FEWEST_SIZES, TrendPrior, features_of, fit_prior, rows_of, usual_noise

from sufficiency.curves.families import FAMILIES
from sufficiency.forecasts.forecast import log2_kappa

STEPS = 4  # of √2 each: a factor of four
EDGES = (-np.inf, -0.05, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8, np.inf)  # exponents of the loss
REACHES = {"4": 4, "8": 6}  # steps beyond what is shown
SHARES = (0.5, 0.75, 1.0)  # of the loss's exponent


def windows() -> Iterator[tuple[str, float, float, float]]:
    """Of every ladder: data set, middle k, exponent of the loss, exponent of Δ."""
    for ladder in read_bank():
        x, delta, loss = logs_of(ladder)
        for first in range(len(x) - STEPS):
            a, b = first, first + STEPS
            width = x[b] - x[a]
            middle = float(np.exp((x[a] + x[b]) / 2.0))
            yield (
                ladder.data_set,
                middle,
                (loss[a] - loss[b]) / width,
                (delta[a] - delta[b]) / width,
            )


def logs_of(ladder: BankLadder) -> tuple[npt.NDArray, npt.NDArray, npt.NDArray]:
    """Log κ, and logs of the mean Δ and loss."""
    delta, loss = (ladder.tables[name].mean(axis=0) for name in ("delta", "loss"))
    return np.log(ladder.sizes + 1.0), np.log(delta), np.log(loss)


def weighted_quantiles(values: npt.NDArray, data_sets: npt.NDArray) -> list[float]:
    """10, 50 and 90 %, every data set with the same weight."""
    _, inverse, counts = np.unique(data_sets, return_inverse=True, return_counts=True)
    order = np.argsort(values)
    weights = (1.0 / counts[inverse])[order]
    below = (np.cumsum(weights) - weights / 2.0) / weights.sum()
    return np.interp((0.1, 0.5, 0.9), below, values[order]).tolist()


def by_loss() -> list[dict]:
    """The exponent of Δ, by that of the loss."""
    names, _, of_loss, of_delta = (np.array(column) for column in zip(*windows(), strict=True))
    rows = []
    for low, high in itertools.pairwise(EDGES):
        kept = (of_loss >= low) & (of_loss < high)
        rows.append({
            "loss_from": float(low) if np.isfinite(low) else None,
            "loss_to": float(high) if np.isfinite(high) else None,
            "loss_median": float(np.median(of_loss[kept])),
            "windows": int(kept.sum()),
            "data_sets": len(set(names[kept])),
            "delta": weighted_quantiles(of_delta[kept], names[kept]),
        })  # fmt: skip
    return rows


def told(ladder: BankLadder, shown: int) -> dict[str, float]:
    """Log of Δ at the end of a ladder by the families and by the loss, from its first sizes."""
    x, delta, loss = (column[:shown] for column in logs_of(ladder))
    end = np.log(ladder.sizes[-1:] + 1.0)
    found = {}
    for name, family in FAMILIES.items():
        table = ladder.tables["delta"][:, :shown]
        parameters = family.fit(ladder.sizes[:shown], table, 2)
        found[name] = float(np.log(family.predict(np.exp(end), 2, parameters))[0])
    # κ²Δ, at the mean of the last three sizes, continued over what is not shown
    level, ahead = (delta + 2.0 * x)[-3:].mean(), float(end[0] - x[-2])
    falls = {"κ²Δ frozen": 0.0}
    own, of_loss = (-np.polyfit(x[-5:], y[-5:], 1)[0] for y in (delta + 2.0 * x, loss))
    falls |= {f"κ²Δ falls by {s:g} of its own exponent": s * own for s in SHARES}
    falls |= {f"κ²Δ falls by {s:g} of the loss's": s * of_loss for s in SHARES}
    return found | {
        name: float(level - 2.0 * end[0] - fall * ahead) for name, fall in falls.items()
    }


class Bank:
    """The package's forecast, fitted without the data set it is asked about."""

    def __init__(self, ladders: list[BankLadder], also: tuple[str, ...] = ()) -> None:
        self.ladders, self.also = ladders, also
        self.rows = rows_of(ladders, "delta", also)
        self.priors: dict[str, TrendPrior] = {}

    def prior(self, name: str) -> TrendPrior:
        """Without a data set."""
        if name not in self.priors:
            others = [other for other in self.ladders if other.data_set != name]
            rows = self.rows.of(self.rows.data_sets != name)
            self.priors[name] = fit_prior(rows, "delta", usual_noise(others, "delta"))
        return self.priors[name]

    def told(self, ladder: BankLadder, shown: int) -> float:
        """The median of log Δ at the end of a ladder, from its first sizes."""
        prior, curve = self.prior(ladder.data_set), ladder.curve("delta", 0, shown)
        doublings = float(log2_kappa(ladder.sizes[-1])[0] - curve.doublings[-1])
        features = features_of(ladder, "delta", shown, self.also)
        z = np.interp(0.5, prior.probabilities, prior.quantiles)
        slope = features @ prior.location + z * prior.spread(features, np.array([doublings]))[0]
        return float(curve.slopes.level - slope * doublings)


def forecasts(steps: int) -> dict[str, dict[str, float]]:
    """Errors of the log of Δ at the largest size."""
    ladders = read_bank()
    banks = {"bank": Bank(ladders), "bank with the loss": Bank(ladders, ("loss",))}
    errors: dict[str, list[float]] = {}
    names = []
    for ladder in ladders:
        shown = len(ladder.sizes) - steps
        if shown < FEWEST_SIZES:
            continue
        truth, found = logs_of(ladder)[1][-1], told(ladder, shown)
        found |= {way: bank.told(ladder, shown) for way, bank in banks.items()}
        for way, log_delta in found.items():
            errors.setdefault(way, []).append(log_delta - truth)
        names.append(ladder.data_set)
    sets = np.array(names)
    return {
        way: {
            "median": weighted_quantiles(np.array(found), sets)[1],
            "median_size": weighted_quantiles(np.abs(found), sets)[1],
            "size_of_90": weighted_quantiles(np.abs(found), sets)[2],
            "ladders": len(found),
        }
        for way, found in errors.items()
    }


def main() -> None:
    """Compute and write."""
    study = {
        "by_loss": by_loss(),
        "forecasts": {f"{reach} times": forecasts(steps) for reach, steps in REACHES.items()},
    }
    print(record.write("exponents", "python docs/studies/exponents.py", study))


if __name__ == "__main__":
    main()
