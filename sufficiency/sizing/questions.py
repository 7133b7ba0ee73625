"""What can be asked, and the numbers that answer it."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sufficiency._tables import mean_of_finished
from sufficiency._validation import check_number, check_thresholds
from sufficiency.curves import FittedCurve
from sufficiency.exceptions import InvalidParameterError, NotIdentifiableError
from sufficiency.forecasts.forecast import Forecast
from sufficiency.sizing.beyond import check_prior, forecast_beyond
from sufficiency.sizing.caveats import (
    Caveat,
    failed_cells,
    lax_threshold,
    misfit,
    run_caveats,
    unlike_others,
)
from sufficiency.sizing.decay_fits import fit_decay
from sufficiency.sizing.growth import GrowthCurve, counts_samples, is_one_sample
from sufficiency.sizing.ladder import Ladder
from sufficiency.sizing.learning_curve import LearningCurve, doubling_saves
from sufficiency.sizing.performance import fit_performance
from sufficiency.sizing.size_intervals import SizeEstimate, estimate_size

# What the learning curves are about.
TARGET_KINDS = ("loss", "score")


@dataclass(frozen=True, eq=False)
class Answer:
    """What a :class:`Verdict` says beside the size, by the same names."""

    curve: FittedCurve | LearningCurve
    criterion: str
    caveats: tuple[Caveat, ...]
    threshold: float
    change: float = math.nan
    relative_change: float = math.nan
    growth: float | None = None
    saving: float = math.nan


@dataclass(frozen=True)
class DeltaQuestion:
    """From which size on does the loss landscape change by at most a threshold?"""

    threshold: float
    relative: bool = False
    growth: float | None = None
    prior: str | None = "bank"
    kind = "delta"

    def __str__(self) -> str:
        return f"Threshold {self.threshold:g}{' (relative)' * self.relative}"

    @property
    def asked(self) -> dict[str, Any]:
        """The question by the keys of the command line's JSON."""
        return {"threshold": self.threshold, "relative": self.relative, "growth": self.growth}

    def forecast(self, ladder: Ladder, family: str = "auto") -> Forecast | None:
        """
        What the bank's data sets lead one to expect.

        There is none for growth, nor where a family was chosen, which says how Δ goes on.
        """
        check_prior(self.prior)
        known = is_one_sample(self.growth) and family == "auto"
        return forecast_beyond(ladder, self.kind, self.prior if known else None)

    def estimate(self, ladder: Ladder, family: str, confidence: float) -> SizeEstimate:
        """From the fitted decay of Δ, or of the change under growth."""
        threshold = absolute_threshold(ladder, self.threshold, relative=self.relative)
        fits = fit_decay(ladder, family, self.growth)
        return estimate_size(ladder, fits, threshold, confidence, self.forecast(ladder, family))

    def answer(self, ladder: Ladder, family: str, confidence: float) -> tuple[SizeEstimate, Answer]:
        """The estimate with what a verdict says beside it."""
        threshold = absolute_threshold(ladder, self.threshold, relative=self.relative)
        fits = fit_decay(ladder, family, self.growth)
        estimate = self.estimate(ladder, family, confidence)
        change, loss = threshold ** (1.0 / ladder.order), reference_loss(ladder)
        relative_change = change / loss if loss > 0 else math.nan
        share = f", {percent(relative_change)} of the unseen loss" if loss > 0 else ""
        kind = "RMS" if ladder.order == 2 else "mean absolute"
        return estimate, Answer(
            fits.curve,
            criterion(f"{change:.2g} ({kind}{share})", self.growth),
            (
                *lax_threshold(relative_change),
                *misfit(ladder, fits),
                *run_caveats(ladder),
                *_of_forecast(self, ladder, estimate),
            ),
            threshold,
            change,
            relative_change,
            self.growth,
            _saving(ladder, estimate.size),
        )


@dataclass(frozen=True)
class TargetQuestion:
    """At which size does the loss or the score on unseen samples come to a target?"""

    target: float
    kind: str
    prior: str | None = "bank"

    def __str__(self) -> str:
        return f"{self.kind.capitalize()} {self.target:g}"

    @property
    def asked(self) -> dict[str, Any]:
        """The question by the keys of the command line's JSON."""
        return {self.kind: self.target}

    def forecast(self, ladder: Ladder, family: str = "auto") -> Forecast | None:
        """What the bank's data sets lead one to expect."""
        return forecast_beyond(ladder, self.kind, self.prior)

    def estimate(self, ladder: Ladder, family: str, confidence: float) -> SizeEstimate:
        """From the learning curve, which holds for nets that have not settled, too."""
        fit = fit_performance(ladder, self.kind)
        return fit.size_for(self.target, confidence, self.forecast(ladder))

    def answer(self, ladder: Ladder, family: str, confidence: float) -> tuple[SizeEstimate, Answer]:
        """The estimate with what a verdict says beside it."""
        fit = fit_performance(ladder, self.kind)
        estimate = self.estimate(ladder, family, confidence)
        bound = "at most" if self.kind == "loss" else "at least"
        return estimate, Answer(
            fit.curve,
            f"the unseen {self.kind} is {bound} {self.target:g}",
            (*failed_cells(ladder), *_of_forecast(self, ladder, estimate)),
            self.target,
        )


