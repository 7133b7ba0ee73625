"""Plans against brute force, and what they say."""

import itertools
import math

import numpy as np
import pytest

from sufficiency import CollectionPlan, NotIdentifiableError
from sufficiency.exceptions import InvalidParameterError
from sufficiency.sizing.beyond import forecast_beyond
from sufficiency.sizing.collection import chance_in_words, cheapest_path, plan_collection
from tests.campaigns import result_of
from tests.helpers import make_result

# neighboring totals that are compared differ by this factor
STEP = 10 ** (1 / 399)


@pytest.fixture(scope="module")
def result():
    return result_of(1000)


def expected(totals, needs, path, price, miss):
    """
    Mean cost of buying along a path, by going through all numbers that may be needed.

    `needs` are probabilities that exactly so many are needed; what is left to 1 is never enough.
    """
    costs, short = 0.0, 1.0
    for need, chance in zip(totals, needs, strict=True):
        enough = [q for q in path if q >= need]
        last = enough[0] if enough else (path[-1] if path else totals[0])
        met = bool(enough) if path else need <= totals[0]
        costs += 0.0 if met else chance * miss
        short -= chance if met else 0.0
        costs += chance * price * (last - totals[0])
    never = 1.0 - needs.sum()
    last = path[-1] if path else totals[0]
    return costs + never * (price * (last - totals[0]) + miss), short


def every_path(totals, rounds):
    for n in range(rounds + 1):
        yield from itertools.combinations(totals[1:], n)


@pytest.mark.parametrize("rounds", [1, 2, 3, 5])
@pytest.mark.parametrize("seed", range(5))
def test_the_path_is_the_best_of_all_by_brute_force(rounds, seed):
    rng = np.random.default_rng(seed)
    totals = np.cumsum(rng.integers(1, 30, size=8)).astype(float)
    needs = rng.dirichlet(np.ones(9))[:-1]  # the rest is never enough
    missed = 1.0 - np.cumsum(needs)
    for price, miss in ((1.0, 20.0), (0.3, 50.0), (2.0, 1.0)):
        found = cheapest_path(totals, missed, rounds, price, lambda G, c=miss: c * G)
        path = totals[np.unique(found)[1:]].tolist()
        best = min(
            expected(totals, needs, list(p), price, miss)[0] for p in every_path(totals, rounds)
        )
        # sums of a few dozen products
        assert expected(totals, needs, path, price, miss)[0] == pytest.approx(best, rel=1e-12)
    for risk in (missed[-1] + 1e-9, 0.5, 0.9):
        kept = lambda G, r=risk: np.where(r >= G, 0.0, np.inf)  # noqa: E731
        found = cheapest_path(totals, missed, rounds, 1.0, kept)
        path = totals[np.unique(found)[1:]].tolist()
        pairs = [expected(totals, needs, list(p), 1.0, 0.0) for p in every_path(totals, rounds)]
        best = min(cost for cost, short in pairs if short <= risk + 1e-12)
        cost, short = expected(totals, needs, path, 1.0, 0.0)
        assert short <= risk + 1e-12
        assert cost == pytest.approx(best, rel=1e-12)


@pytest.mark.parametrize(("quantity", "target"), [("score", 0.94), ("loss", 0.18), ("delta", 1e-7)])
def test_one_round_buys_the_quantile(result, quantity, target):
    plan = result.plan(target, quantity, rounds=1, risk=0.1)
    chance = forecast_beyond(result.measurements, quantity).chance
    (total,) = plan.totals
    wanted = 0.9 * chance(plan.limit, target)[0]
    # the next smaller total of the grid does not keep the risk; the forecast's own grid is linear
    # between two of its points
    assert chance(total, target)[0] >= wanted - 1e-3
    assert chance(total / STEP - 1, target)[0] < wanted + 1e-3
    assert plan.chance_short == pytest.approx(1 - plan.chances[0])


def test_the_expected_total_is_that_of_the_outcomes(result):
    plan = result.plan(0.94)
    assert plan.outcomes.sum() == pytest.approx(1)
    assert (plan.outcomes >= 0).all()
    assert (np.diff(plan.totals) > 0).all()
    frame = plan.to_frame()
    assert frame["collect"].sum() == plan.totals[-1] - plan.n_available
    assert frame["needed"].iloc[0] == 1
    bought = (frame["collect"] * frame["needed"]).sum()
    assert plan.expected_total == pytest.approx(plan.n_available + bought)
    assert frame.index.tolist() == [1, 2, 3]
    assert frame.index.name == "round"


def test_more_rounds_never_cost_more(result):
    totals = [result.plan(0.94, rounds=rounds).expected_total for rounds in range(1, 6)]
    # each total is rounded up to a whole sample
    assert (np.diff(totals) < 1).all()
    assert totals[3] < 0.95 * totals[0]
    costs = {"cost_per_sample": 0.1, "cost_of_missing": 500}
    costs = [result.plan(0.94, rounds=rounds, **costs).expected_cost for rounds in range(1, 6)]
    assert (np.diff(costs) < 0.1).all()


