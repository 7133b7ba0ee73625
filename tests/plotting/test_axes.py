"""What all displays share: labels that fit, round sizes, colors for the ground behind them."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from sufficiency._colors import DARK, LIGHT
from sufficiency.plotting.axes import colors_on, label_powers, label_sizes, shades_on, wrapped


@pytest.mark.parametrize(
    ("ground", "behind", "colors"),
    [
        ("white", "white", LIGHT),
        ("black", "white", DARK),
        ("none", "black", DARK),
        ("none", "none", LIGHT),
    ],
)
def test_colors_are_those_for_the_ground(ground, behind, colors):
    _, ax = plt.subplots(facecolor=behind)
    ax.set_facecolor(ground)
    assert colors_on(ax) is colors
    brightness = np.array(shades_on(ax, 4))[:, :3].mean(axis=1)
    if colors is LIGHT:
        assert (brightness < 0.6).all()
    else:
        assert (brightness > 0.3).all()


# An inch has about twelve characters of ten points.
@pytest.mark.parametrize(
    ("text", "inches", "expected"),
    [
        ("short", 1.0, "short"),
        ("two lines\nas they are", 2.0, "two lines\nas they are"),
        ("one line that is too long\nand another", 1.7, "one line that is too\nlong and another"),
        (r"and $L_{k+1} - L_k$ beyond", 1.0, "and $L_{k+1} - L_k$\nbeyond"),
        ("$a$$b$ and something", 1.0, "$a$$b$ and\nsomething"),
        (r"$\Delta$ of $\,x$ and more", 1.2, "$\\Delta$ of $\\,x$ and\nmore"),
        ("cos(u,\N{NO-BREAK SPACE}v) and others", 1.0, "cos(u, v)\nand others"),
        ("costs 5 $ or more of them", 1.2, "costs 5 $ or\nmore of them"),
        ("", 1.0, ""),
    ],
)
def test_long_labels_are_divided_between_words(text, inches, expected):
    assert wrapped(text, inches, 10.0) == expected


@pytest.mark.parametrize(
    ("low", "high", "width", "expected"),
    [
        (90, 1100, 7, ["100", "200", "500", "1,000"]),
        (450, 900, 7, ["600", "800"]),
        (120, 2500, 2.5, ["300", "1,000"]),
        (30, 60_000, 7, ["30", "100", "300", "1,000", "3,000", "10,000", "30,000"]),
        (30, 60_000, 3, ["100", "1,000", "10,000"]),
    ],
)
def test_as_many_round_sizes_as_have_room(low, high, width, expected):
    _, ax = plt.subplots(figsize=(width, 3))
    ax.set(xscale="log", xlim=(low, high))
    label_sizes(ax)
    shown = [t for t in ax.get_xticklabels() if low <= t.get_position()[0] <= high]
    assert [text.get_text() for text in shown] == expected


@pytest.mark.parametrize(
    ("limits", "n_labels"), [((2.1e-3, 4.8e-3), 5), ((1.001, 1.004), 7), ((3e-6, 5e-2), 4)]
)
def test_labels_of_powers_are_the_values_at_their_ticks(limits, n_labels):
    """Between two multiples as well, where matplotlib's locator puts ticks of its own."""
    _, ax = plt.subplots()
    ax.set_yscale("log")
    ax.set_ylim(limits)
    label_powers(ax.yaxis)
    ax.figure.canvas.draw()
    texts = {
        text.get_position()[1]: text.get_text()
        for text in (*ax.get_yticklabels(), *ax.get_yticklabels(minor=True))
        if text.get_text() and limits[0] <= text.get_position()[1] <= limits[1]
    }
    assert len(texts) == n_labels
    for value, text in texts.items():
        mantissa, _, power = text.rpartition("×")
        exponent = power.removeprefix("10").translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789"))
        assert float(mantissa or 1) * 10.0 ** int(exponent) == pytest.approx(value, rel=1e-6)
