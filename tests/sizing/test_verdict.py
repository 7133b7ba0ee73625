import re
from dataclasses import dataclass, replace

import numpy as np
import pytest

from sufficiency.curves import fit_curve
from sufficiency.sizing import SizeEstimate
from sufficiency.sizing import verdict as verdicts
from sufficiency.sizing.questions import (
    Answer,
    DeltaQuestion,
    TargetQuestion,
    suggest_thresholds,
)
from tests.sizing.ladders import SIZES, LeastSquares, ladder_of, measured, noisy

C = 2.0


@dataclass(frozen=True)
class Known:
    """A question whose numbers are known."""

    estimate: SizeEstimate
    kind = "delta"

    def forecast(self, ladder, family):
        return None

    def answer(self, ladder, family, confidence):
        curve = fit_curve(ladder.sizes, ladder.delta, family="theory")
        return self.estimate, Answer(curve, "nothing moves", (), 1e-6)


def judge(ladder, threshold, *, relative=False, growth=None, **given):
    """By the measured curve alone; tests/sizing/test_beyond.py has the bank."""
    return verdicts.judge(ladder, DeltaQuestion(threshold, relative, growth, None), **given)


@pytest.fixture
def ladder(rng):
    """Δ = 2/κ², an unseen loss of 0.5 that has levelled off, 1 200 samples passed to fit."""
    delta = noisy(C / (SIZES + 1.0) ** 2, rng, level=0.05, single=0.01)
    losses = np.tile(0.5 + (SIZES + 1.0) ** -1.5, (4, 1))
    return measured(SIZES, delta, unseen_loss=losses, n_available=1200)


def sentences(text):
    return re.split(r"(?<=[.:]) (?=[A-Z\d])", text)


def test_reached(ladder):
    verdict = judge(ladder, C / 801**2)
    assert verdict.status == "reached"
    assert verdict.interval[0] <= verdict.size <= verdict.interval[1]
    assert (verdict.n_available, verdict.n_missing) == (1200, 0)
    assert verdict.curve.family == "theory"
    # √(2/801²) is a change of 0.0018 in the loss, 0.35 % of 0.5
    assert verdict.change == pytest.approx(np.sqrt(C) / 801)
    assert verdict.relative_change == pytest.approx(np.sqrt(C) / 801 / 0.5, rel=1e-3)
    text = str(verdict)
    assert text.startswith(f"Enough: from about {verdict.size:,} samples on, one more sample")
    assert (verdict.decision, verdict.sure) == ("enough", True)
    assert "one more sample moves the loss landscape by at most 0.0018 (RMS, 0.35 % of" in text
    assert f"The 95 % interval is {verdict.interval[0]:,} to {verdict.interval[1]:,}." in text
    assert "You have 1,200, so none are missing; by the learning curve" in text
    assert 2 <= len(sentences(text)) <= 4


def test_extrapolated(ladder):
    verdict = judge(ladder, C / 3201**2)
    assert verdict.status == "extrapolated"
    assert verdict.n_missing == verdict.size - 1200
    text = str(verdict)
    assert text.startswith(f"More needed: from about {verdict.size:,} samples on, ")
    assert f"so about {verdict.n_missing:,} are missing" in text
    assert "times beyond the largest measured size, 1,600" in text
    assert 2 <= len(sentences(text)) <= 4


def test_at_most(ladder):
    text = str(judge(ladder, 0.2))
    assert text.startswith("Enough: already at 50 samples, the smallest size measured, one more")
    assert "interval" not in text


def test_not_identifiable_with_a_size(rng):
    ladder = ladder_of("power_law", rng)
    text = str(judge(ladder, 3.0 * 2e5**-2.6))
    assert text.startswith("More needed: the curve points to")
    assert "too wide to plan with" in text
    assert re.search(r"You have 2,000, so at least [\d,]+ are missing\.", text)


def test_not_identifiable_without_a_size():
    flat = measured(SIZES, np.vstack([SIZES**0.1, SIZES**0.2]))
    verdict = judge(flat, 0.5, family="power_law")
    assert (verdict.status, verdict.size, verdict.n_missing) == ("not_identifiable", None, None)
    assert (verdict.decision, verdict.sure) == ("unknown", False)
    assert str(verdict).startswith("Unknown: Δ does not fall over the measured sizes")