Question = DeltaQuestion | TargetQuestion


def _of_forecast(question: Question, ladder: Ladder, estimate: SizeEstimate) -> Iterator[Caveat]:
    if estimate.basis == "bank":
        yield from unlike_others(question.forecast(ladder))


def questions_from(
    thresholds: npt.ArrayLike | None = None,
    *,
    relative: bool = False,
    growth: float | None = None,
    loss_target: float | None = None,
    score_target: float | None = None,
    prior: str | None = "bank",
) -> tuple[Question, ...]:
    """Questions in the order of the arguments, checked as far as they can be without a ladder."""
    check_prior(prior)
    given = () if thresholds is None else thresholds
    values = np.atleast_1d(check_thresholds(given, "thresholds")).ravel().tolist()
    for name, how in (("relative", relative), ("growth", growth)):
        if how and not values:
            raise ValueError(
                f"`{name}` must go with `thresholds`, got {how!r} without; it says how they are "
                "meant"
            )
    questions: list[Question] = [DeltaQuestion(value, relative, growth, prior) for value in values]
    for kind, target in zip(TARGET_KINDS, (loss_target, score_target), strict=True):
        if target is not None:
            questions.append(TargetQuestion(check_number(f"{kind}_target", target), kind, prior))
    return tuple(questions)


def suggest_thresholds(ladder: Ladder, *, family: str = "auto") -> list[dict[str, object]]:
    """By the fitted curve, the change at `n_available`, and where it halves and quarters."""
    arriving: list[tuple[str, float | None]] = [("1 more sample", None)]
    if ladder.order == 2 and ladder.n_candidates > 1:
        arriving += [("10 % more", 0.1), ("twice as much", 1.0)]
    loss = reference_loss(ladder)
    rows: list[dict[str, object]] = []
    for name, growth in arriving:
        curve = fit_decay(ladder, family, growth).inside[0].curve
        now = float(curve.predict(ladder.n_available)[0])
        change = now ** (1.0 / ladder.order)
        rows.append(
            {
                "arriving": name,
                "growth": growth,
                "threshold": now,
                "change": change,
                "relative_change": change / loss if loss > 0 else math.nan,
                "size_to_halve": _size_or_none(curve, now * 0.5**ladder.order),
                "size_to_quarter": _size_or_none(curve, now * 0.25**ladder.order),
            }
        )
    return rows


def _size_or_none(curve: FittedCurve | GrowthCurve, threshold: float) -> int | None:
    try:
        return curve.sufficient_size(threshold)
    except NotIdentifiableError:
        return None


def reference_loss(ladder: Ladder) -> float:
    """Mean unseen loss at the centers of the largest measured size."""
    losses = ladder.unseen_loss[:, ladder.sizes == ladder.largest]
    return float(mean_of_finished(losses)[0])


def absolute_threshold(ladder: Ladder, threshold: float, *, relative: bool = False) -> float:
    """A threshold in units of Δ."""
    threshold = check_number("threshold", threshold, above=0.0)
    if not relative:
        return float(threshold)
    loss = reference_loss(ladder)
    if not loss > 0:
        raise InvalidParameterError(
            "relative",
            f"must go with a positive unseen loss, got {loss:.3g} at size "
            f"{ladder.largest}; give the threshold in units of Δ instead",
        )
    return float(threshold * loss) ** ladder.order


def criterion(change: str, growth: float | None) -> str:
    """What holds from a size on; a growth of 10 samples must not look like one of 10.0."""
    if growth is None or is_one_sample(growth):
        return f"one more sample moves the loss landscape by at most {change}"
    grow = f"grow by {100 * growth:g} %" if growth < 1 else f"grow to {1 + growth:g} times"
    when = f"{growth:,} samples are added" if counts_samples(growth) else f"the data {grow}"
    return f"the loss landscape moves by at most {change} when {when}"


def percent(share: float) -> str:
    """Two significant digits, without an exponent up to a million per cent."""
    return f"{float(f'{100 * share:.2g}'):g} %"


def _saving(ladder: Ladder, size: int | None) -> float:
    """Share of the unseen loss that twice the size would save; NaN without a learning curve."""
    if size is None:
        return math.nan
    try:
        return doubling_saves(fit_performance(ladder, "loss").curve, size)
    except ValueError:
        return math.nan