def test_costs_scale(result):
    plan = result.plan(0.94, cost_per_sample=1, cost_of_missing=3000)
    same = result.plan(0.94, cost_per_sample=0.02, cost_of_missing=60)
    np.testing.assert_array_equal(plan.totals, same.totals)
    assert same.expected_cost == pytest.approx(plan.expected_cost / 50)
    dearer = result.plan(0.94, cost_per_sample=1, cost_of_missing=30_000)
    assert dearer.chance_short < plan.chance_short
    by_hand = plan.expected_total - 1000 + 3000 * plan.chance_short
    assert plan.expected_cost == pytest.approx(by_hand)
    assert math.isnan(result.plan(0.94).expected_cost)


def test_a_smaller_risk_and_a_wider_forecast_buy_more(result):
    one = {"target": 0.94, "rounds": 1}
    cautious = result.plan(**one, risk=0.02).totals[0]
    assert cautious > result.plan(**one, risk=0.1).totals[0]
    wide = plan_collection(result.measurements, **one, widening=1.5)
    assert wide.totals[0] > result.plan(**one).totals[0]


def test_without_a_prior_it_goes_through_the_interval(result):
    plan = result.plan(0.18, "loss", prior=None)
    estimate = result.estimate_for_target(0.18, "loss", confidence=0.9, prior=None)
    low, high = estimate.interval
    chances = np.interp(np.log([low, estimate.size, high]), np.log(plan.grid), plan.grid_chances)
    # the grid is linear between two totals
    np.testing.assert_allclose(chances, [0.05, 0.5, 0.95], atol=0.01)
    assert plan.chance_short <= 0.05


def test_an_interval_without_an_end_leaves_half_open():
    result = result_of(1000, noise=0.1)
    estimate = result.estimate_for_target(0.12, "loss", confidence=0.9, prior=None)
    assert estimate.interval[1] == math.inf
    plan = result.plan(0.12, "loss", prior=None)
    # the half above the size never meets the target; the plan is about what the limit allows
    assert plan.grid_chances[-1] < 0.5
    assert plan.chance_short_of_limit <= 0.05
    chance = chance_in_words(plan.grid_chances[-1])
    assert f"samples, the limit of this plan, are enough is {chance}; of these" in str(plan)


def test_no_round_buys_a_handful_to_measure_again(result):
    """A new measurement alone may meet a target that is almost met."""
    for target in np.linspace(0.9, 0.94, 9):
        plan = result.plan(target, rounds=5)
        assert plan.collect == 0 or plan.collect >= 0.05 * plan.n_available
    plan = result.plan(0.94, limit=1020)
    assert plan.grid[0] == 1000
    assert plan.limit == 1020


def test_a_target_that_is_met_already(result):
    plan = result.plan(0.8)
    assert plan.collect == 0
    assert plan.totals.tolist() == [1000]
    assert str(plan).startswith("Collect nothing: the chance that the 1,000 samples there are")
    assert plan.expected_total == 1000
    assert len(plan.to_frame()) == 1


@pytest.mark.parametrize(
    ("target", "quantity", "prior"),
    [(1.0, "score", "bank"), (0.0, "loss", "bank"), (1e-3, "loss", None)],
)
def test_a_target_out_of_reach_is_not_planned_for(target, quantity, prior):
    result = result_of(100_000, noise=0.001)
    plan = result.plan(target, quantity, prior=prior)
    assert plan.out_of_reach
    assert plan.collect == 0
    assert "Collect nothing for now" in str(plan)
    assert "a larger net or other settings may" in str(plan)


def test_the_risk_is_about_what_the_limit_allows(result):
    plan = result.plan(0.966)
    assert 0.05 < plan.chance_short < 0.95
    assert plan.chance_short_of_limit <= 0.05
    by_hand = (plan.grid_chances[-1] - plan.chances[-1]) / plan.grid_chances[-1]
    assert plan.chance_short_of_limit == pytest.approx(by_hand)
    assert "The chance that 10,000 samples, the limit of this plan, are enough is" in str(plan)
    farther = result.plan(0.966, limit=40_000)
    assert farther.limit == 40_000
    assert farther.chance_short < plan.chance_short


