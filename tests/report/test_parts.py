"""Slices and samples on the page: the result's own numbers, and texts of users in their place."""

import base64
import dataclasses
import io

import numpy as np
import pytest
from matplotlib.image import imread

from sufficiency import SufficiencyResult
from sufficiency.report.pictures import picture
from tests.helpers import with_parts
from tests.report.pages import FACTORS, NAN, parted, plain, report, table, value
from tests.report.test_escaping import HOSTILE


def pixels_of(address):
    head, _, text = address.partition(",")
    assert head == "data:image/png;base64"
    return imread(io.BytesIO(base64.b64decode(text)), format="png")


class TestSlices:
    def test_numbers_are_the_result_s_worst_first(self, tmp_path, undrawn):
        result = parted()
        headers, rows = table(report(result, tmp_path), "slices")
        assert headers == ["Slice", "Candidates", "Δ (loss²)", "Unseen loss", "Unseen score"]
        assert [row[0].text for row in rows] == sorted(FACTORS, key=FACTORS.get, reverse=True)
        measured = result.by_slice().xs(79, level="size")
        for row in rows:
            expected = measured.loc[row[0].text]
            columns = ["n_candidates", "delta", "unseen_loss", "unseen_score"]
            assert [float(value(cell)) for cell in row[1:]] == expected[columns].tolist()
            assert "±" in row[2].text

    @pytest.mark.parametrize(
        "questions",
        [
            {"thresholds": [1e-3, 1e-5]},
            {"thresholds": 0.1, "growth": 3},
            {"thresholds": 0.05, "relative": True},
            {"score_target": 0.8, "confidence": 0.9},
        ],
    )
    def test_answers_are_those_of_the_slices_to_the_question_that_decides(
        self, tmp_path, undrawn, questions
    ):
        result = parted()
        headers, rows = table(report(result, tmp_path, **questions), "slices")
        confidence = questions.get("confidence", 0.95)
        assert f"{100 * confidence:g} % interval" in headers
        for row in rows:
            part = result.slice(row[0].text)
            if "score_target" in questions:
                verdict = part.verdict_for_target(0.8, "score", confidence=confidence)
            else:
                threshold = np.min(questions["thresholds"])
                # of the mean loss of all samples at the largest size, as a change of the loss
                loss = np.nanmean(result.table("unseen_loss")[:, -1])
                threshold = (threshold * loss) ** 2 if "relative" in questions else threshold
                verdict = part.verdict(threshold, growth=questions.get("growth"))
            assert value(row[1]) == str(verdict.size)
            assert value(row[2]) == "/".join(map(str, verdict.interval))
            assert value(row[3]) == verdict.decision

    def test_few_candidates_have_a_reason(self, tmp_path, undrawn):
        headers, rows = table(report(parted(few=["site=2"]), tmp_path, thresholds=1e-3), "slices")
        assert headers[-1] == "Remark"
        (few,) = (row for row in rows if row[0].text == "site=2")
        assert [cell.text for cell in few[1:4]] == ["–", "–", "–"]
        assert few[-1].text.startswith("fewer than 20 candidates: ")
        assert value(few[4]) == "7"

    def test_of_very_many_the_worst(self, tmp_path, undrawn):
        factors = {f"site={i}": 1.0 + i for i in range(60)}
        html = report(parted(factors), tmp_path)
        _, rows = table(html, "slices")
        assert [row[0].text for row in rows] == [f"site={i}" for i in range(59, 9, -1)]
        assert "without 10 smaller ones" in html.one("caption", id="slices-caption").text

    def test_the_figure_has_both_widths(self, tmp_path):
        html = report(parted(), tmp_path)
        for name in ("slices-delta", "concentration"):
            (figure,) = html.all("figure", aria_labelledby=f"{name}-caption")
            assert len(figure.all("svg")) == 2

    def test_a_slice_by_itself_has_no_slices(self, tmp_path, undrawn):
        html = report(parted().slice("site=2"), tmp_path, thresholds=1e-3)
        assert not html.all("section", id="parts")
        assert "the slice site=2" in html.one("section", id="verdict").text

    def test_without_scores(self, tmp_path, undrawn):
        headers, _ = table(report(parted(unseen_score=NAN), tmp_path), "slices")
        assert "Unseen score" not in headers


