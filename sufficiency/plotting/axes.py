"""Axes: colors, sizes of text, legends and ticks that fit them; color scales of planes."""

from __future__ import annotations

import re
import textwrap
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sufficiency._colors import DARK, LIGHT
from sufficiency._types import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.colors import Normalize

# matplotlib's settings belong to the whole process: of two threads that change them at once, the
# one that ends last would leave the other's behind.
STYLE = threading.RLock()
# Decades below the largest value that a logarithmic scale shows; what is smaller looks alike.
_DECADES = 8
_SIGNED_DECADES = 3
# Multiples of powers of ten at which a logarithmic axis has ticks.
_STEPS = (1.0, 2.0, 5.0)
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
# Multiples of powers of ten where sizes are written: the first that fit and are more than one.
_SIZES = (_STEPS, (1.0, 3.0), (1.0,), (2.0, 3.0, 4.0, 6.0, 8.0), (2.0, 4.0, 7.0), (1.0,))
# Axes of fewer inches have smaller text, by this factor, and their legend below, so that this
# share of their height and width is left beside labels, legend and scale.
_NARROW, _SMALLER, _LEFT = 2.6, 0.8, 0.7
# Inches that an entry of a legend takes.
_LEGEND_COLUMN = 2.6
_FORMULA, _COMMAND = re.compile(r"\$[^$]*\$"), re.compile(r"\\[a-zA-Z]+")
# In place of a formula while lines are divided: characters that no text has, the second at its end.
_INSIDE, _END = "\ue000", "\ue001"
# Width of a character on average, in units of the size of the text.
_CHARACTER = 0.58


def new_axes(
    n: int = 1, figsize: tuple[float, float] = (7, 4.5), kind: str = "contour"
) -> list[Axes]:
    """Axes beside each other in a new figure."""
    import matplotlib.pyplot as plt

    projection = {"projection": "3d" if kind == "surface" else None}
    _, axes = plt.subplots(
        1, n, figsize=figsize, layout="constrained", squeeze=False, subplot_kw=projection
    )
    return list(axes[0])


def colors_on(ax: Axes) -> Mapping[str, str]:
    """The colors that can be seen on these axes."""
    from matplotlib.colors import to_rgba

    grounds = (to_rgba(ground) for ground in (ax.get_facecolor(), ax.figure.get_facecolor()))
    red, green, blue, _ = next((it for it in grounds if it[3] > 0), (1.0, 1.0, 1.0, 1.0))
    return DARK if 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.5 else LIGHT


def shades_on(ax: Axes, n: int) -> list[tuple[float, ...]]:
    """Colors in an order, none of them too near to what they are drawn on."""
    from matplotlib import colormaps

    first, last = (0.0, 0.75) if colors_on(ax) is LIGHT else (1.0, 0.35)
    return [tuple(color) for color in colormaps["viridis"](np.linspace(first, last, n))]


def _inches(ax: Axes) -> tuple[float, float]:
    """Width and height, about: a layout has yet to make room for labels."""
    box, figure = ax.get_position(), ax.figure.figure
    return box.width * figure.get_figwidth(), box.height * figure.get_figheight()


def narrow(ax: Axes) -> bool:
    """Whether there is little room for text."""
    return _inches(ax)[0] < _NARROW


@contextmanager
def text_that_fits(ax: Axes) -> Iterator[None]:
    """Draw on narrow axes with smaller text, and divide labels that are longer than their axes."""
    import matplotlib as mpl

    width, height = _inches(ax)
    small = narrow(ax)
    size, left = (_SMALLER, _LEFT) if small else (1.0, 1.0)
    with STYLE, mpl.rc_context({"font.size": size * mpl.rcParams["font.size"]}):
        yield
        for one in _of_place(ax):
            parts = [(one.title, left * width), (one.xaxis.label, width)]
            parts += [(one.yaxis.label, left * height)]
            if small:
                one.tick_params(which="both", labelsize="medium")
                one.set_xlabel(one.get_xlabel(), loc="right")
                for text, _ in parts:
                    text.set_fontsize("medium")
            for text, inches in parts:
                text.set_text(wrapped(text.get_text(), inches, float(text.get_fontsize())))


def _of_place(ax: Axes) -> list[Axes]:
    """These axes, and those with a second axis of y."""
    place = ax.get_position().bounds
    return [other for other in ax.figure.axes if other.get_position().bounds == place]


def wrapped_in(ax: Axes, text: str, *, upright: bool = False) -> str:
    """Text of the usual size in lines that are no longer than the axes are wide, or high."""
    import matplotlib as mpl

    return wrapped(text, _inches(ax)[upright], mpl.rcParams["font.size"])


