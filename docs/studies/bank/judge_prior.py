"""
The prior judged on data sets that it was not fitted to, beside other ways to the same answer.

    python docs/studies/bank/judge_prior.py

leaves every data set out in turn, fits the prior to the others, shows each of its ladders up to
n/8, asks for the size at which loss, score and Δ come to what was measured at n, and writes
docs/studies/results/prior.json. The right answer is n.
"""

import math
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from data import BankLadder, read_bank
from fit_prior import features_of, first_shown, fit_prior, rows_of, usual_noise
from processes import Continued, weights_of
from scipy import stats

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import record

from sufficiency.forecasts.bank import QUANTITIES
from sufficiency.forecasts.forecast import Forecast
from sufficiency.forecasts.trend import TrendPrior
from sufficiency.sizing import Ladder
from sufficiency.sizing.questions import DeltaQuestion, TargetQuestion

CONFIDENCE, SHARE = 0.9, 8.0
Interval = tuple[float, float, float]  # low, size and high, as a share of n


@dataclass(frozen=True)
class Case:
    """A ladder that is shown up to a position, and the value that is asked for."""

    ladder: BankLadder
    quantity: str
    last: int

    @property
    def first(self) -> int:
        """The smallest size that is shown."""
        return first_shown(self.ladder, self.last)

    @property
    def target(self) -> float:
        """What was measured at n."""
        return float(self.ladder.tables[self.quantity].mean(axis=0)[-1])

    def forecast(self, prior: TrendPrior) -> Forecast:
        """By a prior."""
        curve = self.ladder.curve(self.quantity, self.first, self.last)
        score = self.quantity == "score"
        features = features_of(self.ladder, self.quantity, self.last)
        return Forecast(
            prior, features, curve, 1.0 if score else 0.0, score, 1.0,
            math.sqrt(curve.variance + curve.common), 1.0 + prior.distance(features),
        )  # fmt: skip


def cases_of(ladders: list[BankLadder], quantity: str) -> Iterator[Case]:
    """Every ladder, up to the largest size of at most n/8."""
    for ladder in ladders:
        last = int((ladder.sizes <= 1.02 * ladder.sizes[-1] / SHARE).sum())
        if last >= 5:
            yield Case(ladder, quantity, last)


def with_prior(case: Case, prior: TrendPrior) -> Interval:
    """The package's answer with the bank."""
    found, tail = case.forecast(prior), (1.0 - CONFIDENCE) / 2.0
    return tuple(
        math.exp(found.log_kappa(case.target, p)) / case.ladder.sizes[-1]
        for p in (tail, 0.5, 1.0 - tail)
    )


def without_prior(case: Case, target: float | None = None) -> Interval:
    """The package's answer with ``prior=None``, by default about the value at n."""
    target = case.target if target is None else target
    kept = slice(case.first, case.last)
    tables = {name: table[:, kept] for name, table in case.ladder.tables.items()}
    ladder = Ladder(
        sizes=case.ladder.sizes[kept], delta=tables["delta"], stderr=np.nan, delta_point=np.nan,
        gap_sq=np.nan, spread=np.nan, top1pct_share=np.nan, train_loss=np.nan,
        unseen_loss=tables["loss"], unseen_score=tables["score"], loss_drift=np.nan,
        constant_loss=np.nan, order=2, n_available=int(case.ladder.sizes[case.last - 1]),
        n_candidates=case.ladder.n_candidates, n_pool=10**9, disjoint_candidates=True,
    )  # fmt: skip
    if case.quantity == "delta":
        question = DeltaQuestion(target, prior=None)
    else:
        question = TargetQuestion(target, case.quantity, None)
    estimate = question.estimate(ladder, "auto", CONFIDENCE)
    low, high = estimate.interval or (0.0, math.inf)
    size = math.inf if estimate.size is None else estimate.size
    return tuple(x / case.ladder.sizes[-1] for x in (low, size, high))


def power_law(case: Case) -> Interval:
    """Ordinary least squares on logs, and Student's t for a new value on the line."""
    curve = case.ladder.curve(case.quantity, case.first, case.last)
    u, y, m = curve.doublings, curve.logs, case.last - case.first
    slope, at_mean = np.polyfit(u - u.mean(), y, 1)
    variance = ((y - at_mean - slope * (u - u.mean())) ** 2).sum() / (m - 2)
    score = case.quantity == "score"
    finest = 0.5 / (case.ladder.n_candidates * len(case.ladder.tables["score"]))
    log_target = math.log(max(1.0 - case.target, finest) if score else case.target)
    grid = np.linspace(u[0], u[-1] + 10.0, 2000)
    error = np.sqrt(
        variance * (1.0 + 1.0 / m + (grid - u.mean()) ** 2 / ((u - u.mean()) ** 2).sum())
    )
    line = at_mean + slope * (grid - u.mean())
    t = stats.t.ppf(0.5 + CONFIDENCE / 2.0, m - 2)

    def first_below(values: npt.NDArray) -> float:
        below = np.flatnonzero(values <= log_target)
        return 2.0 ** grid[below[0]] / case.ladder.sizes[-1] if len(below) else math.inf

    return first_below(line - t * error), first_below(line), first_below(line + t * error)


