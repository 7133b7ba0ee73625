import math

import numpy as np
import pytest

from sufficiency.exceptions import InvalidParameterError
from sufficiency.sizing.beyond import FEWEST_SIZES, forecast_beyond
from sufficiency.sizing.questions import DeltaQuestion, TargetQuestion
from sufficiency.sizing.verdict import judge
from tests.helpers import make_result
from tests.sizing.ladders import SIZES, measured, noisy

KAPPA = SIZES + 1.0


def ladder(rng, **changed):
    tables = {
        "unseen_loss": noisy(2.0 * KAPPA**-0.3, rng, level=0.02, single=0.01),
        "unseen_score": 1.0 - noisy(0.8 * KAPPA**-0.3, rng, level=0.02, single=0.01),
    }
    delta = noisy(KAPPA**-2.2, rng, level=0.1, single=0.1)
    return measured(SIZES, delta, **(tables | changed))


@pytest.mark.parametrize("quantity", ["loss", "score", "delta"])
def test_without_a_prior_there_is_no_forecast(rng, quantity):
    assert forecast_beyond(ladder(rng), quantity, None) is None
    assert forecast_beyond(ladder(rng), quantity) is not None


def test_losses_that_may_be_negative_have_no_forecast(rng):
    some = ladder(rng, unseen_loss=np.linspace(1.0, -1.0, len(SIZES)) + np.zeros((4, 1)))
    assert forecast_beyond(some, "loss") is None
    assert forecast_beyond(some, "score") is not None
    estimate = TargetQuestion(-1.5, "loss").estimate(some, "auto", 0.95)
    assert estimate.basis == "fit"


def test_scores_above_one_have_none_and_turned_losses_have_one(rng):
    some = ladder(rng)
    for score, known in ((1e3 * some.unseen_score, False), (-some.unseen_loss, True)):
        found = forecast_beyond(ladder(rng, unseen_score=score), "score")
        assert (found is not None) == known
    assert found.best == 0.0


def test_too_few_sizes_have_no_forecast(rng):
    some = ladder(rng)
    few = np.where(np.arange(len(SIZES)) < FEWEST_SIZES - 1, some.unseen_loss, np.nan)
    assert forecast_beyond(ladder(rng, unseen_loss=few), "loss") is None


def test_a_net_for_all_sizes_needs_no_forecast(rng):
    assert forecast_beyond(ladder(rng, one_net=True), "delta") is None


def test_mean_absolute_values_are_forecast_as_roots_of_mean_squares():
    """Without noise: the size for √τ is that for τ."""
    delta = np.tile(KAPPA**-2.2, (4, 1))
    squares, roots = measured(SIZES, delta), measured(SIZES, np.sqrt(delta), order=1)
    tau = float(delta[0, -1]) / 20.0
    one = DeltaQuestion(tau).estimate(squares, "auto", 0.9)
    other = DeltaQuestion(math.sqrt(tau)).estimate(roots, "auto", 0.9)
    assert one.basis == other.basis == "bank"
    # the error that is assumed at least is that of a root in one and of a square in the other
    assert other.size == pytest.approx(one.size, rel=1e-3)
    assert other.interval[1] == pytest.approx(one.interval[1], rel=1e-2)


def test_a_score_that_is_unknown_leaves_the_loss_to_itself(rng):
    some = ladder(rng)
    alone = ladder(rng, unseen_score=np.nan)
    own = measured(
        SIZES, some.delta, unseen_loss=alone.unseen_loss, unseen_score=1.0 - alone.unseen_loss / 4.0
    )
    target = float(some.unseen_loss[:, -1].mean()) / 2.0
    sizes = [TargetQuestion(target, "loss").estimate(one, "auto", 0.9).size for one in (alone, own)]
    # 1 − loss/4 falls exactly as the loss
    assert sizes[0] == sizes[1]


def test_inside_the_measured_sizes_nothing_changes(rng):
    some = ladder(rng)
    threshold = float(some.delta[:, 4].mean())
    with_bank, without = (
        DeltaQuestion(threshold, prior=prior).estimate(some, "auto", 0.95)
        for prior in ("bank", None)
    )
    assert with_bank == without
    assert with_bank.basis == "fit"


def test_beyond_them_the_answer_is_the_median(rng):
    some = ladder(rng)
    question = DeltaQuestion(float(some.delta[:, -1].mean()) / 9.0)
    estimate, found = question.estimate(some, "auto", 0.8), question.forecast(some)
    assert estimate.basis == "bank"
    totals = np.array([estimate.interval[0], estimate.size, estimate.interval[1]])
    reached = np.interp(np.log(totals), np.log(found.grid), found.reached(question.threshold))
    np.testing.assert_allclose(reached, [0.1, 0.5, 0.9], atol=0.01)


def test_a_chosen_family_takes_the_place_of_the_prior(rng):
    some = ladder(rng)
    threshold = float(some.delta[:, -1].mean()) / 9.0
    estimates = [
        DeltaQuestion(threshold, prior=prior).estimate(some, "power_law", 0.95)
        for prior in ("bank", None)
    ]
    assert estimates[0] == estimates[1]
    assert estimates[0].basis == "fit"


def test_growth_has_no_prior(rng):
    assert DeltaQuestion(1e-6, growth=0.1).forecast(ladder(rng)) is None
    assert DeltaQuestion(1e-6, growth=1).forecast(ladder(rng)) is not None


def test_what_no_likely_curve_reaches_needs_more_for_sure(rng):
    verdict = judge(ladder(rng), DeltaQuestion(1e-30))
    assert verdict.size is None
    assert (verdict.decision, verdict.sure) == ("more", True)
    assert verdict.interval == (1000 * SIZES[-1], math.inf)
    assert "1,000 times" in str(verdict)


def test_a_curve_unlike_all_others_is_said_and_widened(rng):
    steep = ladder(rng, unseen_loss=noisy(KAPPA**-6.0, rng, level=0.02, single=0.01))
    found = forecast_beyond(steep, "loss")
    assert found.unlike_others
    assert found.widening == pytest.approx(1.0 + found.prior.distance(found.features))
    target = float(steep.unseen_loss[:, -1].mean()) / 1000.0
    said = str(judge(steep, TargetQuestion(target, "loss")))
    assert "falls in a way that none of those did" in said
    usual = judge(ladder(rng), TargetQuestion(0.05, "loss"))
    assert "falls in a way" not in str(usual)


@pytest.mark.parametrize("prior", ["banks", True, 0, 1.0])
def test_other_priors_are_refused(prior):
    delta = np.tile(KAPPA**-2.0, (4, 1))
    with pytest.raises(InvalidParameterError, match="`prior` must be 'bank' or None"):
        make_result(delta, SIZES).verdict(1e-6, prior=prior)