def test_order_one_is_a_mean_absolute_change(rng):
    delta = noisy(C / (SIZES + 1.0), rng, level=0.05)
    verdict = judge(measured(SIZES, delta, order=1), C / 401)
    assert verdict.change == C / 401
    assert "(mean absolute)" in str(verdict)


@pytest.mark.parametrize(
    ("growth", "words"),
    [
        (1, "one more sample moves"),
        (250, "when 250 samples are added"),
        (0.1, "when the data grow by 10 %"),
        (1.0, "when the data grow to 2 times"),
    ],
)
def test_growth_is_said_in_words(growth, words, rng):
    problem = LeastSquares()
    ladder = problem.measure(rng, 400, problem.sizes(400))
    assert words in str(judge(ladder, 1e-2, growth=growth))


def test_relative_threshold(ladder):
    verdict = judge(ladder, 0.004, relative=True)
    assert verdict.relative_change == pytest.approx(0.004)
    assert "0.4 % of the unseen loss" in str(verdict)


def test_learning_curve_says_what_doubling_would_save(rng, ladder):
    losses = np.tile((SIZES + 1.0) ** -0.5, (4, 1))
    verdict = judge(measured(SIZES, ladder.delta, unseen_loss=losses), C / 801**2)
    # 1 − 2^(−1/2), the "+ 1" of κ aside
    assert verdict.saving == pytest.approx(1 - 2**-0.5, abs=2e-3)
    assert np.isnan(judge(measured(SIZES, ladder.delta), C / 801**2).saving)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        # rms of ℓ − L_k is √2 here; 5 % of it are 0.07
        ({"loss_drift": 0.1}, "32 of 32 centers are not settled"),
        ({"constant_loss": 0.52}, "32 of 32 centers are hardly better than a constant"),
        ({"top1pct_share": 0.6}, "in 32 of 32 cells 1 % of the candidates carry more than half"),
        ({"delta_point": 1.0}, "the probe adds less than 5 % to Δ"),
    ],
)
def test_caveats(ladder, changed, words):
    if "delta_point" in changed:
        changed = {"delta_point": ladder.delta / 1.01}
    assert judge(ladder, C / 801**2).caveats == ()
    verdict = judge(replace(ladder, **changed), C / 801**2)
    (caveat,) = verdict.caveats
    assert words in caveat.text
    if caveat.effect == "unknown":
        assert str(verdict).startswith(f"Unknown: {caveat.text}; {caveat.remedy}. The curve points")
        assert "whether that is enough cannot be said yet" in str(verdict)
    else:
        assert str(verdict).endswith(f"Keep in mind that {caveat.text}.")


def test_failed_cells_and_a_single_repeat_are_caveats(ladder):
    delta = ladder.delta[:1].copy()
    delta[0, 2] = np.nan
    verdict = judge(measured(SIZES, delta), C / 801**2)
    texts = [caveat.text for caveat in verdict.caveats]
    assert texts == ["1 of 8 cells failed and are left out", "a single repeat gives no interval"]
    assert verdict.headline == "Enough, probably"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"threshold": -1.0}, "`threshold`"),
        ({"confidence": 1.5}, "`confidence`"),
        ({"family": "exponential"}, "`family`"),
        ({"growth": 0}, "`growth`"),
    ],
)
def test_senseless_arguments(ladder, changed, message):
    with pytest.raises(ValueError, match=message):
        judge(ladder, **({"threshold": 1e-5} | changed))


def test_suggested_thresholds_are_what_happens_now(rng):
    problem = LeastSquares()
    ladder = problem.measure(rng, 400, problem.sizes(400))
    rows = suggest_thresholds(ladder)
    assert [row["arriving"] for row in rows] == ["1 more sample", "10 % more", "twice as much"]
    for row in rows:
        now = judge(ladder, row["threshold"] * (1 + 1e-9), growth=row["growth"])
        assert now.size == pytest.approx(400, abs=1)
        assert row["change"] == pytest.approx(np.sqrt(row["threshold"]))
        # a quarter of the mean square is half the change
        half = judge(ladder, row["threshold"] / 4, growth=row["growth"])
        assert half.size == row["size_to_halve"]
    assert rows[0]["change"] < rows[1]["change"] < rows[2]["change"]


