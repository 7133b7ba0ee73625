"""
Campaigns replayed on the bank: policies that say how many samples to collect next.

    python docs/studies/bank/replay.py

starts every ladder at a tenth of its data, asks for the value that 0.3, 0.6 and 0.9 of the way to
what all data reach, lets each policy buy in 1, 3 and 5 rounds, with the prior fitted to other data
sets, and writes docs/studies/results/replay.json. Between measured sizes curves are interpolated.
"""

import math
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from data import BankLadder, read_bank
from fit_prior import fit_prior, rows_of, usual_noise
from judge_prior import Case, without_prior
from scipy import stats

from sufficiency.forecasts.bank import QUANTITIES
from sufficiency.forecasts.forecast import Forecast
from sufficiency.forecasts.trend import RANGE, TrendPrior
from sufficiency.sizing.collection import cheapest_path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import record

START, SHARES, ROUNDS, RISK = 10.0, (0.3, 0.6, 0.9), (1, 3, 5), 0.05
# Sizes that a ladder must have at the start, and the smallest improvement that is worth a target.
FEWEST, IMPROVEMENT = 5, 0.02
# Totals that are compared.
_TOTALS = 400


@dataclass(frozen=True, eq=False)
class State:
    """What a policy sees: a ladder up to what there is, and what is wanted."""

    shown: BankLadder
    quantity: str
    target: float
    total: float
    rounds: int  # left
    limit: float  # ten times what there was at the start

    def forecast(self, prior: TrendPrior) -> Forecast:
        """By a prior."""
        return Case(self.shown, self.quantity, len(self.shown.sizes)).forecast(prior)


Policy = Callable[[State], float]  # to the next total


def up_to(ladder: BankLadder, total: float) -> BankLadder:
    """The ladder as it would have been measured with so many samples."""
    sizes = ladder.sizes.astype(np.float64)
    total = min(total, sizes[-1])
    kept = sizes < total / 1.05
    at = np.append(sizes[kept], total)
    tables = {
        name: np.array([_interpolated(at, sizes, row, name) for row in table])
        for name, table in ladder.tables.items()
    }
    inside = at >= total / RANGE
    return replace(
        ladder, sizes=np.round(at[inside]).astype(np.int64),
        tables={name: table[:, inside] for name, table in tables.items()},
    )  # fmt: skip


def _interpolated(at, sizes, values, name: str):
    """On log scales of size and distance from the best."""
    best, sign = (1.0, -1.0) if name == "score" else (0.0, 1.0)
    logs = np.log(np.maximum(sign * (values - best), 1e-6 if name == "score" else 1e-300))
    return best + sign * np.exp(np.interp(np.log(at), np.log(sizes), logs))


def needed(ladder: BankLadder, quantity: str, target: float) -> float:
    """The first size at which the mean meets a target."""
    grid = np.geomspace(ladder.sizes[0], ladder.sizes[-1], 3000)
    means = np.mean(
        [_interpolated(grid, ladder.sizes.astype(np.float64), row, quantity)
         for row in ladder.tables[quantity]], axis=0,
    )  # fmt: skip
    met = means >= target if quantity == "score" else means <= target
    return float(grid[np.argmax(met)]) if met.any() else math.inf


def plan_with(prior_of: Callable[[State], TrendPrior]) -> Policy:
    """The package's plan, of at most ten times what there was at the start."""

    def policy(state: State) -> float:
        totals = np.geomspace(state.total, max(state.limit, 1.02 * state.total), _TOTALS)
        missed = state.forecast(prior_of(state)).missed(state.target, totals)
        path = cheapest_path(
            totals, missed, state.rounds, 1.0, lambda G: np.where(G <= RISK, 0.0, np.inf)
        )
        # a target that has just been missed needs more samples
        return float(totals[max(path[1], 1)])

    return policy


