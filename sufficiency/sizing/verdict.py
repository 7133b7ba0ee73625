"""An answer with everything one needs to act on it, in plain words."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sufficiency._tables import mean_of_finished
from sufficiency.curves import FittedCurve
from sufficiency.sizing.caveats import find_caveats
from sufficiency.sizing.estimates import WIDEST_BRACKET, SizeEstimate, estimate_size
from sufficiency.sizing.growth import counts_samples
from sufficiency.sizing.ladder import Ladder
from sufficiency.sizing.performance import fit_performance
from sufficiency.sizing.questions import Question, absolute_threshold, ask, reference_loss
from sufficiency.sizing.replicates import check_confidence

__all__ = ["Verdict", "judge"]


# A miss of so many standard errors, and at least this factor, is said.
_MISFIT_STDERRS, _MISFIT_FACTOR = 3.0, 1.3


@dataclass(frozen=True, eq=False)
class Verdict:
    """
    How many samples are enough, how sure that is, and what speaks against it.

    ``str()`` says it in two to four sentences.

    Attributes
    ----------
    status : {"reached", "at_most", "extrapolated", "not_identifiable"}
        Inside the measured sizes; met by the smallest of them already; beyond the largest; beyond
        it with an interval wider than a factor 4, or without any size.
    size : int or None
        Sufficient size in samples; None where the fitted curve has none.
    interval : (int, float) or None
        Low and high in samples, high possibly infinite; None with a single repeat.
    n_available : int
        Samples passed to ``fit``.
    n_missing : int or None
        How many more are needed; None without a size.
    curve : FittedCurve
        The decay of Δ, or of the spread where `growth` was asked for.
    caveats : tuple of str
        Reasons to doubt the answer.
    threshold : float
        Largest accepted Δ (or its counterpart under growth), in loss^order.
    change : float
        The same as a change of the loss: threshold^(1/order), in loss.
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
        there is none.
    reason : str
        Why there is no size; empty if there is one.
    """

    status: str
    size: int | None
    interval: tuple[int, float] | None
    n_available: int
    n_missing: int | None
    curve: FittedCurve
    caveats: tuple[str, ...]
    threshold: float
    change: float
    relative_change: float
    growth: float | None
    order: int
    confidence: float
    saving: float
    reason: str

    def __str__(self) -> str:
        sentences = [self._answer(), self._doubt(), self._need(), self._caveat()]
        return " ".join(sentence for sentence in sentences if sentence)

    def _answer(self) -> str:
        if self.size is None:
            return f"These measurements name no size at which {self._criterion()}: {self.reason}."
        wide = self.interval is not None and self.interval[1] > WIDEST_BRACKET * self.interval[0]
        already = "may already be enough, not reliably" if wide else "are already enough"
        start = {
            "reached": f"About {self.size:,} samples are enough",
            "at_most": f"{self.size:,} samples, the smallest size measured, {already}",
            "extrapolated": f"About {self.size:,} samples should be enough",
            "not_identifiable": f"The curve points to {self.size:,} samples, not reliably",
        }[self.status]
        return f"{start}: from there on {self._criterion()}."

    def _criterion(self) -> str:
        kind = "RMS" if self.order == 2 else "mean absolute"
        share = ""
        if math.isfinite(self.relative_change):
            share = f", {_percent(self.relative_change)} of the unseen loss"
        return (
            f"{_arrivals(self.growth)} the loss landscape by at most {self.change:.2g} "
            f"({kind}{share})"
        )

    def _doubt(self) -> str:
        if self.interval is None or self.interval[0] == self.interval[1]:
            return ""
        low, high = self.interval
        span = f"{low:,} to {high:,}" if math.isfinite(high) else f"{low:,} upwards"
        text = f"The {100 * self.confidence:g} % interval is {span}"
        if self.status == "extrapolated":
            text += "; it spans what a power law and a standstill of the net would make of it"
        if self.status == "not_identifiable":
            text += ", too wide to plan with: measure larger sizes"
        return text + "."

    def _need(self) -> str:
        text = f"You have {self.n_available:,}"
        if self.status == "not_identifiable":
            short = 0 if self.interval is None else self.interval[0] - self.n_available
            if short > 0:
                return f"{text}, so at least {short:,} are missing."
            return f"{text}, and whether that is enough cannot be said yet."
        missing = f"about {self.n_missing:,} are" if self.n_missing else "none are"
        text += f", so {missing} missing"
        if self.status != "extrapolated" and math.isfinite(self.saving):
            text += (
                f"; by the learning curve, twice {self.size:,} samples would lower the unseen loss "
                f"by {_percent(self.saving)}"
            )
        return text + "."

    def _caveat(self) -> str:
        return f"Keep in mind that {'; '.join(self.caveats)}." if self.caveats else ""


def judge(
    measurements: Ladder,
    threshold: float,
    *,
    family: str = "auto",
    relative: bool = False,
    growth: float | None = None,
    confidence: float = 0.95,
) -> Verdict:
    """The verdict on a threshold; whatever the data say, it does not raise."""
    check_confidence(confidence)
    absolute = absolute_threshold(measurements, threshold, relative=relative)
    question = ask(measurements, family=family, growth=growth)
    estimate = estimate_size(measurements, question, absolute, confidence)
    change = absolute ** (1.0 / measurements.order)
    loss = reference_loss(measurements)
    size = estimate.size
    return Verdict(
        status=estimate.status,
        size=size,
        interval=estimate.interval,
        n_available=measurements.n_available,
        n_missing=None if size is None else max(0, size - measurements.n_available),
        curve=question.curve,
        caveats=(*_misfit(measurements, question), *find_caveats(measurements, size)),
        threshold=absolute,
        change=change,
        relative_change=change / loss if loss > 0 else float("nan"),
        growth=growth,
        order=measurements.order,
        confidence=confidence,
        saving=_saving(measurements, estimate),
        reason=estimate.reason,
    )


def _misfit(measurements: Ladder, question: Question) -> tuple[str, ...]:
    """Say where the curve misses the mean Δ by far more than the repeats explain."""
    curve = question.curve
    if question.of_growth or not np.isfinite(curve.relative_stderr).all():
        return ()
    measured = np.isin(measurements.sizes, curve.sizes)
    means = mean_of_finished(measurements.delta[:, measured])
    misses = np.abs(np.log(means / curve.predict(curve.sizes)))
    if not (misses > _MISFIT_STDERRS * curve.relative_stderr).any():
        return ()
    worst = int(misses.argmax())
    factor = float(np.exp(misses[worst]))
    if factor < _MISFIT_FACTOR:
        return ()
    where = f"{curve.sizes[worst]:,} samples"
    return (f"the fitted curve misses the measured Δ at {where} by a factor {factor:.2g}",)


def _saving(measurements: Ladder, estimate: SizeEstimate) -> float:
    """Share of the unseen loss that twice the size would save; NaN without a learning curve."""
    if estimate.size is None:
        return float("nan")
    try:
        curve = fit_performance(measurements, "loss").curve
    except ValueError:
        return float("nan")
    now, doubled = curve.predict([estimate.size, 2 * estimate.size])
    return float(1.0 - doubled / now) if now > 0 else float("nan")


def _percent(share: float) -> str:
    """Two significant digits, without an exponent up to a million per cent."""
    return f"{float(f'{100 * share:.2g}'):g} %"


def _arrivals(growth: float | None) -> str:
    if growth is None or (counts_samples(growth) and growth == 1):
        return "one more sample moves"
    if counts_samples(growth):
        return f"{growth:,} more samples move"
    return f"{100 * growth:g} % more samples move"
