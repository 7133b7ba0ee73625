"""Reasons to doubt a result, found in its cells: as text, and as warnings."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sufficiency.exceptions import (
    CellFailedWarning,
    HeavyTailWarning,
    InertProbeWarning,
    NotSettledWarning,
    QuadraticModelWarning,
    SufficiencyWarning,
)
from sufficiency.sizing.caveats import (
    DRIFT_SHARE,
    heavy_tailed,
    inert,
    no_better_than_constant,
    unsettled,
)

if TYPE_CHECKING:
    from sufficiency.result import SufficiencyResult

__all__ = [
    "Doubt",
    "basis_for_decisions",
    "check_failures",
    "find_doubts",
    "find_failures",
    "useless_share",
    "warn_of_doubts",
]

# Share of the trainings that must be of use for a decision.
_LEAST_USEFUL = 0.5
# Relative error of the quadratic increment, beyond which the closed form is not to be trusted.
QUADRATIC_ERROR = 0.1


@dataclass(frozen=True)
class Doubt:
    """
    A reason to doubt a result, with what to do about it.

    Attributes
    ----------
    text : str
        A sentence that starts in lower case and has no full stop.
    category : type
        The warning that says it.
    """

    text: str
    category: type[SufficiencyWarning]


def find_failures(result: SufficiencyResult) -> Doubt | None:
    """Say which cells failed, and why."""
    failed = [cell for cell in result.cells if cell.failure]
    if not failed:
        return None
    named = "; ".join(f"repeat {c.repeat}, size {c.size}: {c.failure}" for c in failed)
    text = f"{len(failed)} of {len(result.cells)} cells failed and are left out: {named}"
    return Doubt(text, CellFailedWarning)


def check_failures(result: SufficiencyResult) -> None:
    """Say which cells failed; refuse to go on with too few."""
    doubt = find_failures(result)
    if doubt is None:
        return
    failed = sum(bool(cell.failure) for cell in result.cells)
    sizes_left = np.isfinite(result.deltas).sum()
    if 2 * failed > len(result.cells) or sizes_left < 2:
        named = doubt.text.partition(": ")[2]
        raise ValueError(
            f"{failed} of {len(result.cells)} cells failed ({named}); lower the net's learning "
            "rate or check its loss"
        )
    warnings.warn(doubt.text, doubt.category, stacklevel=4)


def useless_share(result: SufficiencyResult) -> float:
    """Share of the finished cells whose net is unsettled, or has not learned."""
    measured = result.measurements
    useless = unsettled(measured) | no_better_than_constant(measured)
    return float(useless.sum() / np.isfinite(measured.delta).sum())


def basis_for_decisions(result: SufficiencyResult) -> bool:
    """Whether Δ decides anything: around nets that have not learned it is small on any data."""
    return useless_share(result) < _LEAST_USEFUL


def find_doubts(result: SufficiencyResult) -> tuple[Doubt, ...]:
    """Find everything that makes Δ mean less than it seems to; failed cells are not among it."""
    checks = (_not_settled, _not_better, _inert, _not_quadratic, _heavy_tailed)
    return tuple(doubt for check in checks if (doubt := check(result)) is not None)


def _not_settled(result: SufficiencyResult) -> Doubt | None:
    count = int(unsettled(result.measurements).sum())
    text = (
        f"{count} of {len(result.cells)} centers are not settled: over the last tenth of the "
        f"training their loss moved by more than {DRIFT_SHARE:.0%} of what Δ measures; raise "
        "`min_steps` or lower the learning rate"
    )
    return Doubt(text, NotSettledWarning) if count else None


def _not_better(result: SufficiencyResult) -> Doubt | None:
    count = int(no_better_than_constant(result.measurements).sum())
    text = (
        f"{count} of {len(result.cells)} centers have an unseen loss no better than 0.9 times that "
        f"of the best constant prediction ({result.constant_loss:.3g}); Δ means little around "
        "them, an untrained net passes any threshold: train longer, or leave small sizes out"
    )
    return Doubt(text, NotSettledWarning) if count else None


def _inert(result: SufficiencyResult) -> Doubt | None:
    meant = result.settings.get("probe", "").startswith("PointMass")
    text = (
        "the probe adds less than 5 % to Δ at the centers themselves: the neighborhood does not "
        "matter; raise `sigma`"
    )
    return Doubt(text, InertProbeWarning) if inert(result.measurements) and not meant else None


def _not_quadratic(result: SufficiencyResult) -> Doubt | None:
    errors = result.table("quadratic_error")
    count = int((errors > QUADRATIC_ERROR).sum())
    if not count:
        return None
    text = (
        f"in {count} of {len(result.cells)} cells the quadratic model misses the increment by more "
        f"than {QUADRATIC_ERROR:.0%} (by up to {np.nanmax(errors):.0%}): the closed form is not "
        "valid at this `sigma`; lower it, or use method='monte_carlo'"
    )
    return Doubt(text, QuadraticModelWarning)


def _heavy_tailed(result: SufficiencyResult) -> Doubt | None:
    count = int(heavy_tailed(result.measurements).sum())
    text = (
        f"in {count} of {len(result.cells)} cells 1 % of the candidates carry more than half of Δ; "
        "raise `n_candidates`" + (", or fit with order=1" if result.order == 2 else "")
    )
    return Doubt(text, HeavyTailWarning) if count else None


def warn_of_doubts(result: SufficiencyResult) -> None:
    """Warn of everything that makes Δ mean less than it seems to."""
    for doubt in find_doubts(result):
        warnings.warn(doubt.text, doubt.category, stacklevel=4)
