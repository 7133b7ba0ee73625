"""Which slice needs most: named only where chance does not explain it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import stats

from sufficiency._tables import mean_of_finished
from sufficiency.forecasts.forecast import Forecast
from sufficiency.sizing.decay_fits import fit_decay
from sufficiency.sizing.ladder import Ladder
from sufficiency.sizing.size_intervals import SizeEstimate, estimate_size

# With fewer candidates a slice is not judged.
FEWEST_CANDIDATES = 20


@dataclass(frozen=True)
class NeediestSlice:
    """
    The slice that needs most samples.

    Attributes
    ----------
    name : str
        As in "site=3".
    estimate : SizeEstimate
        Size, interval and status of the slice, in samples of all slices at the measured mix. The
        interval holds for all slices that it was chosen of together (Bonferroni).
    n_slices : int
        Among how many it was chosen.
    """

    name: str
    estimate: SizeEstimate
    n_slices: int


def neediest_slice(
    ladder: Ladder,
    threshold: float,
    family: str,
    growth: float | None,
    confidence: float,
    forecast_of: Callable[[Ladder, str], Forecast | None],
) -> NeediestSlice | None:
    """
    The slice that needs most samples, if its Δ lies above that of all beyond chance.

    Tested is the log of the ratio of both, averaged over the larger half of the sizes, one-sided
    and at (1 − confidence) divided by the number of slices.
    """
    slices, level = ladder.slices, (1.0 - confidence) / max(len(ladder.slices), 1)
    above = {name: of for name, of in slices.items() if _lies_above(of, ladder, level)}
    found = []
    for name, of_slice in above.items():
        fits = fit_decay(of_slice, family, growth)
        estimate = estimate_size(
            of_slice, fits, threshold, 1.0 - level, forecast_of(of_slice, family)
        )
        found.append(NeediestSlice(name, estimate, len(slices)))
    return max(found, key=lambda need: need.estimate.size or np.inf, default=None)


def _lies_above(of_slice: Ladder, whole: Ladder, level: float) -> bool:
    larger = slice(len(whole.sizes) // 2, None)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.log(of_slice.delta[:, larger] / whole.delta[:, larger])
        within = of_slice.stderr[:, larger] / of_slice.delta[:, larger]
    ratios[~np.isfinite(ratios)] = np.nan
    by_repeat = mean_of_finished(ratios, axis=1)
    by_repeat = by_repeat[np.isfinite(by_repeat)]
    n_repeats, factor = len(by_repeat), of_slice.overlap_factor
    if not n_repeats:
        return False
    quantile = (
        stats.t.ppf(1.0 - level, n_repeats - 1) if n_repeats > 1 else stats.norm.ppf(1 - level)
    )
    variance = by_repeat.var(ddof=1) / n_repeats if n_repeats > 1 else 0.0
    if n_repeats == 1 or not np.isfinite(factor):
        # repeats that share their candidates say nothing of others
        variance += np.nanmean(within**2)
    else:
        variance *= factor**2
    return bool(by_repeat.mean() > quantile * np.sqrt(variance))
