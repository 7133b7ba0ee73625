"""Figures of matplotlib as SVG that lives inside a page, in the page's colors."""

import re
from io import BytesIO
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from markupsafe import Markup

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["COLORS", "inline_svg"]

# What is drawn in these colors gets those of the page, which has a light and a dark set.
COLORS = {
    "#000000": "currentColor",
    "#1f77b4": "var(--points)",
    "#ff7f0e": "var(--fit)",
    "#2ca02c": "var(--size)",
    "#d62728": "var(--threshold)",
    "#666666": "var(--muted)",
    "#b0b0b0": "var(--line)",
}
_SVG = "{http://www.w3.org/2000/svg}"
_HREF = "{http://www.w3.org/1999/xlink}href"
_REFERENCE = re.compile(r"#([\w.-]+)")
_COLOR = re.compile(r"#[0-9a-fA-F]{6}\b")
_NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))


def inline_svg(figure: "Figure", prefix: str, *, label: str, described_by: str) -> Markup:
    """Draw a figure as an element for HTML."""
    buffer = BytesIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata=_NO_METADATA)
    root = ElementTree.fromstring(buffer.getvalue())  # noqa: S314 - of our own making
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in (f"{_SVG}metadata", f"{_SVG}style"):
                parent.remove(child)
    _own_ids(root, prefix)
    for element in root.iter():
        element.tag = element.tag.removeprefix(_SVG)
        if "style" in element.attrib:
            element.set("style", _COLOR.sub(_color, element.attrib["style"]))
    box = root.attrib["viewBox"]
    root.attrib.clear()
    root.attrib |= {
        "viewBox": box,
        "fill": "currentColor",  # of text, which has no color of its own
        "role": "img",
        "aria-label": label,
        "aria-describedby": described_by,
        "focusable": "false",
    }
    # every text of ours is an attribute here, which the serializer escapes
    return Markup(ElementTree.tostring(root, encoding="unicode"))


def _own_ids(root: ElementTree.Element, prefix: str) -> None:
    """Keep the ids that something refers to, under names that no other figure has."""
    wanted = set()
    for element in root.iter():
        if _HREF in element.attrib:
            element.set("href", element.attrib.pop(_HREF))
        for name, value in element.attrib.items():
            if name == "href" or "url(#" in value:
                wanted.update(_REFERENCE.findall(value))
    new = {old: f"{prefix}-{i}" for i, old in enumerate(sorted(wanted))}
    for element in root.iter():
        old = element.attrib.pop("id", None)
        if old in new:
            element.set("id", new[old])
        for name, value in element.attrib.items():
            if name == "href" or "url(#" in value:
                element.set(name, _REFERENCE.sub(lambda match: f"#{new[match[1]]}", value))


def _color(match: re.Match[str]) -> str:
    return COLORS.get(match[0].lower(), match[0])
