"""What the report is asked, checked, and what the result answers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sufficiency._validation import check_number, check_thresholds
from sufficiency.sizing import SizeEstimate, Verdict
from sufficiency.sizing.replicates import check_confidence

if TYPE_CHECKING:
    from sufficiency.result import SufficiencyResult

__all__ = ["Answered", "Asked", "Target", "answer"]

# Of what one more sample changes now; shown where no threshold was given.
_SHARES = (2.0, 1.0, 0.5, 0.25)


@dataclass(frozen=True)
class Asked:
    """
    Questions to a result.

    Attributes
    ----------
    thresholds : float or sequence of float, optional
        The first one decides; None or nothing: multiples of what one more sample changes now.
    relative, growth, confidence
        As in :meth:`SufficiencyResult.verdict`, for all of them.
    loss_target, score_target : float, optional
        As in :meth:`SufficiencyResult.estimate_for_target`.
    """

    thresholds: float | Sequence[float] | None = None
    relative: bool = False
    growth: float | None = None
    loss_target: float | None = None
    score_target: float | None = None
    confidence: float = 0.95

    def checked(self) -> Asked:
        """Make sure that the questions make sense, whatever the data say."""
        check_confidence(self.confidence)
        given = () if self.thresholds is None else self.thresholds
        thresholds = tuple(np.atleast_1d(check_thresholds(given, "thresholds")).ravel().tolist())
        for name in ("relative", "growth"):
            if not thresholds and getattr(self, name):
                raise ValueError(
                    f"`{name}` must go with `thresholds`, got {getattr(self, name)!r} without; it "
                    "says how they are meant"
                )
        for name in ("loss_target", "score_target"):
            if getattr(self, name) is not None:
                check_number(name, getattr(self, name))
        return replace(self, thresholds=thresholds)


@dataclass(frozen=True)
class Target:
    """
    A loss or score to reach, and the size that does.

    Attributes
    ----------
    kind : {"loss", "score"}
        Which.
    value : float
        To be reached.
    estimate : SizeEstimate
        The answer.
    """

    kind: str
    value: float
    estimate: SizeEstimate


@dataclass(frozen=True)
class Answered:
    """
    Answers, in the order of the questions.

    Attributes
    ----------
    asked : Asked
        The questions, checked.
    verdicts : tuple of Verdict
        One for each threshold; empty if no curve can be fitted.
    suggestions : tuple of dict
        Rows of :meth:`SufficiencyResult.suggest_thresholds`; empty if they cannot be computed.
    targets : tuple of Target
        Of loss and score.
    no_curve : str
        Why no curve can be fitted; empty if one can.
    """

    asked: Asked
    verdicts: tuple[Verdict, ...]
    suggestions: tuple[dict[str, Any], ...]
    targets: tuple[Target, ...]
    no_curve: str = ""

    @property
    def decides(self) -> bool:
        """Whether somebody has set a threshold."""
        return bool(self.asked.thresholds)


def answer(result: SufficiencyResult, asked: Asked) -> Answered:
    """Ask a result."""
    targets = tuple(
        Target(kind, value, result.estimate_for_target(value, kind, confidence=asked.confidence))
        for kind, value in (("loss", asked.loss_target), ("score", asked.score_target))
        if value is not None
    )
    try:
        _ = result.curve
    except ValueError as error:
        return Answered(asked, (), (), targets, no_curve=str(error))
    thresholds = asked.thresholds or _around(result)
    verdicts = tuple(
        result.verdict(
            threshold, relative=asked.relative, growth=asked.growth, confidence=asked.confidence
        )
        for threshold in np.atleast_1d(thresholds).tolist()
    )
    return Answered(asked, verdicts, _suggestions(result), targets)


def _around(result: SufficiencyResult) -> tuple[float, ...]:
    """Thresholds at multiples of the present change; none where the curve says nothing."""
    now = float(result.curve.predict(result.n_samples)[0])
    thresholds = [now * share**result.order for share in _SHARES]
    return tuple(t for t in thresholds if math.isfinite(t) and t > 0)


def _suggestions(result: SufficiencyResult) -> tuple[dict[str, Any], ...]:
    """What more data change now; nothing where the parts of Δ cannot be fitted."""
    try:
        table = result.suggest_thresholds()
    except ValueError:
        return ()
    return tuple(table.reset_index().to_dict("records"))
