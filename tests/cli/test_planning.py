"""`sufficiency plan` and `sufficiency campaign`."""

import json

import pytest

from sufficiency import Campaign
from tests.campaigns import SETTINGS, result_of
from tests.helpers import make_result


@pytest.fixture(scope="module")
def results():
    return [result_of(n, seed) for seed, n in enumerate((1000, 2000, 4000))]


@pytest.fixture
def saved(results, workplace):
    for i, result in enumerate(results, start=1):
        result.save(f"round{i}")
    return results


def one_line(text: str) -> str:
    return " ".join(text.split())


class TestPlan:
    def test_in_words(self, call, saved):
        result = call("plan", "round1", "--score-target", "0.94", "--rounds", "2", "--risk", "0.1")
        assert result.exit_code == 0, result.output
        plan = saved[0].plan(0.94, rounds=2, risk=0.1)
        assert f"Score 0.94: {plan}" in one_line(result.stdout)
        last = result.stdout.splitlines()[-1].split()
        assert last[0] == "2"
        assert last[2] == f"{plan.totals[1]:,}"

    def test_as_json(self, call, saved):
        words = ("--threshold", "0.001", "--relative", "--loss-target", "0.2", "--prior", "none")
        result = call("plan", "round1", *words, "--json")
        assert result.exit_code == 0, result.output
        document = json.loads(result.stdout)
        assert document["format"] == 1
        delta, loss = document["plans"]
        assert (delta["quantity"], loss["quantity"]) == ("delta", "loss")
        assert delta["threshold"] == 0.001
        assert delta["relative"] is True
        mean = saved[0].table("unseen_loss")[:, -1].mean()
        assert delta["target"] == pytest.approx((0.001 * mean) ** 2)
        plan = saved[0].plan(0.2, "loss", prior=None)
        assert loss["text"] == str(plan)
        assert [row["total"] for row in loss["rounds"]] == plan.totals.tolist()
        assert loss["expected_cost"] is None

    def test_with_costs(self, call, saved):
        words = ("--cost-per-sample", "1", "--cost-of-missing", "3000")
        result = call("plan", "round1", "--score-target", "0.94", *words)
        assert "the expected cost is" in one_line(result.stdout)

    @pytest.mark.parametrize("name", ["plan.png", "plan.svg"])
    def test_a_figure(self, call, saved, workplace, name):
        result = call("plan", "round1", "--score-target", "0.94", "--out", name)
        assert result.exit_code == 0, result.output
        assert (workplace / name).stat().st_size > 1000

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            ((), "a plan needs a target; give --threshold, --loss-target, --score-target"),
            (("--score-target", "1.5"), "--score-target must be finite and at most 1"),
            (("--loss-target", "-1"), "--loss-target must be finite and at least 0"),
            (("--score-target", "0.9", "--rounds", "0"), "--rounds"),
            (("--score-target", "0.9", "--risk", "1"), "--risk"),
            (("--score-target", "0.9", "--prior", "flat"), "--prior"),
            (("--score-target", "0.9", "--cost-per-sample", "0"), "--cost-per-sample"),
            (
                ("--score-target", "0.9", "--cost-per-sample", "1"),
                "--cost-of-missing must go with the other cost",
            ),
            (("--relative", "--score-target", "0.9"), "--relative must go with a --threshold"),
            (
                ("--score-target", "0.9", "--loss-target", "0.2", "--out", "x.png"),
                "--out takes the figure of one plan, got 2 targets",
            ),
            (("--score-target", "0.9", "--out", "no/x.png"), "--out no/x.png cannot be written"),
            (("--score-target", "0.9", "--out", "x.doc"), "--out x.doc cannot be written"),
        ],
    )
    def test_bad_input(self, refused, saved, words, message):
        assert message in refused("plan", "round1", *words)

    def test_no_result(self, refused, workplace):
        (workplace / "empty").mkdir()
        assert "holds no result" in refused("plan", "empty", "--score-target", "0.9")


class TestCampaign:
    def test_rounds_are_added_and_compared(self, call, saved, workplace):
        result = call("campaign", "rounds", "--add", "round1")
        assert result.exit_code == 0, result.output
        assert "Rounds: 1, with 1,000 samples." in result.stdout
        assert "no forecast to compare with a later round yet" in result.stdout
        words = ("--add", "round2", "--add", "round3", "--score-target", "0.955", "--out", "x.png")
        result = call("campaign", "rounds", *words)
        assert result.exit_code == 0, result.output
        assert "Rounds: 3, with 1,000, 2,000, 4,000 samples." in result.stdout
        campaign = Campaign("rounds")
        assert f"Score 0.955: {campaign.plan(0.955)}" in one_line(result.stdout)
        assert "quantity" in result.stdout
        assert (workplace / "x.png").exists()

    def test_as_json_and_the_figure_of_the_track_record(self, call, saved, workplace):
        words = ("--add", "round1", "--add", "round2", "--json", "--out", "x.svg")
        result = call("campaign", "rounds", *words)
        assert result.exit_code == 0, result.output
        document = json.loads(result.stdout)
        assert [row["n_available"] for row in document["rounds"]] == [1000, 2000]
        assert [row["quantity"] for row in document["track_record"]] == ["delta", "loss", "score"]
        assert document["plans"] == []
        assert (workplace / "x.svg").exists()

    def test_bad_input(self, refused, saved, workplace):
        assert "has no round yet; give the first one with --add" in refused("campaign", "rounds")
        assert not (workplace / "rounds").exists()
        message = refused("campaign", ".", "--add", "round1")
        assert "DIR must be a directory of a campaign, or a new one" in message
        Campaign("rounds").add(saved[1])
        assert "--add must have at least the 2,000" in refused(
            "campaign", "rounds", "--add", "round1"
        )
        make_result(n_samples=9000, settings=SETTINGS | {"net": "Other"}).save("other")
        message = refused("campaign", "rounds", "--add", "other")
        assert "--add must be measured like the rounds before, got net 'Other'" in message
        message = refused("campaign", "rounds", "--out", "x.png")
        assert "--out has nothing to show: a track record needs two rounds" in message


def test_run_and_report_take_a_prior(call, saved):
    verdict = saved[0].verdict_for_target(0.2, "loss", prior=None)
    with_bank = saved[0].verdict_for_target(0.2, "loss")
    assert str(verdict) != str(with_bank)
    words = ("report", "round1", "--loss-target", "0.2", "--out", "x.html")
    assert str(verdict) in one_line(call(*words, "--prior", "none").stdout)
    assert str(with_bank) in one_line(call(*words).stdout)
