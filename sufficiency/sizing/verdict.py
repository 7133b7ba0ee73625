"""What an answer decides, and the only prose about it."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sufficiency._representations import card, short_repr
from sufficiency.curves import FittedCurve
from sufficiency.sizing.caveats import Caveat, beyond_measured, of_data, single_repeat
from sufficiency.sizing.ladder import Ladder
from sufficiency.sizing.learning_curve import LearningCurve
from sufficiency.sizing.questions import DeltaQuestion, Question, TargetQuestion, percent
from sufficiency.sizing.replicates import check_confidence
from sufficiency.sizing.size_intervals import WIDEST_BRACKET, SizeEstimate, span
from sufficiency.sizing.slices import FEWEST_CANDIDATES, NeediestSlice, neediest_slice

# From what asks for least to what asks for most.
_DEMANDS = ("enough", "unknown", "more")
_HEADLINES = {"enough": "Enough", "more": "More needed", "unknown": "Unknown"}
# Beside a color, which is never all there is to see.
SIGNS = {"enough": "✓", "more": "+", "unknown": "?"}


@dataclass(frozen=True, eq=False)
class Verdict:
    """
    Whether the samples are enough, how sure that is, and the caveats.

    ``str()`` says it in two to four sentences, the decision first.

    Attributes
    ----------
    decision : {"enough", "more", "unknown"}
        The samples at hand are enough; more are needed; or it cannot be said: the trainings are
        no basis for a decision, no size is known, or the interval is wider than a factor 4 and
        contains `n_available`.
    sure : bool
        Whether the whole interval lies on that side, around trainings that are all of use. Never
        with a single repeat, which has no interval.
    kind : {"delta", "loss", "score"}
        What was asked: a threshold for the change, or a target for loss or score.
    status : {"reached", "at_most", "extrapolated", "not_identifiable", "unreachable"}
        Inside the measured sizes; met by the smallest of them already; beyond the largest; beyond
        it with an interval wider than a factor 4, or without any size; beyond any size (targets).
    size : int or None
        Sufficient size in samples; None where the fitted curve has none.
    interval : (int, float) or None
        Low and high in samples, high possibly infinite; None with a single repeat.
    n_available : int
        Samples passed to ``fit``.
    n_missing : int or None
        How many more are needed: up to `size`, or at least up to the low end of an interval that
        identifies no size; None where the decision is unknown.
    curve : FittedCurve or LearningCurve
        The decay of Δ, or of the spread where `growth` was asked for; the learning curve of a
        target.
    criterion : str
        What holds from `size` on, in words.
    caveats : tuple of Caveat
        What makes the answer mean less than it seems to.
    threshold : float
        Largest accepted Δ (or its counterpart under growth), in loss^order; or the target.
    change : float
        The same as a change of the loss: threshold^(1/order), in loss; NaN for a target.
    relative_change : float
        `change` as a share of the unseen loss at the largest size; NaN where that is not > 0.
    growth : int, float or None
        Samples that come at once, or the fraction by which the data grow; None: one sample.
    order : {1, 2}
        `change` is a mean absolute value (1) or a root mean square (2).
    confidence : float
        Of the interval.
    saving : float
        Share of the unseen loss that doubling `size` would save, by the learning curve; NaN if
        there is none, and for a target.
    reason : str
        Why there is no size; empty if there is one.
    basis : {"fit", "bank"}
        What size and interval rest on: the curves fitted to these measurements alone, or, beyond
        the measured sizes, also how those of the bank's data sets went on.
    neediest : NeediestSlice or None
        The slice that needs most samples, with its interval; None where chance explains what
        distinguishes the slices, and for a target.
    repeats_needed : int or None
        About how many repeats would give an interval within a factor 4; None where it is no
        wider, or where that is not known.
    """

    decision: str
    sure: bool
    kind: str
    status: str
    size: int | None
    interval: tuple[int, float] | None
    n_available: int
    n_missing: int | None
    curve: FittedCurve | LearningCurve
    criterion: str
    caveats: tuple[Caveat, ...]
    threshold: float
    change: float
    relative_change: float
    growth: float | None
    order: int
    confidence: float
    saving: float
    reason: str
    basis: str = "fit"
    neediest: NeediestSlice | None = None
    repeats_needed: int | None = None

    def __str__(self) -> str:
        return f"{self.headline}: {self.explanation}"

    def __repr__(self) -> str:
        names = ("decision", "sure", "kind", "status", "size", "interval", "n_available")
        return short_repr(self, *names)

    def _repr_html_(self) -> str:
        heading = f"{SIGNS[self.decision]} {self.headline}"
        text = capitalized(self.explanation)
        return card(heading, text, facts=facts(self), kind=self.decision)

    @property
    def headline(self) -> str:
        """The decision, and "probably" where it is not sure."""
        if self.status == "unreachable":
            return "Out of reach"
        said = _HEADLINES[self.decision]
        return said if self.sure or self.decision == "unknown" else f"{said}, probably"

    @property
    def explanation(self) -> str:
        """What stands behind the headline; starts in lower case."""
        undoing = [caveat for caveat in self.caveats if caveat.effect == "unknown"]
        others = [caveat for caveat in self.caveats if caveat.effect != "unknown"]
        parts = [f"{caveat.text}; {caveat.remedy}".removesuffix("; ") for caveat in undoing]
        parts += [self._answer(), self._interval(), self._need()]
        if others:
            parts.append(f"keep in mind that {'; '.join(caveat.text for caveat in others)}")
        first, *rest = (part for part in parts if part)
        return ". ".join([first, *map(capitalized, rest)]) + "."

    @property
    def missing(self) -> str:
        """How many samples are missing, in words."""
        if self.status == "unreachable":
            return "no number is enough"
        if self.decision == "unknown":
            return "not known"
        if self.decision == "enough":
            return "none"
        about = "at least" if self.status == "not_identifiable" else "about"
        return f"{about} {self.n_missing:,}"

    def _answer(self) -> str:
        if self.size is None:
            if self.decision == "unknown":
                return ""  # the reason stands on top
            return f"no size is known from which on {self.criterion}: {self.reason}"
        if self.decision == "unknown" or self.status == "not_identifiable":
            return (
                f"the curve points to {self.size:,} samples, not reliably: from there on, "
                f"{self.criterion}"
            )
        if self.status == "at_most":
            return f"already at {self.size:,} samples, the smallest size measured, {self.criterion}"
        return f"from about {self.size:,} samples on, {self.criterion}"

    def _interval(self) -> str:
        if self.interval is None:
            return ""
        low, high = self.interval
        if low == high:
            return ""
        text = f"the {100 * self.confidence:g} % interval is {span(self.interval)}"
        if self.basis == "bank":
            text += "; it rests on how the curves of other data sets went on"
        elif self.status == "extrapolated" and self.kind == "delta":
            text += "; it spans what a power law and a standstill of the net would make of it"
        if self.status == "not_identifiable" and self.decision == "more":
            text += ", too wide to plan with: measure larger sizes"
        return text

    def _need(self) -> str:
        if self.status == "unreachable":
            return ""
        text = f"you have {self.n_available:,}"
        if self.decision == "unknown":
            return f"{text}, and whether that is enough cannot be said yet"
        text += f", so {'' if self.sure else 'probably '}{self.missing} are missing"
        if self.status not in ("extrapolated", "not_identifiable") and math.isfinite(self.saving):
            text += (
                f"; by the learning curve, twice {self.size:,} samples would lower the unseen loss "
                f"by {percent(self.saving)}"
            )
        return text


def judge(
    ladder: Ladder, question: Question, *, family: str = "auto", confidence: float = 0.95
) -> Verdict:
    """The verdict on a question; whatever the data say, it does not raise."""
    check_confidence(confidence)
    estimate, answer = question.answer(ladder, family, confidence)
    size, n_available = estimate.size, ladder.n_available
    caveats = (
        *answer.caveats,
        *_undetermined(estimate, ladder),
        *of_data(
            ladder.n_copies,
            ladder.n_candidates,
            ladder.target_column,
            own_unseen=ladder.n_pool == ladder.n_candidates,
        ),
        *beyond_measured(size, ladder.largest),
        *single_repeat(ladder),
    )
    neediest = None
    if question.kind == "delta":
        neediest = neediest_slice(
            ladder, answer.threshold, family, answer.growth, confidence, question.forecast
        )
        caveats = (*caveats, *_of_neediest(neediest, estimate, n_available))
    decision, sure = decide(estimate, n_available, caveats)
    return Verdict(
        decision=decision,
        sure=sure,
        kind=question.kind,
        n_available=n_available,
        n_missing=_n_missing(decision, estimate, n_available),
        order=ladder.order,
        confidence=confidence,
        neediest=neediest,
        **vars(estimate),
        **vars(replace(answer, caveats=caveats)),
    )


def judge_slices(ladder: Ladder, verdict: Verdict, family: str) -> dict[str, Verdict | str]:
    """What a verdict is about, asked of every slice; the reason where that cannot be."""
    question: Question = TargetQuestion(verdict.threshold, verdict.kind)
    if verdict.kind == "delta":
        question = DeltaQuestion(verdict.threshold, growth=verdict.growth)
    few = f"fewer than {FEWEST_CANDIDATES} candidates: raise n_candidates, or join slices"
    found: dict[str, Verdict | str] = dict.fromkeys(ladder.too_small, few)
    for name, of_slice in ladder.slices.items():
        try:
            found[name] = judge(of_slice, question, family=family, confidence=verdict.confidence)
        except ValueError as error:
            found[name] = str(error)
    return found


def decide(
    estimate: SizeEstimate, n_available: int, caveats: tuple[Caveat, ...]
) -> tuple[str, bool]:
    """
    What an answer decides, and whether it is sure.

    Unknown, where a caveat undoes the answer; else more, where the size (or, without a reliable
    one, the low end of its interval) exceeds what is available, and enough otherwise. Sure, where
    the whole interval lies on that side and no caveat weakens it.
    """
    effects = {caveat.effect for caveat in caveats}
    if "unknown" in effects:
        return "unknown", False
    low, high = estimate.interval or (0, math.inf)
    enough = estimate.size is not None and max(estimate.size, low) <= n_available
    one_side = high <= n_available if enough else low > n_available
    return "enough" if enough else "more", one_side and "unsure" not in effects


def deciding(verdicts: Sequence[Verdict | None]) -> int:
    """
    Which of several answers decides whether the samples are enough for all; None: no answer.

    One that needs more comes before one that is unknown, and that before enough. More are needed
    as surely as the surest says, and the samples are enough as surely as the least sure says.
    """

    def rank(position: int) -> tuple[int, bool, float]:
        verdict = verdicts[position]
        if verdict is None:
            return _DEMANDS.index("unknown"), False, math.inf
        demand, size = _DEMANDS.index(verdict.decision), verdict.size
        return demand, verdict.sure == (verdict.decision == "more"), size or math.inf

    return max(range(len(verdicts)), key=rank)


def _n_missing(decision: str, estimate: SizeEstimate, n_available: int) -> int | None:
    """How many more samples are needed, a lower bound where no size is identified."""
    if decision != "more":
        return 0 if decision == "enough" else None
    needed = estimate.size
    if estimate.status == "not_identifiable" and estimate.interval is not None:
        needed = estimate.interval[0]
    return None if needed is None else needed - n_available


def _undetermined(estimate: SizeEstimate, ladder: Ladder) -> Iterator[Caveat]:
    """Why the estimate decides nothing, unless its whole interval asks for more samples."""
    n_available = ladder.n_available
    low, high = estimate.interval or (0, math.inf)
    beyond = estimate.status == "not_identifiable"
    if n_available < low:
        return
    if estimate.size is None:
        yield Caveat(estimate.reason, effect="unknown")
    elif estimate.wide and high > n_available:
        yield Caveat(
            f"the interval spans more than a factor {WIDEST_BRACKET:g} and contains the "
            f"{n_available:,} samples there are",
            _narrower(estimate, ladder),
            effect="unknown",
        )
    elif beyond:
        text = "the measured sizes do not determine one so far beyond them"
        yield Caveat(text, "measure larger sizes", effect="unknown")


def _narrower(estimate: SizeEstimate, ladder: Ladder) -> str:
    """What makes an interval narrower."""
    larger = "measure larger sizes" * (estimate.status == "not_identifiable")
    n_repeats = estimate.repeats_needed
    if n_repeats is None:
        return larger or "fit with more repeats (`n_repeats`)"
    settings = f"`n_repeats={n_repeats}`"
    if n_repeats * ladder.n_candidates > ladder.n_pool:
        # more of them would share candidates, and narrow it less
        settings += f", `n_candidates={ladder.n_pool // n_repeats}`"
    return f"fit with about {n_repeats} repeats ({settings})" + (larger and f", and {larger}")


def _of_neediest(
    neediest: NeediestSlice | None, whole: SizeEstimate, n_available: int
) -> Iterator[Caveat]:
    """Which slice needs most; an answer that is not enough for it is not sure."""
    if neediest is None:
        return
    size, interval = neediest.estimate.size, neediest.estimate.interval
    needs = "more than can be said" if size is None else f"{size:,}"
    between = "" if size is None or interval is None else f" ({span(interval)})"
    enough_for_all = whole.size is not None and whole.size <= n_available
    yield Caveat(
        f"of {neediest.n_slices} slices {neediest.name} needs most samples, {needs}{between}",
        "collect more of it first",
        "beyond what chance explains",
        effect="unsure" if enough_for_all and (size is None or size > n_available) else "none",
    )


def facts(verdict: Verdict) -> tuple[tuple[str, str], ...]:
    """What a verdict comes to, by name: sizes in samples."""
    size = None if verdict.decision == "unknown" else verdict.size
    return (
        ("Samples needed", f"{size:,}" if size else "not known"),
        (f"{100 * verdict.confidence:g} % interval", span(verdict.interval)),
        ("Samples you have", f"{verdict.n_available:,}"),
        ("Missing", verdict.missing),
    )


def capitalized(text: str) -> str:
    """The text with a capital in front."""
    return text[:1].upper() + text[1:]
