"""The page of warnings and errors knows all of them, and says of each the same three things."""

import inspect
import re

from sufficiency import exceptions
from sufficiency.sizing import caveats, verdict
from tests.docs_pages.pages import ROOT, section_of, tables_of

PAGE = (ROOT / "docs" / "how-to" / "failures.md").read_text(encoding="utf-8")
KINDS = [name for name in exceptions.__all__ if name != "SufficiencyWarning"]


def test_every_kind_has_its_meaning_and_its_remedy():
    parts = ("**What you see.**", "**What it means.**", "**What to do.**")
    missing = [(n, part) for n in KINDS for part in parts if part not in section_of(PAGE, n)]
    assert not missing


def test_base_class_is_explained():
    assert "SufficiencyWarning" in PAGE.split("## Warnings")[0]


def test_warnings_and_errors_stand_apart():
    headings = re.findall(r"^### (\w+)$", section_of(PAGE, "Warnings"), flags=re.MULTILINE)
    assert set(headings) == {n for n in KINDS if issubclass(getattr(exceptions, n), Warning)}
    headings = re.findall(r"^### (\w+)$", section_of(PAGE, "Errors"), flags=re.MULTILINE)
    assert set(headings) == {n for n in KINDS if not issubclass(getattr(exceptions, n), Warning)}


def test_caveats_on_the_page_are_those_of_verdicts():
    """What a row of the table quotes stands in the code that says it."""
    page = (ROOT / "docs" / "how-to" / "verdict.md").read_text(encoding="utf-8")
    (table,) = tables_of(section_of(page, "The caveats"))
    said = " ".join(inspect.getsource(caveats).split()) + inspect.getsource(verdict)
    for quoted in (row[0].strip("*") for row in table[1:]):
        assert all(words in said for words in re.split(r" ?… ?", quoted)), quoted
