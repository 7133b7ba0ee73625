"""A result's answers to what was asked: in words, and as JSON can hold them."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import Any

from sufficiency._json import to_json
from sufficiency.cli.errors import BadInput, one_line, speak_of_options
from sufficiency.result import SufficiencyResult
from sufficiency.sizing import SizeEstimate
from sufficiency.sizing.diagnostics import basis_for_decisions

__all__ = [
    "Answer",
    "Questions",
    "accepted",
    "answers_of",
    "check_questions",
    "in_paragraphs",
    "json_text",
    "ladder_of",
    "suggestions_of",
]

_WIDTH = 100
_ENOUGH = {"reached", "at_most", "extrapolated"}


@dataclass(frozen=True)
class Questions:
    """What was asked on the command line."""

    thresholds: tuple[float, ...] = ()
    relative: bool = False
    growth: float | None = None
    loss_target: float | None = None
    score_target: float | None = None
    confidence: float = 0.95

    def __bool__(self) -> bool:
        return bool(self.thresholds) or bool(self.targets)

    @property
    def targets(self) -> dict[str, float]:
        """Loss and score, as far as they were asked for."""
        given = {"loss": self.loss_target, "score": self.score_target}
        return {kind: target for kind, target in given.items() if target is not None}


@dataclass(frozen=True)
class Answer:
    """
    One of the answers.

    Attributes
    ----------
    question : str
        What was asked, in words.
    record : dict
        Everything, by the keys that the documentation lists.
    """

    question: str
    record: dict[str, Any]

    @property
    def refused(self) -> bool:
        """Whether the result cannot be asked that."""
        return bool(self.record["status"] == "refused")

    @property
    def enough(self) -> bool:
        """Whether the samples at hand are."""
        return bool(self.record["enough"])

    def __str__(self) -> str:
        return f"{self.question}: {self.record['text']}"


def check_questions(questions: Questions) -> None:
    """Refuse to leave out silently what says how a threshold is meant."""
    for name in ("relative", "growth"):
        if getattr(questions, name) and not questions.thresholds:
            raise BadInput(f"--{name} must go with a --threshold; it says how that is meant")


def answers_of(result: SufficiencyResult, questions: Questions) -> list[Answer]:
    """Ask a result."""
    answers = [_for_threshold(result, threshold, questions) for threshold in questions.thresholds]
    for kind, target in questions.targets.items():
        answers.append(_for_target(result, kind, target, questions.confidence))
    return answers


def in_paragraphs(answers: Sequence[Answer]) -> str:
    """For people: a paragraph each."""
    return "\n\n".join(fill(str(answer), width=_WIDTH) for answer in answers)


def accepted(questions: Questions, answers: Sequence[Answer]) -> dict[str, Any]:
    """The questions that were answered, as arguments of :meth:`SufficiencyResult.report`."""
    records = [answer.record for answer in answers if not answer.refused]
    thresholds = [record["threshold"] for record in records if "threshold" in record]
    targets = {
        f"{kind}_target": record[kind]
        for kind in questions.targets
        for record in records
        if kind in record
    }
    return {
        "thresholds": thresholds or None,
        "relative": questions.relative and bool(thresholds),
        "growth": questions.growth if thresholds else None,
        "confidence": questions.confidence,
        **targets,
    }


def _for_threshold(result: SufficiencyResult, threshold: float, asked: Questions) -> Answer:
    record: dict[str, Any] = {
        "threshold": threshold,
        "relative": asked.relative,
        "growth": asked.growth,
    }
    kind = " (relative)" if asked.relative else ""
    question = f"Threshold {threshold:g}{kind}"
    try:
        verdict = result.verdict(
            threshold, relative=asked.relative, growth=asked.growth, confidence=asked.confidence
        )
    except ValueError as error:
        return Answer(question, record | _refusal(error, asked.confidence))
    record |= {
        "delta": verdict.threshold,
        "change": verdict.change,
        "relative_change": verdict.relative_change,
    }
    estimate = SizeEstimate(verdict.status, verdict.size, verdict.interval, verdict.reason)
    record |= _estimated(estimate, result.n_samples, asked.confidence)
    record["enough"] = record["enough"] and basis_for_decisions(result)
    return Answer(question, record | {"caveats": list(verdict.caveats), "text": str(verdict)})


def _for_target(result: SufficiencyResult, kind: str, target: float, confidence: float) -> Answer:
    question = f"{kind.capitalize()} {target:g}"
    try:
        estimate = result.estimate_for_target(target, kind, confidence=confidence)
    except ValueError as error:
        refusal = _refusal(error, confidence)
        option = f"--{kind}-target"
        texts = {key: refusal[key].replace("`target`", option) for key in ("reason", "text")}
        return Answer(question, {kind: target, **refusal, **texts})
    record = {kind: target, **_estimated(estimate, result.n_samples, confidence)}
    record["caveats"] = []
    return Answer(question, record | {"text": _in_words(record, result.n_samples)})


def _estimated(estimate: SizeEstimate, n_available: int, confidence: float) -> dict[str, Any]:
    low, high = (None, None) if estimate.interval is None else estimate.interval
    missing = None if estimate.size is None else max(0, estimate.size - n_available)
    return {
        "size": estimate.size,
        "low": low,
        "high": high,
        "confidence": confidence,
        "status": estimate.status,
        "missing": missing,
        "enough": estimate.status in _ENOUGH and missing == 0,
        "reason": estimate.reason,
    }


def _refusal(error: ValueError, confidence: float) -> dict[str, Any]:
    reason = one_line(speak_of_options(str(error)))
    nothing = SizeEstimate("refused", None, None, reason)
    return {**_estimated(nothing, 0, confidence), "caveats": [], "text": f"{reason}."}


def _in_words(record: Mapping[str, Any], n_available: int) -> str:
    """The answer to a target in a sentence or two, as a verdict says it."""
    size, low, high = record["size"], record["low"], record["high"]
    if size is None:
        return f"no size is known to reach it: {record['reason']}."
    start = {
        "reached": f"about {size:,} samples reach it",
        "at_most": f"{size:,} samples, the smallest size measured, reach it already",
        "extrapolated": f"about {size:,} samples should reach it",
        "not_identifiable": f"the learning curve points to {size:,} samples, not reliably",
    }[record["status"]]
    if low is not None and low != high:
        span = f"{low:,} to {high:,}" if math.isfinite(high) else f"{low:,} upwards"
        start += f" ({100 * record['confidence']:g} % interval {span})"
    return f"{start}; {_need(record, n_available)}."


def _need(record: Mapping[str, Any], n_available: int) -> str:
    if record["status"] != "not_identifiable":
        return (
            f"about {record['missing']:,} are missing" if record["missing"] else "none are missing"
        )
    short = 0 if record["low"] is None else record["low"] - n_available
    if short > 0:
        return f"at least {short:,} are missing"
    return f"whether the {n_available:,} there are suffice cannot be said yet"


def ladder_of(result: SufficiencyResult) -> list[dict[str, Any]]:
    """A row for each size: Δ, its standard error, and means of loss and score."""
    means = result.to_frame().groupby("size")[["unseen_loss", "unseen_score"]].mean()
    return [
        {
            "size": int(size),
            "delta": float(delta),
            "stderr": float(stderr),
            "unseen_loss": float(row.unseen_loss),
            "unseen_score": float(row.unseen_score),
        }
        for size, delta, stderr, row in zip(
            result.sizes, result.deltas, result.delta_stderr, means.itertuples(), strict=True
        )
    ]


def suggestions_of(result: SufficiencyResult) -> list[dict[str, Any]]:
    """Thresholds to choose from; none where the curves do not give any."""
    try:
        table = result.suggest_thresholds()
    except ValueError:
        return []
    return list(table.reset_index().to_dict("records"))


def json_text(document: Mapping[str, Any]) -> str:
    """Strict JSON: what is not finite, or missing, is null."""
    return json.dumps(
        to_json(document, reversible=False), indent=2, allow_nan=False, ensure_ascii=False
    )
