"""Predictions of the net that was trained on all data."""

from collections.abc import Callable
from typing import Any

import numpy.typing as npt
from sklearn.base import is_regressor
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_consistent_length, check_is_fitted, validate_data

from sufficiency.inputs import check_targets
from sufficiency.predictor import Predictor

__all__ = ["DelegatesToNet"]

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
        if net is None:
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
    _predictor: Predictor
    _scorer: Callable[..., float] | None

    @available_if(_delegates("predict"))
    def predict(self, X: npt.ArrayLike) -> Array:
        """Predictions of ``net_``: labels, or values in the shape of y."""
        return self._fitted_predictor().predict(self._check_input(X))

    @available_if(_delegates("predict_proba"))
    def predict_proba(self, X: npt.ArrayLike) -> Array:
        """(n, C) probabilities of ``net_``, in the order of ``classes_``."""
        return self._fitted_predictor().predict_proba(self._check_input(X))

    @available_if(_delegates("score"))
    def score(self, X: npt.ArrayLike, y: npt.ArrayLike) -> float:
        """Score of ``net_`` by `scoring`, or the net's own."""
        predictor = self._fitted_predictor()
        X, y = self._check_input(X), check_targets(y, "y")
        check_consistent_length(X, y)
        if self._scorer is None:
            raise AttributeError(f"{type(self.net_).__name__} has no score; set `scoring`")
        return float(self._scorer(predictor, X, y))

    def _fitted_predictor(self) -> Predictor:
        check_is_fitted(self, "net_")
        return self._predictor

    def _check_input(self, X: Any) -> Array:
        X = validate_data(self, X, allow_nd=True, reset=False)
        return self._predictor.cast(X)
