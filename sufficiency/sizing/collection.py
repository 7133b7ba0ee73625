"""How many samples to collect now, with so many rounds left."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from sufficiency._types import Floats
from sufficiency._validation import check_choice, check_integer, check_number
from sufficiency.exceptions import InvalidParameterError, NotIdentifiableError
from sufficiency.forecasts.bank import QUANTITIES
from sufficiency.forecasts.forecast import HORIZON
from sufficiency.sizing.beyond import forecast_beyond
from sufficiency.sizing.ladder import Ladder
from sufficiency.sizing.questions import DeltaQuestion, Question, TargetQuestion, percent
from sufficiency.sizing.replicates import t_quantile

if TYPE_CHECKING:
    import pandas as pd

# Totals that are compared, evenly on the log scale.
_TOTALS = 400
# The confidence whose interval gives a distribution where there is no forecast.
_CONFIDENCE = 0.9


@dataclass(frozen=True, eq=False)
class CollectionPlan:
    """
    How many samples to collect in each round, as long as the target is not met.

    ``str()`` says it in a few sentences.

    Attributes
    ----------
    quantity : {"loss", "score", "delta"}
        What is to meet the target.
    target : float
        Loss, score or Δ, in its own unit.
    n_available : int
        Samples there are.
    totals : (T,) int64
        Samples there will be after each round, if none before it was enough.
    chances : (T,) float64
        Probability that the target is met by then.
    risk : float
        Accepted probability of ending short of the target.
    costs : (float, float) or None
        Price of a sample and of ending short, in one unit; None: the expected total is minimized.
    """

    quantity: str
    target: float
    n_available: int
    totals: np.ndarray
    chances: Floats
    risk: float
    costs: tuple[float, float] | None = None

    @property
    def collect(self) -> int:
        """Samples to collect now."""
        return int(self.totals[0]) - self.n_available

    @property
    def chance_short(self) -> float:
        """Probability that the last round ends short of the target."""
        return float(1.0 - self.chances[-1])

    @property
    def outcomes(self) -> Floats:
        """(T,) probability that each round is the last one."""
        ends = np.append(self.chances[:-1], 1.0)
        return np.diff(ends, prepend=0.0)

    @property
    def expected_total(self) -> float:
        """Mean number of samples at the end."""
        return float(self.outcomes @ self.totals)

    @property
    def expected_cost(self) -> float:
        """Mean cost of what is collected and missed; NaN without costs."""
        if self.costs is None:
            return math.nan
        bought = self.expected_total - self.n_available
        return float(self.costs[0] * bought + self.costs[1] * self.chance_short)

    def to_frame(self) -> "pd.DataFrame":
        """
        One row for every round.

        Returns
        -------
        pandas.DataFrame
            By ``round``: ``collect``, the samples to collect then; ``total``; ``chance`` that the
            target is met by then; ``needed``, the probability that the round takes place.
        """
        import pandas as pd

        needed = np.append(1.0, 1.0 - self.chances[:-1])
        collect = np.diff(self.totals, prepend=self.n_available)
        columns = {"collect": collect, "total": self.totals, "chance": self.chances}
        index = pd.RangeIndex(1, len(self.totals) + 1, name="round")
        return pd.DataFrame(columns | {"needed": needed}, index)

    def __str__(self) -> str:
        name = "Δ" if self.quantity == "delta" else f"the unseen {self.quantity}"
        wanted = f"{name} {'at least' if self.quantity == 'score' else 'at most'} {self.target:.3g}"
        if not self.collect:
            return f"Collect nothing: {wanted} is met already, with a chance of {self._percent(0)}."
        parts = [
            f"Collect {self.collect:,} samples now, {self.totals[0]:,} in all: with a chance of "
            f"{self._percent(0)} that is enough for {wanted}"
        ]
        if len(self.totals) > 1:
            rest = ", then ".join(f"{total:,}" for total in self.totals[1:].tolist())
            parts.append(
                f"If it is not, measure again, and go on to about {rest}; that ends with "
                f"{self.expected_total:,.0f} samples on average"
            )
        short = f"The chance of ending short is {percent(self.chance_short)}"
        if self.costs is not None:
            short += f", and the expected cost {self.expected_cost:.4g}"
        elif self.chance_short > self.risk * 1.01:
            short += (
                f", not {percent(self.risk)}: even {HORIZON:,.0f} times the measured samples "
                "might not be enough"
            )
        return ". ".join([*parts, short]) + "."

    def _percent(self, i: int) -> str:
        return percent(self.chances[i])


def plan_collection(
    ladder: Ladder,
    target: float,
    *,
    quantity: str = "score",
    rounds: int = 3,
    risk: float = 0.05,
    cost_per_sample: float | None = None,
    cost_of_missing: float | None = None,
    family: str = "auto",
    prior: str | None = "bank",
    widening: float = 1.0,
) -> CollectionPlan:
    """
    The plan with the lowest expected total that keeps the risk, or with the lowest expected cost.

    Where no number of samples keeps the risk, it goes as far as the forecast does.
    """
    check_choice("quantity", quantity, QUANTITIES)
    rounds = check_integer("rounds", rounds, 1)
    if not 0.0 < check_number("risk", risk) < 1.0:
        raise InvalidParameterError("risk", f"must be in (0, 1), got {risk!r}; 0.05 is usual")
    costs = _checked_costs(cost_per_sample, cost_of_missing)
    totals = np.geomspace(ladder.n_available, HORIZON * ladder.n_available, _TOTALS)
    missed = 1.0 - _reached(ladder, quantity, target, totals, family, prior, widening)
    if missed[0] <= risk:
        last = np.array([ladder.n_available])
        return CollectionPlan(
            quantity, target, ladder.n_available, last, 1.0 - missed[:1], risk, costs
        )
    if costs is None:
        accepted = max(risk, float(missed[-1]))
        price, penalty = 1.0, lambda G: np.where(G <= accepted * (1.0 + 1e-9), 0.0, np.inf)
    else:
        price, penalty = costs[0], lambda G: costs[1] * G
    path = cheapest_path(totals, missed, rounds, price, penalty)
    # a round that buys nothing is none, unless no round buys anything
    bought = np.unique(path)[1:] if path[-1] > 0 else path[:1]
    return CollectionPlan(
        quantity,
        target,
        ladder.n_available,
        np.ceil(totals[bought] - 1e-9).astype(np.int64),
        1.0 - missed[bought],
        risk,
        costs,
    )


def cheapest_path(
    totals: Floats, missed: Floats, rounds: int, price: float, penalty: Callable[[Floats], Floats]
) -> np.ndarray:
    """
    Positions of the cheapest totals, from the first one on, by dynamic programming.

    G(q) is the probability that more than q samples are needed. With t rounds left and q samples,

        J_0(q) = penalty(G(q)),    J_t(q) = min over q' ≥ q of price·(q' − q)·G(q) + J_{t−1}(q'),

    since a round is paid only where those before it did not suffice (Mahmood et al., "Optimizing
    Data Collection for Machine Learning", NeurIPS 2022).
    """
    costs = price * (totals[None, :] - totals[:, None]) * missed[:, None]
    costs[np.tri(len(totals), k=-1, dtype=bool)] = np.inf
    rest, choices = penalty(missed), []
    for _ in range(rounds):
        choices.append((costs + rest).argmin(axis=1))
        rest = (costs + rest).min(axis=1)
    path = [0]
    for best in reversed(choices):
        path.append(int(best[path[-1]]))
    return np.array(path)


def _reached(
    ladder: Ladder,
    quantity: str,
    target: float,
    totals: Floats,
    family: str,
    prior: str | None,
    widening: float,
) -> Floats:
    """(len,) probability that the target is met with at most so many samples."""
    found = forecast_beyond(ladder, quantity, prior, widening)
    if found is not None:
        return np.interp(np.log(totals), np.log(found.grid), found.reached(target))
    question: Question = (
        DeltaQuestion(target, prior=None)
        if quantity == "delta"
        else TargetQuestion(target, quantity, None)
    )
    estimate = question.estimate(ladder, family, _CONFIDENCE)
    if estimate.size is None:
        raise NotIdentifiableError(f"no plan without a size: {estimate.reason}")
    if estimate.interval is None:
        t_quantile(_CONFIDENCE, ladder.n_repeats)  # a single repeat: says what is missing
    # a normal distribution of log size on each side, through the ends of the interval
    low, high = estimate.interval
    z = special.ndtri(0.5 + _CONFIDENCE / 2.0)
    distance = np.log(totals / estimate.size)
    below, above = math.log(estimate.size / low) / z, math.log(high / estimate.size) / z
    scale = np.where(distance < 0, max(below, 1e-9), max(above, 1e-9))
    return np.asarray(special.ndtr(distance / scale))


def _checked_costs(per_sample: object, of_missing: object) -> tuple[float, float] | None:
    if per_sample is None and of_missing is None:
        return None
    if per_sample is None or of_missing is None:
        raise InvalidParameterError(
            "cost_of_missing" if of_missing is None else "cost_per_sample",
            "must go with the other cost, got None; without both the expected total is minimized",
        )
    return (
        check_number("cost_per_sample", per_sample, above=0.0),
        check_number("cost_of_missing", of_missing, above=0.0),
    )
