"""How fast a curve goes on falling: a regression on its slopes, learned from many curves."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sufficiency._types import Floats

# Slopes are taken over this range of sizes, and over the last two doublings of it.
RANGE, LAST = 33.0, 2.05
# Slopes below count as this much where their logs are taken, in log per doubling: they cannot be
# told from none, and neither can what they lead to.
SMALLEST_SLOPE = 0.02
# Nearer than this many doublings forecasts are no more certain than here.
NEAREST = 0.5


@dataclass(frozen=True, eq=False)
class Slopes:
    """
    How a curve falls at its largest sizes.

    Attributes
    ----------
    level : float
        Log of the value at the largest size: the mean of the measured one and of the line through
        the last two doublings, since the largest is as noisy as all others.
    long, short : float
        By how much the log falls per doubling: over all of the range, and over its end.
    """

    level: float
    long: float
    short: float


def measure_slopes(doublings: Floats, logs: Floats) -> Slopes:
    """By least squares; `doublings` (m,) are log₂ κ, increasing, `logs` those of the values."""
    ahead = doublings - doublings[-1]
    long, _ = _line(ahead, logs, np.log2(RANGE))
    short, at_end = _line(ahead, logs, LAST)
    return Slopes((at_end + float(logs[-1])) / 2.0, -long, -short)


def _line(ahead: Floats, logs: Floats, reach: float) -> tuple[float, float]:
    """Slope and value at the end of a line through what is in reach, at least three points."""
    kept = ahead >= min(-reach, ahead[-3:][0])
    x, y = ahead[kept] - ahead[kept].mean(), logs[kept]
    slope = float(x @ y / (x @ x))
    return slope, float(y.mean()) - slope * float(ahead[kept].mean())


@dataclass(frozen=True, eq=False)
class TrendPrior:
    """
    The distribution of a curve's mean slope over its next doublings, given how it fell so far.

    With features x of the shown curve, the slope s over the next j doublings, or its log, is

        x·location + exp(x'·scale)·z,    x' = (1, first slope of x, log max(j, 1/2)),

    where z has the distribution of the bank's curves, each data set with the same weight.

    Attributes
    ----------
    location : (p,) float64
        Coefficients of the features, the first one of a constant.
    scale : (3,) float64
        Coefficients of the log of the spread.
    quantiles : (q,) float64
        Of z, at equally spaced probabilities from 1/(q + 1) to q/(q + 1).
    log_slopes : bool
        Whether slopes are predicted by their logs.
    noise : float
        Relative standard error of a mean over repeats, where the curve's own cannot be known.
    low, high : (p,) float64
        Range of the features in the bank.
    """

    location: Floats
    scale: Floats
    quantiles: Floats
    log_slopes: bool
    noise: float
    low: Floats
    high: Floats

    @property
    def probabilities(self) -> Floats:
        """(q,) of the quantiles."""
        n = len(self.quantiles)
        return np.arange(1, n + 1) / (n + 1.0)

    def features(self, end: float, *slopes: Slopes) -> Floats:
        """(p,) 1, slopes of one curve, or of several about the same nets, and log₂ κ at the end."""
        values = [value for each in slopes for value in (each.long, each.short)]
        return np.array([1.0, *self.response(values), end])

    def steeper(
        self, features: Floats, doublings: Floats, slopes: Floats, widening: float = 1.0
    ) -> Floats:
        """(len,) probability that the slope over so many doublings is at least a value."""
        z = (self.response(slopes) - self.location @ features) / (
            widening * self.spread(features, doublings)
        )
        found = 1.0 - np.interp(z, self.quantiles, self.probabilities, left=0.0, right=1.0)
        # no slope counts as less than the smallest one
        return np.where(self.log_slopes & (slopes <= SMALLEST_SLOPE), 1.0, found)

    def response(self, slopes: npt.ArrayLike) -> Floats:
        """What is predicted of slopes: they, or their logs."""
        slopes = np.asarray(slopes, dtype=np.float64)
        return np.log(np.maximum(slopes, SMALLEST_SLOPE)) if self.log_slopes else slopes

    def spread(self, features: Floats, doublings: Floats) -> Floats:
        """(len,) scale of z."""
        of_features = self.scale[0] + self.scale[1] * features[1]
        return np.exp(of_features + self.scale[2] * np.log(np.maximum(doublings, NEAREST)))

    def distance(self, features: Floats) -> float:
        """How far the features lie outside the bank's range, in widths of it; 0 inside."""
        beyond = np.maximum(self.low - features, features - self.high)[1:]
        return float(np.max(np.maximum(beyond, 0.0) / (self.high - self.low)[1:]))
