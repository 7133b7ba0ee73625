"""The questions that a result answers, from its measurements alone."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sufficiency import sizing
from sufficiency.sizing import SizeEstimate, Verdict
from sufficiency.sizing.ladder import Ladder

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Answers"]


class Answers(ABC):
    """
    Sizes, intervals and verdicts for whatever holds measurements.

    Attributes
    ----------
    family : str
        The form of the decay.
    """

    family: str

    @property
    @abstractmethod
    def measurements(self) -> Ladder:
        """All numbers as tables."""

    def predict_sufficient_size(
        self,
        threshold: npt.ArrayLike,
        *,
        relative: bool = False,
        growth: float | None = None,
    ) -> int | npt.NDArray[np.int64]:
        """
        Smallest size from which on the fitted change of the loss stays at or below a threshold.

        Parameters
        ----------
        threshold : float or array-like
            Largest acceptable Δ > 0, in loss² (order 2) or loss (order 1); with `relative` the
            RMS change as a share of the unseen loss.
        relative : bool, default=False
            How to read `threshold`: √Δ ≤ threshold · L, with L the mean unseen loss at the
            centers of the largest size.
        growth : int or float, optional
            Δ for so many samples that come at once (int), or for data that grow by that fraction
            (float). None: one sample.

        Returns
        -------
        int or ndarray of int64
            Samples to train on, in the shape of `threshold`. Never below the smallest measured
            size: a threshold that is met there is answered by it.

        Warns
        -----
        ExtrapolationWarning
            If an answer lies beyond the largest measured size.

        Raises
        ------
        ValueError
            If a threshold is not > 0, `growth` is not > 0 or has no formula (order 1, a single
            candidate), or `relative` meets a loss that is not positive.
        NotIdentifiableError
            If the curve does not fall, or reaches a threshold nowhere.
        """
        return sizing.predict_sufficient_size(
            self.measurements, threshold, family=self.family, relative=relative, growth=growth
        )

    def sufficient_size_interval(
        self,
        threshold: float,
        *,
        confidence: float = 0.95,
        relative: bool = False,
        growth: float | None = None,
    ) -> tuple[int, float]:
        """
        Interval of the sufficient size.

        From the jackknife over whole repeats, with Student's t and R − 1 degrees of freedom; the
        hull over all families that the data cannot tell apart. Beyond the measured sizes it also
        spans the bracket: the power law continued, and C frozen at its last value, fitted and
        measured.

        Parameters
        ----------
        threshold, relative, growth
            As in :meth:`predict_sufficient_size`.
        confidence : float, default=0.95
            In (0, 1).

        Returns
        -------
        (int, int or inf)
            Low and high, in samples.

        Raises
        ------
        ValueError
            For fewer than two repeats, and as in :meth:`predict_sufficient_size`.

        References
        ----------
        Nadeau, Bengio: Inference for the generalization error. Machine Learning 52 (2003), for
        candidates that repeats share.
        """
        return sizing.sufficient_size_interval(
            self.measurements,
            threshold,
            confidence=confidence,
            family=self.family,
            relative=relative,
            growth=growth,
        )

    def verdict(
        self,
        threshold: float,
        *,
        relative: bool = False,
        growth: float | None = None,
        confidence: float = 0.95,
    ) -> Verdict:
        """
        The answer with its interval, what is missing, and what speaks against it.

        Parameters
        ----------
        threshold, relative, growth, confidence
            As in :meth:`sufficient_size_interval`.

        Returns
        -------
        Verdict
            ``str()`` of it says everything in two to four sentences. Whatever the data say, none
            is refused; arguments that make no sense are.
        """
        return sizing.judge(
            self.measurements,
            threshold,
            family=self.family,
            relative=relative,
            growth=growth,
            confidence=confidence,
        )

    def predict_size_for_loss(self, target: float) -> int:
        """
        Samples at which the unseen loss comes down to a target, by E + A·κ^(−β).

        Parameters
        ----------
        target : float
            In units of the loss.

        Returns
        -------
        int

        Raises
        ------
        UnreachableTargetError
            If the whole interval of the floor E lies above the target.
        NotIdentifiableError
            If the fitted floor does, but not its whole interval.
        ValueError
            If no loss can be that low, or fewer than three sizes have one.
        """
        return sizing.predict_size_for_loss(self.measurements, target)

    def predict_size_for_score(self, target: float) -> int:
        """
        Samples at which the score on unseen samples comes up to a target.

        Parameters
        ----------
        target : float
            In units of the score; larger is better.

        Returns
        -------
        int

        Raises
        ------
        UnreachableTargetError, NotIdentifiableError, ValueError
            As in :meth:`predict_size_for_loss`.
        """
        return sizing.predict_size_for_score(self.measurements, target)

    def estimate_for_target(
        self, target: float, kind: str = "loss", *, confidence: float = 0.95
    ) -> SizeEstimate:
        """
        Size, interval and status for a loss or a score; does not raise for targets out of reach.

        Parameters
        ----------
        target : float
            Loss or score.
        kind : {"loss", "score"}, default="loss"
            Which of them.
        confidence : float, default=0.95
            In (0, 1).

        Returns
        -------
        SizeEstimate
            With a status among "reached", "at_most", "extrapolated", "not_identifiable" and
            "unreachable".
        """
        return sizing.estimate_for_target(self.measurements, target, kind, confidence=confidence)

    def parameter_intervals(
        self, family: str = "power_law", *, confidence: float = 0.95
    ) -> dict[str, tuple[float, float]]:
        """
        Intervals of a family's constants.

        That of "alpha" tests the theory: does it contain p (2 for order 2, 1 for order 1)?

        Parameters
        ----------
        family : {"auto", "theory", "power_law", "transient"}, default="power_law"
            Which family.
        confidence : float, default=0.95
            In (0, 1), for each constant on its own.

        Returns
        -------
        dict of str to (float, float)
        """
        return sizing.parameter_intervals(self.measurements, family=family, confidence=confidence)

    def delta_interval(
        self, sizes: npt.ArrayLike, *, confidence: float = 0.95
    ) -> npt.NDArray[np.float64]:
        """
        Intervals of the fitted Δ at any sizes.

        Parameters
        ----------
        sizes : array-like of shape (len,)
            In samples.
        confidence : float, default=0.95
            In (0, 1), for each size on its own.

        Returns
        -------
        (2, len) float64
            Low and high; beyond the measured sizes those of the bracket.
        """
        question = sizing.ask(self.measurements, family=self.family)
        return sizing.delta_interval(self.measurements, question, sizes, confidence)

    def suggest_thresholds(self) -> "pd.DataFrame":
        """
        What more data change now, to choose a threshold by.

        Returns
        -------
        pandas.DataFrame
            Rows "1 more sample", "10 % more" and "twice as much" (the latter two for order 2 and
            more than one candidate). Columns: ``growth`` to ask with, ``threshold`` (Δ now, with
            all samples passed to ``fit``), ``change`` (its root, in loss), ``relative_change``
            (of the unseen loss), and the sizes at which the change halves and quarters.
        """
        import pandas as pd

        rows = sizing.suggest_thresholds(self.measurements, family=self.family)
        return pd.DataFrame(rows).set_index("arriving")
