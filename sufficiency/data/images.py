"""Single samples as small images, where inputs are images."""

from typing import Any

import numpy as np
import numpy.typing as npt

from sufficiency._types import Integers
from sufficiency.data.memory_maps import Rows

# What is smaller is a table of something else.
_SMALLEST = 8


def as_images(X: Any, which: Integers) -> dict[int, npt.NDArray[np.uint8]]:
    """
    Rows of inputs as (h, w) or (h, w, 3) images of their own contrast; none, if they are no images.

    Images are arrays of shape (n, h, w), or with one or three channels before or after h, w.
    """
    if not isinstance(X, (np.ndarray, Rows)) or X.dtype.kind not in "uifb":
        return {}
    shape = list(X.shape[1:])
    axis = next((i for i in (0, 2) if len(shape) == 3 and shape[i] in (1, 3)), None)
    sides = shape if axis is None else shape[:axis] + shape[axis + 1 :]
    if len(sides) != 2 or min(sides) < _SMALLEST:
        return {}
    return {int(row): _scaled(X[int(row)], axis) for row in which}


def _scaled(pixels: npt.NDArray, axis: int | None) -> npt.NDArray[np.uint8]:
    values = pixels.astype(np.float64)
    values -= values.min()
    values *= 255.0 / (values.max() or 1.0)
    image = values.round().astype(np.uint8)
    if axis is None:
        return image
    last = np.moveaxis(image, axis, -1)
    return last[..., 0] if last.shape[-1] == 1 else last