def plan_without_prior(state: State) -> float:
    """The same with the intervals of ``prior=None``, a normal distribution of log size."""
    case = Case(state.shown, state.quantity, len(state.shown.sizes))
    low, size, high = (x * state.shown.sizes[-1] for x in without_prior(case, state.target))
    totals = np.geomspace(state.total, max(state.limit, 1.02 * state.total), _TOTALS)
    if not math.isfinite(size):
        return float(totals[-1])
    z = stats.norm.ppf(0.95)
    distance = np.log(totals / size)
    ends = [max(math.log(size / low) / z, 1e-6), math.log(high / size) / z]
    scale = np.where(distance < 0, ends[0], max(ends[1], 1e-6))
    reached = stats.norm.cdf(distance / scale)
    missed = 1.0 - reached / max(reached[-1], 1e-300)
    path = cheapest_path(
        totals, missed, state.rounds, 1.0, lambda G: np.where(G <= RISK, 0.0, np.inf)
    )
    return float(totals[max(path[1], 1)])


def fitted_power_law(state: State) -> tuple[float, float]:
    """Slope per doubling of a power law through what is shown, and log of the value at its end."""
    curve = state.shown.curve(state.quantity)
    slope, at_end = np.polyfit(curve.doublings - curve.doublings[-1], curve.logs, 1)
    return -float(slope), float(at_end)


def power_law(state: State, correction: float = 0.0) -> float:
    """
    As many samples as a power law needs, refitted in each round.

    `correction` is Mahmood's: the target is taken to be better by this share of its distance.
    """
    slope, now = fitted_power_law(state)
    best = 1.0 if state.quantity == "score" else 0.0
    distance = abs(best - state.target) * (1.0 - correction)
    if slope <= 0:
        return state.limit
    total = 2.0 ** (np.log2(state.shown.sizes[-1]) + (now - math.log(max(distance, 1e-12))) / slope)
    return float(min(max(total, 1.02 * state.total), state.limit))


def data_eval(state: State) -> float:
    """What DataEval's Sufficiency projects for a score, given the same measurements."""
    size = dataeval_size(state.shown, state.quantity, state.target)
    return state.limit if size is None else float(np.clip(size, 1.02 * state.total, state.limit))


def dataeval_size(shown: BankLadder, quantity: str, target: float) -> float | None:
    """The size that its Sufficiency projects; None if it gives none."""
    from dataeval.performance import Sufficiency

    sizes, table = shown.sizes, shown.tables[quantity]

    class Training:
        """Notes how many samples came."""

        def train(self, model, dataset, indices):
            model["size"] = len(indices)

    class Evaluation:
        """Looks the measured number up; a run begins with the smallest size."""

        repeat = -1

        def evaluate(self, model, dataset):
            at = sizes.tolist().index(model["size"])
            self.repeat += at == 0
            return {"measure": float(table[self.repeat, at])}

    np.random.seed(0)  # noqa: NPY002 (its basin hopping draws from the global generator)
    output = Sufficiency(
        model={}, training_strategy=Training(), evaluation_strategy=Evaluation(), runs=len(table),
    ).evaluate(range(int(sizes[-1])), range(1), schedule=sizes.tolist())  # fmt: skip
    size = int(output.inv_project({"measure": np.array([target])})["measure"][0])
    return size if size >= 0 else None


def more(factor: float) -> Policy:
    """So many times as much in every round."""
    return lambda state: factor * state.total


def campaign(
    ladder: BankLadder, quantity: str, share: float, rounds: int, policy: Policy
) -> float | None:
    """What is bought over what is needed; below 1 where it ends short; None without a question."""
    end = float(ladder.sizes[-1])
    total = start = end / START
    values = [part.tables[quantity].mean(axis=0)[-1] for part in (up_to(ladder, start), ladder)]
    distances = [1.0 - v if quantity == "score" else v for v in values]
    if len(up_to(ladder, start).sizes) < FEWEST or distances[1] > (1 - IMPROVEMENT) * distances[0]:
        return None
    target = float(values[0] + share * (values[1] - values[0]))
    enough = needed(ladder, quantity, target)
    if not start < enough < math.inf:
        return None
    for left in range(rounds, 0, -1):
        state = State(up_to(ladder, total), quantity, target, total, left, START * start)
        total = max(policy(state), total)
        if total >= enough:
            break
    return total / enough


