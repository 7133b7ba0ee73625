"""Python, text, JSON, exit status and report say the same of 220 results of every kind."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_iris

from sufficiency import LandscapeSufficiencyEstimator
from sufficiency.cli.columns import Data
from sufficiency.cli.nets import builtin_net
from sufficiency.cli.output import DataSummary
from sufficiency.cli.questions import Asked
from sufficiency.cli.reading import Source
from sufficiency.cli.reporting import conclude
from sufficiency.report import page
from sufficiency.report.figures import Figure
from sufficiency.report.page import write_report
from tests.helpers import make_result, with_parts
from tests.report.pages import read, table, value

SIZES = np.array([20, 40, 80, 160])
KAPPA = SIZES + 1.0


def decaying(rng, repeats=3, noise=0.1, alpha=2.0):
    """Δ of about 4/κ^alpha."""
    return 4.0 * KAPPA**-alpha * np.exp(noise * rng.standard_normal((repeats, len(SIZES))))


def failed(table, rng, count):
    """The same without some of its cells, never all of a size."""
    cells = rng.permutation([(r, s) for r in range(1, len(table)) for s in range(len(SIZES))])
    for r, s in cells[:count]:
        table[r, s] = np.nan
    return table


def learning(rng, repeats=3, noise=0.02):
    losses = (0.1 + KAPPA**-0.5) * np.exp(noise * rng.standard_normal((repeats, len(SIZES))))
    return {"unseen_loss": losses, "unseen_score": 1.0 - losses / 2}


# Each gives a table of Δ, what is special about the result, and the questions to it.
KINDS = {
    "reached": lambda rng: (decaying(rng), {}, {"thresholds": [4.0 / rng.uniform(30, 160) ** 2]}),
    "at most": lambda rng: (decaying(rng), {}, {"thresholds": [rng.uniform(0.02, 1.0)]}),
    "extrapolated": lambda rng: (decaying(rng), {}, {"thresholds": [4.0 / 250**2]}),
    "far beyond": lambda rng: (
        decaying(rng, alpha=rng.uniform(1.5, 2.5)),
        {"family": "power_law"},
        {"thresholds": [4.0 / rng.uniform(1e3, 1e6) ** 2]},
    ),
    "near what is available": lambda rng: (
        decaying(rng),
        {"n_samples": int(rng.uniform(80, 120))},
        {"thresholds": [4.0 / 101**2]},
    ),
    "two noisy repeats": lambda rng: (
        decaying(rng, 2, noise=1.0),
        {},
        {"thresholds": [4.0 / 101**2]},
    ),
    "one repeat": lambda rng: (
        decaying(rng, 1),
        {},
        {"thresholds": [4.0 / rng.uniform(30, 2000) ** 2]},
    ),
    "untrained": lambda rng: (
        decaying(rng),
        {"constant_loss": 0.5, "loss_drift": 1.0},
        {"thresholds": [4.0 / 101**2]},
    ),
    "some not settled": lambda rng: (
        decaying(rng),
        {"loss_drift": rng.uniform(0.0, 0.2, (3, len(SIZES)))},
        {"thresholds": [4.0 / 101**2]},
    ),
    "some failed": lambda rng: (failed(decaying(rng), rng, 3), {}, {"thresholds": [4.0 / 101**2]}),
    "half failed": lambda rng: (failed(decaying(rng), rng, 6), {}, {"thresholds": [4.0 / 101**2]}),
    "rising": lambda rng: (
        decaying(rng, alpha=-rng.uniform(0.5, 1.0)),
        {"family": "power_law"},
        {"thresholds": [0.1]},
    ),
    "flat": lambda rng: (
        decaying(rng, alpha=0.0),
        {"family": "power_law"},
        {"thresholds": [1e-3]},
    ),
    "misfit": lambda rng: (
        decaying(rng, noise=0.01, alpha=1.0),
        {},
        {"thresholds": [4.0 / rng.uniform(30, 160)]},
    ),
    "heavy tails": lambda rng: (
        decaying(rng),
        {"top1pct_share": 0.9, "n_candidates": 60},
        {"thresholds": [4.0 / 101**2]},
    ),
    "one net": lambda rng: (
        decaying(rng),
        {"settings": {"train": "once"}, "loss_drift": rng.choice([0.0, 1.0])},
        {"thresholds": [4.0 / 101**2]},
    ),
    "relative": lambda rng: (
        decaying(rng),
        {},
        {"thresholds": [rng.uniform(0.01, 0.2)], "relative": True},
    ),
    "growth": lambda rng: (decaying(rng), {}, {"thresholds": [0.1], "growth": 0.1}),
    "loss": lambda rng: (
        decaying(rng),
        learning(rng),
        {"loss_target": round(rng.uniform(0.05, 0.4), 3)},
    ),
    "out of reach": lambda rng: (decaying(rng), learning(rng), {"loss_target": 1e-9}),
    "score": lambda rng: (
        decaying(rng),
        learning(rng),
        {"score_target": round(rng.uniform(0.8, 0.97), 3)},
    ),
    "slices": lambda rng: (
        decaying(rng),
        {"factors": {"site=1": 0.5, "site=2": rng.uniform(1, 9), "site=3": 1.0}},
        {"thresholds": [4.0 / rng.uniform(30, 300) ** 2]},
    ),
    "slices, relative": lambda rng: (
        decaying(rng),
        {"factors": {"site=1": 0.5, "site=2": 4.0, "site=3": 2.0}},
        {"thresholds": [rng.uniform(0.01, 0.2)], "relative": True},
    ),
}


@pytest.fixture(scope="module")
def summary():
    """Of some data; the answers do not depend on it."""
    X, y = np.ones((4, 2)), np.arange(4) % 2
    return DataSummary(
        Data(Source(Path("data"), X, y, "y"), X, y, None, {}, 0), builtin_net(X, y, "auto")
    )


def words(text):
    return " ".join(text.replace("`", "").split())


def sentence(text):
    return words(text[:1].upper() + text[1:])


def verdict_of(part, verdict):
    """The same asked of one slice: the same change of its loss."""
    if verdict.kind == "delta":
        return part.verdict(verdict.threshold, growth=verdict.growth)
    return part.verdict_for_target(verdict.threshold, verdict.kind)


def check_command_line(result, verdict, asked, summary, capsys):
    options = {"warnings": [], "out": None, "fail_if_insufficient": True}
    status = conclude(result, summary, asked, as_json=True, **options)
    document = json.loads(capsys.readouterr().out)
    (record,) = [
        *document["thresholds"],
        *[document[key] for key in ("loss_target", "score_target") if document[key]],
    ]
    assert (record["decision"], record["sure"]) == (verdict.decision, verdict.sure)
    assert (record["status"], record["size"]) == (verdict.status, verdict.size)
    low, high = verdict.interval or (None, None)
    assert (record["low"], record["high"]) == (low, None if high == np.inf else high)
    assert record["caveats"] == [str(caveat) for caveat in verdict.caveats]
    assert record["text"] == str(verdict)
    named = (record.get("neediest") or {}).get("slice")
    assert named == (verdict.neediest.name if verdict.neediest else None)
    for row in record["slices"]:
        of_slice = verdict_of(result.slice(row["slice"]), verdict)
        assert (row["decision"], row["sure"]) == (of_slice.decision, of_slice.sure)
        assert (row["status"], row["size"]) == (of_slice.status, of_slice.size)
        if row["slice"] == named:
            assert record["neediest"]["size"] == of_slice.size
    assert record["enough"] == document["enough"] == (verdict.decision == "enough")
    assert status == (verdict.decision != "enough")
    assert conclude(result, summary, asked, as_json=False, **options) == status
    assert words(f"{asked.questions[0]}: {verdict}") in words(capsys.readouterr().out)


def check_report(result, verdict, asked, path):
    html = read(write_report(result, path, asked.questions, asked.confidence))
    section = html.one("section", id="verdict")
    assert section.attributes["class"] == f"verdict {verdict.decision}"
    assert section.one("h2").text[1:] == verdict.headline
    assert section.all("p")[0].text == sentence(verdict.explanation)
    _, (row, *_) = table(html, "thresholds" if verdict.kind == "delta" else "targets")
    answer = row[3:] if verdict.kind == "delta" else row[1:]
    size, interval, decision, status, _ = map(value, answer[:5])
    assert size == (None if verdict.size is None else str(verdict.size))
    assert interval == (None if verdict.interval is None else "/".join(map(str, verdict.interval)))
    assert (decision, answer[2].text) == (verdict.decision, verdict.headline)
    assert status == verdict.status
    if result.slices is not None:
        for row in table(html, "slices")[1]:
            of_slice = verdict_of(result.slice(row[0].text), verdict)
            size, interval, decision = map(value, row[1:4])
            assert size == (None if of_slice.size is None else str(of_slice.size))
            assert interval == "/".join(map(str, of_slice.interval))
            assert (decision, row[3].text) == (of_slice.decision, of_slice.headline)
    caveats = html.one("section", id="caveats").text
    assert all(f"{sentence(str(caveat))}." in caveats for caveat in verdict.caveats)


def test_every_door_says_the_same(summary, capsys, tmp_path, monkeypatch):
    # what the figures show is tested elsewhere; they would take nearly all of the time
    monkeypatch.setattr(page, "draw_delta", lambda *_: None)
    monkeypatch.setattr(page, "draw_learning_curve", lambda *_: None)
    monkeypatch.setattr(page, "draw_slices", lambda *_: Figure("slices-figure", [], "Slices."))
    monkeypatch.setattr(page, "draw_concentration", lambda *_: Figure("shares", [], "Shares."))
    seen = set()
    for (i, name), ten in itertools.product(enumerate(KINDS), range(0, 200, 20)):
        deltas, special, questions = KINDS[name](np.random.default_rng(ten + i))
        factors = special.pop("factors", None)
        result = make_result(deltas, SIZES, **{"n_samples": 200, **special})
        result = with_parts(result, factors) if factors else result
        asked = Asked.from_options(**questions)
        if "thresholds" in questions:
            (threshold,) = questions.pop("thresholds")
            verdict = result.verdict(threshold, **questions)
        else:
            ((name_of_target, target),) = questions.items()
            verdict = result.verdict_for_target(target, name_of_target.removesuffix("_target"))
        assert str(verdict).startswith(f"{verdict.headline}: "), name
        check_command_line(result, verdict, asked, summary, capsys)
        check_report(result, verdict, asked, tmp_path / "report.html")
        seen.add((verdict.status, verdict.decision, verdict.sure))
    assert {decision for _, decision, _ in seen} == {"enough", "more", "unknown"}
    statuses = {"reached", "at_most", "extrapolated", "not_identifiable", "unreachable"}
    assert {status for status, _, _ in seen} == statuses
    assert {(decision, sure) for _, decision, sure in seen} >= {("enough", False), ("more", False)}


def twice(data):
    return np.concatenate([data, data])


X_CANCER, Y_CANCER = load_breast_cancer(return_X_y=True)
FEW = np.isin(np.arange(2 * len(X_CANCER)), (5, 300, 900)).astype(int)
HOPELESS = {
    "iris": tuple(map(twice, load_iris(return_X_y=True))),
    "random labels": (X_CANCER, np.random.default_rng(0).permutation(Y_CANCER)),
    "three positives": (twice(X_CANCER), FEW),
}


@pytest.mark.filterwarnings("ignore::sufficiency.SufficiencyWarning")
@pytest.mark.parametrize("name", HOPELESS)
def test_two_repeats_of_short_trainings_decide_nothing(name):
    """Each was called enough once, with the caveat that undid it at the end."""
    short = {"sizes": 3, "n_repeats": 2, "n_draws": 2, "min_steps": 20, "refit": False}
    est = LandscapeSufficiencyEstimator(random_state=0, **short).fit(*HOPELESS[name])
    verdict = est.verdict(float(est.deltas_[1]))
    assert verdict.size is not None
    assert (verdict.decision, verdict.sure) == ("unknown", False)
    assert str(verdict).startswith(f"Unknown: {verdict.caveats[0].text}; ")
