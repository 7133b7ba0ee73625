"""Questions of the command line, and their verdicts: in words, and as JSON can hold them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import Any

from sufficiency.cli.errors import BadInput, message_of
from sufficiency.result import SufficiencyResult
from sufficiency.sizing import Verdict
from sufficiency.sizing.growth import counts_samples
from sufficiency.sizing.questions import Question, percent, questions_from
from sufficiency.sizing.verdict import deciding, judge, judge_slices

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
        loss_target: float | None = None,
        score_target: float | None = None,
    ) -> "Asked":
        """Take the options of the commands."""
        for name, given in (("relative", relative), ("growth", growth)):
            if given and not thresholds:
                raise BadInput(f"--{name} must go with a --threshold; it says how that is meant")
        questions = questions_from(
            thresholds,
            relative=relative,
            growth=growth,
            loss_target=loss_target,
            score_target=score_target,
            prior=prior,
        )
        return cls(questions, confidence, growth)

    def check_status(self, fail_if_insufficient: bool) -> None:
        """Refuse to fail at nothing."""
        if fail_if_insufficient and not self.questions:
            raise BadInput("--fail-if-insufficient needs a --threshold or a target to fail at")


@dataclass(frozen=True)
class Answer:
    """A question with its verdict."""

    question: Question
    verdict: Verdict | None  # None where the result cannot be asked that
    refusal: str = ""  # why not

    @property
    def decision(self) -> str:
        """Of the verdict; unknown where there is none."""
        return self.verdict.decision if self.verdict else "unknown"

    @property
    def headline(self) -> str:
        """The decision in words."""
        return self.verdict.headline if self.verdict else "Unknown"

    @property
    def enough(self) -> bool:
        """Whether the samples at hand are."""
        return self.decision == "enough"

    def __str__(self) -> str:
        return f"{self.question}: {self.verdict or f'{self.refusal}.'}"

    def record(self, confidence: float) -> dict[str, Any]:
        """Everything, by the keys that the documentation lists."""
        verdict = self.verdict
        if verdict is None:
            return {
                **self.question.asked,
                **self.numbers(),
                "missing": None,
                "confidence": confidence,
                "enough": False,
                "caveats": [],
                "text": f"{self.refusal}.",
            }
        units: dict[str, Any] = {"delta": verdict.threshold, "change": verdict.change}
        units |= {"relative_change": verdict.relative_change, "neediest": _neediest(verdict)}
        return {
            **self.question.asked,
            **(units if verdict.kind == "delta" else {}),
            **self.numbers(),
            "missing": verdict.n_missing,
            "confidence": verdict.confidence,
            "enough": self.enough,
            "caveats": [str(caveat) for caveat in verdict.caveats],
            "text": str(verdict),
        }

    def numbers(self) -> dict[str, Any]:
        """Size, interval and decision."""
        verdict = self.verdict
        if verdict is None:
            unknown = {**_size(None, None), "status": "refused", "decision": "unknown"}
            return {**unknown, "sure": False, "reason": self.refusal}
        same = ("status", "decision", "sure", "reason")
        known = {name: getattr(verdict, name) for name in same}
        return {**_size(verdict.size, verdict.interval), **known}


def _size(size: int | None, interval: tuple[int, float] | None) -> dict[str, Any]:
    low, high = interval or (None, None)
    return {"size": size, "low": low, "high": high}


def _neediest(verdict: Verdict) -> dict[str, Any] | None:
    """The slice that needs most samples, where chance does not explain it."""
    if (most := verdict.neediest) is None:
        return None
    found = most.estimate
    size = _size(found.size, found.interval)
    return {"slice": most.name, "n_slices": most.n_slices, **size, "status": found.status}


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


def slice_records(result: SufficiencyResult, answer: Answer) -> list[dict[str, Any]]:
    """The answer for every slice, for JSON."""
    if answer.verdict is None:
        return []
    records = []
    for name, of in judge_slices(result.measurements, answer.verdict, result.family).items():
        refusal = of if isinstance(of, str) else ""
        of_slice = Answer(answer.question, None if isinstance(of, str) else of, refusal)
        records.append({"slice": name, **of_slice.numbers()})
    return records


def deciding_answer(answers: Sequence[Answer]) -> Answer | None:
    """The answer that decides whether the samples are enough for all questions."""
    return answers[deciding([answer.verdict for answer in answers])] if answers else None


def in_paragraphs(answers: Sequence[Answer]) -> str:
    """For people: a paragraph each, and before them what they are about and come to together."""
    paragraphs = [*_of_growth(answers), *_together(answers), *map(str, answers)]
    return "\n\n".join(fill(paragraph, width=WIDTH) for paragraph in paragraphs)


def _of_growth(answers: Sequence[Answer]) -> Iterator[str]:
    """How many samples come at once."""
    verdicts = [answer.verdict for answer in answers if answer.verdict]
    given = {v.growth: v.n_available for v in verdicts if v.growth is not None}
    for growth, n_available in given.items():
        if counts_samples(growth):
            yield f"Thresholds are for {growth:,} more samples at once."
        else:
            yield (
                f"Thresholds are for {percent(growth)} more samples at once, "
                f"{round(growth * n_available):,} at the {n_available:,} there are."
            )


def _together(answers: Sequence[Answer]) -> Iterator[str]:
    decides = deciding_answer(answers)
    if decides is not None and len(answers) > 1:
        said = f"{decides.headline}; {decides.question} decides"
        yield f"All {len(answers)} questions together: {said}."
