"""Numbers as people read them; the spaces in them do not break."""

import math

import pytest

from sufficiency.report.numbers import count, duration, number, percent


@pytest.mark.parametrize(
    ("write", "value", "text"),
    [
        (number, 0.04321, "0.0432"),
        (number, -12345.6, "−12,300"),
        (number, 2.3456e-7, "2.35 × 10⁻⁷"),
        (number, 1e6, "1 × 10⁶"),
        (number, 0.0, "0"),
        (number, math.nan, "–"),
        (number, -math.inf, "−∞"),
        (count, 12345, "12,345"),
        (count, math.inf, "∞"),
        (count, math.nan, "–"),
        (percent, 0.01234, "1.2 %"),
        (percent, math.nan, "–"),
        (duration, 0.034, "0.034 s"),
        (duration, 75.2, "75 s"),
        (duration, 150.0, "2.5 min"),
        (duration, 8000.0, "2.2 h"),
        (duration, math.inf, "–"),
    ],
)
def test_they_are_written_out(write, value, text):
    assert write(value) == text.replace(" ", "\N{NO-BREAK SPACE}")
