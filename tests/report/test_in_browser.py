"""The report as people meet it: in Chromium, on a phone and a desk, in light, dark and print."""

import dataclasses

import numpy as np
import pytest

from tests.helpers import make_result, with_parts
from tests.report.pages import DELTA, LOSS, NAN, SCORE, SIZES, plain

WIDTHS = (360, 1280)
SCHEMES = ("light", "dark")
# A4 without the margins of the page, 178 mm at 96 dots per inch
PRINTED_WIDTH = 672


def eventful():
    """Every part of the page, with long texts in it."""
    sizes = (9, 19, 39, 79_000)
    table = DELTA * (np.arange(4) < 3) + 1e-9 * (np.arange(4) == 3)
    table[0, 1] = NAN
    settings = {"probe": "Probe(" + "a_long_argument=1.0, " * 9 + ")", "net": "N" * 200}
    return make_result(
        table,
        sizes,
        loss_drift=10.0,
        top1pct_share=0.9,
        unseen_loss=LOSS,
        unseen_score=SCORE,
        settings=settings,
        n_samples=100_000,
    )


def of_many_parts():
    """Slices and samples with images, whose names are long, or would like to be more."""
    names = ["class=" + "Wortzusammensetzung" * 9, "class=<script>document.title = 'run'</script>"]
    names += ["site=" + "a hospital with a long name, " * 9, "site=$x_{", "site=東京", "site=</td>"]
    names += [f"site={i}" for i in range(9)]
    result = with_parts(plain(), {name: 1.0 + i for i, name in enumerate(names)}, few=names[-1:])
    pixels = np.random.default_rng(0).integers(0, 256, (12, 28, 28, 3), dtype=np.uint8)
    images = dict(zip(result.samples(12).index.tolist(), pixels, strict=True))
    return dataclasses.replace(result, images=images)


REPORTS = {
    "enough": (plain(), {"thresholds": [4e-3, 1e-3, 1e-5], "score_target": 0.8}),
    "open": (plain(), {"title": "<script>document.title = 'run'</script>"}),
    "single": (make_result(DELTA[:1], SIZES), {"thresholds": 1e-4}),
    "parts": (of_many_parts(), {"thresholds": 1e-3, "title": "of many parts"}),
    "eventful": (eventful(), {"thresholds": [1e-3, 1e-12], "loss_target": 1e-6}),
}


@pytest.fixture(scope="module")
def addresses(tmp_path_factory):
    directory = tmp_path_factory.mktemp("reports with a #")
    return {
        name: result.report(directory / f"{name} ?.html", **questions).as_uri()
        for name, (result, questions) in REPORTS.items()
    }


@pytest.fixture
def visit(chromium, addresses):
    """Open a report; what it says to the console or asks of the network is an error."""
    said, meant, opened = [], [], []

    def visit(name, width=1280, scheme="light", media="screen"):
        context = chromium.new_context(
            viewport={"width": width, "height": 800}, color_scheme=scheme, offline=True
        )
        opened.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda asked: said.append(asked.url))
        page.emulate_media(media=media, color_scheme=scheme)
        page.goto(addresses[name])
        meant.append(addresses[name])
        return page

    yield visit
    for context in opened:
        context.close()
    assert said == meant


def overflow(page) -> int:
    return page.evaluate("document.documentElement.scrollWidth - window.innerWidth")


def open_everything(page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach(it => { it.open = true })")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", REPORTS)
def test_the_page_never_scrolls_sideways(visit, name, width):
    page = visit(name, width)
    assert overflow(page) == 0
    open_everything(page)
    assert overflow(page) == 0


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", REPORTS)
def test_the_rules_of_accessibility_are_kept(visit, require_module, name, width, scheme):
    axe = require_module("axe_playwright_python.sync_playwright").Axe()
    page = visit(name, width, scheme)
    open_everything(page)
    found = axe.run(page).response
    assert len(found["passes"]) > 20
    broken = {rule["id"]: [n["target"] for n in rule["nodes"]] for rule in found["violations"]}
    assert not broken


def test_dark_is_dark_and_light_is_light(visit):
    shades = {}
    for scheme in SCHEMES:
        page = visit("enough", scheme=scheme)
        for element in ("body", "figure svg"):
            for name in ("background-color", "color"):
                shade = page.eval_on_selector(
                    element, f"it => getComputedStyle(it).getPropertyValue('{name}')"
                )
                channels = [float(part) for part in shade.strip("rgba()").split(",")[:3]]
                shades[scheme, element, name] = sum(channels) / 3
        page.context.close()
    assert shades["light", "body", "background-color"] > 240
    assert shades["dark", "body", "background-color"] < 40
    for element in ("body", "figure svg"):
        assert shades["light", element, "color"] < 60
        assert shades["dark", element, "color"] > 200


@pytest.mark.parametrize(("width", "shown"), [(360, "narrow"), (1280, "wide")])
def test_figures_are_drawn_for_the_width_there_is(visit, width, shown):
    page = visit("enough", width)
    for name in ("narrow", "wide"):
        for drawing in page.query_selector_all(f".{name} svg"):
            assert drawing.is_visible() == (name == shown)
            if name == shown:
                box = drawing.bounding_box()
                drawn = float(drawing.get_attribute("viewBox").split()[2])
                # text of 8.5 points must not become smaller than 8 pixels
                assert box["width"] / drawn * 8.5 >= 8


def test_everything_can_be_reached_with_the_keyboard(visit):
    page = visit("eventful", 360)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    assert page.locator(".skip").bounding_box()["x"] >= 0
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    reached = []
    while True:
        page.keyboard.press("Tab")
        here = page.evaluate(
            "[document.activeElement.tagName, document.activeElement.className,"
            " getComputedStyle(document.activeElement).outlineStyle]"
        )
        if here[0] == "BODY" or len(reached) > 50:
            break
        reached.append(tuple(here))
        if here[0] == "SUMMARY":
            page.keyboard.press("Enter")
    assert len(reached) < 50
    assert all(outline == "solid" for _, _, outline in reached)
    assert sum(tag == "SUMMARY" for tag, _, _ in reached) == page.locator("details").count()
    assert page.locator("details[open]").count() == page.locator("details").count()
    assert sum(kind == "scroll" for _, kind, _ in reached) == page.locator(".scroll").count()


@pytest.mark.parametrize("name", REPORTS)
def test_paper_has_everything(visit, name):
    page = visit(name, PRINTED_WIDTH, scheme="dark", media="print")
    assert overflow(page) == 0
    visible = "it => it.checkVisibility({contentVisibilityAuto: true})"
    for element in page.query_selector_all("details td"):
        assert element.evaluate(visible)
    assert page.eval_on_selector("body", "it => getComputedStyle(it).color") == "rgb(0, 0, 0)"
    assert page.pdf(format="A4").startswith(b"%PDF")


def test_texts_of_users_have_not_run(visit):
    for name in ("open", "parts"):
        assert visit(name).title() == REPORTS[name][1]["title"]


def test_images_are_shown(visit):
    page = visit("parts", 360)
    pictures = page.query_selector_all("td img")
    assert len(pictures) == 12
    assert all(it.evaluate("it => it.complete && it.naturalWidth") == 28 for it in pictures)


@pytest.mark.parametrize("width", WIDTHS)
def test_long_names_leave_room_for_the_numbers(visit, width):
    page = visit("parts", width)
    for name in page.query_selector_all("tbody .name"):
        box = name.bounding_box()
        assert box["width"] <= 300
        assert box["height"] <= 300