def characters(ax: Axes) -> int:
    """How many characters of text have room in the width of the axes."""
    import matplotlib as mpl

    return int(72 * _inches(ax)[0] / (_CHARACTER * mpl.rcParams["font.size"]))


def wrapped(text: str, inches: float, size: float) -> str:
    """
    The text in lines of about so many inches at most.

    Formulas, and what no-break spaces hold together, are not divided.
    """
    most = max(int(72 * inches / (_CHARACTER * size)), 12)
    formulas = iter(_FORMULA.findall(text))
    plain = _FORMULA.sub(_stand_in, text)
    if max(map(len, plain.split("\n"))) > most:
        plain = textwrap.fill(plain, most, break_long_words=False, break_on_hyphens=False)
    shown = re.sub(f"{_INSIDE}*{_END}", lambda _: next(formulas), plain)
    return shown.replace("\N{NO-BREAK SPACE}", " ")


def _stand_in(formula: re.Match[str]) -> str:
    """As many characters as a formula shows."""
    shown = re.sub(r"[\\{}^_$, ]", "", _COMMAND.sub("x", formula[0]))
    return _INSIDE * (len(shown) - 1) + _END


def add_legend(
    ax: Axes, *entries: Any, loc: Any = "best", shared_by: Sequence[Axes] | None = None
) -> None:
    """
    A legend in the axes; below them, where they are narrow, or all axes that share it are named.

    Below them there is room only if they have the figure to themselves, and a layout.
    """
    figure: Any = ax.figure.figure
    whose = shared_by or _of_place(ax)
    handles, labels = entries or ax.get_legend_handles_labels()
    below = shared_by is not None or (narrow(ax) and ax.name != "3d")
    if below and len(whose) == len(figure.axes) and figure.get_layout_engine():
        for earlier in list(figure.legends):
            earlier.remove()  # of a display that the axes are shared with
        columns = max(1, int(figure.get_figwidth() / _LEGEND_COLUMN))
        figure.legend(handles, labels, loc="outside lower left", fontsize="small", ncols=columns)
    elif handles:
        ax.legend(handles, labels, loc=loc, fontsize="small")


def ground_behind(ax: Axes) -> dict[str, Any]:
    """A box that keeps what is drawn behind a text from its letters."""
    return {"facecolor": ax.get_facecolor(), "alpha": 0.7, "pad": 1, "linewidth": 0}


def label_line(ax: Axes, text: str, height: float, side: str = "right", **style: Any) -> Any:
    """Write at an end of a horizontal line what it is: above it, where there is room."""
    above = ax.transAxes.inverted().transform(ax.transData.transform((1.0, height)))[1] < 0.8
    return ax.annotate(
        text,
        (0.99 if side == "right" else 0.01, height),
        (0, 3 if above else -3),
        xycoords=ax.get_yaxis_transform(),
        textcoords="offset points",
        ha=side,
        va="bottom" if above else "top",
        bbox=ground_behind(ax),
        fontsize="small",
        **style,
    )


def label_sizes(ax: Axes) -> None:
    """Write sizes out, where powers of ten would leave a reader to count: as many as have room."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = ax.get_xlim()
    per_decade = characters(ax) / np.log10(high / low)

    def sizes(steps: tuple[float, ...]) -> Floats:
        around = _multiples(low, high, steps)
        return around[(around >= low) & (around <= high)]

    def fit(steps: tuple[float, ...]) -> bool:
        """Whether half of either label and a character have room between two of them."""
        needed = [len(f"{size:,.0f}") for size in sizes(steps)]
        distances = per_decade * np.diff(np.log10(sizes(steps)))
        return bool((distances >= 1.0 + np.add(needed[1:], needed[:-1]) / 2).all())

    fitting = [steps for steps in _SIZES if fit(steps) and len(sizes(steps)) > 1]
    steps = fitting[0] if fitting else _SIZES[-1]
    ax.xaxis.set_major_locator(LogLocator(subs=steps, numticks=100))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda size, _: f"{size:,.0f}"))
    ax.xaxis.set_minor_locator(LogLocator(subs=_STEPS, numticks=100))
    ax.xaxis.set_minor_formatter(NullFormatter())


def label_powers(axis: Axis) -> None:
    """
    Ticks at 1, 2 and 5 times the powers of ten; the first are labeled, and all where they are few.

    matplotlib has eight between two powers, which take a third of the time of a figure.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator

    def between(value: float, _: int) -> str:
        low, high = sorted(axis.get_view_interval())
        n_powers = np.floor(np.log10(high)) - np.ceil(np.log10(low)) + 1
        return _in_powers(value) if n_powers < 2 else ""

    axis.set_major_locator(LogLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: _in_powers(value)))
    axis.set_minor_locator(LogLocator(subs=_STEPS[1:], numticks=100))
    axis.set_minor_formatter(FuncFormatter(between))


