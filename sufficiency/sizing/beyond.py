"""Beyond the measured sizes: what the curves of many other data sets lead one to expect."""

import math
from functools import lru_cache

import numpy as np
from scipy import special

from sufficiency._tables import mean_of_finished
from sufficiency._types import Floats
from sufficiency.exceptions import InvalidParameterError
from sufficiency.forecasts.bank import bank_prior
from sufficiency.forecasts.forecast import Curve, Forecast, curve_of
from sufficiency.forecasts.trend import Slopes
from sufficiency.sizing.ladder import Ladder
from sufficiency.sizing.replicates import t_quantile

# Fewer sizes show no bend.
FEWEST_SIZES = 4
# The confidence for which the error of the level is that of Student's t.
_USUAL = 0.95
_TABLES = {"delta": "delta", "loss": "unseen_loss", "score": "unseen_score"}


def check_prior(prior: object) -> None:
    """Refuse what is neither "bank" nor None."""
    if prior is not None and prior != "bank":
        raise InvalidParameterError(
            "prior",
            f"must be 'bank' or None, got {prior!r}; None looks at the measured curve alone",
        )


@lru_cache(maxsize=32)
def forecast_beyond(
    ladder: Ladder, quantity: str, prior: str | None = "bank", widening: float = 1.0
) -> Forecast | None:
    """
    The forecast of loss, score or Δ; None where there is none.

    There is none without a prior, with fewer than four sizes, for a single net, whose Δ follows its
    law exactly, and for losses or scores whose best possible value is not known. A curve unlike
    all of the bank's has a wider one.
    """
    check_prior(prior)
    curve = _curve(ladder, quantity)
    if prior is None or ladder.one_net or curve is None:
        return None
    trends = bank_prior(quantity)
    # a mean absolute value falls half as fast as a mean square
    power = 2.0 / ladder.order if quantity == "delta" else 1.0
    shown = [curve]
    if quantity == "loss":
        # how errors fall tells more of how the loss will than its own slope, which also shows how
        # far small subsets are trained beyond their best loss
        shown.append(_curve(ladder, "score") or curve)
    features = trends.features(
        float(curve.doublings[-1]),
        *(Slopes(c.slopes.level, power * c.slopes.long, power * c.slopes.short) for c in shown),
    )
    factor = ladder.overlap_factor if np.isfinite(ladder.overlap_factor) else 1.0
    if ladder.n_repeats > 1:
        # few repeats know little of how much they differ
        factor *= t_quantile(_USUAL, ladder.n_repeats) / special.ndtri(0.5 + _USUAL / 2.0)
    common = curve.common * factor**2
    return Forecast(
        prior=trends,
        features=features,
        curve=curve,
        best=_best(quantity, _means(ladder, quantity)) or 0.0,
        rising=quantity == "score",
        power=power,
        error=math.sqrt(curve.variance + common),
        widening=widening * (1.0 + trends.distance(features)),
    )


def _means(ladder: Ladder, quantity: str) -> Floats:
    return mean_of_finished(getattr(ladder, _TABLES[quantity]))


def _curve(ladder: Ladder, quantity: str) -> Curve | None:
    """The curve of a quantity; None with too few sizes, or where its best value is not known."""
    means = _means(ladder, quantity)
    best = _best(quantity, means)
    if np.isfinite(means).sum() < FEWEST_SIZES or best is None:
        return None
    score = quantity == "score"
    return curve_of(
        ladder.sizes,
        getattr(ladder, _TABLES[quantity]),
        best=best,
        rising=score,
        # half of one wrong answer, for a score that counts them
        finest=0.5 / (ladder.n_candidates * ladder.n_repeats) if score else 0.0,
        usual_error=bank_prior(quantity).noise,
    )


def _best(quantity: str, means: Floats) -> float | None:
    """What loss, score or Δ cannot pass; None where that is not known."""
    finite = means[np.isfinite(means)]
    if quantity != "score":
        return 0.0 if (finite > 0).all() else None
    if (finite <= 0).all():
        return 0.0  # a loss with its sign turned
    return 1.0 if (finite <= 1).all() else None
