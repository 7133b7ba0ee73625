"""Rounds on disk, what they forecast for each other, and what is refused."""

import itertools
import json
import math
import multiprocessing
import os
import shutil
import signal
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sufficiency import Campaign, SufficiencyResult
from sufficiency.exceptions import InvalidParameterError
from sufficiency.sizing.beyond import forecast_beyond
from sufficiency.sizing.collection import plan_collection
from tests.campaigns import SETTINGS, result_of
from tests.helpers import make_result

SIZES = (1000, 2000, 4000)


@pytest.fixture(scope="module")
def results() -> list[SufficiencyResult]:
    return [result_of(n, seed) for seed, n in enumerate(SIZES)]


@pytest.fixture
def campaign(results, tmp_path) -> Campaign:
    made = Campaign(tmp_path / "digits")
    for result in results:
        made.add(result)
    return made


def same(a: SufficiencyResult, b: SufficiencyResult) -> bool:
    tables = ("delta", "unseen_loss", "unseen_score")
    equal = all(np.array_equal(a.table(name), b.table(name)) for name in tables)
    return equal and a.settings == b.settings and a.n_samples == b.n_samples


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_rounds_are_kept(campaign, results):
    opened = Campaign(campaign.directory)
    assert len(opened.results) == 3
    assert all(same(a, b) for a, b in zip(opened.results, results, strict=True))
    rounds = ["round-001", "round-002", "round-003"]
    assert names(campaign.directory) == ["campaign.json", *rounds]
    assert names(campaign.directory / "round-002") == ["cells.npz", "result.json"]
    opened.add(result_of(8000, 3))
    assert len(Campaign(str(campaign.directory)).results) == 4
    assert repr(opened) == f"Campaign({str(campaign.directory)!r})"


def test_looking_writes_nothing(tmp_path):
    campaign = Campaign(tmp_path / "nowhere")
    assert campaign.results == ()
    assert campaign.track_record().empty
    assert campaign.widening("loss") == 1.0
    assert not campaign.directory.exists()
    with pytest.raises(ValueError, match="has none yet; `add` a result"):
        campaign.plan(0.95)
    with pytest.raises(ValueError, match="a track record needs two rounds"):
        campaign.plot_track_record()


def test_the_track_record_is_the_forecast_against_what_came(campaign, results):
    record = campaign.track_record(confidence=0.8)
    pairs = [(1, 2), (1, 3), (2, 3)]
    expected = [(quantity, *pair) for quantity in ("delta", "loss", "score") for pair in pairs]
    assert list(record[["quantity", "round", "later"]].itertuples(index=False)) == expected
    for row in record.itertuples():
        before, after = results[row.round - 1], results[row.later - 1]
        column = row.quantity if row.quantity == "delta" else f"unseen_{row.quantity}"
        assert row.size == after.sizes[-1]
        assert row.measured == pytest.approx(after.table(column)[:, -1].mean(), rel=1e-12)
        # the distribution is asked the other way round: what is the chance of these values?
        found = forecast_beyond(before.measurements, row.quantity)
        sign = -1 if row.quantity == "score" else 1
        for value, below in ((row.low, 0.1), (row.median, 0.5), (row.high, 0.9)):
            # around the value, since a distribution of slopes of which none is smaller than the
            # smallest has a step there; a millionth of it moves the chance by less than 1e-4
            around = [found.chance(row.size, value * (1 + e))[0] for e in (-1e-6, 1e-6)]
            share = below if sign > 0 else 1 - below
            assert min(around) - 1e-4 <= share <= max(around) + 1e-4
        assert row.inside == (row.low <= row.measured <= row.high)
        # worse is larger for losses and Δ, smaller for scores
        assert (row.z > 0) == (sign * (row.measured - row.median) > 0)
    inside = np.abs(record["z"]) < 1.2815515655446004
    pd.testing.assert_series_equal(inside, record["inside"], check_names=False)


def test_without_larger_sizes_or_a_forecast_there_is_no_row(tmp_path, results):
    campaign = Campaign(tmp_path / "a").add(results[0]).add(result_of(1000, 7))
    assert campaign.track_record().empty
    few = [make_result(sizes=sizes, n_samples=100) for sizes in ((10, 20, 40), (10, 20, 80))]
    campaign = Campaign(tmp_path / "b").add(few[0]).add(few[1])
    assert list(campaign.track_record().columns)[:3] == ["quantity", "round", "later"]
    assert campaign.track_record().empty
    assert campaign.widening("delta") == 1.0


