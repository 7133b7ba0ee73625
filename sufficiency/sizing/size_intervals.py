"""From curves to a size, its interval and its status."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sufficiency._representations import card
from sufficiency.exceptions import NotIdentifiableError
from sufficiency.forecasts.forecast import HORIZON, Forecast
from sufficiency.sizing.decay_fits import DecayFits
from sufficiency.sizing.ladder import Ladder
from sufficiency.sizing.replicates import Replicated, t_quantile

# An interval wider than this factor identifies no size (design.md).
WIDEST_BRACKET = 4.0
# More repeats than that are no advice.
_MOST_REPEATS = 100


@dataclass(frozen=True)
class SizeEstimate:
    """
    How many samples are enough, and how sure that is.

    Attributes
    ----------
    status : {"reached", "at_most", "extrapolated", "not_identifiable", "unreachable"}
        Inside the measured sizes; met by the smallest of them already; beyond the largest, within
        a factor 4; beyond it and not that well known; beyond any size (performance targets).
    size : int or None
        The answer; None where the fitted curve has none.
    interval : (int, float) or None
        Low and high, whole numbers, high infinite where it lies beyond 1,000 times the measured
        sizes; None with a single repeat.
    reason : str
        Why there is no size; empty if there is one.
    basis : {"fit", "bank"}
        What the answer rests on: the curves fitted to this ladder alone, or, beyond the measured
        sizes, also how those of the bank's data sets went on.
    repeats_needed : int or None
        About how many repeats would give an interval within a factor 4, as far as these tell;
        None where it is no wider, or where that is not known.
    """

    status: str
    size: int | None
    interval: tuple[int, float] | None
    reason: str = ""
    basis: str = "fit"
    repeats_needed: int | None = None

    @property
    def wide(self) -> bool:
        """Whether the interval spans more than a factor 4."""
        return self.interval is not None and self.interval[1] > WIDEST_BRACKET * self.interval[0]

    def _repr_html_(self) -> str:
        facts = [("Status", self.status.replace("_", " ")), ("Interval", span(self.interval))]
        heading = "No size is known" if self.size is None else f"{self.size:,} samples"
        return card(heading, self.reason, facts=facts)


def span(interval: tuple[int, float] | None) -> str:
    """Both ends of an interval of sizes, as in "591 to 961" and "591 upwards"."""
    if interval is None:
        return "–"
    low, high = interval
    return f"{low:,} to {high:,}" if math.isfinite(high) else f"{low:,} upwards"


def estimate_size(
    ladder: Ladder,
    fits: DecayFits,
    threshold: float,
    confidence: float,
    beyond: Forecast | None = None,
) -> SizeEstimate:
    """
    The size from which on the fitted change stays at or below a threshold.

    Inside the measured range the interval is the hull of the jackknife intervals of the selected
    family and of its rivals; where it, or the answer, lies beyond, the forecast takes over, or
    without one the bracket's join the hull.
    """
    smallest, largest = int(ladder.sizes[0]), ladder.largest
    curve = fits.inside[0].curve
    size, reason = None, ""
    if horizon(largest) < curve.log_kappa(threshold) < math.inf:
        reason = f"the fitted curve meets {threshold:.3g} only beyond {too_far(largest)}"
    else:
        try:
            size = curve.sufficient_size(threshold)
        except NotIdentifiableError as error:
            reason = str(error)
    low, high = _hull(fits.inside, threshold, confidence)
    repeats = repeats_needed(ladder, high - low, confidence)
    if size is None or size > largest or high > np.log(largest + 1.0):
        # a curve that does not fall is no case for a forecast
        if beyond is not None and math.isfinite(curve.log_kappa(threshold)):
            found = estimate_beyond(beyond, threshold, confidence, size, ladder.n_repeats)
            return replace(found, repeats_needed=repeats)
        low, high = _hull(fits.inside + fits.beyond, threshold, confidence)
    interval = to_sizes(low, np.inf if size is None else high, smallest, largest)
    known = interval if ladder.n_repeats > 1 else None
    if size is None:
        return SizeEstimate("not_identifiable", None, known, reason, repeats_needed=repeats)
    met = bool(curve.predict(smallest)[0] <= threshold)
    status = status_of(size, interval, largest, met=met)
    return SizeEstimate(status, size, known, repeats_needed=repeats)


def estimate_beyond(
    found: Forecast, target: float, confidence: float, size: int | None, n_repeats: int
) -> SizeEstimate:
    """The forecast's median and quantiles; a fitted `size` inside the measured range stays."""
    tail = (1.0 - confidence) / 2.0
    low, middle, high = (found.log_kappa(target, p) for p in (tail, 0.5, 1.0 - tail))
    interval = to_sizes(low, high, found.smallest, found.largest)
    if size is None or size > found.largest:
        # the forecast may be more optimistic than the fit, which says that it lies beyond
        size = None if math.isinf(middle) else max(whole(middle), found.largest)
    known = interval if n_repeats > 1 else None
    if size is None:
        reason = (
            f"less than half of the curves that are likely meet {target:.3g} within "
            f"{HORIZON:,.0f} times the measured sizes"
        )
        return SizeEstimate("not_identifiable", None, known, reason, "bank")
    interval = min(interval[0], size), max(interval[1], size)
    status = status_of(size, interval, found.largest, met=size <= found.smallest)
    return SizeEstimate(status, size, interval if n_repeats > 1 else None, "", "bank")