def test_suggested_thresholds_of_the_theory_halve_at_twice_the_size(ladder):
    (row,) = suggest_thresholds(measured(SIZES, ladder.delta, n_candidates=1), family="theory")
    # κ doubles and quadruples; Δ ∝ κ^−2, the change ∝ κ^−1
    assert row["size_to_halve"] == pytest.approx(2 * 2001 - 1, abs=1)
    assert row["size_to_quarter"] == pytest.approx(4 * 2001 - 1, abs=1)


def test_suggested_thresholds_without_an_answer():
    flat = measured(SIZES, np.vstack([SIZES**0.1, SIZES**0.2]), order=1)
    (row,) = suggest_thresholds(flat, family="power_law")
    assert row["size_to_halve"] is None
    assert np.isnan(row["relative_change"])


def test_more_than_all_of_the_loss_is_written_without_an_exponent(ladder):
    assert "130 % of the unseen loss" in str(judge(ladder, 1.27, relative=True))


def test_a_curve_that_misses_the_measurements_is_a_caveat(rng, ladder):
    delta = np.exp(rng.normal(0.0, 0.05, size=(4, 8))) * (SIZES + 1.0) ** -1.0
    forced = judge(measured(SIZES, delta), 1e-5, family="theory")
    assert any("misses the measured Δ at" in caveat.text for caveat in forced.caveats)
    free = judge(measured(SIZES, delta), 1e-5, family="power_law")
    assert not any("misses" in caveat.text for caveat in free.caveats)
    assert judge(ladder, C / 801**2).caveats == ()


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"threshold": "a"}, "threshold"),
        ({"threshold": [1e-5, 1e-6]}, "threshold"),
        ({"threshold": 1e-5, "growth": "10%"}, "growth"),
        ({"threshold": 1e-5, "growth": [1, 2]}, "growth"),
        ({"threshold": 1e-5, "confidence": "0.9"}, "confidence"),
    ],
)
def test_what_is_no_number_is_named(arguments, name, ladder):
    with pytest.raises((TypeError, ValueError), match=f"`{name}` must be"):
        judge(ladder, **arguments)


def test_the_smallest_size_is_said_to_be_enough_as_surely_as_it_is(rng, ladder):
    sure = judge(ladder, 2 * C / 51**2)
    assert (sure.status, sure.headline) == ("at_most", "Enough")
    # repeats that differ by orders of magnitude: the answer may lie far beyond
    unsure = judge(measured(SIZES, ladder.delta[:2] * [[0.01], [1.0]]), 2 * C / 51**2)
    assert unsure.status == "at_most"
    assert unsure.interval[1] > 4 * unsure.interval[0]
    assert str(unsure).startswith("Unknown: the interval spans more than a factor 4")


@pytest.mark.parametrize(
    ("interval", "n_available", "headline"),
    [
        ((591, 961), 1797, "Enough"),
        ((591, 961), 961, "Enough"),
        ((591, 961), 960, "Enough, probably"),
        ((591, 961), 754, "Enough, probably"),
        ((591, 961), 753, "More needed, probably"),
        ((591, 961), 591, "More needed, probably"),
        ((591, 961), 590, "More needed"),
        # a factor 4 says nothing of what lies inside, and all of what lies outside
        ((250, 1000), 800, "Enough, probably"),
        ((250, 1001), 800, "Unknown"),
        ((250, 1001), 1001, "Enough"),
        ((250, 1001), 249, "More needed"),
        ((250, np.inf), 10**6, "Unknown"),
        (None, 754, "Enough, probably"),
        (None, 753, "More needed, probably"),
    ],
)
def test_the_decision_and_how_sure_it_is(ladder, interval, n_available, headline):
    some = replace(ladder if interval else ladder.repeats([0]), n_available=n_available)
    verdict = verdicts.judge(some, Known(SizeEstimate("reached", 754, interval)))
    assert verdict.headline == headline
    assert verdict.sure == (headline in ("Enough", "More needed"))
    assert (verdict.size, verdict.interval) == (754, interval)
    assert str(verdict).startswith(f"{headline}: ")


