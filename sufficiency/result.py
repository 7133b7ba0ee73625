"""What a fit found: answers, figures, files and the report; needs no net."""

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from sufficiency.measured import MeasuredLadder
from sufficiency.plotting import DeltaCurveDisplay, LearningCurveDisplay
from sufficiency.report import Asked, write_report
from sufficiency.store.saved_results import read_cells, write_cells

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["SufficiencyResult"]


@dataclass(frozen=True, eq=False)
class SufficiencyResult(MeasuredLadder):
    """
    The outcome of :meth:`LandscapeSufficiencyEstimator.fit`, complete without the net.

    Attributes
    ----------
    cells : tuple of Cell
        One for every (repeat, size), by repeat, then size; failed ones carry their reason.
    order : {1, 2}
        Δ is a mean square (2, in loss²) or a mean absolute value (1, in loss).
    family : str
        The `curve` that was asked for.
    n_samples : int
        Samples passed to ``fit``.
    n_candidates : int
        Unseen candidates of a repeat (the smallest number, if repeats differ).
    disjoint_candidates : bool
        Whether no two repeats share a candidate.
    own_unseen : bool
        Whether the candidates were the user's own, the same for all repeats.
    constant_loss : float
        Mean loss of the best constant prediction; NaN if there is none.
    settings : dict
        The estimator's settings in words, for the record.
    """

    def plot_delta(
        self, threshold: float | None = None, ax: "Axes | None" = None
    ) -> DeltaCurveDisplay:
        """
        Draw Δ against the training size.

        Parameters
        ----------
        threshold : float, optional
            Its line and the sufficient size are marked.
        ax : matplotlib Axes, optional
            Where to draw; None: a new figure.

        Returns
        -------
        DeltaCurveDisplay
        """
        return DeltaCurveDisplay.from_result(self, threshold=threshold, ax=ax)

    def plot_learning_curve(self, ax: "Axes | None" = None) -> LearningCurveDisplay:
        """
        Draw unseen loss and score against the training size.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; None: a new figure.

        Returns
        -------
        LearningCurveDisplay
        """
        return LearningCurveDisplay.from_result(self, ax=ax)

    def report(
        self,
        path: str | PathLike[str],
        *,
        thresholds: float | Sequence[float] | None = None,
        relative: bool = False,
        growth: float | None = None,
        loss_target: float | None = None,
        score_target: float | None = None,
        confidence: float = 0.95,
        title: str | None = None,
    ) -> Path:
        """
        Write everything onto one HTML page that needs no network, program or other file.

        Verdict in words, caveats of this run, sizes with intervals, both curves, all cells, and
        how it was measured. It reads in light and dark, on phones, in print and aloud; the same
        result and questions give the same bytes.

        Parameters
        ----------
        path : path-like
            HTML file; replaced if it exists.
        thresholds : float or sequence of float, optional
            As in :meth:`verdict`; the first one decides what stands on top. None: no decision,
            and what twice, once, half and a quarter of the present change would need.
        relative, growth
            How to read `thresholds`, as in :meth:`verdict`.
        loss_target, score_target : float, optional
            As in :meth:`estimate_for_target`.
        confidence : float, default=0.95
            Of the intervals in words and tables, in (0, 1); the band in the figure has 95 %.
        title : str, optional
            Heading of the page.

        Returns
        -------
        Path
            Of the file.

        Raises
        ------
        ValueError, TypeError
            If a question makes no sense, or none for these measurements.
        OSError
            If the file cannot be written there; an earlier one is as it was then.
        """
        asked = Asked(thresholds, relative, growth, loss_target, score_target, confidence)
        return write_report(self, path, asked, title)

    def save(self, path: str | PathLike[str]) -> None:
        """
        Write the result into a directory, as JSON and npz; nothing is pickled.

        Parameters
        ----------
        path : path-like
            Directory; made if it does not exist. Files of an earlier result in it are replaced.
        """
        meta = {name: getattr(self, name) for name in _SCALARS}
        write_cells(Path(path), self.cells, meta)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> "SufficiencyResult":
        """
        Read what :meth:`save` wrote. No code can run from the files.

        Parameters
        ----------
        path : path-like
            The directory.

        Returns
        -------
        SufficiencyResult
            With the same numbers, bit for bit.

        Raises
        ------
        FileNotFoundError
            If there is no result in the directory.
        ValueError
            If the files are damaged or of another format.
        """
        cells, meta = read_cells(Path(path), _SCALARS)
        return cls(cells=cells, **meta)


_SCALARS: dict[str, type] = {
    "order": int,
    "family": str,
    "n_samples": int,
    "n_candidates": int,
    "disjoint_candidates": bool,
    "own_unseen": bool,
    "constant_loss": float,
    "settings": dict,
}
