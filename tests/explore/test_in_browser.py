"""The page as people meet it: in Chromium, typed at, dragged, and with the keyboard alone."""

import contextlib
import io
import math
import shlex
import time
from urllib.parse import urlencode

import numpy as np
import pytest
from click.testing import CliRunner

from sufficiency.cli import main
from sufficiency.result import SufficiencyResult
from sufficiency.sizing.verdict import capitalized, span
from tests.explore.served import IMAGE, LINK, RUN, hostile_data, hostile_result, served

WIDTHS = (360, 900, 1600)
N_QUESTIONS = 100


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("results") / "of last week"
    hostile_result().save(path)
    return path


@pytest.fixture(scope="module")
def result(saved):
    return SufficiencyResult.load(saved)


@pytest.fixture(scope="module")
def address(result, saved):
    with served(result, saved, hostile_data()) as url:
        yield url


@pytest.fixture
def visit(chromium):
    """Open a page; what it says to the console, or asks of another host, is an error."""
    said, opened = [], []

    def visit(url, width=1280, scheme="light"):
        context = chromium.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
            permissions=["clipboard-read", "clipboard-write"],
        )
        context.set_default_timeout(60_000)
        opened.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda asked: asked.url.startswith(url) or said.append(asked.url))
        page.goto(url)
        for section in ("delta", "performance"):
            page.locator(f"#{section}-figure svg.over").wait_for()
        return page

    yield visit
    for context in opened:
        context.close()
    assert [text for text in said if not text.startswith("data:")] == []


def reveal(page, *parts):
    """Scroll to parts of the page, which come when they are seen, and wait for them."""
    for part in parts:
        page.locator(f"#{part}").scroll_into_view_if_needed()
        page.locator(f"#{part} tbody tr").first.wait_for()


def ask(page, section, **fields):
    """Type into fields, and wait until the answer is about them."""
    for name, text in fields.items():
        page.locator(f"#{name}").fill(text)
    arrived(page, section)


def arrived(page, section):
    """Wait until the answer of a section is to what its fields hold."""
    names = {"delta": "threshold relative growth", "performance": "target kind"}[section].split()
    held = {
        n: page.locator(f"#{n}").input_value() for n in (*names, "confidence", "family", "prior")
    }
    if "kind" in held:
        held = {"target": held.pop("target"), "quantity": held.pop("kind"), **held}
    asked = urlencode(held).replace('"', '\\"')
    page.locator(f'#{section}-answer[data-asked="{asked}"]').wait_for()


def shown(page, section):
    """Headline, text, and numbers by their names."""
    return page.locator(f"#{section}-answer").evaluate(
        """it => [it.querySelector("h3").textContent.slice(1), it.querySelector("p").textContent,
        Object.fromEntries([...it.querySelectorAll(".facts div")].map(
            of => [of.children[0].textContent, of.children[1].textContent]))]"""
    )


def agrees(page, section, verdict):
    """The page shows this verdict."""
    headline, text, facts = shown(page, section)
    assert headline == verdict.headline
    assert text == capitalized(verdict.explanation).replace("`", "")
    known = verdict.decision != "unknown" and verdict.size
    assert facts["Samples needed"] == (f"{verdict.size:,}" if known else "not known")
    assert facts[f"{100 * verdict.confidence:g} % interval"] == span(verdict.interval)
    assert facts["Missing"] == verdict.missing
    label = page.locator(f"#{section}-figure .of-size")
    if verdict.size:
        assert label.text_content().split()[0] == f"{verdict.size:,}"


def box_of(page, selector):
    """Where a part of a figure is; what is drawn anew at this moment has no box yet."""
    box = None
    while box is None:
        box = page.locator(selector).first.bounding_box()
    return box


def drag(page, section, part):
    """Pull the line to a part of the height of the axes, from below; return where it is then."""
    grip, box = (box_of(page, f"#{section}-figure {kind}") for kind in (".grip", "svg"))
    middle = grip["x"] + grip["width"] / 2
    page.mouse.move(middle, grip["y"] + grip["height"] / 2)
    page.mouse.down()
    page.mouse.move(middle, box["y"] + (0.72 - 0.6 * part) * box["height"], steps=3)
    page.mouse.up()


