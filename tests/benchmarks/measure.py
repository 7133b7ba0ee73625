"""Times of two functions in turn, so that a change of the machine's speed meets both."""

import statistics
import time


def seconds(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def paired_ratio(a, b, *, per_a=1, per_b=1, rounds=5):
    """Median over rounds of (seconds of a)/per_a over (seconds of b)/per_b, after a warm-up."""
    a(), b()
    ratios = []
    for _ in range(rounds):
        ratios.append(seconds(a) / per_a / (seconds(b) / per_b))
    return statistics.median(ratios)
