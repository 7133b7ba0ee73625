"""Numbers as people read them."""

import math

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_NOTHING = "–"
NBSP = "\N{NO-BREAK SPACE}"  # so that no line ends between a number and what belongs to it


def number(value: float) -> str:
    """Three significant digits, with a power of ten where zeros would have to be counted."""
    if math.isnan(value):
        return _NOTHING
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    mantissa, _, exponent = f"{value:.2e}".partition("e")
    if value == 0.0 or -4 < int(exponent) < 6:
        return f"{float(f'{value:.3g}'):,.15g}".replace("-", "−")
    digits = mantissa.rstrip("0").rstrip(".").replace("-", "−")
    return f"{digits}{NBSP}×{NBSP}10{str(int(exponent)).translate(_RAISED)}"


def count(value: float) -> str:
    """A whole number with its thousands apart."""
    return f"{int(value):,}" if math.isfinite(value) else number(value)


def percent(share: float) -> str:
    """Two significant digits."""
    return _two_digits(100 * share, "%")


def duration(seconds: float) -> str:
    """A time in its usual unit."""
    for unit, length in (("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * length:
            return _two_digits(seconds / length, unit)
    return _two_digits(seconds, "s")


def _two_digits(value: float, unit: str) -> str:
    return f"{float(f'{value:.2g}'):,.15g}{NBSP}{unit}" if math.isfinite(value) else _NOTHING
