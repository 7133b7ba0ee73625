"""Everything that speaks against this run's answers, each once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sufficiency.report.numbers import number
from sufficiency.report.questions import Answered
from sufficiency.sizing import Verdict
from sufficiency.sizing.caveats import caveats_of_measurements
from sufficiency.sizing.diagnostics import find_doubts, find_failures

if TYPE_CHECKING:
    from sufficiency.result import SufficiencyResult

__all__ = ["doubts"]


def doubts(result: SufficiencyResult, answered: Answered) -> tuple[str, ...]:
    """Reasons to doubt this run and its answers, in sentences."""
    failures = find_failures(result)
    found = [] if failures is None else [failures.text]
    if np.isfinite(result.table("delta")).any():
        found += [doubt.text for doubt in find_doubts(result)]
        found += _of_answers(result, answered)
    return tuple(f"{text[:1].upper()}{text[1:]}." for text in found)


def _of_answers(result: SufficiencyResult, answered: Answered) -> list[str]:
    said = set(caveats_of_measurements(result.measurements))
    where: dict[str, list[Verdict]] = {}
    for verdict in answered.verdicts:
        for caveat in verdict.caveats:
            if caveat not in said:
                where.setdefault(caveat, []).append(verdict)
    found = []
    for caveat, concerned in where.items():
        if len(concerned) == len(answered.verdicts):
            found.append(caveat)
        elif answered.decides:
            changes = " and ".join(number(verdict.change) for verdict in concerned)
            found.append(f"{caveat}, for a change of {changes}")
    return found
