"""What makes an answer mean less than it seems to: found here, said everywhere."""

import inspect
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from sufficiency._tables import mean_of_finished
from sufficiency.cells.cell import UNFINISHED
from sufficiency.curves import FittedCurve
from sufficiency.exceptions import (
    CellFailedWarning,
    ExtrapolationWarning,
    HeavyTailWarning,
    InertProbeWarning,
    NotSettledWarning,
    QuadraticModelWarning,
    SufficiencyWarning,
)
from sufficiency.forecasts.forecast import Forecast
from sufficiency.sizing.decay_fits import DecayFits
from sufficiency.sizing.ladder import Ladder
from sufficiency.sizing.settled_centers import (
    DRIFT_SHARE,
    no_better_than_constant,
    trained_centers,
    unsettled,
)

INERT_RATIO = 1.05
TOP_SHARE = 0.5
# With fewer candidates "the largest 1 %" is one of few and says nothing about tails.
FEWEST_FOR_TAILS = 50
# Relative error of the quadratic increment beyond which the closed form is not valid.
QUADRATIC_ERROR = 0.1
# A miss of the curve of so many standard errors, and at least this factor, is a caveat.
_MISFIT_STDERRS, _MISFIT_FACTOR = 3.0, 1.3
# So many copies among the candidates are worth a word; a table may hold two samples that are alike.
FEWEST_COPIES, COPIES_SHARE = 3, 0.05
# With this share of useless trainings, or more, Δ is no basis for a decision.
USELESS_SHARE = 0.5


@dataclass(frozen=True)
class Caveat:
    """
    Something that makes an answer mean less than it seems to; ``str()`` says all of it.

    Attributes
    ----------
    text : str
        What it is: a clause that starts in lower case and has no full stop.
    remedy : str
        What to do about it; may be empty.
    details : str
        What the text means or where it comes from; may be empty.
    category : type
        The warning of the same words.
    effect : {"none", "unsure", "unknown"}
        What it makes of a decision: nothing, one that is not sure, or none.
    """

    text: str
    remedy: str = ""
    details: str = ""
    category: type[SufficiencyWarning] = SufficiencyWarning
    effect: str = "none"

    def __str__(self) -> str:
        details = f" ({self.details})" if self.details else ""
        return f"{self.text}{details}" + (f"; {self.remedy}" if self.remedy else "")


def inert(ladder: Ladder) -> bool:
    """Whether the median of Δ over its value at the centers alone is below 1.05."""
    finished = np.isfinite(ladder.delta)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = ladder.delta[finished] / ladder.delta_point[finished]
    return bool(ratios.size) and bool(np.median(ratios) < INERT_RATIO)


def run_caveats(ladder: Ladder) -> tuple[Caveat, ...]:
    """All that concerns the answers about Δ alike, whatever is asked."""
    useless = _useless_share(ladder) >= USELESS_SHARE
    effect = "unknown" if useless else "unsure"
    failed = [replace(c, effect=effect) if useless else c for c in failed_cells(ladder)]
    return (
        *failed,
        *_not_learned(ladder, effect),
        *_not_settled(ladder, effect),
        *_inert_probe(ladder),
        *_not_quadratic(ladder),
        *_heavy_tails(ladder),
        *_of_slice(ladder),
    )


def warn_of_caveats(caveats: Iterable[Caveat]) -> None:
    """Warn of each, in its own words, at the line that called this package."""
    level, frame = 1, inspect.currentframe()
    while frame and frame.f_globals.get("__name__", "").startswith("sufficiency."):
        level, frame = level + 1, frame.f_back
    for caveat in caveats:
        warnings.warn(str(caveat), caveat.category, stacklevel=level)


def check_failures(ladder: Ladder) -> None:
    """Refuse to go on with too few finished cells."""
    finished = np.isfinite(ladder.delta)
    failed = "".join(map(str, failed_cells(ladder)))
    if failed and (_n_failed(ladder) > finished.sum() or finished.any(axis=0).sum() < 2):
        raise ValueError(failed)


def failed_cells(ladder: Ladder) -> Iterator[Caveat]:
    """Which cells failed, and why."""
    if failed := _n_failed(ladder):
        total = _n_finished(ladder) + failed
        said = f"{failed} of {total} cells failed and are left out"
        remedy = "lower the net's learning rate or check its loss"
        if ladder.failures and all(text.endswith(UNFINISHED) for text in ladder.failures):
            said = f"{failed} of {total} cells are not finished yet"
            remedy = "wait for the fit, or go on with it"
        yield Caveat(
            said,
            remedy,
            "; ".join(ladder.failures),
            CellFailedWarning,
            "unknown" if failed / total >= USELESS_SHARE else "none",
        )


def single_repeat(ladder: Ladder) -> Iterator[Caveat]:
    """Without an interval no answer is sure."""
    if ladder.n_repeats == 1:
        yield Caveat(
            "a single repeat gives no interval",
            "fit with more repeats (`n_repeats`)",
            "one training says nothing of how trainings differ",
            effect="unsure",
        )


def beyond_measured(size: int | None, largest: int, what: str = "the answer") -> Iterator[Caveat]:
    """How far an answer lies beyond the measured sizes."""
    if size is not None and size > largest:
        yield Caveat(
            f"{what}, {size:,}, lies {size / largest:,.3g} times beyond the largest measured size, "
            f"{largest:,}",
            details="it rests on curves, not on measurements: see its interval",
            category=ExtrapolationWarning,
        )


def unlike_others(found: Forecast | None) -> Iterator[Caveat]:
    """A forecast that rests on curves of which none resembles this one."""
    if found is not None and found.unlike_others:
        yield Caveat(
            "this curve falls in a way that none of those did that forecasts rest on",
            "measure larger sizes",
            "the interval is widened for it",
        )


