"""Numbers as people read them."""

import math

__all__ = ["count", "duration", "number", "percent"]

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_NOTHING = "–"
_NBSP = "\N{NO-BREAK SPACE}"  # so that no line ends between a number and what belongs to it


def number(value: float) -> str:
    r"""
    Three significant digits, with a power of ten where zeros would have to be counted.

    Examples
    --------
    >>> number(0.04321), number(2.3456e-7), number(float("nan"))
    ('0.0432', '2.35\xa0×\xa010⁻⁷', '–')
    """
    if math.isnan(value):
        return _NOTHING
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    mantissa, _, exponent = f"{value:.2e}".partition("e")
    if value == 0.0 or -4 < int(exponent) < 6:
        return f"{float(f'{value:.3g}'):,.15g}".replace("-", "−")
    digits = mantissa.rstrip("0").rstrip(".").replace("-", "−")
    return f"{digits}{_NBSP}×{_NBSP}10{str(int(exponent)).translate(_RAISED)}"


def count(value: float) -> str:
    """
    A whole number with its thousands apart.

    Examples
    --------
    >>> count(12345), count(float("inf"))
    ('12,345', '∞')
    """
    return f"{int(value):,}" if math.isfinite(value) else number(value)


def percent(share: float) -> str:
    r"""
    Two significant digits.

    Examples
    --------
    >>> percent(0.01234), percent(float("nan"))
    ('1.2\xa0%', '–')
    """
    return f"{float(f'{100 * share:.2g}'):,.15g}{_NBSP}%" if math.isfinite(share) else _NOTHING


def duration(seconds: float) -> str:
    r"""
    A time in its usual unit.

    Examples
    --------
    >>> duration(0.034), duration(75.2), duration(8000.0)
    ('0.034\xa0s', '75\xa0s', '2.2\xa0h')
    """
    if not math.isfinite(seconds):
        return _NOTHING
    for unit, length in (("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * length:
            return f"{float(f'{seconds / length:.2g}'):,.15g}{_NBSP}{unit}"
    return f"{float(f'{seconds:.2g}'):,.15g}{_NBSP}s"
