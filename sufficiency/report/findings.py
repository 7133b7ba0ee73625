"""What stands on the page about the questions: all verdicts, the one on top, and the caveats."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sufficiency.report.numbers import count, number, percent
from sufficiency.sizing import Verdict
from sufficiency.sizing.caveats import run_caveats
from sufficiency.sizing.questions import DeltaQuestion, Question
from sufficiency.sizing.replicates import check_confidence
from sufficiency.sizing.verdict import capitalized, judge, span

if TYPE_CHECKING:
    from sufficiency.result import SufficiencyResult

__all__ = ["Findings", "Top", "all_caveats", "find", "top"]

# Of what one more sample changes now; shown where no threshold was given.
_SHARES = (2.0, 1.0, 0.5, 0.25)
_SIGNS = {"enough": "✓", "more": "+", "unknown": "?"}


@dataclass(frozen=True)
class Findings:
    """
    Answers, in the order of the questions.

    Attributes
    ----------
    asked : tuple of Verdict
        One for each question; the first one decides. Those about Δ are left out without a curve.
    examples : tuple of Verdict
        At multiples of what one more sample changes now, where no threshold was given.
    suggestions : tuple of dict
        Rows of :meth:`SufficiencyResult.suggest_thresholds`; empty if they cannot be computed.
    no_curve : str
        Why no curve can be fitted to Δ; empty if one can.
    """

    asked: tuple[Verdict, ...]
    examples: tuple[Verdict, ...] = ()
    suggestions: tuple[dict[str, Any], ...] = ()
    no_curve: str = ""

    @property
    def thresholds(self) -> tuple[Verdict, ...]:
        """Verdicts about Δ, asked for or not."""
        return tuple(verdict for verdict in self.asked if verdict.kind == "delta") or self.examples

    @property
    def targets(self) -> tuple[Verdict, ...]:
        """Verdicts about loss and score."""
        return tuple(verdict for verdict in self.asked if verdict.kind != "delta")


@dataclass(frozen=True)
class Top:
    """
    What stands on top of the page.

    Attributes
    ----------
    decision : {"enough", "more", "unknown", "open"}
        Of the verdict; "open" where nothing was asked.
    sign : str
        One character for it, so that color is not all there is.
    headline, text : str
        In a few words, and in full.
    numbers : tuple of (str, str)
        Names and values.
    """

    decision: str
    sign: str
    headline: str
    text: str
    numbers: tuple[tuple[str, str], ...]


def find(result: SufficiencyResult, questions: Sequence[Question], confidence: float) -> Findings:
    """Ask a result."""
    check_confidence(confidence)

    def answer(asked: Sequence[Question]) -> tuple[Verdict, ...]:
        return tuple(
            judge(result.measurements, question, family=result.family, confidence=confidence)
            for question in asked
        )

    try:
        curve = result.curve
    except ValueError as error:
        rest = [question for question in questions if question.kind != "delta"]
        return Findings(answer(rest), no_curve=str(error))
    examples: tuple[Verdict, ...] = ()
    if not any(question.kind == "delta" for question in questions):
        now = float(curve.predict(result.n_samples)[0])
        around = [now * share**result.order for share in _SHARES]
        examples = answer([DeltaQuestion(t) for t in around if math.isfinite(t) and t > 0])
    try:
        table = result.suggest_thresholds()
    except ValueError:
        return Findings(answer(questions), examples)
    return Findings(answer(questions), examples, tuple(table.reset_index().to_dict("records")))


def top(result: SufficiencyResult, findings: Findings) -> Top:
    """What the first question decides."""
    have = ("Samples you have", count(result.n_samples))
    if findings.asked:
        return _of_verdict(findings.asked[0], have)
    if findings.no_curve:
        text = f"No curve could be fitted to Δ: {findings.no_curve}."
        return Top("unknown", _SIGNS["unknown"], "Unknown", text, (have,))
    numbers = [have]
    for row in findings.suggestions[:1]:
        numbers.append(("One more changes the loss by", number(row["change"])))
        numbers.append(("Share of the unseen loss", percent(row["relative_change"])))
    text = (
        "So this report does not say whether the samples are enough. The table of thresholds shows "
        "what smaller and larger changes would need: choose the change that does not matter to "
        "you, and give it as a threshold."
    )
    return Top("open", "…", "No threshold was set", text, tuple(numbers))


def _of_verdict(verdict: Verdict, have: tuple[str, str]) -> Top:
    numbers = (
        _accepted(verdict),
        ("Samples needed", count(verdict.size) if verdict.size else "not known"),
        (f"{100 * verdict.confidence:g} % interval", span(verdict.interval)),
        have,
        ("Missing", verdict.missing),
    )
    text = capitalized(verdict.explanation)
    return Top(verdict.decision, _SIGNS[verdict.decision], verdict.headline, text, numbers)


def all_caveats(result: SufficiencyResult, findings: Findings) -> tuple[str, ...]:
    """Those of the run, then those of single answers, each once, in sentences."""
    said = [str(caveat) for caveat in run_caveats(result.measurements)]
    verdicts = findings.asked or findings.examples
    where: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        for caveat in verdict.caveats:
            where.setdefault(str(caveat), []).append(verdict)
    for text, concerned in where.items():
        if text in said:
            continue
        if len(concerned) == len(verdicts):
            said.append(text)
        elif findings.asked:
            said.append(f"for {' and '.join(map(_name, concerned))}: {text}")
    return tuple(f"{capitalized(text)}." for text in said)


def _accepted(verdict: Verdict) -> tuple[str, str]:
    if verdict.kind != "delta":
        return f"{verdict.kind.capitalize()} to reach", number(verdict.threshold)
    mean = "RMS" if verdict.order == 2 else "mean"
    return f"Accepted change of the loss ({mean})", number(verdict.change)


def _name(verdict: Verdict) -> str:
    if verdict.kind != "delta":
        return f"the {verdict.kind} {verdict.threshold:g}"
    return f"a change of {number(verdict.change)}"
