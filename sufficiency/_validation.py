"""Checks of scalar arguments, one wording for all."""

import difflib
import math
import sys
from collections.abc import Iterable
from numbers import Integral, Real

import numpy as np
import numpy.typing as npt

from sufficiency.exceptions import InvalidParameterError


def check_choice(name: str, value: object, choices: Iterable[str]) -> str:
    """Return `value` if it is one of `choices`."""
    allowed = tuple(choices)
    if isinstance(value, str) and value in allowed:
        return value
    listed = ", ".join(repr(choice) for choice in allowed)
    near = difflib.get_close_matches(str(value), allowed, n=1, cutoff=0.4)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise InvalidParameterError(name, f"must be one of {listed}, got {value!r}{hint}")


def check_integer(name: str, value: object, minimum: int) -> int:
    """Return `value` as int if it is an integer ≥ `minimum`."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Integral):
        raise InvalidParameterError(name, f"must be an integer >= {minimum}, got {value!r}")
    if value < minimum:
        raise InvalidParameterError(name, f"must be >= {minimum}, got {value}")
    return int(value)


def check_number(
    name: str, value: object, *, above: float = -math.inf, at_least: float = -math.inf
) -> float:
    """Return `value` as float if it is a finite number > `above` and ≥ `at_least`."""
    rule = f"> {above:g}" if at_least == -math.inf else f">= {at_least:g}"
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real):
        raise InvalidParameterError(name, f"must be a number {rule}, got {value!r}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number) or number <= above or number < at_least:
        raise InvalidParameterError(name, f"must be finite and {rule}, got {shown(value)}")
    return number


def shown(value: object) -> str:
    """A value in a message; an integer beyond all floats has more digits than anyone reads."""
    if isinstance(value, Integral) and abs(int(value)) > sys.float_info.max:
        return "an integer of more than 300 digits"
    return repr(value) if isinstance(value, str) else str(value)


def check_thresholds(threshold: npt.ArrayLike, name: str = "threshold") -> npt.NDArray[np.float64]:
    """Return thresholds as a float64 array of the shape that was given."""
    if isinstance(threshold, int) and not isinstance(threshold, bool):
        # of any number of digits
        return np.asarray(check_number(name, threshold, above=0.0))
    values = np.asarray(threshold)
    if values.dtype.kind not in "iuf":
        raise InvalidParameterError(
            name, f"must be a number > 0 or an array of them, got {threshold!r}"
        )
    numbers = values.astype(np.float64)
    bad = ~(np.isfinite(numbers) & (numbers > 0))
    if bad.any():
        raise InvalidParameterError(name, f"must be finite and > 0, got {numbers[bad].flat[0]:g}")
    return numbers