@pytest.fixture
def surprised(results, tmp_path) -> Campaign:
    """The second round comes out far worse than the first one lets expect."""
    loss = results[1].table("unseen_loss")
    worse = result_of(2000, 1, unseen_loss=1.5 * loss, unseen_score=1.0 - loss / 2.0)
    return Campaign(tmp_path / "surprised").add(results[0]).add(worse)


def test_misses_widen_the_next_plan(surprised, campaign):
    (z,) = surprised.track_record().query("quantity == 'loss'")["z"]
    assert z > 1
    widening = math.sqrt((8 + z**2) / 9)
    assert surprised.widening("loss") == pytest.approx(widening, rel=1e-12)
    plan = surprised.plan(0.25, "loss", rounds=1)
    latest = surprised.results[-1]
    by_hand = plan_collection(
        latest.measurements, 0.25, quantity="loss", rounds=1, family="theory", widening=widening
    )
    assert plan.totals.tolist() == by_hand.totals.tolist()
    assert plan.totals[0] > latest.plan(0.25, "loss", rounds=1).totals[0]


def test_hits_do_not_narrow_it(campaign):
    record = campaign.track_record().query("later == round + 1")
    for quantity, rows in record.groupby("quantity"):
        mean_square = (8 + (rows["z"] ** 2).sum()) / (8 + 2)
        assert campaign.widening(quantity) == pytest.approx(math.sqrt(max(1.0, mean_square)))
    last = campaign.results[-1].measurements
    plan = plan_collection(last, 0.955, rounds=2, widening=campaign.widening("score"))
    assert str(campaign.plan(0.955, rounds=2)) == str(plan)


def test_only_misses_from_round_to_round_count(surprised):
    surprised.add(result_of(4000, 2, unseen_loss=surprised.results[-1].table("unseen_loss") * 0.9))
    record = surprised.track_record().query("quantity == 'loss' and later == round + 1")
    assert len(record) == 2
    assert surprised.widening("loss") == pytest.approx(
        math.sqrt(max(1, (8 + (record["z"] ** 2).sum()) / 10)), rel=1e-12
    )


def test_a_plan_takes_everything_that_a_result_s_plan_takes(campaign):
    costs = {"cost_per_sample": 1.0, "cost_of_missing": 5000.0}
    plan = campaign.plan(0.955, "score", rounds=2, **costs, prior=None)
    assert str(plan) == str(campaign.results[-1].plan(0.955, rounds=2, **costs, prior=None))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"settings": SETTINGS | {"net": "OtherNet"}}, "net 'OtherNet' instead of 'NeuralNetCl"),
        ({"settings": SETTINGS | {"net_parameters": "lr=1"}}, "net_parameters 'lr=1' instead of"),
        ({"settings": SETTINGS | {"scoring": "f1"}}, "scoring 'f1' instead of"),
        ({"settings": SETTINGS | {"probe": "PointMass()"}}, r"probe 'PointMass\(\)' instead of"),
        ({"settings": SETTINGS | {"train": "once"}}, "train 'once' instead of 'each_size'"),
        ({"settings": SETTINGS | {"min_steps": "0"}}, "min_steps '0' instead of '500'"),
        ({"order": 1}, "order 1 instead of 2"),
        ({"own_unseen": True}, "own_unseen True instead of False"),
        ({"of_slice": "site=3"}, "of_slice 'site=3' instead of ''"),
        ({"n_samples": 3999}, "at least the 4,000 samples of round 3, got 3,999"),
    ],
)
def test_what_was_measured_otherwise_is_refused(campaign, changes, words):
    other = result_of(8000, 5, **changes)
    with pytest.raises(InvalidParameterError, match=f"`result` must .*{words}"):
        campaign.add(other)
    assert len(campaign.results) == 3
    assert len(names(campaign.directory)) == 4


def test_what_does_not_change_the_curve_may_differ(campaign):
    other = {"root_seed": "2", "n_draws": "auto", "versions": "torch 3"}
    campaign.add(result_of(4000, 5, settings=SETTINGS | other))
    # a release that recorded less
    campaign.add(result_of(8000, 6, settings={"net": "NeuralNetClassifier"}))
    assert len(Campaign(campaign.directory).results) == 5


def test_the_same_result_twice_and_no_result_are_refused(campaign, results):
    with pytest.raises(InvalidParameterError, match="of a new round, got that of round 3 again"):
        campaign.add(results[2])
    with pytest.raises(InvalidParameterError, match="a SufficiencyResult, got str; pass `result_`"):
        campaign.add("digits")
    with pytest.raises(InvalidParameterError, match="must be the path of a directory, got 3"):
        Campaign(3)


