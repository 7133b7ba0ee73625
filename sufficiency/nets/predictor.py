"""Predictions of a fitted net in the user's labels and shapes, as scorers expect them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils import Tags, get_tags
from skorch import NeuralNet

from sufficiency._types import Integers
from sufficiency.data.rows import n_rows, take_rows, writable
from sufficiency.nets.targets import TargetCodec, cast_inputs

# Samples that a net predicts at a time: skorch keeps the outputs of all batches.
_MOST = 2**16


@dataclass(frozen=True, eq=False)
class Predictor:
    """Predictions of a net that is fitted on encoded targets."""

    net: NeuralNet
    codec: TargetCodec

    @property
    def classes_(self) -> npt.NDArray:
        """Sorted labels, for classifiers only."""
        if self.codec.classes is None:
            raise AttributeError("a regressor has no classes_")
        return self.codec.classes

    def predict(self, X: npt.NDArray) -> npt.NDArray:
        """Labels, or values in the shape of the targets."""
        return self.codec.decode(self._of_net("predict", X))

    def predict_proba(self, X: npt.NDArray) -> npt.NDArray:
        """(n, C) probabilities in the order of ``classes_``."""
        if self.codec.classes is None:
            raise AttributeError("a regressor has no predict_proba")
        return self._of_net("predict_proba", X)

    def score(self, X: npt.NDArray, y: npt.NDArray) -> float:
        """The net's own score; R² is that of the user's targets, others of the encoded ones."""
        if type(self.net).score is RegressorMixin.score:
            return float(r2_score(np.asarray(y, dtype=np.float64), self.predict(X)))
        return float(self.net.score(X, self.codec.encode(y, "y")))

    def _of_net(self, method: str, X: Any) -> npt.NDArray:
        return np.asarray(getattr(self.net, method)(X))

    def cast(self, X: Any) -> Any:
        """Inputs in the dtype of the net's parameters, writable as torch wants them."""
        return writable(cast_inputs(X, self.codec.dtype))

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Tags:
        return get_tags(self.net)


@dataclass(frozen=True, eq=False)
class PartPredictor(Predictor):
    """A predictor of parts of the same inputs, each of which the net sees once."""

    whole: Any  # inputs of all
    known: dict[str, npt.NDArray]  # what the net has said of them, by method; shared by the parts
    part: Any  # of these inputs
    rows: Integers | slice  # which of all they are

    def score(self, X: npt.NDArray, y: npt.NDArray) -> float:
        """The net's own score, without predicting again where it is scikit-learn's."""
        if type(self.net).score is ClassifierMixin.score:
            return _accuracy(self.codec.encode(y, "y"), self._of_net("predict", X))
        return super().score(X, y)

    def _of_net(self, method: str, X: Any) -> npt.NDArray:
        if X is not self.part:
            return super()._of_net(method, X)
        if method not in self.known:
            parts = []
            for start in range(0, n_rows(self.whole), _MOST):
                part = take_rows(self.whole, slice(start, start + _MOST))
                parts.append(super()._of_net(method, part))
            self.known[method] = np.concatenate(parts)
        return self.known[method][self.rows]


def own_score(predictor: Predictor, X: npt.NDArray, y: npt.NDArray) -> float:
    """The scorer of a fit without `scoring`."""
    return predictor.score(X, y)


def _accuracy(encoded: npt.NDArray, predicted: npt.NDArray) -> float:
    """As scikit-learn's, whose checks of plain labels take longer than to predict a slice."""
    if encoded.ndim == predicted.ndim == 1:
        return float(np.mean(encoded == predicted))
    return float(accuracy_score(encoded, predicted))
