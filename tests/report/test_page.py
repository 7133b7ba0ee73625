"""What stands on the page: every number the result's own, every part where it belongs."""

import itertools
import math

import numpy as np
import pytest

from sufficiency import SufficiencyResult
from tests.helpers import make_result
from tests.report.pages import (
    DELTA,
    LOSS,
    NAN,
    SIZES,
    one_failed,
    parted,
    plain,
    report,
    table,
    value,
)

EVERY_KIND = {
    "usual": (plain(), {}),
    "thresholds": (plain(), {"thresholds": [4e-3, 1e-3, 1e-9], "title": "Digits"}),
    "targets": (plain(), {"thresholds": 1e-3, "loss_target": 0.4, "score_target": 0.8}),
    "relative growth": (plain(), {"thresholds": [0.1], "relative": True, "growth": 0.1}),
    "growth by a count": (plain(), {"thresholds": 0.1, "growth": 3}),
    "one repeat": (make_result(DELTA[:1], SIZES), {"thresholds": 4e-3}),
    "one size": (make_result(DELTA[:, :1], SIZES[:1]), {"thresholds": 1e-3}),
    "one cell": (make_result(DELTA[:1, :1], SIZES[:1]), {}),
    "two sizes": (make_result(DELTA[:, :2], SIZES[:2]), {}),
    "failed cell": (one_failed(), {"thresholds": 1e-3}),
    "failed size": (make_result(np.where(np.arange(4) == 3, NAN, DELTA), SIZES), {}),
    "all failed": (make_result(np.full((2, 3), NAN)), {"thresholds": 1e-3}),
    "no change": (make_result(np.zeros((2, 3))), {"thresholds": 1e-3}),
    "few sizes for the curve": (make_result(DELTA[:, :2], SIZES[:2], family="transient"), {}),
    "order 1": (make_result(np.sqrt(DELTA), SIZES, order=1), {"thresholds": 0.05}),
    "no score": (plain(unseen_score=NAN), {}),
    "no loss": (plain(unseen_loss=NAN, unseen_score=NAN), {}),
    "negative loss": (plain(unseen_loss=-1.0, constant_loss=-0.5), {}),
    "own unseen": (plain(own_unseen=True, disjoint_candidates=False), {"thresholds": 1e-3}),
    "once": (plain(settings={"train": "once"}), {}),
    "closed form": (plain(settings={"method": "gaussian_moment"}, n_candidates=20), {}),
    "rising": (make_result(np.array([[1.0, 2, 3]] * 2), family="power_law"), {"thresholds": 1e-3}),
    "lax": (plain(), {"thresholds": 1.0}),
    "slices and samples": (parted(few=["site=3"]), {"thresholds": 1e-3}),
    "slices without a question": (parted(unseen_score=NAN), {}),
}


@pytest.fixture(scope="module", params=EVERY_KIND)
def kind(request, tmp_path_factory):
    result, questions = EVERY_KIND[request.param]
    return report(result, tmp_path_factory.mktemp("report"), **questions)


def test_it_has_one_of_each_landmark_and_a_way_past_the_first(kind):
    assert kind.attributes == {"lang": "en"}
    body = kind.one("body")
    assert [child.tag for child in body.children] == ["a", "header", "main", "footer"]
    assert body.children[0].attributes["href"] == "#main"
    assert kind.one("main").attributes["id"] == "main"
    assert kind.one("title").text == kind.one("h1").text
    assert kind.all("meta", name="viewport")


def test_headings_go_down_step_by_step(kind):
    levels = [int(e.tag[1]) for e in kind.all() if e.tag in {"h1", "h2", "h3", "h4"}]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert all(e.text for e in kind.all() if e.tag in {"h1", "h2", "h3", "h4"})


def test_ids_are_unique_and_everything_referred_to_is_there(kind):
    ids = [e.attributes["id"] for e in kind.all() if "id" in e.attributes]
    assert len(ids) == len(set(ids))
    for element in kind.all():
        for name in ("aria-labelledby", "aria-describedby"):
            assert set((element.attributes.get(name) or "").split()) <= set(ids)
        if "href" in element.attributes:
            assert element.attributes["href"].removeprefix("#") in ids


def test_tables_name_rows_and_columns_and_can_be_scrolled_with_keys(kind):
    tables = kind.all("table")
    assert len(tables) >= 3
    for found in tables:
        assert found.one("caption").text
        assert all(th.attributes["scope"] == "col" for th in found.one("thead").all("th"))
        for row in found.one("tbody").all("tr"):
            assert row.children[0].attributes.get("scope") == "row"
    regions = kind.all("div", role="region", tabindex="0")
    assert len(regions) == len(tables)
    assert all(region.attributes["aria-labelledby"] for region in regions)