def status_of(size: int, interval: tuple[int, float], largest: int, *, met: bool) -> str:
    """The status of a size with its interval, by the largest size; `met` at the smallest or not."""
    if met:
        return "at_most"
    if size <= largest:
        return "reached"
    wide = interval[1] > WIDEST_BRACKET * interval[0]
    return "not_identifiable" if wide else "extrapolated"


def _hull(curves: Sequence[Replicated], threshold: float, confidence: float) -> tuple[float, float]:
    ends = [curve.log_kappa_interval(threshold, confidence) for curve in curves]
    return min(low for low, _ in ends), max(high for _, high in ends)


def to_sizes(low: float, high: float, smallest: int, largest: int) -> tuple[int, float]:
    """
    An interval of log κ in whole samples, rounded outwards, between a size and the horizon.

    A low end that is not known lies beyond the horizon, and so does a high one, which is infinite.
    """
    last = horizon(largest)
    first = max(smallest, whole(min(max(low, 0.0), last)))
    if high > last:
        return first, math.inf
    return first, max(smallest, math.ceil(np.expm1(max(high, 0.0)) - 1e-9))


def whole(log_kappa: float) -> int:
    """Log κ in whole samples, rounded down."""
    return math.floor(np.expm1(log_kappa) + 1e-9)


def horizon(largest: int) -> float:
    """Log κ beyond which no number is given."""
    return math.log(HORIZON * largest + 1.0)


def too_far(largest: int) -> str:
    """The horizon in words."""
    return f"{HORIZON:,.0f} times the {largest:,} samples measured, too far for a number"


def repeats_needed(ladder: Ladder, width: float, confidence: float) -> int | None:
    """
    About how many repeats would give an interval of log κ within the widest bracket.

    Its width is 2·t_{R−1}·s/√R for repeats with candidates of their own, and larger by Nadeau and
    Bengio's factor for those that share some; s is taken from the width of this one.
    """
    n_repeats, wanted = ladder.n_repeats, math.log(WIDEST_BRACKET)
    factor = ladder.overlap_factor
    if n_repeats < 2 or not wanted < width < math.inf or math.isinf(factor):
        return None
    spread = width * math.sqrt(n_repeats) / (factor * t_quantile(confidence, n_repeats))
    for more in range(n_repeats + 1, _MOST_REPEATS + 1):
        if spread * t_quantile(confidence, more) <= wanted * math.sqrt(more):
            return more
    return None