def with_processes(case: Case, weights: npt.NDArray) -> Interval:
    """By the mixture of processes."""
    curve = case.ladder.curve(case.quantity, case.first, case.last)
    finest = 0.5 / (case.ladder.n_candidates * len(case.ladder.tables["score"]))
    distance = max(1.0 - case.target, finest) if case.quantity == "score" else case.target
    ahead = np.linspace(-4.0, 10.0, 400)
    reached = Continued(curve, case.quantity).reached(math.log(distance), ahead, weights)
    tail = (1.0 - CONFIDENCE) / 2.0
    ends = [np.searchsorted(reached, p) for p in (tail, 0.5, 1.0 - tail)]
    shown = case.ladder.sizes[case.last - 1] / case.ladder.sizes[-1]
    return tuple(shown * 2.0 ** ahead[i] if i < len(ahead) else math.inf for i in ends)


def summary(answers: list[Interval], data_sets: list[str]) -> dict[str, object]:
    """Every data set weighs the same."""
    low, size, high = np.array(answers).T
    names, inverse, counts = np.unique(data_sets, return_inverse=True, return_counts=True)
    weights = 1.0 / counts[inverse] / len(names)
    held = (low <= 1.001) & (high >= 0.999)
    near = (size > 1 / 1.5) & (size < 1.5)
    order = np.argsort(high / low)
    middle = np.searchsorted(np.cumsum(weights[order]), 0.5)
    by_set = {name: float(held[inverse == i].mean()) for i, name in enumerate(names)}
    return {
        "cover": float(weights @ held),
        "too_low": float(weights @ (high < 0.999)),
        "too_high": float(weights @ (low > 1.001)),
        "median_ratio": float((high / low)[order][min(middle, len(order) - 1)]),
        "no_upper_end": float(weights @ ~np.isfinite(high)),
        "within_1.5": float(weights @ near),
        "missed": sorted(str(name) for name, share in by_set.items() if share < 1.0),
    }


def judge(ladders: list[BankLadder], quantity: str) -> dict[str, object]:
    """All ways, for one quantity."""
    ways = ("bank", "processes", "none", "power law")
    answers: dict[str, list[Interval]] = {way: [] for way in ways}
    data_sets, rows = [], rows_of(ladders, quantity)
    for case in cases_of(ladders, quantity):
        name = case.ladder.data_set
        others = [ladder for ladder in ladders if ladder.data_set != name]
        prior = _fitted(rows, quantity, name, others)
        answers["bank"].append(with_prior(case, prior))
        answers["processes"].append(with_processes(case, _weights(quantity, name, others)))
        answers["none"].append(without_prior(case))
        answers["power law"].append(power_law(case))
        data_sets.append(name)
    return {"n": len(data_sets), **{way: summary(a, data_sets) for way, a in answers.items()}}


_PRIORS: dict[tuple[str, str], TrendPrior] = {}


def _fitted(rows, quantity: str, without: str, others: list[BankLadder]) -> TrendPrior:
    key = quantity, without
    if key not in _PRIORS:
        kept = rows.of(rows.data_sets != without)
        _PRIORS[key] = fit_prior(kept, quantity, usual_noise(others, quantity))
    return _PRIORS[key]


_WEIGHTS: dict[tuple[str, str], npt.NDArray] = {}


def _weights(quantity: str, without: str, others: list[BankLadder]) -> npt.NDArray:
    key = quantity, without
    if key not in _WEIGHTS:
        _WEIGHTS[key] = weights_of(others, quantity)
    return _WEIGHTS[key]


def main() -> None:
    """Judge and write."""
    warnings.simplefilter("ignore")
    ladders = read_bank()
    found = {
        "confidence": CONFIDENCE,
        "n_data_sets": len({ladder.data_set for ladder in ladders}),
        **{quantity: judge(ladders, quantity) for quantity in QUANTITIES},
    }
    for quantity in QUANTITIES:
        for way in ("bank", "processes", "none", "power law"):
            print(quantity, way, record.rounded(found[quantity][way]))
    print(record.write("prior", "python docs/studies/bank/judge_prior.py", found))


if __name__ == "__main__":
    main()
