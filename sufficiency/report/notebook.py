"""A result as notebooks show it."""

from typing import TYPE_CHECKING

from sufficiency._representations import card
from sufficiency.report import tables
from sufficiency.sizing.caveats import run_caveats
from sufficiency.sizing.verdict import capitalized

if TYPE_CHECKING:
    from sufficiency.result import SufficiencyResult


def result_card(result: "SufficiencyResult") -> str:
    """What was measured, its table by size, and the caveats, as HTML."""
    try:
        curve, fitted = result.curve, f"{result.curve}, κ = k + 1"
    except ValueError as error:
        curve, fitted = None, f"none: {error}"
    n_sizes, n_repeats = len(result.sizes), result.n_repeats
    measured = f"{n_repeats} repeat{'s' * (n_repeats != 1)} of {n_sizes} sizes"
    facts = [("Samples", f"{result.n_samples:,}"), ("Measured", measured)]
    facts += [("Slice", result.of_slice)] * bool(result.of_slice) + [("Fitted decay of Δ", fitted)]
    of_sizes = tables.sizes(result, curve).columns
    return card(
        "How much the loss landscape moves when a sample is added",
        facts=facts,
        columns={name: [entry.text for entry in entries] for name, entries in of_sizes.items()},
        remarks=[f"{capitalized(str(caveat))}." for caveat in run_caveats(result.measurements)],
    )
