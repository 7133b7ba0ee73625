"""Figures inside the page: its colors, its ids, nothing else of matplotlib's."""

import re
from threading import Event, Thread
from xml.etree import ElementTree

import matplotlib
import pytest
from matplotlib.figure import Figure

from sufficiency._colors import DARK, LIGHT
from sufficiency.report.figures import draw_figure
from sufficiency.report.svg import COLORS, inline_svg
from tests.report.pages import plain, read


def drawing():
    figure = Figure()
    ax = figure.subplots()
    ax.plot([1, 2], [3, 4], color=LIGHT["points"], marker="o", label="a < b & c")
    ax.set_title("<script>")
    ax.legend()
    return figure


@pytest.fixture
def svg():
    text = inline_svg(drawing(), "x", label='a "b" <c>', described_by="d")
    return ElementTree.fromstring(text)  # noqa: S314 - of our own making


def test_it_is_an_image_with_a_name(svg):
    assert svg.tag == "svg"
    assert svg.attrib["role"] == "img"
    assert svg.attrib["aria-label"] == 'a "b" <c>'
    assert svg.attrib["aria-describedby"] == "d"
    assert "width" not in svg.attrib
    width, height = map(float, svg.attrib["viewBox"].split()[2:])
    assert width > height > 0


def test_only_ids_that_are_used_are_left_and_they_are_its_own(svg):
    ids = [e.attrib["id"] for e in svg.iter() if "id" in e.attrib]
    used = {
        name
        for e in svg.iter()
        for key, text in e.attrib.items()
        if key == "href" or "url(" in text
        for name in re.findall(r"#([\w-]+)", text)
    }
    assert len(ids) == len(set(ids))
    assert set(ids) == used
    assert all(name.startswith("x-") for name in ids)


def test_there_is_no_metadata_and_no_style_for_the_whole_page(svg):
    assert not {e.tag for e in svg.iter()} & {"metadata", "style", "script", "text", "title"}


def test_colors_are_the_page_s():
    text = str(inline_svg(drawing(), "x", label="a", described_by="d"))
    assert COLORS[LIGHT["points"]] in text
    assert "currentColor" in text
    assert LIGHT["points"] not in text
    assert "#000000" not in text


def test_every_color_of_a_report_follows_light_and_dark(tmp_path):
    page = read(plain(settings={"train": "once"}).report(tmp_path / "a.html", thresholds=4e-3))
    styles = " ".join(e.attributes.get("style") or "" for e in page.all())
    assert set(re.findall(r"#[0-9a-fA-F]{6}", styles)) == set()
    declared = re.findall(r"--([\w-]+): (#[0-9a-f]+);", page.one("style").text)
    assert set(re.findall(r"var\(--([\w-]+)\)", styles)) <= {name for name, _ in declared}
    # light, then dark, then paper; figures outside of the page have the first two as well
    assert declared[: 2 * len(LIGHT)] == [*LIGHT.items(), *DARK.items()]


def test_two_figures_share_no_id():
    first, second = (
        re.findall(r' id="([^"]+)"', inline_svg(drawing(), name, label="a", described_by="d"))
        for name in ("one", "two")
    )
    assert len(first) == len(second)
    assert not set(first) & set(second)


def test_threads_that_draw_at_once_leave_the_users_settings():
    before, drawing, drawn = dict(matplotlib.rcParams), Event(), Event()

    def first(figure, columns):
        drawing.set()
        drawn.wait(0.5)  # does the other draw meanwhile?

    def second(figure, columns):
        drawn.set()
        earlier.join(5.0)  # it is the last to put the settings back

    earlier = Thread(target=draw_figure, args=("a", "a", "a", first, ("wide",)))
    earlier.start()
    assert drawing.wait(30.0)
    draw_figure("b", "b", "b", second, ("wide",))
    earlier.join()
    assert dict(matplotlib.rcParams) == before
