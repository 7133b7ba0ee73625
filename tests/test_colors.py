"""The colors of figures can be told apart and read, on every ground, with any color vision."""

from itertools import combinations

import numpy as np
import pytest

from sufficiency._colors import DARK, LIGHT, PAPER

# What stands side by side in a figure.
DRAWN = ("points", "fit", "size", "threshold", "muted")
# Linear light as seen without one kind of cone: Machado, Oliveira and Fernandes 2009, severity 1.
VISION = {
    "all cones": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
# sRGB to CIE XYZ under D65, whose white is the sum of its columns.
XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)


def linear(color):
    channels = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    low = channels / 12.92
    return np.where(channels <= 0.04045, low, ((channels + 0.055) / 1.055) ** 2.4)


def lab(light):
    """CIE L*a*b*, in which a difference of about 2 can just be seen."""
    ratio = XYZ @ np.clip(light, 0, 1) / XYZ.sum(axis=1)
    f = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def contrast(one, other):
    """The ratio of WCAG 2."""
    dark, light = sorted(float(XYZ[1] @ linear(color)) for color in (one, other))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("ground", [LIGHT, DARK], ids=["light", "dark"])
def test_what_is_drawn_together_differs_for_everybody(ground, vision):
    # eight times what can just be seen, since lines are thin
    seen = {name: lab(np.array(VISION[vision]) @ linear(ground[name])) for name in DRAWN}
    near = {pair: np.linalg.norm(seen[pair[0]] - seen[pair[1]]) for pair in combinations(DRAWN, 2)}
    assert {pair: value for pair, value in near.items() if value < 16} == {}


@pytest.mark.parametrize("ground", [LIGHT, DARK, PAPER], ids=["light", "dark", "paper"])
def test_text_in_every_color_can_be_read(ground):
    """4.5 is what WCAG 2 asks for; the line around a card is no text."""
    of_text = {
        name: color for name, color in ground.items() if name not in ("page", "card", "line")
    }
    for back in ("page", "card"):
        weak = {name for name, color in of_text.items() if contrast(color, ground[back]) < 4.5}
        assert not weak


def test_every_ground_has_the_same_colors():
    assert LIGHT.keys() == DARK.keys() == PAPER.keys()