@pytest.mark.slow
def test_the_page_shows_what_python_answers(visit, address, result, record_property):
    page, rng, of_python = visit(address), np.random.default_rng(5), []
    for i in range(N_QUESTIONS):
        threshold = 10 ** rng.uniform(-9, -2)
        target = float(f"{rng.uniform(0.5, 0.99):.4g}")
        # another one means another figure
        if i % 4 == 0:
            confidence = rng.uniform(0.5, 0.99)
            ask(page, "delta", confidence=f"{confidence:.3g}")
        if i % 5:
            ask(page, "delta", threshold=repr(threshold))
            ask(page, "performance", target=repr(target))
        else:
            page.locator("#delta-figure").scroll_into_view_if_needed()
            drag(page, "delta", rng.random())
            arrived(page, "delta")
            page.locator("#performance-figure").scroll_into_view_if_needed()
            drag(page, "performance", rng.random())
            arrived(page, "performance")
        threshold = float(page.locator("#threshold").input_value())
        target = float(page.locator("#target").input_value())
        confidence = float(f"{confidence:.3g}")
        start = time.perf_counter()
        found = result.verdict(threshold, confidence=confidence)
        of_python.append(1000 * (time.perf_counter() - start))
        agrees(page, "delta", found)
        arrived(page, "performance")
        found = result.verdict_for_target(target, "score", confidence=confidence)
        agrees(page, "performance", found)
    times = page.evaluate("performance.getEntriesByName('answer-delta').map(it => it.duration)")
    page_ms, python_ms = np.median(times), np.median(of_python)
    record_property("figures", f"answer after {page_ms:.0f} ms, Python's {python_ms:.0f} ms")


def test_every_way_to_ask_gives_what_python_answers(visit, address, result):
    page = visit(address)
    page.locator("#relative").select_option("1")
    ask(page, "delta", threshold="0.01")
    agrees(page, "delta", result.verdict(0.01, relative=True))
    ask(page, "delta", growth="0.1")
    agrees(page, "delta", result.verdict(0.01, relative=True, growth=0.1))
    ask(page, "delta", growth="10")
    agrees(page, "delta", result.verdict(0.01, relative=True, growth=10))
    # under growth a threshold is no Δ of one sample
    assert page.locator("#delta-figure .at-threshold").count() == 0
    page.locator("#prior").select_option("none")
    page.locator("#relative").select_option("")
    ask(page, "delta", growth="", threshold="1e-7")
    agrees(page, "delta", result.verdict(1e-7, prior=None))
    page.locator("#kind").select_option("loss")
    ask(page, "performance", target="0.2")
    agrees(page, "performance", result.verdict_for_target(0.2, "loss", prior=None))
    page.locator("#rounds").fill("2")
    plan = result.plan(0.2, "loss", rounds=2, prior=None)
    page.locator("#quantity").select_option("target")
    page.locator("#collect").scroll_into_view_if_needed()
    page.locator("#collect-answer .said", has_text=str(plan)).wait_for()


def test_a_share_of_the_loss_stays_one_while_the_line_is_dragged(visit, address, result):
    page = visit(address)
    page.locator("#relative").select_option("1")
    arrived(page, "delta")
    page.locator("#delta-figure").scroll_into_view_if_needed()
    drag(page, "delta", 0.5)
    arrived(page, "delta")
    share = float(page.locator("#threshold").input_value())
    verdict = result.verdict(share, relative=True)
    agrees(page, "delta", verdict)
    # the line is where the mouse has left it: three digits of a share are 1 % of Δ, less than a
    # pixel of eight decades
    line, box = (box_of(page, f"#delta-figure {kind}") for kind in (".at-threshold", "svg"))
    assert line["y"] + line["height"] / 2 == pytest.approx(box["y"] + 0.42 * box["height"], abs=2)


@pytest.mark.parametrize("family", ["theory", None])
def test_the_copied_code_gives_the_number_that_is_shown(visit, address, saved, result, family):
    page = visit(address)
    changes = {"confidence": 0.9}
    if family:
        page.locator("#family").select_option(family)
        page.locator("#prior").select_option("none")
        page.locator("#relative").select_option("1")
        changes |= {"relative": True, "prior": None}
    ask(page, "delta", confidence="0.9", threshold="0.004" if family else "2e-06")
    ask(page, "performance", target="0.9")
    arrived(page, "delta")
    for section in ("delta", "performance", "collect"):
        page.locator(f"#{section}-code summary").click()
        page.locator(f"#{section}-answer > p").first.wait_for()
        told = page.locator(f"#{section}-answer > p").first
        text = told.inner_text()
        copied = {}
        for kind in ("python", "command"):
            page.locator(f'[data-copy="{section}-{kind}"]').click()
            page.locator(f'[data-copy="{section}-{kind}"]', has_text="Copied").wait_for()
            copied[kind] = page.evaluate("navigator.clipboard.readText()")
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(copied["python"], {})
        assert text[1:] in printed.getvalue().replace("`", "")
        words = shlex.split(copied["command"])
        assert words.pop(0) == "sufficiency"
        called = CliRunner().invoke(main, words, prog_name="sufficiency")
        assert called.exit_code == 0, called.output
        assert text[1:] in " ".join(called.output.replace("`", "").split())
    (saved / "report.html").unlink()


