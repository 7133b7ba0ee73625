"""What stands on the page about the questions: all verdicts, the one on top, and the caveats."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sufficiency.curves import FittedCurve
from sufficiency.report.numbers import count, number, percent
from sufficiency.sizing import CollectionPlan, Verdict
from sufficiency.sizing.caveats import run_caveats
from sufficiency.sizing.questions import DeltaQuestion, Question, suggest_thresholds
from sufficiency.sizing.replicates import check_confidence
from sufficiency.sizing.verdict import SIGNS, capitalized, deciding, facts, judge, judge_slices

if TYPE_CHECKING:
    from sufficiency.result import SufficiencyResult

# Of what one more sample changes now; shown where no threshold was given.
_SHARES = (2.0, 1.0, 0.5, 0.25)


@dataclass(frozen=True)
class Collecting:
    """What to collect for one question, or why that cannot be said."""

    heading: str
    plan: CollectionPlan | None
    refusal: str = ""


@dataclass(frozen=True)
class Findings:
    """Answers, in the order of the questions."""

    asked: tuple[Verdict, ...]  # without those about Δ where it has no curve
    curve: FittedCurve | None = None
    no_curve: str = ""  # why
    examples: tuple[Verdict, ...] = ()  # thresholds around the present change, if none was given
    suggestions: Sequence[dict[str, Any]] = ()  # empty if they cannot be computed
    plans: tuple[Collecting, ...] = ()  # for what is not enough
    unanswered: bool = False  # whether something was asked about a Δ that has no curve
    # of the question that decides, the reason where there is no answer
    slices: Mapping[str, Verdict | str] = field(default_factory=dict)

    @property
    def deciding(self) -> Verdict:
        """The answer that decides whether the samples are enough for all questions."""
        return self.asked[deciding(self.asked)]

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
    """What stands on top of the page."""

    decision: str  # of the verdict; "open" where nothing was asked
    sign: str  # for it, so that color is not all there is
    headline: str
    text: str
    numbers: tuple[tuple[str, str], ...]  # names and values


def find(result: SufficiencyResult, questions: Sequence[Question], confidence: float) -> Findings:
    """Ask a result."""
    check_confidence(confidence)
    ladder, family = result.measurements, result.family

    def answer(asked: Iterable[Question]) -> tuple[Verdict, ...]:
        return tuple(judge(ladder, q, family=family, confidence=confidence) for q in asked)

    def of_slices(asked: Sequence[Verdict]) -> Mapping[str, Verdict | str]:
        return judge_slices(ladder, asked[deciding(asked)], family) if asked else {}

    try:
        curve = result.curve
    except ValueError as error:
        answered = [question for question in questions if question.kind != "delta"]
        asked = answer(answered)
        return Findings(
            asked,
            no_curve=str(error),
            plans=collecting(result, answered, asked),
            unanswered=len(answered) < len(questions),
            slices=of_slices(asked),
        )
    examples: tuple[Verdict, ...] = ()
    if not any(question.kind == "delta" for question in questions):
        now = float(curve.predict(result.n_samples)[0])
        around = [now * share**result.order for share in _SHARES]
        examples = answer(DeltaQuestion(t) for t in around if math.isfinite(t) and t > 0)
    suggestions: Sequence[dict[str, Any]] = ()
    with suppress(ValueError):
        suggestions = suggest_thresholds(ladder, family=family)
    asked = answer(questions)
    plans = collecting(result, questions, asked)
    return Findings(asked, curve, "", examples, suggestions, plans, slices=of_slices(asked))


def collecting(
    result: SufficiencyResult, questions: Sequence[Question], verdicts: Sequence[Verdict]
) -> tuple[Collecting, ...]:
    """The plans of three rounds for what is not enough; there is none for growth."""
    found = []
    for question, verdict in zip(questions, verdicts, strict=True):
        if verdict.decision == "enough" or verdict.growth is not None:
            continue
        try:
            plan = result.plan(verdict.threshold, verdict.kind, prior=question.prior)
        except ValueError as error:
            found.append(Collecting(f"For {_name(verdict)}", None, str(error)))
        else:
            found.append(Collecting(f"For {plan.criterion}", plan))
    return tuple(found)


def top(result: SufficiencyResult, findings: Findings) -> Top:
    """What is decided for all questions."""
    have = ("Samples you have", count(result.n_samples))
    verdict = findings.deciding if findings.asked else None
    # without a curve of Δ what was asked about it is not met
    if verdict is not None and (verdict.decision == "more" or not findings.unanswered):
        numbers = (_accepted(verdict), *facts(verdict))
        text = capitalized(verdict.explanation)
        if len(findings.asked) > 1:
            asked = f"Of {len(findings.asked)} questions, that about {_name(verdict)}"
            text = f"{asked} decides. {text}"
        return Top(verdict.decision, SIGNS[verdict.decision], verdict.headline, text, numbers)
    if findings.no_curve:
        text = f"No curve could be fitted to Δ: {findings.no_curve}."
        return Top("unknown", SIGNS["unknown"], "Unknown", text, (have,))
    now = [have]
    for row in findings.suggestions[:1]:
        now.append(("One more changes the loss by", number(row["change"])))
        now.append(("Share of the unseen loss", percent(row["relative_change"])))
    text = (
        "So this report does not say whether the samples are enough. The table of thresholds shows "
        "what smaller and larger changes would need: choose the change that does not matter to "
        "you, and give it as a threshold."
    )
    return Top("open", "…", "No threshold was set", text, tuple(now))


def all_caveats(result: SufficiencyResult, findings: Findings) -> tuple[str, ...]:
    """Those of the run, then those of single answers, none of them twice."""
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
