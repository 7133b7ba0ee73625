"""Loss and score against the training size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sufficiency._tables import mean_of_finished
from sufficiency.plotting.lines import SIZE_LABEL, CurveDisplay, plot_fit, plot_points
from sufficiency.sizing.learning_curve import SIZES_NEEDED, LearningCurve
from sufficiency.sizing.performance import fit_performance

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sufficiency.result import SufficiencyResult

__all__ = ["LearningCurveDisplay"]

Floats = npt.NDArray[np.float64]


@dataclass(kw_only=True, eq=False, repr=False)
class LearningCurveDisplay(CurveDisplay):
    """
    The ordinary learning curve, from the same trainings as Δ.

    Parameters
    ----------
    sizes : (m,) int64
        Measured sizes, in samples.
    losses : (R, m) float64
        Mean loss on unseen samples; NaN where a cell failed.
    scores : (R, m) float64
        Score on unseen samples; all NaN if there is none.
    loss_curve : LearningCurve, optional
        The fitted E + A·κ^(−β) of the loss.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        Those of the loss, after :meth:`plot`.
    score_ax_ : matplotlib Axes
        Right axis of the score; None without scores.
    losses_, scores_ : matplotlib ErrorbarContainer
        Means over repeats and their standard errors; `scores_` is None without scores.
    curve_, extrapolation_, floor_ : matplotlib Line2D
        The fit inside the measured sizes, beyond them, and its floor E; None without a fit.

    See Also
    --------
    LandscapeSufficiencyEstimator.plot_learning_curve : The same from a fitted estimator.
    """

    sizes: npt.NDArray[np.int64]
    losses: Floats
    scores: Floats
    loss_curve: LearningCurve | None = None

    @classmethod
    def from_result(
        cls, result: SufficiencyResult, *, ax: Axes | None = None
    ) -> LearningCurveDisplay:
        """
        Draw a result.

        Parameters
        ----------
        result : SufficiencyResult
            From a fit or from disk.
        ax : matplotlib Axes, optional
            Where to draw; None: a new figure.

        Returns
        -------
        LearningCurveDisplay
            Drawn. Fewer than three sizes are drawn without a fit.
        """
        losses, scores = result.measurements.unseen_loss, result.measurements.unseen_score
        enough = np.isfinite(losses).any(axis=0).sum() >= SIZES_NEEDED
        curve = fit_performance(result.measurements, "loss").curve if enough else None
        display = cls(sizes=result.sizes, losses=losses, scores=scores, loss_curve=curve)
        return display.plot(ax=ax)

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Axes | None = None) -> LearningCurveDisplay:
        """Draw a fitted estimator; parameters as in :meth:`from_result`."""
        return cls.from_result(estimator.result_, ax=ax)

    def _draw(self, ax: Axes) -> None:
        self.losses_ = self._points(ax, self.losses, "C0", "o", "loss")
        self._plot_fit(ax)
        ax.set(xscale="log", xlabel=SIZE_LABEL, ylabel="loss on unseen samples")
        self.score_ax_ = self.scores_ = None
        handles, labels = ax.get_legend_handles_labels()
        if np.isfinite(self.scores).any():
            self.score_ax_ = ax.twinx()
            self.scores_ = self._points(self.score_ax_, self.scores, "C2", "s", "score")
            self.score_ax_.set_ylabel("score on unseen samples")
            more = self.score_ax_.get_legend_handles_labels()
            handles, labels = handles + more[0], labels + more[1]
        # beside both curves, one of which falls while the other rises
        ax.legend(handles, labels, loc="center right")

    def _points(self, ax: Axes, table: Floats, color: str, marker: str, name: str) -> Any:
        counts = np.isfinite(table).sum(axis=0)
        kept = counts > 0
        table, counts = table[:, kept], counts[kept]
        mean = mean_of_finished(table)
        squares = np.nansum((table - mean) ** 2, axis=0)
        # a single repeat has no spread, and no bar
        stderr = np.sqrt(squares / np.maximum(counts - 1, 1) / counts)
        label = f"{name}, mean of {len(table)} ± s.e." if len(table) > 1 else name
        return plot_points(ax, self.sizes[kept], mean, stderr, fmt=marker, color=color, label=label)

    def _plot_fit(self, ax: Axes) -> None:
        self.curve_ = self.extrapolation_ = self.floor_ = None
        curve = self.loss_curve
        if curve is None:
            return
        label = (
            rf"fit: ${curve.floor:.3g} + {curve.amplitude:.3g}\,"
            rf"(\kappa/{curve.sizes[0] + 1})^{{-{curve.beta:.3g}}}$"
        )
        end = 2.0 * curve.sizes[-1]
        self.curve_, self.extrapolation_ = plot_fit(ax, curve, end, label)
        self.floor_ = ax.axhline(
            curve.floor, color="C1", linewidth=0.8, linestyle=":", label="fitted floor"
        )
