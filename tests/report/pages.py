"""Reports of chosen results, and an independent look at their HTML."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import numpy as np

from tests.helpers import make_result, with_parts

NAN = float("nan")
SIZES = (9, 19, 39, 79)
KAPPA = np.array(SIZES) + 1.0
# three repeats around 4/κ²
DELTA = 4.0 / KAPPA**2 * np.array([[1.2], [0.9], [1.0]])
LOSS = 0.1 + 2.0 * KAPPA**-0.5 * np.array([[1.1], [0.9], [1.0]])
SCORE = 1.0 - LOSS / 2
# in SVG an element may close itself; in HTML only these end without a tag
VOID = {"meta", "br", "hr", "img", "link", "input"}


def plain(**changes):
    return make_result(DELTA, SIZES, **({"unseen_loss": LOSS, "unseen_score": SCORE} | changes))


# by how much the Δ of each slice exceeds that of all
FACTORS = {"site=1": 0.5, "site=2": 4.0, "site=3": 1.0, "class=no": 1.5, "class=yes": 0.8}


def parted(factors=FACTORS, few=(), **changes):
    """With slices and single samples."""
    return with_parts(plain(**changes), factors, few)


def one_failed(**changes):
    table = DELTA.copy()
    table[0, 1] = NAN
    return make_result(table, SIZES, **changes)


@dataclass
class Element:
    tag: str
    attributes: dict[str, str | None]
    children: list["Element"] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Own text and that of the elements inside, in order."""
        return " ".join("".join(self.pieces).split())

    def all(self, tag: str | None = None, **attributes: str) -> list["Element"]:
        """Elements inside, in order; `class_` stands for class, `_` for a hyphen."""
        wanted = {name.rstrip("_").replace("_", "-"): v for name, v in attributes.items()}
        found = []
        for child in self.children:
            fits = all(child.attributes.get(name) == v for name, v in wanted.items())
            if fits and tag in (None, child.tag):
                found.append(child)
            found += child.all(tag, **attributes)
        return found

    def one(self, tag: str | None = None, **attributes: str) -> "Element":
        (element,) = self.all(tag, **attributes)
        return element


class Reader(HTMLParser):
    """A tree; whatever is not closed, or closed twice, is an error."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open = [Element("", {})]
        self.doctype = ""

    def handle_decl(self, decl):
        self.doctype = decl

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"<{tag}> has an attribute twice"
        element = Element(tag, dict(attrs))
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data):
        for element in self.open:
            element.pieces.append(data)


def read(path: Path) -> Element:
    """The page as a tree."""
    reader = Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    reader.close()
    assert len(reader.open) == 1
    assert reader.doctype == "DOCTYPE html"
    return reader.open[0].one("html")


def report(result, tmp_path: Path, **questions) -> Element:
    return read(result.report(tmp_path / "report.html", **questions))


def table(page: Element, name: str) -> tuple[list[str], list[list[Element]]]:
    """Headers and rows of the table with that caption."""
    found = next(table for table in page.all("table") if table.all("caption", id=f"{name}-caption"))
    headers = [cell.text for cell in found.one("thead").all("th")]
    rows = [row.children for row in found.one("tbody").all("tr")]
    assert all(len(row) == len(headers) for row in rows)
    return headers, rows


def value(cell: Element) -> str | None:
    """What a cell says to machines."""
    data = cell.all("data")
    return data[0].attributes["value"] if data else None
