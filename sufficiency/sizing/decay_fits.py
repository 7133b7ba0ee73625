"""Fits of the change: of every plausible family, to all repeats and to all but one."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from typing import Any

import numpy as np
import numpy.typing as npt

from sufficiency._tables import mean_of_finished
from sufficiency._types import Floats
from sufficiency._validation import check_thresholds
from sufficiency.curves import FittedCurve, fit_curve
from sufficiency.curves.families import FAMILIES
from sufficiency.curves.fitted_curve import frozen_curve
from sufficiency.sizing.growth import GrowthCurve, check_growth, fit_growth, freeze, is_one_sample
from sufficiency.sizing.ladder import Ladder
from sufficiency.sizing.replicates import Replicated, t_quantile

Fits = tuple[Replicated[FittedCurve | GrowthCurve], ...]


@dataclass(frozen=True, eq=False)
class DecayFits:
    """The curves that answer questions about Δ, or about the change under growth."""

    curve: FittedCurve  # the selected decay, of Δ, or of the spread under growth
    inside: Fits  # for the measured range: the selected family first, then its rivals
    # The bracket for sizes beyond it: the power law continued, and each of `inside` with its
    # constants frozen at the largest size (math.md, "Retrained centers"); for Δ also frozen at
    # what was measured there, which a fit that has missed a turn at the last sizes is not.
    beyond: Fits


def fit_decay(ladder: Ladder, family: str = "auto", growth: float | None = None) -> DecayFits:
    """
    Fit what answers questions about Δ.

    The families are chosen once, on all repeats. Where growth means one sample it is Δ itself,
    whose own fit is the stronger.
    """
    if growth is not None:
        check_growth(ladder, growth)
    growth = None if is_one_sample(growth) else growth
    return _fit_decay(ladder, family, growth)


# several questions to one ladder share the fits; a growth of 1 sample is not one of 1.0 (100 %)
@lru_cache(maxsize=16, typed=True)
def _fit_decay(ladder: Ladder, family: str, growth: float | None) -> DecayFits:
    fit: Callable[..., Any]
    frozen: Callable[[Any], FittedCurve | GrowthCurve]
    if growth is None:
        chosen, fit, frozen = fit_delta(ladder, family), cache(fit_delta), frozen_curve
    else:
        fit, frozen = cache(partial(fit_growth, growth=growth)), freeze
        chosen = fit(ladder, family).spread

    def frozen_fit(some: Ladder, rival: str) -> FittedCurve | GrowthCurve:
        curve: Any = fit(some, family=rival)
        return frozen(curve)

    inside = [Replicated(partial(fit, family=rival), ladder) for rival in chosen.rivals]
    beyond = [Replicated(partial(frozen_fit, rival=rival), ladder) for rival in chosen.rivals]
    if len(chosen.sizes) >= FAMILIES["power_law"].sizes_needed:
        beyond.insert(0, Replicated(partial(fit, family="power_law"), ladder))
    if growth is None:
        beyond.append(Replicated(_frozen_at_measurement, ladder))
    return DecayFits(chosen, tuple(inside), tuple(beyond))


def _frozen_at_measurement(ladder: Ladder) -> FittedCurve:
    """C/κ^p through the mean Δ at the largest size."""
    curve = fit_delta(ladder, "theory")
    at_largest = mean_of_finished(ladder.delta[:, ladder.sizes == curve.sizes[-1]])
    return frozen_curve(curve, float(at_largest[0]))


def fit_delta(ladder: Ladder, family: str) -> FittedCurve:
    """The decay of Δ itself."""
    return fit_curve(
        ladder.sizes, ladder.delta, stderr=ladder.stderr, order=ladder.order, family=family
    )


def delta_interval(
    ladder: Ladder, fits: DecayFits, sizes: npt.ArrayLike, confidence: float = 0.95
) -> Floats:
    """(2, len) intervals of the curve's value at any sizes, for bands around a plot."""
    t_quantile(confidence, ladder.n_repeats)
    wanted = np.atleast_1d(check_thresholds(sizes, "sizes"))
    bounds = np.empty((2, len(wanted)))
    for i, size in enumerate(wanted):
        curves = fits.inside + (fits.beyond if size > ladder.largest else ())
        ends = np.array([curve.log_value_interval(size, confidence) for curve in curves])
        bounds[:, i] = np.exp([ends[:, 0].min(), ends[:, 1].max()])
    return bounds


def parameter_intervals(
    ladder: Ladder, family: str = "power_law", confidence: float = 0.95
) -> dict[str, tuple[float, float]]:
    """The jackknife's t intervals of a family's constants, of the log where they are ≥ 0."""
    t_quantile(confidence, ladder.n_repeats)
    chosen = fit_delta(ladder, family).family
    fits = Replicated(partial(fit_delta, family=chosen), ladder)
    return {name: _parameter_interval(fits, name, confidence) for name in fits.curve.parameters}


def _parameter_interval(
    fits: Replicated[FittedCurve], name: str, confidence: float
) -> tuple[float, float]:
    value = fits.curve.parameters[name]
    if name not in FAMILIES[fits.curve.family].log_scaled:
        half = fits.half_width(lambda curve: curve.parameters[name], confidence)
        return value - half, value + half
    # the transient's C or A may be 0: its log is −∞, and the standard error infinite
    with np.errstate(divide="ignore"):
        log_half = fits.half_width(
            lambda curve: float(np.log(curve.parameters[name])), confidence, fits.common
        )
    factor = np.exp(log_half)
    return float(value / factor), float(value * factor)