def of_data(
    n_copies: int, n_candidates: int, target_column: str, *, own_unseen: bool
) -> Iterator[Caveat]:
    """What makes unseen samples known to the net before it is asked about them."""
    if n_copies >= max(FEWEST_COPIES, COPIES_SHARE * n_candidates):
        copies = f"{n_copies:,} of {n_candidates:,}"
        yield Caveat(
            f"{copies} samples of `X_unseen` are also in `X`"
            if own_unseen
            else f"{copies} candidates of a repeat also occur among what it trains on",
            "unless they are alike by chance, leave them out, or "
            + ("pass `groups` in its place" if own_unseen else "keep them together with `groups`"),
            "with the same inputs and target",
            effect="unknown" if own_unseen and n_copies == n_candidates else "unsure",
        )
    if target_column:
        yield Caveat(
            f"column {target_column} of `X` is the target itself",
            "leave it out",
            "any net finds it there",
            effect="unsure",
        )


def lax_threshold(relative_change: float) -> Iterator[Caveat]:
    """A threshold that accepts changes as large as the loss itself asks for next to nothing."""
    if relative_change >= 1.0:
        yield Caveat(
            f"the threshold accepts a change of {relative_change:.2g} times the unseen loss, which "
            "nearly any net and size meet",
            "choose a smaller one (`suggest_thresholds`)",
            effect="unsure",
        )


def misfit(ladder: Ladder, fits: DecayFits) -> Iterator[Caveat]:
    """Where the curve misses the mean Δ by far more than the repeats explain."""
    curve = fits.curve
    of_growth = not isinstance(fits.inside[0].curve, FittedCurve)
    if of_growth or not np.isfinite(curve.relative_stderr).all():
        return
    measured = np.isin(ladder.sizes, curve.sizes)
    means = mean_of_finished(ladder.delta[:, measured])
    misses = np.abs(np.log(means / curve.predict(curve.sizes)))
    worst = int(misses.argmax())
    factor = float(np.exp(misses[worst]))
    if factor >= _MISFIT_FACTOR and (misses > _MISFIT_STDERRS * curve.relative_stderr).any():
        yield Caveat(
            f"the fitted curve misses the measured Δ at {curve.sizes[worst]:,} samples by a factor "
            f"{factor:.2g}",
            "leave the smallest sizes out, or choose another `curve`",
        )


def _n_finished(ladder: Ladder) -> int:
    return int(np.isfinite(ladder.delta).sum())


def _n_failed(ladder: Ladder) -> int:
    return len(ladder.failures) or ladder.delta.size - _n_finished(ladder)


def _useless_share(ladder: Ladder) -> float:
    """Share of the trainings that failed, have not settled, or have not learned."""
    failed = _n_failed(ladder) / (ladder.delta.shape[1] if ladder.one_net else 1)
    useless = unsettled(ladder) | no_better_than_constant(ladder)
    centers = int(trained_centers(ladder).sum())
    return float((useless.sum() + failed) / max(centers + failed, 1))


def _not_settled(ladder: Ladder, effect: str) -> Iterator[Caveat]:
    if count := unsettled(ladder).sum():
        yield Caveat(
            f"{count} of {trained_centers(ladder).sum()} centers are not settled",
            "raise `min_steps` or lower the learning rate",
            "over the last tenth of the training their loss moved by more than "
            f"{100 * DRIFT_SHARE:g} % of what Δ measures",
            NotSettledWarning,
            effect,
        )


def _not_learned(ladder: Ladder, effect: str) -> Iterator[Caveat]:
    mask = no_better_than_constant(ladder)
    if mask.any():
        constant = float(np.asarray(ladder.constant_loss)[mask][0])
        yield Caveat(
            f"{mask.sum()} of {trained_centers(ladder).sum()} "
            "centers are hardly better than a constant prediction",
            "train longer, or leave small sizes out",
            f"their unseen loss is not 10 % below that of the best one, {constant:.3g}; around "
            "them Δ means little, an untrained net passes any threshold",
            NotSettledWarning,
            effect,
        )


def _inert_probe(ladder: Ladder) -> Iterator[Caveat]:
    if not ladder.point_probe and inert(ladder):
        text = "the probe adds less than 5 % to Δ at the centers themselves"
        yield Caveat(text, "raise `sigma`", "the neighborhood does not matter", InertProbeWarning)


def _not_quadratic(ladder: Ladder) -> Iterator[Caveat]:
    errors = np.asarray(ladder.quadratic_error)
    if count := (errors > QUADRATIC_ERROR).sum():
        yield Caveat(
            f"in {count} of {_n_finished(ladder)} cells the quadratic model misses the increment "
            f"by more than {100 * QUADRATIC_ERROR:g} %",
            "lower `sigma`, or use method='monte_carlo'",
            f"by up to {100 * np.nanmax(errors):.0f} %: the closed form is not valid at this "
            "`sigma`",
            QuadraticModelWarning,
        )


def _heavy_tails(ladder: Ladder) -> Iterator[Caveat]:
    count = (ladder.top1pct_share > TOP_SHARE).sum()
    if count and ladder.n_candidates >= FEWEST_FOR_TAILS:
        yield Caveat(
            f"in {count} of {_n_finished(ladder)} cells "
            "1 % of the candidates carry more than half of Δ",
            "look at them for errors (`result_.samples()`), ask again without (`result_.without`), "
            "or raise `n_candidates`" + (", or fit with order=1" if ladder.order == 2 else ""),
            category=HeavyTailWarning,
        )


def _of_slice(ladder: Ladder) -> Iterator[Caveat]:
    if ladder.of_slice:
        yield Caveat(
            f"this is about {ladder.of_slice} alone, and sizes count the samples of all slices, "
            "in the proportions that were measured"
        )
