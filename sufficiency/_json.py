"""What JSON can hold: it has neither NaN nor infinity, nor NumPy's numbers and arrays."""

import base64
import math
from collections.abc import Mapping
from typing import Any

import numpy as np


def to_json(value: Any, *, reversible: bool = True) -> Any:
    """
    Convert numbers, containers and arrays of one axis to what strict JSON can hold.

    A number that is not finite becomes ``{"float": "nan"}``, which :func:`from_json` reads; with
    `reversible=False`, null. An array becomes its type and its bytes.
    """
    if isinstance(value, np.ndarray):
        return {"dtype": value.dtype.str, "base64": base64.b64encode(value.tobytes()).decode()}
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
        if set(value) == {"dtype", "base64"}:
            return np.frombuffer(base64.b64decode(value["base64"]), dtype=value["dtype"])
        return {name: from_json(part) for name, part in value.items()}
    return [from_json(part) for part in value] if isinstance(value, list) else value
