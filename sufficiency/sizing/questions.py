"""What is asked of Δ: the threshold in its units, the curves that answer it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from sufficiency._tables import mean_of_finished
from sufficiency._validation import check_number
from sufficiency.curves import FittedCurve, fit_curve
from sufficiency.curves.families import FAMILIES
from sufficiency.curves.fitted_curve import frozen_curve
from sufficiency.sizing.growth import check_growth, counts_samples, fit_growth, freeze
from sufficiency.sizing.ladder import Ladder
from sufficiency.sizing.replicates import Curve, Replicated

__all__ = ["Question", "absolute_threshold", "ask", "fit_delta", "reference_loss"]

Fit = Callable[[Ladder], Curve]


@dataclass(frozen=True, eq=False)
class Question:
    """
    Curves that answer a question, fitted to all repeats and to all but one.

    Attributes
    ----------
    curve : FittedCurve
        The selected decay, of Δ, or of the spread where the question is one of growth.
    inside : tuple of Replicated
        For the measured range: the selected curve first, then those of its rivals.
    beyond : tuple of Replicated
        For sizes beyond it, the bracket: the power law continued, and each of `inside` with its
        constants frozen at the largest size (math.md, "Retrained centers"); for Δ also frozen at
        what was measured there, which a fit that has missed a turn at the last sizes is not.
    """

    curve: FittedCurve
    inside: tuple[Replicated, ...]
    beyond: tuple[Replicated, ...]

    @property
    def of_growth(self) -> bool:
        """Whether `curve` is that of the spread."""
        return not isinstance(self.inside[0].curve, FittedCurve)

    def at(self, beyond: bool) -> tuple[Replicated, ...]:
        """The curves whose hull is the interval inside or beyond the measured range."""
        return self.inside + self.beyond if beyond else self.inside


def ask(measurements: Ladder, *, family: str = "auto", growth: float | None = None) -> Question:
    """
    Fit what answers a question on Δ.

    The families are chosen once, on all repeats. Where growth means one sample it is Δ itself,
    whose own fit is the stronger.
    """
    if growth is None:
        return _ask_delta(measurements, family)
    check_growth(measurements, growth)
    if counts_samples(growth) and growth == 1:
        return _ask_delta(measurements, family)
    chosen = fit_growth(measurements, growth, family).spread
    return _question(
        measurements,
        chosen,
        lambda rival: lambda ladder: fit_growth(ladder, growth, rival),
        lambda rival: lambda ladder: freeze(fit_growth(ladder, growth, rival)),
    )


def _ask_delta(measurements: Ladder, family: str) -> Question:
    question = _question(
        measurements,
        fit_delta(measurements, family),
        lambda rival: lambda ladder: fit_delta(ladder, rival),
        lambda rival: lambda ladder: frozen_curve(fit_delta(ladder, rival)),
    )
    measured = Replicated(_frozen_at_measurement, measurements)
    return replace(question, beyond=(*question.beyond, measured))


def _frozen_at_measurement(ladder: Ladder) -> FittedCurve:
    """C/κ^p through the mean Δ at the largest size."""
    curve = fit_delta(ladder, "theory")
    at_largest = mean_of_finished(ladder.delta[:, ladder.sizes == curve.sizes[-1]])
    return frozen_curve(curve, float(at_largest[0]))


def _question(
    measurements: Ladder,
    chosen: FittedCurve,
    fit: Callable[[str], Fit],
    frozen_fit: Callable[[str], Fit],
) -> Question:
    families = [chosen.family, *(rival for rival in chosen.rivals if rival != chosen.family)]
    beyond = [frozen_fit(family) for family in families]
    if len(chosen.sizes) >= FAMILIES["power_law"].sizes_needed:
        beyond.insert(0, fit("power_law"))
    return Question(
        chosen,
        tuple(Replicated(fit(family), measurements) for family in families),
        tuple(Replicated(one, measurements) for one in beyond),
    )


def fit_delta(measurements: Ladder, family: str) -> FittedCurve:
    """The decay of Δ itself."""
    return fit_curve(
        measurements.sizes,
        measurements.delta,
        stderr=measurements.stderr,
        order=measurements.order,
        family=family,
    )


def reference_loss(measurements: Ladder) -> float:
    """Mean unseen loss at the centers of the largest measured size."""
    losses = measurements.unseen_loss[:, measurements.sizes == measurements.largest]
    return float(mean_of_finished(losses)[0])


def absolute_threshold(measurements: Ladder, threshold: float, *, relative: bool = False) -> float:
    """A threshold in units of Δ."""
    threshold = check_number("threshold", threshold, above=0.0)
    if not relative:
        return float(threshold)
    loss = reference_loss(measurements)
    if not loss > 0:
        raise ValueError(
            f"`relative` must go with a positive unseen loss, got {loss:.3g} at size "
            f"{measurements.largest}; give the threshold in units of Δ instead"
        )
    return float(threshold * loss) ** measurements.order
