"""What a fitted estimator passes on: questions to its result, predictions to its net."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from sklearn.base import is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from sufficiency.data.checks import as_floating, check_inputs, check_targets
from sufficiency.data.rows import check_lengths
from sufficiency.data.samples import Samples
from sufficiency.data.torch_datasets import DatasetRows, is_dataset
from sufficiency.nets.predictor import Predictor
from sufficiency.nets.skorch_nets import skorch_net
from sufficiency.plotting import DeltaCurveDisplay, LearningCurveDisplay
from sufficiency.probes import Probe
from sufficiency.result import SufficiencyResult
from sufficiency.sizing import Verdict
from sufficiency.theory.bounds import BoundConstants, measure_constants, unit_draws
from sufficiency.training.transformers import FittedTransformers

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["DelegatesToNet", "DelegatesToResult"]

Array = npt.NDArray


def _delegates(method: str) -> Callable[["DelegatesToNet"], bool]:
    """Whether the net, fitted or to be fitted, has a method."""

    def check(estimator: "DelegatesToNet") -> bool:
        if not estimator.refit:
            raise AttributeError(
                f"`{method}` needs the net that refit=True trains on all data; this estimator "
                "has refit=False"
            )
        net = getattr(estimator, "net_", estimator.net)
        if net is None or (method == "score" and estimator.scoring is not None):
            return True
        if method == "predict_proba" and is_regressor(net):
            raise AttributeError("a regressor has no predict_proba")
        getattr(net, method)
        return True

    return check


class DelegatesToNet:
    """
    ``predict``, ``predict_proba`` and ``score`` of ``net_``, where the net has them.

    As in scikit-learn's GridSearchCV, a method that the net lacks does not exist here either.
    """

    net: Any
    net_: Any
    refit: bool
    scoring: Any
    _predictor: Predictor
    _transformers: FittedTransformers | None
    _scorer: Callable[..., float] | None

    @available_if(_delegates("predict"))
    def predict(self, X: Any) -> Array:
        """Predictions of ``net_``: labels, or values in the shape of y."""
        return self._fitted_predictor().predict(self._check_input(X))

    @available_if(_delegates("predict_proba"))
    def predict_proba(self, X: Any) -> Array:
        """(n, C) probabilities of ``net_``, in the order of ``classes_``."""
        return self._fitted_predictor().predict_proba(self._check_input(X))

    @available_if(_delegates("score"))
    def score(self, X: Any, y: npt.ArrayLike | None = None) -> float:
        """Score of ``net_`` by `scoring`, or the net's own."""
        predictor = self._fitted_predictor()
        if y is None and is_dataset(X):
            y = DatasetRows(X).own_targets()
        X, y = self._check_input(X), check_targets(y, "y")
        check_lengths(X, y)
        if self._scorer is None:
            raise AttributeError(f"{type(self.net_).__name__} has no score; set `scoring`")
        return float(self._scorer(predictor, X, y))

    def _fitted_predictor(self) -> Predictor:
        check_is_fitted(self, "net_")
        return self._predictor

    def _check_input(self, X: Any) -> Any:
        X = check_inputs(self, X, reset=False, raw=self._transformers is not None)
        if self._transformers is not None:
            return self._transformers.inputs(X)
        return self._predictor.cast(as_floating(X) if self.net is None else X)


class DelegatesToResult:
    """The questions that ``result_`` answers, and its figures."""

    result_: SufficiencyResult
    net_: Any
    _probe: Probe
    _some_samples: Samples

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
            root mean square change as a share of the unseen loss.
        relative : bool, default=False
            How to read `threshold`.
        growth : int or float, optional
            Δ for so many samples that come at once (int), or for data that grow by that fraction
            (float). None: one sample.

        Returns
        -------
        int or ndarray of int64
            See :meth:`SufficiencyResult.predict_sufficient_size`, also for the errors.
        """
        check_is_fitted(self, "result_")
        return self.result_.predict_sufficient_size(threshold, relative=relative, growth=growth)

    def sufficient_size_interval(
        self,
        threshold: float,
        *,
        confidence: float = 0.95,
        relative: bool = False,
        growth: float | None = None,
    ) -> tuple[int, float]:
        """
        Interval of the sufficient size; needs two repeats or more.

        Parameters
        ----------
        threshold, relative, growth
            As in :meth:`predict_sufficient_size`.
        confidence : float, default=0.95
            In (0, 1).

        Returns
        -------
        (int, int or inf)
            See :meth:`SufficiencyResult.sufficient_size_interval`.
        """
        check_is_fitted(self, "result_")
        return self.result_.sufficient_size_interval(
            threshold, confidence=confidence, relative=relative, growth=growth
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
            ``str()`` of it says everything in two to four sentences.
        """
        check_is_fitted(self, "result_")
        return self.result_.verdict(
            threshold, relative=relative, growth=growth, confidence=confidence
        )

    def plot_delta(
        self,
        threshold: float | None = None,
        ax: "Axes | None" = None,
        *,
        show_bound: bool = False,
    ) -> DeltaCurveDisplay:
        """
        Draw Δ against the training size.

        Parameters
        ----------
        threshold : float, optional
            Its line and the sufficient size are marked.
        ax : matplotlib Axes, optional
            Where to draw; None: a new figure.
        show_bound : bool, default=False
            Draw the bound of Δ, and Theorem 1's bound of its curvature term, with constants
            looked up on 64 samples at ``net_``: lower estimates. Needs ``refit=True``, a
            Gaussian probe and a net with second derivatives.

        Returns
        -------
        DeltaCurveDisplay
        """
        check_is_fitted(self, "result_")
        return DeltaCurveDisplay.from_estimator(
            self, threshold=threshold, ax=ax, show_bound=show_bound
        )

    def _check_has_net(self) -> None:
        check_is_fitted(self, "result_")
        if not hasattr(self, "net_"):
            raise NotFittedError("`net_` is not fitted with refit=False; fit with refit=True")

    def unit_draws(self, n_draws: int, seed: int = 0) -> tuple[dict[str, Any], float]:
        """
        Draws of the estimator's probe around ``net_``, for own experiments.

        Parameters
        ----------
        n_draws : int
            How many.
        seed : int, default=0
            From which they are made.

        Returns
        -------
        dict of tensors, float
            Stacked draws by parameter name, and the probe's `sigma` (1 if it has none).
        """
        self._check_has_net()
        return unit_draws(skorch_net(self.net_), self._probe, self._some_samples, n_draws, seed)

    def bound_constants(self) -> BoundConstants:
        """
        Constants of the paper's bounds, looked up on 64 of the samples at ``net_``.

        Returns
        -------
        BoundConstants
            Lower estimates, since few samples are looked at.

        Raises
        ------
        NotFittedError
            Without a ``net_``.
        TypeError
            If the probe is not Gaussian.
        ValueError
            If it is not centered, or for order 1, where there is no bound.
        """
        self._check_has_net()
        if self.result_.order != 2:
            raise ValueError("`order` must be 2 for a bound, got 1; the bounds are about squares")
        return measure_constants(skorch_net(self.net_), self._probe, self._some_samples)

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
        check_is_fitted(self, "result_")
        return LearningCurveDisplay.from_estimator(self, ax=ax)
