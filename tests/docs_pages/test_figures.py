"""The scripts that draw the pages' pictures run, and show what the captions say."""

import runpy

import numpy as np

from tests.docs_pages.pages import ROOT

FIGURES = ROOT / "docs" / "figures"


def lines(axes) -> dict[str, np.ndarray]:
    """Heights of the lines that the legend names."""
    return {line.get_label(): np.asarray(line.get_ydata(), dtype=float) for line in axes.lines}


def test_every_script_is_on_a_page():
    text = (ROOT / "docs" / "concepts.md").read_text(encoding="utf-8")
    for path in FIGURES.glob("*.py"):
        assert f".. plot:: figures/{path.name}" in text
        assert f"](figures/{path.name})" in text


def test_what_delta_is():
    names = runpy.run_path(str(FIGURES / "what_delta_is.py"))
    deltas, sizes = names["mean"], names["sizes"]
    assert len(sizes) == 7
    assert (np.diff(deltas) < 0).all()
    # the fitted decay meets the threshold inside the measured sizes
    assert sizes[0] < names["size"] < sizes[-1]


def test_what_delta_is_not():
    names = runpy.run_path(str(FIGURES / "what_delta_is_not.py"))
    left, center, right = (lines(axes) for axes in names["axes"])
    # Left: both Δ fall by more than ten, and the straight line's loss stays ten times higher.
    for name in ("a straight line", "a polynomial"):
        assert left[f"{name}: √Δ"][0] > 10 * left[f"{name}: √Δ"][-1]
    worse, better = (left[f"{n}: unseen loss"][-1] for n in ("a straight line", "a polynomial"))
    assert worse > 10 * better
    # Center: many samples change more than one, and their change falls more slowly.
    ratio = center["twice as many samples"] / center["one more sample: √Δ"]
    assert ratio[0] > 1
    assert ratio[-1] > 2 * ratio[0]
    # Right: near zero before the training, and rising while the loss falls.
    delta, loss = right["√Δ at k = 100"], right["unseen loss"]
    assert delta[0] < 0.01 * delta[-1]
    assert (np.diff(delta) > 0).all()
    assert loss[-1] < 0.6 * loss[0]
