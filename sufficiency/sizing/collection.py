"""How many samples to collect now, with so many rounds left."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
from scipy import special

from sufficiency._representations import card, short_repr
from sufficiency._types import Floats
from sufficiency._validation import check_choice, check_integer, check_number
from sufficiency.exceptions import InvalidParameterError, NotIdentifiableError
from sufficiency.forecasts.bank import QUANTITIES
from sufficiency.forecasts.forecast import Forecast
from sufficiency.sizing.beyond import forecast_beyond
from sufficiency.sizing.caveats import run_caveats
from sufficiency.sizing.ladder import Ladder
from sufficiency.sizing.questions import DeltaQuestion, Question, TargetQuestion, percent
from sufficiency.sizing.replicates import t_quantile
from sufficiency.sizing.verdict import capitalized

if TYPE_CHECKING:
    import pandas as pd

# Totals that are compared, evenly on the log scale, and by default the largest of them in units of
# what there is: hardly anyone collects more, and farther ahead forecasts are hardly worth more.
_TOTALS, _LIMIT = 400, 10
# Fewer samples than this share of those there are are not worth another measurement.
_LEAST = 0.05
# The confidence whose interval gives a distribution where there is no forecast.
_CONFIDENCE = 0.9
# A target that is met with a smaller chance, however much is collected, is not planned for.
_HOPELESS = 0.05
# A chance this near to 1 goes without saying.
_CERTAIN = 0.01


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
        Samples there will be after each round, if none before it was enough; `n_available` alone
        where nothing is to be collected.
    chances : (T,) float64
        Probability that the target is met by then.
    risk : float
        Accepted probability of ending short of the target where the limit would be enough.
    grid : (len,) float64
        Totals that were compared, from `n_available` to the limit.
    grid_chances : (len,) float64
        Probability that each of them is enough: the distribution of the total that is needed.
    costs : (float, float) or None
        Price of a sample and of ending short, in one unit; None: the expected total is minimized.
    """

    quantity: str
    target: float
    n_available: int
    totals: np.ndarray
    chances: Floats
    risk: float
    grid: Floats
    grid_chances: Floats
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
    def limit(self) -> int:
        """The largest total that was considered."""
        return int(self.grid[-1])

    @property
    def chance_short_of_limit(self) -> float:
        """Probability that the last round ends short although the limit would be enough."""
        possible = float(self.grid_chances[-1])
        return 1.0 - float(self.chances[-1]) / possible if possible > 0 else 0.0

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

    @property
    def out_of_reach(self) -> bool:
        """Whether the target is hardly ever met, however much is collected."""
        return bool(self.grid_chances[-1] < _HOPELESS)

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

    @property
    def criterion(self) -> str:
        """What is to be met, in words."""
        name = "a Δ" if self.quantity == "delta" else f"an unseen {self.quantity}"
        return f"{name} of at {'least' if self.quantity == 'score' else 'most'} {self.target:.3g}"

    def __str__(self) -> str:
        return ". ".join(self._steps() if self.collect else self._nothing()) + "."

    def __repr__(self) -> str:
        return short_repr(self, "quantity", "target", "n_available", "collect", "totals", "chances")

    def _repr_html_(self) -> str:
        if not self.collect:
            return card("Collect nothing for now", str(self), kind="unknown")
        rounds = self.to_frame()
        columns = {
            "Round": [str(number) for number in rounds.index],
            "Collect": [f"{n:,}" for n in rounds["collect"]],
            "Total": [f"{n:,}" for n in rounds["total"]],
            "Chance that this is enough": [chance_in_words(chance) for chance in rounds["chance"]],
            "Chance that it takes place": [percent(chance) for chance in rounds["needed"]],
        }
        heading = f"Collect {self.collect:,} samples now"
        return card(heading, str(self), columns=columns, kind="more")

    def _steps(self) -> list[str]:
        first, *later = self.totals.tolist()
        parts = [
            f"Collect {self.collect:,} samples now, for a total of {first:,}: the chance that "
            f"this is enough for {self.criterion} is {chance_in_words(self.chances[0])}"
        ]
        expected = []
        if later:
            parts.append(
                "If it is not enough, measure again and plan again; as things stand, the next "
                f"total{'s' * (len(later) > 1)} would be {_series([f'{n:,}' for n in later])}"
            )
            expected.append(f"the expected total is {self.expected_total:,.0f} samples")
        if self.costs is not None:
            cost = self.expected_cost
            expected.append(f"the expected cost is {cost:,.{0 if cost >= 100 else 2}f}")
        if later:
            expected.append(f"the risk of ending short is {chance_in_words(self.chance_short)}")
        if expected:
            parts.append(capitalized(_series(expected)))
        if self.costs is None and self.grid_chances[-1] < 1.0 - _CERTAIN:
            parts.append(
                f"The chance that {self.limit:,} samples, the limit of this plan, are enough is "
                f"{chance_in_words(self.grid_chances[-1])}; of these cases, "
                f"{chance_in_words(self.chance_short_of_limit)} end short"
            )
        return parts

    def _nothing(self) -> list[str]:
        if self.out_of_reach:
            chance = chance_in_words(self.grid_chances[-1])
            return [
                f"Collect nothing for now: the chance that even {self.limit:,} samples are enough "
                f"for {self.criterion} is {chance}",
                "More samples will hardly get there; a larger net or other settings may",
            ]
        said = (
            f"Collect nothing: the chance that the {self.n_available:,} samples there are suffice "
            f"for {self.criterion} is {chance_in_words(self.chances[0])}"
        )
        if self.costs is None:
            return [said]
        return [said, "Any further samples would cost more than they can be expected to save"]


