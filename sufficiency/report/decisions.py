"""A verdict as a decision: a sign, a headline and the few numbers that matter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sufficiency.report.numbers import count, number, percent, span
from sufficiency.report.questions import Answered
from sufficiency.sizing import SizeEstimate, Verdict
from sufficiency.sizing.diagnostics import basis_for_decisions, useless_share

if TYPE_CHECKING:
    from sufficiency.result import SufficiencyResult

__all__ = ["Decision", "decide", "missing", "status_name"]

_STATUSES = {
    "reached": "reached",
    "at_most": "at most",
    "extrapolated": "extrapolated",
    "not_identifiable": "not identifiable",
    "unreachable": "unreachable",
}


@dataclass(frozen=True)
class Decision:
    """
    What stands on top of the report.

    Attributes
    ----------
    kind : {"enough", "more", "unknown", "open"}
        The samples are enough; more are needed; it cannot be said; nobody has set a threshold.
    sign : str
        One character for it, so that color is not all there is.
    headline : str
        In a few words.
    text : str
        In full.
    numbers : tuple of (str, str)
        Names and values.
    """

    kind: str
    sign: str
    headline: str
    text: str
    numbers: tuple[tuple[str, str], ...]


def decide(result: SufficiencyResult, answered: Answered) -> Decision:
    """Put the answer to the first threshold into words."""
    n_available = result.n_samples
    have = ("Samples you have", count(n_available))
    if answered.no_curve:
        text = f"No curve could be fitted to Δ: {answered.no_curve}."
        return Decision("unknown", "?", "These measurements cannot tell", text, (have,))
    if not answered.decides:
        return _open(answered, have)
    verdict = answered.verdicts[0]
    kind, headline = "unknown", "These trainings are no basis for a decision"
    if basis_for_decisions(result):
        kind, headline = _headline(verdict, useless_share(result))
    numbers = (
        (f"Accepted change of the loss ({_mean(verdict)})", number(verdict.change)),
        ("Samples needed", count(verdict.size) if verdict.size else "not known"),
        (f"{100 * verdict.confidence:g} % interval", span(verdict.interval)),
        have,
        ("Missing", missing(verdict, n_available)),
    )
    sign = {"enough": "✓", "more": "+", "unknown": "?"}[kind]
    return Decision(kind, sign, headline, str(verdict), numbers)


def _headline(verdict: Verdict, useless: float) -> tuple[str, str]:
    n, interval = verdict.n_available, verdict.interval
    least = 0 if interval is None else interval[0] - n
    if verdict.status == "not_identifiable" or verdict.size is None:
        if least > 0:
            return "more", f"At least {least:,} samples are missing"
        return "unknown", "These measurements cannot tell"
    if not verdict.n_missing:
        sure = not useless and (interval is None or interval[1] <= n)
        return "enough", f"You {'' if sure else 'probably '}have enough samples"
    sure = not useless and (least > 0 or interval is None)
    return "more", f"About {verdict.n_missing:,} samples are {'' if sure else 'probably '}missing"


def _open(answered: Answered, have: tuple[str, str]) -> Decision:
    """Where one stands, when nobody has said what would be enough."""
    now = next(
        (row for row in answered.suggestions if row["arriving"] == "1 more sample"),
        None,
    )
    text = (
        "So this report does not say whether the samples are enough. The table of thresholds shows "
        "what smaller and larger changes would need: choose the change that does not matter to "
        "you, and give it as a threshold."
    )
    if now is None:
        return Decision("open", "…", "No threshold was set", text, (have,))
    numbers = (
        have,
        ("One more changes the loss by", number(now["change"])),
        ("Share of the unseen loss", percent(now["relative_change"])),
    )
    return Decision("open", "…", "No threshold was set", text, numbers)


def _mean(verdict: Verdict) -> str:
    return "RMS" if verdict.order == 2 else "mean"


def missing(answer: Verdict | SizeEstimate, n_available: int) -> str:
    """Say how many samples are missing."""
    if answer.status == "unreachable":
        return "no number is enough"
    if answer.status == "not_identifiable" or answer.size is None:
        least = 0 if answer.interval is None else answer.interval[0] - n_available
        return f"at least {least:,}" if least > 0 else "not known"
    short = max(0, answer.size - n_available)
    return f"about {short:,}" if short else "none"


def status_name(status: str) -> str:
    """Name of a status in running text."""
    return _STATUSES[status]