def test_figures_speak(kind):
    for figure in kind.all("figure"):
        assert len(figure.one("figcaption").text) > 20
        for svg in figure.all("svg"):
            assert svg.attributes["role"] == "img"
            assert svg.attributes["aria-label"]
            assert svg.attributes["aria-describedby"] == figure.one("figcaption").attributes["id"]


def test_no_text_is_a_programmers(kind):
    for word in ("nan", "None", "inf", "Undefined", "np.float64"):
        assert word not in kind.one("main").text.replace("n_eval None", "").split()


def test_nothing_is_loaded_or_run(kind):
    assert not {e.tag for e in kind.all()} & {"script", "link", "iframe", "object", "base"}
    assert all(e.attributes["src"].startswith("data:image/png;") for e in kind.all("img"))
    policy = kind.one("meta", http_equiv="Content-Security-Policy").attributes["content"]
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:")
    for element in kind.all():
        for name, text in element.attributes.items():
            assert not name.startswith("on")
            assert name not in {"srcset", "action", "formaction", "xlink:href"}
            assert name != "src" or element.tag == "img"
            assert "url(" not in (text or "").replace("url(#", "")
    assert "@import" not in kind.one("style").text
    assert "url(" not in kind.one("style").text


def test_the_verdict_stands_on_top_in_its_own_words(tmp_path, undrawn):
    result = plain()
    page = report(result, tmp_path, thresholds=[4e-3, 1e-3])
    verdict = page.one("section", id="verdict")
    first, second = result.verdict(4e-3), result.verdict(1e-3)
    # both are met, the second one at the larger size
    assert verdict.one("h2").text == f"✓{second.headline}"
    assert verdict.all("p")[0].text.endswith(f" decides. F{second.explanation[1:]}")
    assert first.explanation[1:] not in verdict.text
    (details,) = page.one("section", id="answers").all("details")
    for threshold in (4e-3, 1e-3):
        assert str(result.verdict(threshold)) in details.text


@pytest.mark.parametrize(
    "questions",
    [
        {"thresholds": [4e-3, 1e-3, 1e-4, 1e-9, 1.0], "confidence": 0.9},
        {"thresholds": [0.1, 0.01], "relative": True},
        {"thresholds": [1e-2, 1e-3], "growth": 0.1},
    ],
)
def test_thresholds_have_the_result_s_own_answers(tmp_path, questions, undrawn):
    result = plain()
    headers, rows = table(report(result, tmp_path, **questions), "thresholds")
    confidence = questions.get("confidence", 0.95)
    assert f"{100 * confidence:g} % interval" in headers
    asked = questions.pop("thresholds")
    assert len(rows) == len(asked)
    for row, threshold in zip(rows, asked, strict=True):
        verdict = result.verdict(threshold, **questions)
        change, relative, delta, size, interval, decision, status, missing = map(value, row)
        assert decision == verdict.decision
        assert float(change) == verdict.change
        assert float(relative) == verdict.relative_change
        assert float(delta) == verdict.threshold
        assert size == (None if verdict.size is None else str(verdict.size))
        assert interval == "/".join(map(str, verdict.interval))
        assert status == verdict.status
        assert missing == (None if verdict.n_missing is None else str(verdict.n_missing))


def test_without_thresholds_multiples_of_the_present_change_are_shown(tmp_path, undrawn):
    result = plain()
    page = report(result, tmp_path)
    assert page.one("section", id="verdict").attributes["class"] == "verdict open"
    _, rows = table(page, "thresholds")
    now = result.suggest_thresholds().loc["1 more sample", "change"]
    # 4·(now²/4) and its root: a few roundings
    np.testing.assert_allclose(
        [float(value(row[0])) for row in rows], now * np.array([2, 1, 0.5, 0.25]), rtol=1e-12
    )
    _, rows = table(page, "suggestions")
    suggested = result.suggest_thresholds()
    assert [row[0].text for row in rows] == list(suggested.index)
    assert [float(value(row[1])) for row in rows] == suggested["change"].tolist()


def test_targets_have_the_result_s_own_answers(tmp_path, undrawn):
    result = plain()
    page = report(result, tmp_path, loss_target=0.35, score_target=0.999999)
    _, rows = table(page, "targets")
    for row, (target, which) in zip(rows, [(0.35, "loss"), (0.999999, "score")], strict=True):
        estimate = result.estimate_for_target(target, which)
        assert value(row[0]) == str(target)
        assert row[0].text == f"{which} {target:g}"
        assert value(row[1]) == (None if estimate.size is None else str(estimate.size))
        assert value(row[4]) == estimate.status
    assert rows[0][6].text == "–"


