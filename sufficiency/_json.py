"""What JSON can hold: it has neither NaN nor infinity, nor NumPy's numbers."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np


def to_json(value: Any, *, reversible: bool = True) -> Any:
    """
    Convert numbers and containers to what strict JSON can hold.

    A number that is not finite becomes ``{"float": "nan"}``, which :func:`from_json` reads; with
    `reversible=False`, null.
    """
    if isinstance(value, Mapping):
        return {str(key): to_json(part, reversible=reversible) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(part, reversible=reversible) for part in value]
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": repr(value)} if reversible else None
    return value


def from_json(value: Any) -> Any:
    """What :func:`to_json` was given, with lists for tuples."""
    if isinstance(value, dict):
        if set(value) == {"float"}:
            return float(value["float"])
        return {name: from_json(part) for name, part in value.items()}
    return [from_json(part) for part in value] if isinstance(value, list) else value