def summary(ratios: list[float], data_sets: list[str]) -> dict[str, float]:
    """Every data set weighs the same."""
    _, inverse, counts = np.unique(data_sets, return_inverse=True, return_counts=True)
    weights = 1.0 / counts[inverse] / len(counts)
    values = np.array(ratios)
    order = np.argsort(values)
    cumulated = np.cumsum(weights[order])
    quantiles = {
        f"bought_{name}": float(values[order][min(np.searchsorted(cumulated, p), len(values) - 1)])
        for name, p in (("median", 0.5), ("90", 0.9))
    }
    return {"n": len(ratios), "short": float(weights @ (values < 1.0)), **quantiles}


def corrections(ladders: list[BankLadder], quantity: str) -> dict[str, float]:
    """For every data set, the smallest correction with which the others end short in 5 %."""
    grid = np.linspace(0.0, 0.9, 19)
    names = [ladder.data_set for ladder in ladders for _ in SHARES]
    table = []
    for correction in grid:
        found = [
            campaign(ladder, quantity, share, 1, lambda state, c=correction: power_law(state, c))
            for ladder in ladders
            for share in SHARES
        ]
        table.append([math.nan if ratio is None else float(ratio < 1.0) for ratio in found])
    short, chosen = np.array(table), {}
    for name in set(names):
        others = np.array([other != name for other in names])
        rates = np.nanmean(short[:, others], axis=1)
        good = np.flatnonzero(rates <= RISK)
        chosen[name] = float(grid[good[0] if len(good) else -1])
    return chosen


def replay(ladders: list[BankLadder], quantity: str) -> dict[str, dict[str, float]]:
    """All policies and numbers of rounds."""
    names = [ladder.data_set for ladder in ladders]
    rows = rows_of(ladders, quantity)
    priors = {
        name: fit_prior(
            rows.of(rows.data_sets != name),
            quantity,
            usual_noise([ladder for ladder in ladders if ladder.data_set != name], quantity),
        )
        for name in set(names)
    }
    corrected = corrections(ladders, quantity)
    policies: dict[str, Policy] = {
        "plan, prior='bank'": plan_with(lambda state: priors[state.shown.data_set]),
        "plan, prior=None": plan_without_prior,
        "power law, refitted": power_law,
        "power law with Mahmood's correction": lambda state: power_law(
            state, corrected[state.shown.data_set]
        ),
        "half as much again": more(1.5),
        "twice as much": more(2.0),
    }
    found = {
        f"{name}, {rounds}": campaigns(ladders, quantity, SHARES, rounds, policy)
        for name, policy in policies.items()
        for rounds in ROUNDS
    }
    if quantity == "score":
        # seconds a call: one net of each data set, one target, and ours on the same
        some = [ladder for ladder in ladders if ladder.net == "perceptron 64"]
        for name, policy in (("DataEval", data_eval), *policies.items()):
            found[f"{name}, 3, on a part"] = campaigns(some, quantity, SHARES[1:2], 3, policy)
    for name, numbers in found.items():
        print(quantity, name, record.rounded(numbers), flush=True)
    return found


def campaigns(
    ladders: list[BankLadder],
    quantity: str,
    shares: tuple[float, ...],
    rounds: int,
    policy: Policy,
) -> dict[str, float]:
    """The summary of all that have a question."""
    tried = [
        (campaign(ladder, quantity, share, rounds, policy), ladder.data_set)
        for ladder in ladders
        for share in shares
    ]
    ratios, data_sets = zip(*[pair for pair in tried if pair[0] is not None], strict=True)
    return summary(list(ratios), list(data_sets))


def main() -> None:
    """Replay and write."""
    warnings.simplefilter("ignore")
    ladders = read_bank()
    found = {quantity: replay(ladders, quantity) for quantity in QUANTITIES}
    print(record.write("replay", "python docs/studies/bank/replay.py", found, "dataeval"))


if __name__ == "__main__":
    main()