def test_every_size_has_its_means(tmp_path, undrawn):
    result = plain()
    _, rows = table(report(result, tmp_path), "sizes")
    columns = np.array([[float(value(cell)) for cell in row] for row in rows]).T
    size, delta, stderr, fitted, loss, _, seconds, repeats = columns
    np.testing.assert_array_equal(size, result.sizes)
    np.testing.assert_array_equal(delta, result.deltas)
    np.testing.assert_array_equal(stderr, result.delta_stderr)
    np.testing.assert_array_equal(fitted, result.curve.predict(result.sizes))
    np.testing.assert_allclose(loss, LOSS.mean(axis=0), rtol=1e-15)
    np.testing.assert_array_equal(seconds, 1.5)
    np.testing.assert_array_equal(repeats, 3)


def test_every_cell_is_there_and_failures_say_why(tmp_path, undrawn):
    result = one_failed()
    headers, rows = table(report(result, tmp_path), "cells")
    assert len(rows) == len(result.cells) == 12
    assert headers[-1] == "Failed because"
    for row, cell in zip(rows, result.cells, strict=True):
        assert [value(c) for c in row[:2]] == [str(cell.repeat), str(cell.size)]
        assert value(row[2]) == (None if math.isnan(cell.delta) else str(cell.delta))
        assert row[-1].text == (cell.failure or "–")
    assert [row[-1].text for row in rows].count("no luck") == 1


def test_columns_that_no_cell_has_are_left_out(tmp_path, undrawn):
    headers, _ = table(report(plain(unseen_score=NAN), tmp_path), "cells")
    assert "Unseen loss" in headers
    assert "Unseen score" not in headers
    assert "Failed because" not in headers


def test_settings_are_the_result_s(tmp_path, undrawn):
    settings = {"net": "Net", "probe": "Isotropic()", "n_draws": "32", "torch": "2.9"}
    _, rows = table(report(plain(settings=settings), tmp_path), "settings")
    said = {row[0].text: (row[1].text, row[2].text) for row in rows}
    assert said["Network"] == ("net", "Net")
    assert said["Draws"] == ("n_draws", "32")
    assert said["torch"] == ("–", "2.9")
    assert said["Sizes"] == ("sizes", "9, 19, 39, 79")


def test_a_loaded_result_gives_the_same_page(tmp_path):
    result = plain()
    result.save(tmp_path / "saved")
    questions = {"thresholds": [4e-3, 1e-4], "score_target": 0.8, "title": "T"}
    first = result.report(tmp_path / "first.html", **questions)
    second = SufficiencyResult.load(tmp_path / "saved").report(tmp_path / "b.html", **questions)
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("shape", [(4, 8), (10, 12)])
def test_it_stays_below_a_megabyte(tmp_path, rng, shape):
    sizes = np.geomspace(50, 60_000, shape[1]).astype(int)
    table = 4.0 / (sizes + 1.0) ** 2 * np.exp(0.2 * rng.standard_normal(shape))
    result = make_result(table, sizes, n_samples=80_000, unseen_loss=rng.uniform(1, 2, shape))
    path = result.report(tmp_path / "a.html", thresholds=[1e-6, 1e-7, 1e-8, 1e-9])
    assert path.stat().st_size < 1_000_000


def test_repeats_are_counted_as_failures_count_them(tmp_path, undrawn):
    page = report(one_failed(), tmp_path)
    assert "repeat 0, size 19: no luck" in page.text
    _, rows = table(page, "cells")
    (failed,) = (row for row in rows if row[-1].text == "no luck")
    assert [cell.text for cell in failed[:2]] == ["0", "19"]


def test_own_unseen_samples_are_none_of_those_passed(tmp_path, undrawn):
    page = report(plain(own_unseen=True, disjoint_candidates=False), tmp_path)
    assert "given by the user, and put the 100 others in an order" in page.text


def test_thresholds_of_growth_are_not_called_those_of_delta(tmp_path, undrawn):
    page = report(plain(), tmp_path, thresholds=0.1, growth=3)
    headers, _ = table(page, "thresholds")
    assert "Threshold (loss²)" in headers
    assert "follows from separate fits of its two parts" in page.text
    headers, _ = table(report(plain(), tmp_path, thresholds=0.1), "thresholds")
    assert "Threshold for Δ (loss²)" in headers


def test_intervals_of_targets_say_how_sure_they_are(tmp_path, undrawn):
    page = report(plain(), tmp_path, thresholds=1e-3, loss_target=0.4, confidence=0.8)
    assert "80 % interval" in table(page, "targets")[0]


def test_validation_samples_are_mentioned_where_there_are_some(tmp_path, undrawn):
    pages = [
        make_result(settings={"center": center}).report(tmp_path / f"{center}.html")
        for center in ("last", "best")
    ]
    told = ["validation samples" in page.read_text(encoding="utf-8") for page in pages]
    assert told == [False, True]