@pytest.mark.parametrize(
    ("low", "headline", "said"),
    [
        (100, "Unknown", "You have 600, and whether that is enough cannot be said yet."),
        (700, "More needed", "You have 600, so at least 100 are missing."),
    ],
)
def test_a_size_that_is_not_identifiable_is_not_called_enough(ladder, low, headline, said):
    question = Known(SizeEstimate("not_identifiable", 803, (low, np.inf)))
    verdict = verdicts.judge(replace(ladder, n_available=600), question)
    assert verdict.headline == headline
    assert said in str(verdict)


@pytest.mark.parametrize(("useless", "headline"), [(1, "Enough, probably"), (16, "Unknown")])
def test_useless_trainings_undo_an_answer_where_they_are_half_of_all(ladder, useless, headline):
    drift = np.zeros(32)
    drift[:useless] = 10.0
    verdict = judge(replace(ladder, loss_drift=drift.reshape(4, 8)), C / 801**2)
    assert verdict.headline == headline
    assert verdict.interval[1] < 1200


class TestTargets:
    @pytest.fixture
    def ladder(self, rng):
        """Loss κ^−½, score 1 − κ^−½/2."""
        losses = noisy((SIZES + 1.0) ** -0.5, rng, level=0.02, single=0.005)
        delta = noisy(C / (SIZES + 1.0) ** 2, rng, level=0.05)
        return measured(SIZES, delta, unseen_loss=losses, unseen_score=1 - losses / 2)

    def test_a_loss(self, ladder):
        verdict = verdicts.judge(ladder, TargetQuestion(401**-0.5, "loss"))
        assert (verdict.kind, verdict.decision, verdict.sure) == ("loss", "enough", True)
        assert str(verdict).startswith("Enough: from about ")
        assert "samples on, the unseen loss is at most 0.0499376." in str(verdict)
        assert str(verdict).endswith("You have 2,000, so none are missing.")

    def test_a_score(self, ladder):
        verdict = verdicts.judge(ladder, TargetQuestion(1 - 0.5 * 3001**-0.5, "score", None))
        assert verdict.decision == "more"
        assert "the unseen score is at least 0.9908" in str(verdict)
        assert any("times beyond" in caveat.text for caveat in verdict.caveats)

    def test_what_no_number_of_samples_reaches(self, ladder):
        flat = replace(ladder, unseen_loss=0.5 + ladder.unseen_loss / 10)
        verdict = verdicts.judge(flat, TargetQuestion(0.3, "loss", None))
        assert (verdict.status, verdict.decision) == ("unreachable", "unknown")
        assert str(verdict).startswith("Out of reach: the loss of this net")
        assert verdict.missing == "no number is enough"

    def test_nets_that_have_not_settled_have_a_loss_nevertheless(self, ladder):
        verdict = verdicts.judge(
            replace(ladder, loss_drift=10.0), TargetQuestion(401**-0.5, "loss")
        )
        assert verdict.decision == "enough"
        assert verdict.caveats == ()


@pytest.mark.parametrize(
    ("thresholds", "decision", "decides"),
    [
        # the first one is met, the second one is not
        ([C / 801**2, C / 3201**2], "more", 1),
        ([C / 3201**2, C / 801**2], "more", 0),
        ([C / 801**2, C / 401**2], "enough", 0),
        # around 1,200 samples: not sure
        ([C / 401**2, C / 1190**2, C / 801**2], "enough", 1),
        ([C / 3201**2, C / 6401**2], "more", 1),
    ],
)
def test_the_verdict_that_decides_on_all_questions(ladder, thresholds, decision, decides):
    asked = [judge(ladder, threshold) for threshold in thresholds]
    found = verdicts.deciding(asked)
    assert found == decides
    assert asked[found].decision == decision


def test_what_is_unknown_decides_over_what_is_enough(ladder):
    enough = judge(ladder, C / 801**2)
    unknown = judge(replace(ladder, loss_drift=10.0), C / 801**2)
    more = judge(ladder, C / 3201**2)
    assert verdicts.deciding([enough, unknown]) == 1
    assert verdicts.deciding([unknown, more]) == 1
    assert verdicts.deciding([enough, None]) == 1


def test_intervals_are_written_out():
    written = [verdicts.span(ends) for ends in ((591, 961), (591, float("inf")), None)]
    assert written == ["591 to 961", "591 upwards", "–"]