def chance_in_words(chance: float) -> str:
    """Two significant digits, without the certainty that no forecast has."""
    if chance < 0.001:
        return "below 0.1 %"
    if chance > 0.999:
        return "above 99.9 %"
    return percent(chance) if chance < 0.99 else f"{100 * chance:.1f} %"


def _series(parts: list[str]) -> str:
    """One, "one and two", or "one, two, and three"."""
    *most, last = parts
    return f"{', '.join(most)}{',' * (len(most) > 1)}{' and ' if most else ''}{last}"


def plan_collection(
    ladder: Ladder,
    target: float,
    *,
    quantity: str = "score",
    rounds: int = 3,
    risk: float = 0.05,
    limit: int | None = None,
    cost_per_sample: float | None = None,
    cost_of_missing: float | None = None,
    family: str = "auto",
    prior: str | None = "bank",
    widening: float = 1.0,
) -> CollectionPlan:
    """
    The plan with the lowest expected total that keeps the risk, or with the lowest expected cost.

    The risk is that of ending short where at most `limit` samples are needed: no plan can avoid to
    end short of what is out of reach. Where that is hardly in reach, it collects nothing.
    """
    check_choice("quantity", quantity, QUANTITIES)
    target = check_number("target", target, above=0.0 if quantity == "delta" else -math.inf)
    rounds = check_integer("rounds", rounds, 1)
    if not 0.0 < check_number("risk", risk) < 1.0:
        raise InvalidParameterError("risk", f"must be in (0, 1), got {risk!r}; 0.05 is usual")
    costs = _checked_costs(cost_per_sample, cost_of_missing)
    if quantity == "delta":
        _check_trainings(ladder)
    grid = _grid(ladder.n_available, _checked_limit(limit, ladder.n_available))
    reached = _reached(ladder, quantity, target, grid, family, prior, widening)
    if costs is None:
        possible = reached[-1] if reached[-1] >= _HOPELESS else 0.0
        missed = 1.0 - reached / possible if possible else np.zeros(_TOTALS)
        price, penalty = 1.0, lambda G: np.where(risk >= G, 0.0, np.inf)
    else:
        missed = 1.0 - reached
        price, penalty = costs[0], lambda G: costs[1] * G
    path = cheapest_path(grid, missed, rounds, price, penalty)
    # a round that buys nothing is none, unless no round buys anything
    bought = np.unique(path)[1:] if path[-1] > 0 else path[:1]
    return CollectionPlan(
        quantity,
        target,
        ladder.n_available,
        np.ceil(grid[bought] - 1e-9).astype(np.int64),
        reached[bought],
        risk,
        grid,
        reached,
        costs,
    )


