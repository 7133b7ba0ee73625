"""Images of samples, small, inside the page."""

from base64 import b64encode
from io import BytesIO

import numpy as np
import numpy.typing as npt

# Longest side in pixels; what is larger is averaged over blocks.
_LARGEST = 96


def picture(image: npt.NDArray[np.uint8]) -> str:
    """(h, w) or (h, w, 3) as the address of a PNG that contains it."""
    from matplotlib.image import imsave

    buffer, small = BytesIO(), _small(image)
    # ink on paper, as in the figures; without the release of matplotlib
    metadata = {"Software": "sufficiency"}
    imsave(buffer, small, format="png", cmap="gray_r", vmin=0, vmax=255, metadata=metadata)
    return f"data:image/png;base64,{b64encode(buffer.getvalue()).decode()}"


def _small(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    step = -(-max(image.shape[:2]) // _LARGEST)
    if step == 1 or min(image.shape[:2]) < step:
        return image
    height, width = (side // step for side in image.shape[:2])
    blocks = image[: height * step, : width * step].reshape(height, step, width, step, -1)
    return (
        blocks.mean(axis=(1, 3)).round().astype(np.uint8).reshape(height, width, *image.shape[2:])
    )
