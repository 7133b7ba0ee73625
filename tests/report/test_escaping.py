"""Texts of users are shown, and can do nothing."""

import re
from dataclasses import replace

import numpy as np
import pytest

from tests.helpers import make_result
from tests.report.pages import NAN, read, table

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)",
    "</style><script>alert(1)</script>",
    "</title></head><body onload=alert(1)>",
    "]]><script>alert(1)</script>",
    "--><script>alert(1)</script><!--",
    "{{ 7 * 7 }}{% raw %}",
    "`<b>code</b>` and `open",
    "&lt;script&gt; &amp; &#60;",
    "javascript:alert(1)",
    "\N{RIGHT-TO-LEFT OVERRIDE}txt.exe",
]


def without_figures(**changes):
    """Its only cell has failed; what users write stands in no figure."""
    return make_result(np.full((1, 1), NAN), (9,), **changes)


@pytest.fixture(scope="module")
def harmless(tmp_path_factory):
    return read(without_figures().report(tmp_path_factory.mktemp("harmless") / "report.html"))


def structure(element):
    """Tags and attributes, without what is text for people, and without the pictures."""
    return [
        (child.tag, sorted(set(child.attributes) - {"value"}), structure(child))
        for child in element.children
        if child.tag not in {"svg", "code", "tr"}
    ]


@pytest.mark.parametrize("text", HOSTILE)
def test_texts_of_users_stay_texts(tmp_path, harmless, text):
    result = without_figures(settings={"net": text, text: "1", "probe": text})
    cells = [replace(cell, failure=text) if cell.failure else cell for cell in result.cells]
    result = replace(result, cells=tuple(cells))
    page = read(result.report(tmp_path / "report.html", title=text))
    assert structure(page) == structure(harmless)
    shown = " ".join(text.split())
    assert page.one("h1").text == shown
    assert page.one("title").text == shown
    _, settings = table(page, "settings")
    assert shown in [row[0].text for row in settings]
    assert [row[2].text for row in settings].count(shown) == 2
    _, cells = table(page, "cells")
    assert [row[-1].text for row in cells].count(shown) == 1
    # in a caveat, what stands in backticks is set as code
    caveats = re.sub("`([^`]*)`", r"\1", shown)
    assert caveats in page.one("section", id="caveats").text


def test_file_names_are_not_on_the_page(tmp_path):
    path = tmp_path / "a <script>alert(1) ' ] #1 %20.html"
    result = without_figures()
    assert result.report(path) == path
    assert path.read_bytes() == result.report(tmp_path / "b.html").read_bytes()


def test_what_utf_8_cannot_hold_is_spelled_out(tmp_path):
    page = read(without_figures().report(tmp_path / "a.html", title="half \udcff of a name"))
    assert page.one("h1").text == r"half \udcff of a name"