def test_what_costs_more_than_it_saves_is_not_bought(result):
    plan = result.plan(0.94, cost_per_sample=1, cost_of_missing=1)
    assert plan.collect == 0
    assert "would cost more than they can be expected to save" in str(plan)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"rounds": 0}, "`rounds` must be >= 1, got 0"),
        ({"rounds": 1.5}, "`rounds` must be an integer >= 1"),
        ({"risk": 0.0}, r"`risk` must be in \(0, 1\), got 0.0; 0.05 is usual"),
        ({"risk": 1}, r"`risk` must be in \(0, 1\), got 1"),
        ({"risk": math.nan}, "`risk` must be finite"),
        ({"risk": "small"}, "`risk` must be a number"),
        ({"limit": 1000}, "`limit` must be more than the 1,000 samples there are, got 1,000"),
        ({"limit": 0}, "`limit` must be >= 1"),
        ({"limit": 1e4}, "`limit` must be an integer"),
        ({"cost_per_sample": 1.0}, "`cost_of_missing` must go with the other cost"),
        ({"cost_of_missing": 1.0}, "`cost_per_sample` must go with the other cost"),
        ({"cost_per_sample": 0, "cost_of_missing": 1}, "`cost_per_sample` must be finite and > 0"),
        ({"cost_per_sample": 1, "cost_of_missing": -1}, "`cost_of_missing` must be finite and > 0"),
        ({"quantity": "accuracy"}, "`quantity` must be one of 'delta', 'loss', 'score'"),
        ({"quantity": "loss", "target": -0.1}, "at least 0, the best loss there can be, got -0.1"),
        ({"quantity": "delta", "target": 0}, "`target` must be finite and > 0, got 0"),
        ({"target": 1.2}, "at most 1, the best score there can be, got 1.2; choose one between"),
        ({"target": math.inf}, "`target` must be finite"),
        ({"target": None}, "`target` must be a number"),
        ({"prior": "flat"}, "`prior` must be 'bank' or None, got 'flat'"),
    ],
)
def test_bad_input_is_refused(result, bad, words):
    with pytest.raises(InvalidParameterError, match=words):
        result.plan(**({"target": 0.94} | bad))


def test_without_a_forecast_a_plan_needs_a_size_and_its_interval():
    rising = make_result(np.array([[1.0, 2.0, 3.0]] * 2), family="power_law")
    with pytest.raises(NotIdentifiableError, match="a plan needs a size, and there is none"):
        rising.plan(1e-3, "delta")
    single = make_result(np.array([[1.0, 0.25, 0.06]]))
    with pytest.raises(InvalidParameterError, match="`n_repeats` must be >= 2 for an interval"):
        single.plan(1e-3, "delta")


def plan_of(totals, chances, *, costs=None, risk=0.05, horizon=None):
    """Chosen numbers, so that every word is known."""
    grid = np.array([1000.0, 1e6])
    last = 1.0 if horizon is None else horizon
    return CollectionPlan(
        quantity="score",
        target=0.95,
        n_available=1000,
        totals=np.array(totals),
        chances=np.array(chances),
        risk=risk,
        grid=grid,
        grid_chances=np.array([0.0, last]),
        costs=costs,
    )


WORDS = {
    "one": (
        plan_of([5000], [0.951]),
        "Collect 4,000 samples now, for a total of 5,000: the chance that this is enough for an "
        "unseen score of at least 0.95 is 95 %.",
    ),
    "two": (
        plan_of([3000, 5000], [0.5, 0.95]),
        "Collect 2,000 samples now, for a total of 3,000: the chance that this is enough for an "
        "unseen score of at least 0.95 is 50 %. If it is not enough, measure again and plan again; "
        "as things stand, the next total would be 5,000. The expected total is 4,000 samples and "
        "the risk of ending short is 5 %.",
    ),
    "three": (
        plan_of([2000, 3000, 5000], [0.2, 0.5, 0.75], horizon=0.8),
        "Collect 1,000 samples now, for a total of 2,000: the chance that this is enough for an "
        "unseen score of at least 0.95 is 20 %. If it is not enough, measure again and plan again; "
        "as things stand, the next totals would be 3,000 and 5,000. The expected total is 3,800 "
        "samples and the risk of ending short is 25 %. The chance that 1,000,000 samples, the "
        "limit of this plan, are enough is 80 %; of these cases, 6.2 % end short.",
    ),
    "four, with costs": (
        plan_of([2000, 3000, 4000, 5000], [0.2, 0.4, 0.6, 0.9], costs=(0.5, 1e5)),
        "Collect 1,000 samples now, for a total of 2,000: the chance that this is enough for an "
        "unseen score of at least 0.95 is 20 %. If it is not enough, measure again and plan again; "
        "as things stand, the next totals would be 3,000, 4,000, and 5,000. The expected total is "
        "3,800 samples, the expected cost is 11,400, and the risk of ending short is 10 %.",
    ),
}


@pytest.mark.parametrize("kind", WORDS)
def test_words(kind):
    plan, text = WORDS[kind]
    assert str(plan) == text


def test_chances_are_never_certain():
    shown = {0.0: "below 0.1 %", 1.0: "above 99.9 %", 0.5: "50 %", 0.996: "99.6 %", 0.0123: "1.2 %"}
    assert {chance: chance_in_words(chance) for chance in shown} == shown
