"""Reasons to doubt a result, found in its cells and said as warnings."""

import warnings

import numpy as np

from sufficiency.exceptions import (
    CellFailedWarning,
    HeavyTailWarning,
    InertProbeWarning,
    NotSettledWarning,
    QuadraticModelWarning,
)
from sufficiency.results import SufficiencyResult
from sufficiency.sizing.caveats import (
    DRIFT_SHARE,
    heavy_tailed,
    inert,
    no_better_than_constant,
    unsettled,
)

__all__ = ["check_failures", "warn_of_doubts"]

# Relative error of the quadratic increment, beyond which the closed form is not to be trusted.
QUADRATIC_ERROR = 0.1


def check_failures(result: SufficiencyResult) -> None:
    """
    Say which cells failed; refuse to go on with too few.

    Warns
    -----
    CellFailedWarning
        Naming every failed cell and its reason.

    Raises
    ------
    ValueError
        If more than half of the cells failed, or less than two sizes have any left.
    """
    failed = [cell for cell in result.cells if cell.failure]
    if not failed:
        return
    named = "; ".join(f"repeat {c.repeat}, size {c.size}: {c.failure}" for c in failed)
    sizes_left = np.isfinite(result.deltas).sum()
    if 2 * len(failed) > len(result.cells) or sizes_left < 2:
        raise ValueError(
            f"{len(failed)} of {len(result.cells)} cells failed ({named}); lower the net's "
            "learning rate or check its loss"
        )
    warnings.warn(
        f"{len(failed)} of {len(result.cells)} cells failed and are left out: {named}",
        CellFailedWarning,
        stacklevel=4,
    )


def warn_of_doubts(result: SufficiencyResult) -> None:
    """
    Warn of everything that makes Δ mean less than it seems to.

    Warns
    -----
    NotSettledWarning
        Centres that still drift, or nets no better than a constant.
    InertProbeWarning
        A probe that adds nothing to the point.
    QuadraticModelWarning
        Closed forms at a scale where the quadratic model fails.
    HeavyTailWarning
        Cells in which 1 % of the candidates carry more than half of Δ.
    """
    n_cells, measurements = len(result.cells), result.measurements
    if count := int(unsettled(measurements).sum()):
        _warn(
            f"{count} of {n_cells} centres are not settled: over the last tenth of the training "
            f"their loss moved by more than {DRIFT_SHARE:.0%} of what Δ measures; raise "
            "`min_steps` or lower the learning rate",
            NotSettledWarning,
        )
    if count := int(no_better_than_constant(measurements).sum()):
        _warn(
            f"{count} of {n_cells} centres have an unseen loss no better than 0.9 times that of "
            f"the best constant prediction ({result.constant_loss:.3g}); Δ means little around "
            "them, an untrained net passes any threshold: train longer, or leave small sizes out",
            NotSettledWarning,
        )
    if inert(measurements) and not result.settings.get("probe", "").startswith("PointMass"):
        _warn(
            "the probe adds less than 5 % to Δ at the centres themselves: the neighbourhood does "
            "not matter; raise `sigma`",
            InertProbeWarning,
        )
    errors = result.table("quadratic_error")
    if count := int((errors > QUADRATIC_ERROR).sum()):
        _warn(
            f"in {count} of {n_cells} cells the quadratic model misses the increment by more than "
            f"{QUADRATIC_ERROR:.0%} (by up to {np.nanmax(errors):.0%}): the closed form is not "
            "valid at this `sigma`; lower it, or use method='monte_carlo'",
            QuadraticModelWarning,
        )
    if count := int(heavy_tailed(measurements).sum()):
        _warn(
            f"in {count} of {n_cells} cells 1 % of the candidates carry more than half of Δ; "
            "raise `n_candidates`, or fit with order=1",
            HeavyTailWarning,
        )


def _warn(message: str, category: type[Warning]) -> None:
    warnings.warn(message, category, stacklevel=5)
