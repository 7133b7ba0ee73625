"""What stands on top is the verdict that decides; the caveats are of the run and the verdicts."""

import warnings

import numpy as np
import pytest

from sufficiency import SufficiencyWarning
from sufficiency.report.findings import all_caveats, find, top
from sufficiency.sizing.caveats import run_caveats, warn_of_caveats
from sufficiency.sizing.questions import questions_from
from tests.helpers import make_result
from tests.report.pages import DELTA, SIZES, one_failed, plain, report


def findings(result, thresholds=None, **questions):
    return find(result, questions_from(thresholds, **questions), 0.95)


def top_of(result, thresholds=None, **questions):
    return top(result, findings(result, thresholds, **questions))


def caveats(result, thresholds=None, **questions):
    return all_caveats(result, findings(result, thresholds, **questions))


def sentence(text):
    return f"{text[0].upper()}{text[1:]}."


@pytest.mark.parametrize(
    ("result", "threshold", "expected"),
    [
        (plain(), 1e-3, ("enough", "✓", "Enough", "none")),
        (plain(n_samples=70), 1e-3, ("enough", "✓", "Enough, probably", "none")),
        (plain(n_samples=100, family="theory"), 2e-4, ("more", "+", "More needed", "about ")),
        (
            plain(n_samples=130, family="theory"),
            2e-4,
            ("more", "+", "More needed, probably", "about "),
        ),
        (make_result(np.array([[1.0, 2, 3]] * 2), family="power_law"), 1e-3, None),
        (plain(loss_drift=10.0), 1e-3, None),
        (plain(constant_loss=0.1), 1e-3, None),
        (make_result(DELTA[:1], SIZES), 4e-3, ("enough", "✓", "Enough, probably", "none")),
    ],
)
def test_the_verdict_is_on_top(result, threshold, expected):
    found, verdict = top_of(result, threshold), result.verdict(threshold)
    decision, sign, headline, missing = expected or ("unknown", "?", "Unknown", "not known")
    assert (found.decision, found.sign, found.headline) == (decision, sign, headline)
    assert dict(found.numbers)["Missing"].startswith(missing)
    assert (found.decision, found.headline) == (verdict.decision, verdict.headline)
    assert found.text.lower() == verdict.explanation.lower()


def test_without_a_curve_a_target_alone_is_not_enough():
    result = make_result(np.zeros((2, 3)))
    assert result.verdict_for_target(0.6).decision == "enough"
    assert top_of(result, loss_target=0.6).decision == "enough"
    assert top_of(result, 1e-3, loss_target=0.6).decision == "unknown"


@pytest.mark.parametrize(
    ("thresholds", "headline"),
    [
        ((4e-3, 2e-4), "More needed"),  # the first alone is met
        ((2e-4, 4e-3), "More needed"),
        ((1e-3, 4e-3), "Enough"),
    ],
)
def test_the_decision_covers_all_questions(thresholds, headline):
    result = plain(n_samples=100, family="theory")
    found = top_of(result, thresholds)
    assert found.headline == headline
    assert found.headline == result.verdict(min(thresholds)).headline
    assert found.text.startswith("Of 2 questions, that about a change of ")


def test_more_is_as_sure_as_the_surest_and_enough_as_the_least_sure():
    result = plain(n_samples=130, family="theory")
    assert top_of(result, (2e-4, 1e-5)).headline == "More needed"
    assert top_of(result, (2e-4,)).headline == "More needed, probably"
    few = plain(n_samples=70)
    assert top_of(few, (1e-3, 4e-3)).headline == "Enough, probably"
    assert top_of(few, (4e-3,)).headline == "Enough"


def test_a_target_can_be_on_top():
    found = top_of(plain(), loss_target=0.4)
    assert found.headline == plain().verdict_for_target(0.4).headline
    assert dict(found.numbers)["Loss to reach"] == "0.4"


def test_nobody_has_asked():
    found = top_of(plain())
    assert (found.decision, found.headline) == ("open", "No threshold was set")
    assert dict(found.numbers)["Samples you have"] == "100"


def test_no_curve():
    found = top_of(make_result(np.zeros((2, 3))), 1e-3)
    assert (found.decision, found.headline) == ("unknown", "Unknown")
    assert "No curve could be fitted to Δ: `deltas` must be finite" in found.text


@pytest.mark.parametrize(
    "result",
    [
        plain(),
        plain(loss_drift=10.0),
        plain(constant_loss=0.1),
        plain(delta_point=DELTA),
        plain(top1pct_share=0.9),
        one_failed(),
        one_failed(loss_drift=10.0, constant_loss=0.1, top1pct_share=0.9),
    ],
)
def test_caveats_are_what_the_fit_warns_of(result):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_of_caveats(run_caveats(result.measurements))
    assert all(issubclass(warning.category, SufficiencyWarning) for warning in caught)
    expected = [sentence(str(warning.message)) for warning in caught]
    assert list(caveats(result, 1e-3)) == expected


def test_caveats_of_single_verdicts_say_whose_they_are():
    result = plain()
    caveat = str(result.verdict(1e-5).caveats[-1])
    assert "times beyond the largest measured size" in caveat
    assert caveats(result, 1e-5)[-1] == sentence(caveat)
    assert caveats(result, [1e-3, 1e-5])[-1] == f"For a change of 0.00316: {caveat}."


def test_of_thresholds_that_nobody_has_set_only_what_concerns_all_of_them():
    assert caveats(plain()) == ()
    (text,) = caveats(make_result(DELTA[:1], SIZES))
    assert text.startswith("A single repeat gives no interval (")


def test_without_anything_to_say_the_page_says_that(tmp_path, undrawn):
    page = report(plain(), tmp_path, thresholds=1e-3)
    section = page.one("section", id="caveats")
    assert not section.all("li")
    assert "The checks have found nothing" in section.text


def test_where_nothing_was_measured_the_failures_remain():
    (text,) = caveats(make_result(np.full((2, 3), np.nan)), 1e-3)
    assert text.startswith("6 of 6 cells failed and are left out (repeat 0, size 10: no luck; ")