def cheapest_path(
    totals: Floats, missed: Floats, rounds: int, price: float, penalty: Callable[[Floats], Floats]
) -> np.ndarray:
    """
    Positions of the cheapest totals, from the first one on, by dynamic programming.

    G(q) is the probability that more than q samples are needed; G of the first total counts as 1,
    since the first round takes place in any case. With t rounds left and q samples,

        J_0(q) = penalty(G(q)),    J_t(q) = min over q' ≥ q of price·(q' − q)·G(q) + J_{t−1}(q'),

    since a round is paid only where those before it did not suffice (Mahmood et al., "Optimizing
    Data Collection for Machine Learning", NeurIPS 2022).
    """
    paid = np.append(1.0, missed[1:])
    costs = price * (totals[None, :] - totals[:, None]) * paid[:, None]
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
    # a family that was chosen says how Δ goes on
    known = quantity != "delta" or family == "auto"
    found = forecast_beyond(ladder, quantity, prior if known else None, widening)
    if found is not None:
        _check_possible(quantity, target, found)
        return np.interp(np.log(totals), np.log(found.grid), found.reached(target))
    question: Question = (
        DeltaQuestion(target, prior=None)
        if quantity == "delta"
        else TargetQuestion(target, quantity, None)
    )
    estimate = question.estimate(ladder, family, _CONFIDENCE)
    if estimate.status == "unreachable":
        return np.zeros(len(totals))
    if estimate.size is None:
        raise NotIdentifiableError(f"a plan needs a size, and there is none: {estimate.reason}")
    t_quantile(_CONFIDENCE, ladder.n_repeats)  # says what a single repeat lacks
    # a normal distribution of log size on each side, through the ends of the interval
    low, high = cast("tuple[int, float]", estimate.interval)
    z = special.ndtri(0.5 + _CONFIDENCE / 2.0)
    distance = np.log(totals / estimate.size)
    below, above = math.log(estimate.size / low) / z, math.log(high / estimate.size) / z
    scale = np.where(distance < 0, max(below, 1e-9), max(above, 1e-9))
    return np.asarray(special.ndtr(distance / scale))


def _check_trainings(ladder: Ladder) -> None:
    """Refuse to plan by Δ where a verdict would refuse to decide: untrained nets pass anything."""
    for caveat in run_caveats(ladder):
        if caveat.effect == "unknown":
            raise NotIdentifiableError(f"the trainings are no basis for a plan: {caveat}")


def _check_possible(quantity: str, target: float, found: Forecast) -> None:
    """Refuse a target that no loss or score can meet."""
    if target > found.best if found.rising else target < found.best:
        rule = "at most" if found.rising else "at least"
        raise InvalidParameterError(
            "target",
            f"must be finite and {rule} {found.best:g}, the best {quantity} there can be, got "
            f"{target!r}; choose one between the best and what was measured",
        )


def _grid(n_available: int, limit: int) -> Floats:
    """(len,) totals to compare: what there is, and from a first step on evenly on the log scale."""
    first = min((1.0 + _LEAST) * n_available, limit)
    return np.append(float(n_available), np.geomspace(first, limit, _TOTALS - 1))


def _checked_limit(limit: int | None, n_available: int) -> int:
    if limit is None:
        return _LIMIT * n_available
    if check_integer("limit", limit, 1) <= n_available:
        raise InvalidParameterError(
            "limit", f"must be more than the {n_available:,} samples there are, got {limit:,}"
        )
    return limit


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