def test_everything_can_be_reached_with_the_keyboard(visit, address):
    page = visit(address, 360)
    page.locator("#collect").scroll_into_view_if_needed()
    page.locator("#collect-answer figure").wait_for()
    reveal(page, "slices", "samples", "cells")
    wanted = page.evaluate(
        """[...document.querySelectorAll(
        "a[href], button:not([disabled]), input, select, summary, .scroll")]
        .filter(it => it.checkVisibility({contentVisibilityAuto: true})).length"""
    )
    reached = []
    while True:
        page.keyboard.press("Tab")
        here = page.evaluate(
            "[document.activeElement.tagName, document.activeElement.className,"
            " getComputedStyle(document.activeElement).outlineStyle]"
        )
        if here[0] == "BODY" or len(reached) > 400:
            break
        reached.append(here)
    assert len(reached) == wanted
    assert all(outline == "solid" for *_, outline in reached)
    page.locator("#threshold-slide").focus()
    before = page.locator("#threshold").input_value()
    page.keyboard.press("ArrowRight")
    arrived(page, "delta")
    # a step of the slider is 2 % of Δ
    assert 1.0 < float(page.locator("#threshold").input_value()) / float(before) < 1.06


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (900, "light"), (1600, "dark")])
def test_the_page_fits_and_keeps_the_rules_of_accessibility(
    visit, address, require_module, width, scheme
):
    axe = require_module("axe_playwright_python.sync_playwright").Axe()
    page = visit(address, width, scheme)
    reveal(page, "slices", "samples", "cells")
    page.locator("#samples button[data-row]").first.click()
    page.locator("#sample table").wait_for()
    page.evaluate("document.querySelectorAll('details').forEach(it => { it.open = true })")
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") == 0
    found = axe.run(page).response
    assert len(found["passes"]) > 20
    broken = {rule["id"]: [n["target"] for n in rule["nodes"]] for rule in found["violations"]}
    assert not broken


def test_sessions_do_not_disturb_each_other(visit, address, result):
    one, other = visit(address), visit(address)
    ask(one, "delta", threshold="1e-05")
    ask(other, "delta", threshold="1e-07", confidence="0.8")
    agrees(one, "delta", result.verdict(1e-5))
    agrees(other, "delta", result.verdict(1e-7, confidence=0.8))
    assert one.locator("#confidence").input_value() == "0.95"


def test_texts_of_users_are_shown_and_do_not_run(visit, address, result):
    page = visit(address)
    reveal(page, "slices", "samples", "cells")
    names = page.locator("#slices tbody th").all_inner_texts()
    assert {f"site={RUN}", f"site={IMAGE}", f"class={LINK}"} <= set(names)
    page.locator("#samples button[data-row]").first.click()
    page.locator("#sample", has_text=IMAGE).wait_for()
    assert RUN in page.locator("#sample").inner_text()
    page.locator('#cells [data-by="Failed because"]').click()
    page.locator("#cells tbody tr").first.locator("td", has_text=RUN).wait_for()
    assert page.title().startswith("How many samples are enough?")
    assert page.locator("main script, main a[href^=javascript], main img[onerror]").count() == 0


def test_cells_are_sorted_by_a_click(visit, address, result):
    page = visit(address)
    reveal(page, "cells")
    largest = {True: np.nanargmax, False: np.nanargmin}
    deltas = result.to_frame()["delta"].to_numpy()
    for down in (False, True):
        page.locator('#cells [data-by="Δ"]').click()
        way = "descending" if down else "ascending"
        page.locator(f'#cells th[aria-sort="{way}"]').wait_for()
        cell = result.cells[largest[down](deltas)]
        first = page.locator("#cells tbody tr").first.locator("data")
        values = [it.get_attribute("value") for it in first.all()[:3]]
        assert values == [str(cell.repeat), str(cell.size), repr(cell.delta)]


def test_a_refusal_is_shown_and_the_next_answer_takes_it_away(visit, address, result):
    page = visit(address)
    for text, why in (("-1", "must be finite and > 0"), ("one", "must be a number, got 'one'")):
        page.locator("#threshold").fill(text)
        page.locator("#delta-problem", has_text=why).wait_for()
    ask(page, "delta", threshold="1e-05")
    assert page.locator("#delta-problem").is_hidden()
    agrees(page, "delta", result.verdict(1e-5))


def test_a_server_that_has_ended_is_noticed(chromium, result):
    page = chromium.new_page()
    with served(result) as url:
        page.goto(url)
        page.locator("#delta-answer[data-asked]").wait_for()
        assert page.locator("#gone").is_hidden()
    page.locator("#gone", has_text="The server has ended").wait_for()
    page.context.close()


def test_the_curve_is_drawn_up_to_an_answer_beyond_it(visit, address, result):
    page = visit(address)
    verdict = result.verdict(1e-8)
    assert verdict.size > 2 * result.sizes[-1]
    ask(page, "delta", threshold="1e-8")
    page.locator("#delta-figure .of-size", has_text="→").wait_for(state="detached")
    assert not math.isinf(verdict.size)
    agrees(page, "delta", verdict)
