"""Beyond the measured sizes: what the curves of many other data sets lead one to expect."""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

import numpy as np
from scipy import special

from sufficiency._tables import mean_of_finished
from sufficiency._types import Floats, Integers
from sufficiency.exceptions import InvalidParameterError
from sufficiency.forecasts.bank import bank_prior
from sufficiency.forecasts.forecast import Forecast, forecast
from sufficiency.sizing.ladder import Ladder

# Fewer sizes show no bend.
FEWEST_SIZES = 4
# Of the bank's curves, one in a hundred is further off its own forecast, in standard deviations.
USUAL_SURPRISE = 2.6
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
    law exactly, and for losses or scores whose best possible value is not known.
    """
    check_prior(prior)
    table = getattr(ladder, _TABLES[quantity])
    means = mean_of_finished(table)
    best = best_value(quantity, means)
    if prior is None or ladder.one_net or best is None:
        return None
    of_bank = bank_prior(quantity, ladder.order)
    factor = ladder.overlap_factor

    def build(sizes: Integers, table: Floats, widening: float) -> Forecast:
        return forecast(
            replace(of_bank, widening=widening * of_bank.widening),
            sizes,
            table,
            best=best,
            rising=quantity == "score",
            finest=0.5 / (ladder.n_candidates * ladder.n_repeats) if quantity == "score" else 0.0,
            overlap_factor=factor if np.isfinite(factor) else 1.0,
        )

    sizes, table = ladder.sizes[np.isfinite(means)], table[:, np.isfinite(means)]
    if len(sizes) < FEWEST_SIZES:
        return None
    off = _surprise(build, sizes, table) / USUAL_SURPRISE
    return build(sizes, table, widening * max(off, 1.0))


def best_value(quantity: str, means: Floats) -> float | None:
    """What loss, score or Δ cannot pass; None where that is not known."""
    finite = means[np.isfinite(means)]
    if quantity != "score":
        return 0.0 if (finite > 0).all() else None
    if (finite <= 0).all():
        return 0.0  # a loss with its sign turned
    return 1.0 if (finite <= 1).all() else None


def _surprise(
    build: Callable[[Integers, Floats, float], Forecast], sizes: Integers, table: Floats
) -> float:
    """How far the last mean is from its forecast from half that size, in standard deviations."""
    shown = sizes <= sizes[-1] / 2
    if shown.sum() < FEWEST_SIZES:
        return 0.0
    last = float(mean_of_finished(table)[-1])
    chance = build(sizes[shown], table[:, shown], 1.0).chance(sizes[-1], last)[0]
    # the target may be the best value itself
    return abs(float(special.ndtri(np.clip(chance, 1e-12, 1.0 - 1e-12))))
