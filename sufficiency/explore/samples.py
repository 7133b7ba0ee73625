"""One sample as it can be looked at: an image, named values, or numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sufficiency.data.images import as_images
from sufficiency.exceptions import InvalidParameterError
from sufficiency.report.pictures import picture

# Values that are listed, and characters of each.
_MOST, _LONGEST = 200, 500


@dataclass(frozen=True)
class ShownSample:
    """What there is to see of a sample."""

    picture: str = ""  # address of an image
    values: tuple[tuple[str, str], ...] = ()  # names and texts
    n_more: int = 0


def check_data(data: Any, n_samples: int) -> Any:
    """Refuse data that are not the samples of the result."""
    data = data if isinstance(data, pd.DataFrame) else np.asarray(data)
    if data.ndim == 0 or len(data) != n_samples:
        raise InvalidParameterError(
            "data",
            f"must hold the {n_samples:,} samples that were passed to fit, in their order, got "
            f"{len(data) if data.ndim else 'one value'}; pass X as it was",
        )
    return data


def shown_sample(
    row: int, data: Any, images: Mapping[int, npt.NDArray[np.uint8]]
) -> ShownSample | None:
    """A row of the data; without them, the image that the result has kept, or nothing."""
    if isinstance(data, pd.DataFrame):
        return _listed({str(name): value for name, value in data.iloc[row].items()})
    if data is not None:
        drawn = as_images(data, np.array([row]))
        if drawn:
            return ShownSample(picture(drawn[row]))
        if row not in images:
            values = np.ravel(data[row]).tolist()
            return _listed({str(i): value for i, value in enumerate(values)})
    return ShownSample(picture(images[row])) if row in images else None


def _listed(values: Mapping[str, Any]) -> ShownSample:
    texts = [(name[:_LONGEST], str(value)[:_LONGEST]) for name, value in values.items()]
    return ShownSample(values=tuple(texts[:_MOST]), n_more=max(0, len(texts) - _MOST))
