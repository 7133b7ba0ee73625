"""Which inputs are shown as images, and as which."""

import numpy as np
import pytest

from sufficiency.data.images import as_images

ROWS = np.array([2, 0])


@pytest.mark.parametrize(
    ("shape", "shown"),
    [
        ((4, 8, 9), (8, 9)),
        ((4, 1, 8, 9), (8, 9)),
        ((4, 8, 9, 1), (8, 9)),
        ((4, 3, 8, 9), (8, 9, 3)),
        ((4, 8, 9, 3), (8, 9, 3)),
    ],
)
def test_forms(shape, shown, rng):
    X = rng.normal(size=shape)
    found = as_images(X, ROWS)
    assert list(found) == [2, 0]
    assert found[2].shape == shown
    assert found[2].dtype == np.uint8
    # every image has its own contrast
    assert (found[2].min(), found[2].max()) == (0, 255)
    flat = X[2].reshape(8, 9) if 3 not in shape else None
    if flat is not None:
        place = np.unravel_index(flat.argmax(), flat.shape)
        assert found[2][place] == 255


@pytest.mark.parametrize("shape", [(4, 64), (4, 5, 8), (4, 2, 8, 9), (4, 3), (4, 3, 8, 8, 8)])
def test_tables_are_none(shape):
    assert as_images(np.zeros(shape), ROWS) == {}


def test_neither_are_other_inputs():
    assert as_images({"a": np.zeros((4, 8, 8))}, ROWS) == {}
    assert as_images(np.array([["x"] * 8] * 8)[None].repeat(4, 0), ROWS) == {}


def test_a_plain_image_has_no_contrast():
    assert as_images(np.full((4, 8, 8), 7.0), ROWS)[0].tolist() == np.zeros((8, 8)).tolist()
