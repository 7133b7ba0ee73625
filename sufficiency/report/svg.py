"""Figures of matplotlib as SVG that lives inside a page, in the page's colors."""

import re
from io import BytesIO
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from markupsafe import Markup

from sufficiency._colors import LIGHT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# What is drawn in these colors gets those of the page, which has a light and a dark set.
COLORS = {color: f"var(--{name})" for name, color in LIGHT.items()}
# matplotlib's own, of text, axes and grids
COLORS |= {"#000000": "currentColor", "#b0b0b0": "var(--line)"}
_SVG = "{http://www.w3.org/2000/svg}"
_HREF = "{http://www.w3.org/1999/xlink}href"
_REFERENCE = re.compile(r"#([\w.-]+)")
_COLOR = re.compile(r"#[0-9a-fA-F]{6}\b")
_NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))


def inline_svg(figure: "Figure", prefix: str, label: str, described_by: str) -> Markup:
    """Draw a figure as an element for HTML."""
    buffer = BytesIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata=_NO_METADATA)
    root = ElementTree.fromstring(buffer.getvalue())  # noqa: S314 - of our own making
    for parent in root.findall(f".//{_SVG}style/.."):
        for style in parent.findall(f"{_SVG}style"):
            parent.remove(style)
    _own_ids(root, prefix)
    for element in root.iter():
        element.tag = element.tag.removeprefix(_SVG)
        if "style" in element.attrib:
            drawn = element.attrib["style"]
            element.set("style", _COLOR.sub(lambda m: COLORS.get(m[0].lower(), m[0]), drawn))
    # text has no color of its own
    shown = {"viewBox": root.attrib["viewBox"], "fill": "currentColor", "role": "img"}
    root.attrib.clear()
    root.attrib |= shown | {
        "aria-label": label,
        "aria-describedby": described_by,
        "focusable": "false",
    }
    # every text of ours is an attribute here, which the serializer escapes
    return Markup(ElementTree.tostring(root, encoding="unicode"))


def _own_ids(root: ElementTree.Element, prefix: str) -> None:
    """Keep the ids that something refers to, under names that no other figure has."""
    for element in root.iter():
        if _HREF in element.attrib:
            element.set("href", element.attrib.pop(_HREF))
    references = [
        (element, name, value)
        for element in root.iter()
        for name, value in element.attrib.items()
        if name == "href" or "url(#" in value
    ]
    wanted = {old for *_, value in references for old in _REFERENCE.findall(value)}
    new = {old: f"{prefix}-{i}" for i, old in enumerate(sorted(wanted))}
    for element, name, value in references:
        element.set(name, _REFERENCE.sub(lambda match: f"#{new[match[1]]}", value))
    for element in root.iter():
        old = element.attrib.pop("id", None)
        if old in new:
            element.set("id", new[old])