def _in_powers(value: float) -> str:
    """A round number as 10⁻³ or 2.5×10⁻³."""
    mantissa, exponent = f"{value:.6e}".split("e")
    power = "10" + str(int(exponent)).translate(_RAISED)
    return power if float(mantissa) == 1 else f"{float(mantissa):g}×{power}"


def shortened(text: str, most: int) -> str:
    """The text, or its beginning and its end, in so many characters."""
    if len(text) <= most:
        return text
    n_last = (most - 1) // 2
    return f"{text[: most - 1 - n_last]}…{text[-n_last:]}"


@dataclass(frozen=True, eq=False)
class Scale:
    """How values become colors."""

    levels: Floats  # (n,) increasing; a contour has one color between two of them
    log: bool
    signed: bool  # whether zero is in the middle

    @property
    def limits(self) -> tuple[float, float]:
        """Both ends."""
        return float(self.levels[0]), float(self.levels[-1])

    @property
    def cmap(self) -> str:
        """Name of the color map: two hues around zero, or one that gets lighter."""
        return "RdBu_r" if self.signed else "viridis"

    def norm(self) -> Normalize:
        """Make the object that matplotlib takes."""
        from matplotlib.colors import LogNorm, Normalize, SymLogNorm

        low, high = self.limits
        if not self.log:
            return Normalize(low, high)
        if self.signed:
            return SymLogNorm(high / 10**_SIGNED_DECADES, vmin=low, vmax=high)
        return LogNorm(low, high)

    @property
    def ticks(self) -> Floats:
        """Round values inside the scale, for its bar."""
        from matplotlib.ticker import MaxNLocator

        low, high = self.limits
        if not self.log:
            ticks = np.asarray(MaxNLocator(7).tick_values(low, high))
        elif self.signed:
            linear = high / 10**_SIGNED_DECADES
            powers = _powers(linear, high)
            powers = powers[powers >= linear]
            ticks = np.concatenate([-powers[::-1], [0.0], powers])
        else:
            ticks = _powers(low, high)
        return ticks[(ticks >= low) & (ticks <= high)]

    def extend(self, values: Floats) -> str:
        """Which ends of the scale have values beyond them."""
        low, high = self.limits
        below, above = (values < low).any(), (values > high).any()
        return ("neither", "min", "max", "both")[below + 2 * above]


def _powers(low: float, high: float) -> Floats:
    """Powers of ten around two ends, with their double and fivefold where they are few."""
    multiples = (1.0, 2.0, 5.0) if np.log10(high / low) < _SIGNED_DECADES else (1.0,)
    return _multiples(low, high, multiples)


def _multiples(low: float, high: float, of_powers: tuple[float, ...]) -> Floats:
    """Multiples of all powers of ten around two ends."""
    exponents = np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    return np.asarray(np.multiply.outer(10.0**exponents, of_powers).ravel())


def limits_of(planes: Sequence[Floats], *, signed: bool) -> tuple[float, float]:
    """Ends of a scale that all planes share."""
    values = np.concatenate([plane[np.isfinite(plane)] for plane in planes])
    low, high = float(values.min()), float(values.max())
    reach = max(abs(low), abs(high))
    return (-reach, reach) if signed else (low, high)


def levels_between(low: float, high: float, n: int, *, log: bool, signed: bool) -> Floats:
    """Ends of n colors; on a logarithmic scale with two signs, of about as many."""
    if not log:
        if high <= low:  # a plane without relief still has a color
            pad = 0.5 * abs(low) or 0.5
            low, high = low - pad, low + pad
        return np.linspace(low, high, n + 1)
    if signed and high > 0:
        positive = np.geomspace(high / 10**_SIGNED_DECADES, high, max(2, n // 2))
        return np.concatenate([-positive[::-1], positive])
    if low < 0 or high <= 0:
        raise ValueError(
            f"`log` must be False for values that are not positive, got values from {low:.3g} to "
            f"{high:.3g}; they have no logarithm"
        )
    low = max(low, high / 10**_DECADES)
    return np.geomspace(low if low < high else high / 10, high, n + 1)
