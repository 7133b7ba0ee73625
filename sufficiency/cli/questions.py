"""Questions of the command line, and their verdicts: in words, and as JSON can hold them."""

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import Any

from sufficiency.cli.errors import BadInput, message_of
from sufficiency.result import SufficiencyResult
from sufficiency.sizing import Verdict
from sufficiency.sizing.questions import Question, questions_from
from sufficiency.sizing.verdict import judge

WIDTH = 100


@dataclass(frozen=True)
class Asked:
    """What was asked, and how sure intervals are to be."""

    questions: tuple[Question, ...] = ()
    confidence: float = 0.95
    growth: float | None = None  # of the thresholds

    @classmethod
    def from_options(
        cls,
        thresholds: Sequence[float] = (),
        relative: bool = False,
        growth: float | None = None,
        confidence: float = 0.95,
        prior: str | None = "bank",
        **targets: float | None,
    ) -> "Asked":
        """Take the options of the commands."""
        for name, given in (("relative", relative), ("growth", growth)):
            if given and not thresholds:
                raise BadInput(f"--{name} must go with a --threshold; it says how that is meant")
        how: dict[str, Any] = {"relative": relative, "growth": growth, "prior": prior}
        questions = questions_from(thresholds, **how, **targets)
        return cls(questions, confidence, growth)


@dataclass(frozen=True)
class Answer:
    """A question with its verdict."""

    question: Question
    verdict: Verdict | None  # None where the result cannot be asked that
    refusal: str = ""  # why not

    @property
    def enough(self) -> bool:
        """Whether the samples at hand are."""
        return self.verdict is not None and self.verdict.decision == "enough"

    def __str__(self) -> str:
        return f"{self.question}: {self.verdict or f'{self.refusal}.'}"

    def record(self, confidence: float) -> dict[str, Any]:
        """Everything, by the keys that the documentation lists."""
        verdict = self.verdict
        if verdict is None:
            return {
                **self.question.asked,
                **dict.fromkeys(("size", "low", "high", "missing")),
                "confidence": confidence,
                "status": "refused",
                "decision": "unknown",
                "sure": False,
                "enough": False,
                "reason": self.refusal,
                "caveats": [],
                "text": f"{self.refusal}.",
            }
        units = {"delta": verdict.threshold, "change": verdict.change}
        units |= {"relative_change": verdict.relative_change}
        low, high = verdict.interval or (None, None)
        same = ("size", "confidence", "status", "decision", "sure", "reason")
        return {
            **self.question.asked,
            **(units if verdict.kind == "delta" else {}),
            **{name: getattr(verdict, name) for name in same},
            "low": low,
            "high": high,
            "missing": verdict.n_missing,
            "enough": self.enough,
            "caveats": [str(caveat) for caveat in verdict.caveats],
            "text": str(verdict),
        }


def answer(result: SufficiencyResult, asked: Asked) -> list[Answer]:
    """Ask a result; what it cannot be asked is refused."""
    answers, ladder = [], result.measurements
    for question in asked.questions:
        try:
            verdict = judge(ladder, question, family=result.family, confidence=asked.confidence)
            answers.append(Answer(question, verdict))
        except ValueError as error:
            refusal = message_of(error, target=f"--{question.kind}-target")
            answers.append(Answer(question, None, refusal))
    return answers


def in_paragraphs(answers: Sequence[Answer]) -> str:
    """For people: a paragraph each."""
    return "\n\n".join(fill(str(answer), width=WIDTH) for answer in answers)
