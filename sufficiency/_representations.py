"""How objects and numbers show themselves: in a line, in a formula, as a card in a notebook."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup

# Borders that stand out on light and on dark ground alike; a card takes over the text's color.
_BORDERS = {"enough": "#2f8f5b", "more": "#c46a1b", "unknown": "#7d858f", "open": "#3b82c4"}
_CARD = Markup(
    '<div style="border-left: 0.4em solid {}; padding: 0.2em 1em; max-width: 48em">'
    '<p style="font-size: 1.15em; margin: 0.2em 0"><strong>{}</strong></p>{}</div>'
)
_TEXT = Markup('<p style="margin: 0.4em 0; white-space: pre-line">{}</p>')
_LIST, _ITEM = Markup("<ul>{}</ul>"), Markup("<li>{}</li>")
_TABLE, _ROW = (
    Markup('<div style="overflow-x: auto"><table style="{}">{}</table></div>'),
    Markup("<tr>{}</tr>"),
)
# whatever the page makes of tables
_PLAIN = "color: inherit; font-size: inherit; border-collapse: collapse"
_HEADER = Markup('<th scope="{}" style="text-align: {}; padding: 0.15em 0.7em 0.15em 0">{}</th>')
_VALUE = Markup('<td style="text-align: {}; padding: 0.15em 0.7em 0.15em 0">{}</td>')


def short_repr(thing: object, *names: str) -> str:
    """The class with some of its attributes."""
    shown = ", ".join(f"{name}={getattr(thing, name)!r}" for name in names)
    return f"{type(thing).__name__}({shown})"


def in_text(value: float, digits: int = 3) -> str:
    """A rounded number, with a power of ten where zeros would have to be counted."""
    exponent = f"{value:.{digits - 1}e}".partition("e")[2]
    if not exponent or value == 0.0 or -4 < int(exponent) < 6:
        return f"{float(f'{value:.{digits}g}'):,.15g}"
    return f"{value:.{digits}g}"


def in_formula(value: float, digits: int = 3) -> str:
    """The same for a formula."""
    mantissa, _, exponent = in_text(value, digits).partition("e")
    if not exponent:
        return mantissa.replace(",", "{,}")
    return rf"{mantissa}\times 10^{{{int(exponent)}}}".removeprefix(r"1\times ")


def card(
    heading: str,
    text: str = "",
    *,
    facts: Sequence[tuple[str, str]] = (),
    columns: Mapping[str, Sequence[str]] | None = None,
    remarks: Sequence[str] = (),
    kind: str = "open",
) -> str:
    """
    A heading, text, named values, a table and a list, each where there is something to show.

    Every text is escaped, and there is no script. `kind` is a decision; the border shows it too.
    """
    parts = [_TEXT.format(text)] if text else []
    if facts:
        rows = [
            _HEADER.format("row", "left", name) + _VALUE.format("left", value)
            for name, value in facts
        ]
        parts.append(_table(rows))
    if columns:
        head = Markup("").join(_HEADER.format("col", "right", name) for name in columns)
        lines = zip(*columns.values(), strict=True)
        values = [Markup("").join(_VALUE.format("right", text) for text in line) for line in lines]
        parts.append(_table([head, *values]))
    if remarks:
        parts.append(_LIST.format(Markup("").join(map(_ITEM.format, remarks))))
    return str(_CARD.format(_BORDERS[kind], heading, Markup("").join(parts)))


def _table(rows: Sequence[Markup]) -> Markup:
    return _TABLE.format(_PLAIN, Markup("").join(map(_ROW.format, rows)))