def break_with(text):
    def breaking(directory):
        (directory / "campaign.json").write_text(text)

    return breaking


REFUSED = {
    "other things": (
        lambda d: (d / "data.csv").touch(),
        "of a campaign, or a new one, got .*, which holds 'data.csv'; choose another one",
    ),
    "no marker": (
        lambda d: (d / "campaign.json").unlink(),
        "or a new one, got .*, which holds 'round-001'",
    ),
    "damaged marker": (break_with("{"), "campaign.json is damaged or foreign; add its rounds"),
    "foreign marker": (break_with('{"kind": "military"}'), "is damaged or foreign"),
    "newer": (
        break_with('{"kind": "sufficiency campaign", "format": 2}'),
        "of format 1, got .* of format 2; use the release of sufficiency that wrote it",
    ),
    "a round is missing": (
        lambda d: shutil.rmtree(d / "round-002"),
        "without round-002; put that back, or add the others to a new campaign",
    ),
    "damaged round": (
        lambda d: (d / "round-002" / "cells.npz").write_bytes(b"PK"),
        "round-002 is incomplete, damaged or foreign; put back a copy",
    ),
    "incomplete round": (
        lambda d: (d / "round-003" / "result.json").unlink(),
        "round-003 is incomplete, damaged or foreign",
    ),
    "newer round": (
        lambda d: (d / "round-001" / "result.json").write_text(json.dumps({"format": 99})),
        "round-001 is incomplete, damaged or foreign; .* use the release",
    ),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_a_directory_that_is_no_campaign_is_refused(campaign, fault):
    change, words = REFUSED[fault]
    change(campaign.directory)
    with pytest.raises(InvalidParameterError, match=f"`directory` must be a directory .*{words}"):
        Campaign(campaign.directory)


def test_a_file_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InvalidParameterError, match=r"that can be read, got .*: Not a directory"):
        Campaign(tmp_path / "file")


def test_what_file_managers_leave_behind_is_no_fault(campaign):
    (campaign.directory / ".DS_Store").touch()
    assert len(Campaign(campaign.directory).results) == 3


def test_a_round_that_somebody_else_has_added_stays(campaign, results):
    other = Campaign(campaign.directory)
    campaign.add(result_of(8000, 3))
    with pytest.raises(InvalidParameterError, match=r"got a round-004 in .* meanwhile"):
        other.add(result_of(8000, 4))
    assert same(Campaign(campaign.directory).results[3], campaign.results[3])
    assert not list(campaign.directory.glob(".*"))


def add_and_die(directory, results, step):
    """Add what is missing, with SIGKILL before some step on the file system."""
    steps = itertools.count(1)

    def counted(call):
        def step_of_adding(*args, **kwargs):
            if next(steps) == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*args, **kwargs)

        return step_of_adding

    for name in ("mkdir", "fsync", "unlink", "replace", "rename", "rmdir"):
        setattr(os, name, counted(getattr(os, name)))
    campaign = Campaign(directory)
    for result in results[len(campaign.results) :]:
        campaign.add(result)


# what newer Pythons say of forks beside the threads of a library
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_killed_at_any_moment_it_keeps_all_finished_rounds(results, tmp_path):
    """A fresh campaign is killed before each of its steps in turn, and then gone on with."""
    found, context = [], multiprocessing.get_context("fork")
    for step in itertools.count(1):
        directory = tmp_path / f"killed-{step}"
        process = context.Process(target=add_and_die, args=(directory, results, step))
        process.start()
        process.join()
        kept = Campaign(directory).results
        found.append(len(kept))
        assert all(same(a, b) for a, b in zip(kept, results, strict=False))
        again = Campaign(directory)
        for result in results[len(kept) :]:
            again.add(result)
        assert all(map(same, Campaign(directory).results, results))
        assert names(directory) == ["campaign.json", "round-001", "round-002", "round-003"]
        if process.exitcode == 0:
            break
        assert process.exitcode == -signal.SIGKILL
    # every state was met, and none was skipped or lost
    assert found == sorted(found)
    assert set(found) == {0, 1, 2, 3}
    assert len(found) > 20


def test_a_killed_round_leaves_no_rest_once_it_is_there(campaign):
    rest = campaign.directory / ".round-004-0123"
    rest.mkdir()
    (rest / "cells.npz").touch()
    campaign.add(replace(result_of(8000, 3)))
    assert not rest.exists()