class TestSamples:
    def test_the_worst_are_there(self, tmp_path, undrawn):
        result = parted()
        headers, rows = table(report(result, tmp_path), "samples")
        assert headers == [
            "Rank", "Sample", "Label", "Predicted", "Loss", "Share of Δ", "Slices",
        ]  # fmt: skip
        frame = result.samples(12)
        assert [value(row[1]) for row in rows] == [str(sample) for sample in frame.index]
        assert [row[2].text for row in rows] == frame["label"].tolist()
        assert [row[3].text for row in rows] == frame["predicted"].tolist()
        assert [float(value(row[4])) for row in rows] == frame["loss"].tolist()
        shares = [float(value(row[5]) or NAN) for row in rows]
        np.testing.assert_array_equal(shares, frame["share"])
        assert [row[6].text for row in rows] == [f"site={site}" for site in frame["site"]]

    def test_images(self, tmp_path, undrawn):
        result, rng = parted(), np.random.default_rng(0)
        gray, color = result.samples(2).index
        images = {
            int(gray): rng.integers(0, 256, (8, 9), dtype=np.uint8),
            int(color): rng.integers(0, 256, (9, 8, 3), dtype=np.uint8),
        }
        result = dataclasses.replace(result, images=images)
        headers, rows = table(report(result, tmp_path), "samples")
        assert headers[2] == "Image"
        first, second = (row[2].one("img").attributes for row in rows[:2])
        assert first["alt"] == f"sample {gray}"
        # dark where there is ink, as in plot_samples; colors of the map are rounded down
        shown = np.round(255 * pixels_of(first["src"])[..., 0])
        np.testing.assert_allclose(shown, 255.0 - images[gray], atol=1)
        shown = np.round(255 * pixels_of(second["src"])[..., :3])
        np.testing.assert_array_equal(shown, images[color])
        assert all(row[2].text == "–" for row in rows[2:])
        # a loaded result gives the same page
        result.save(tmp_path / "saved")
        again = SufficiencyResult.load(tmp_path / "saved").report(tmp_path / "again.html")
        assert again.read_bytes() == (tmp_path / "report.html").read_bytes()

    def test_large_images_become_small(self):
        image = np.zeros((300, 200, 3), dtype=np.uint8)
        image[:4, 4:8] = 200
        small = pixels_of(picture(image))
        # blocks of four: 300 / 96 is a little more than three
        assert small.shape[:2] == (75, 50)
        np.testing.assert_array_equal(np.round(255 * small[0, :3, 0]), [0, 200, 0])
        assert pixels_of(picture(np.zeros((1000, 2), dtype=np.uint8))).shape[:2] == (1000, 2)

    def test_without_them_there_is_no_section(self, tmp_path, undrawn):
        html = report(plain(), tmp_path)
        assert not html.all("section", id="parts")
        assert not html.all("a", href="#parts")


def test_names_and_labels_of_users_stay_texts(tmp_path):
    """In tables, caveats and figures, where a dollar would begin mathematics."""
    texts = [*HOSTILE, "$x_{"]
    factors = {f"class={text}": 14.0 - i for i, text in enumerate(texts)}
    html = report(with_parts(plain(), factors | {"$x_{=<b>": 99.0}), tmp_path, thresholds=1e-3)
    assert not {e.tag for e in html.all()} & {"script", "iframe", "object", "b"}
    assert not any(name.startswith("on") for e in html.all() for name in e.attributes)
    _, rows = table(html, "slices")
    shown = [" ".join(text.split()) for text in texts]
    assert [row[0].text for row in rows] == ["$x_{=<b>", *(f"class={text}" for text in shown)]
    assert "15 slices $x_{=<b> needs most" in html.one("section", id="caveats").text
    _, rows = table(html, "samples")
    assert {row[2].text for row in rows} <= set(shown)
    assert {row[-1].text for row in rows} == {"$x_{=<b>"}


def test_names_without_end_are_cut(tmp_path, undrawn):
    html = report(parted({f"site={'long ' * 100}": 1.0, "site=2": 2.0}), tmp_path)
    _, rows = table(html, "slices")
    assert rows[1][0].text.endswith("…")
    assert len(rows[1][0].text) < 130
