"""How a result was measured, in words and settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sufficiency.curves import FittedCurve
from sufficiency.curves.families import FAMILIES
from sufficiency.report.numbers import count, duration, number

if TYPE_CHECKING:
    from sufficiency.result import SufficiencyResult

_NAMES = {
    "net": "Network",
    "scoring": "Score",
    "probe": "Weights around a center",
    "method": "Average over them",
    "train": "Training",
    "center": "Center",
    "n_draws": "Draws",
    "n_eval": "Training samples looked at",
    "min_steps": "Optimizer steps at least",
    "root_seed": "Seed",
}


def paragraphs(
    result: SufficiencyResult, curve: FittedCurve | None, growth: bool = False
) -> list[str]:
    """How the numbers came about."""
    texts = [_training(result), _delta(result), _curve(result, curve, growth)]
    fit, probe = (result.table(f"{part}_seconds") for part in ("fit", "probe"))
    if np.isfinite(fit).any():
        texts.append(
            f"All trainings together took {duration(np.nansum(fit))}, and measuring around them "
            f"{duration(np.nansum(probe))} (sums over cells, which may have run side by side)."
        )
    return texts


def _training(result: SufficiencyResult) -> str:
    repeats = "The one repeat" if result.n_repeats == 1 else f"Each of {result.n_repeats} repeats"
    if result.own_unseen:
        kept = f"had the same {result.n_candidates:,} unseen samples, given by the user, and"
        rest = f"the {result.n_samples:,} others"
    else:
        apart = ", other ones in each repeat" if result.n_repeats > 1 else ""
        if not result.disjoint_candidates:
            apart = ", some of which other repeats have as well"
        kept = f"kept {result.n_candidates:,} of {result.n_samples:,} samples unseen{apart}, and"
        rest = "the others"
    first, last = result.sizes[0], result.sizes[-1]
    sizes = f"{len(result.sizes)} sizes from {first:,} to {last:,}"
    if result.settings.get("train") == "once":
        trained = f"trained one network on {last:,}, which serves all {sizes}"
    elif len(result.sizes) == 1:
        trained = f"trained a network on the first {last:,} of {rest}, in an order of its own"
    else:
        trained = (
            f"put {rest} in an order of its own. A network was trained from fresh weights on "
            f"the first k of them, for {sizes}"
        )
    best = ""
    if result.settings.get("center") == "best":
        best = (
            " The weights kept were those of the lowest loss on validation samples, a tenth of "
            "all, which were set aside before."
        )
    return f"{repeats} {kept} {trained}.{best}"


def _delta(result: SufficiencyResult) -> str:
    square = "square" if result.order == 2 else "absolute value"
    how = (
        "in closed form, from a quadratic model of the loss"
        if result.settings.get("method") == "gaussian_moment"
        else "over random weights"
    )
    return (
        f"Δ at size k is the mean {square} of (ℓ − L)/(k + 1): L is the mean loss of the k "
        "training samples, ℓ the loss of one unseen sample, and the quotient is by how much the "
        "training loss would change if that sample were added. The mean is taken "
        f"{how} around the trained ones, and over all unseen samples."
    )


def _curve(result: SufficiencyResult, curve: FittedCurve | None, growth: bool) -> str:
    if curve is None:
        return "No curve could be fitted to Δ."
    formula = FAMILIES[curve.family].formula(curve.order)
    values = ", ".join(f"{name} = {number(value)}" for name, value in curve.parameters.items())
    chosen = "chosen by forecasts" if result.family == "auto" else "as asked for"
    intervals = (
        "Intervals come from leaving out each repeat in turn (jackknife, Student's t); beyond the "
        "measured sizes they span a power law that goes on and a network that stops learning."
        if result.measurements.n_repeats > 1
        else "A single repeat gives no intervals."
    )
    sufficient = (
        "The change that several samples make at once follows from separate fits of its two parts, "
        "how much single samples differ and what they have in common; a sufficient size is the "
        "smallest from which on it stays at or below the threshold."
        if growth
        else "A sufficient size is the smallest from which on the curve stays at or below the "
        "threshold."
    )
    return (
        f"The curve through Δ is {formula} with κ = k + 1 and {values} ({chosen}). "
        f"{sufficient} {intervals}"
    )


def settings(result: SufficiencyResult) -> list[tuple[str, str, str]]:
    """Names, parameters and values of everything the result knows about its measurement."""
    known = [
        ("Samples passed to fit", "", count(result.n_samples)),
        ("Sizes", "sizes", ", ".join(count(size) for size in result.sizes)),
        ("Repeats", "n_repeats", count(result.n_repeats)),
        ("Unseen samples of a repeat", "n_candidates", count(result.n_candidates)),
        ("Order", "order", f"{result.order} ({'mean square' if result.order == 2 else 'mean'})"),
        ("Curve", "curve", result.family),
        ("Loss of the best constant prediction", "", number(result.constant_loss)),
    ]
    for name, value in result.settings.items():
        known.append((_NAMES.get(name, name), name if name in _NAMES else "", str(value)))
    return known
