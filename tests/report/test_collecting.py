"""The report says what to collect where the samples are not enough."""

import numpy as np
import pytest

from tests.campaigns import result_of
from tests.report.pages import plain, report, table, value

pytestmark = pytest.mark.usefixtures("undrawn")


@pytest.fixture(scope="module")
def result():
    return result_of(1000)


def test_every_answer_that_is_not_enough_has_its_plan(result, tmp_path):
    questions = {"thresholds": [1e-5, 1e-7], "score_target": 0.94, "loss_target": 0.18}
    page = report(result, tmp_path, **questions)
    section = page.one("section", id="collect")
    plans = [result.plan(1e-7, "delta"), result.plan(0.18, "loss"), result.plan(0.94)]
    assert result.verdict(1e-5).decision == "enough"
    assert [h.text for h in section.all("h3")] == [f"For {plan.criterion}" for plan in plans]
    said = [p.text for p in section.all("p")]
    assert said[1:] == [str(plan) for plan in plans]
    for number, plan in enumerate(plans, start=1):
        headers, rows = table(page, f"rounds-{number}")
        assert headers[:3] == ["Round", "Collect", "Total"]
        assert [value(row[2]) for row in rows] == [str(total) for total in plan.totals]
        assert rows[0][4].text.split() == ["100", "%"]
    assert page.all("a", href="#collect")


def test_where_all_is_enough_there_is_no_section(result, tmp_path):
    page = report(result, tmp_path, thresholds=1e-5, score_target=0.8)
    assert not page.all("section", id="collect")
    assert not page.all("a", href="#collect")
    assert not report(result, tmp_path).all("section", id="collect")


def test_a_target_out_of_reach_has_no_rounds(result, tmp_path):
    page = report(result, tmp_path, score_target=1.0)
    section = page.one("section", id="collect")
    assert "Collect nothing for now" in section.text
    assert not section.all("table")


def test_growth_has_no_plan(tmp_path):
    page = report(plain(), tmp_path, thresholds=1e-3, growth=0.1)
    assert not page.all("section", id="collect")


def test_what_has_no_plan_says_why(tmp_path):
    unsettled = plain(loss_drift=np.inf)
    assert unsettled.verdict(1e-5).decision == "unknown"
    page = report(unsettled, tmp_path, thresholds=1e-5)
    section = page.one("section", id="collect")
    assert "There is no plan: the trainings are no basis for a plan:" in section.text
    assert "centers are not settled" in section.text


def test_the_prior_is_passed_on(result, tmp_path):
    page = report(result, tmp_path, loss_target=0.18, prior=None)
    assert str(result.plan(0.18, "loss", prior=None)) in page.one("section", id="collect").text
