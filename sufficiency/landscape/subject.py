"""Whose landscape it is: a fitted net, and samples in the form that it knows."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_array, check_is_fitted
from skorch import NeuralNet

from sufficiency._validation import check_integer
from sufficiency.data.rows import as_inputs, check_lengths, take_rows, writable
from sufficiency.data.splits import make_splits
from sufficiency.nets.skorch_nets import module_dtype, skorch_net
from sufficiency.nets.targets import cast_floating, cast_inputs

__all__ = ["Subject", "fitted_net"]


def fitted_net(estimator: Any) -> NeuralNet:
    """The net that a landscape is drawn around."""
    if isinstance(estimator, NeuralNet):
        if not getattr(estimator, "initialized_", False):
            raise NotFittedError(
                f"`estimator` must be a fitted net, got {type(estimator).__name__} without "
                "weights; call `fit`, or `initialize` for the landscape at random weights"
            )
        return estimator
    if not hasattr(estimator, "refit") or isinstance(estimator, type):
        raise TypeError(
            "`estimator` must be a fitted LandscapeSufficiencyEstimator or skorch net, got "
            f"{estimator!r}"
        )
    if not estimator.refit:
        raise NotFittedError(
            "`estimator` must have a net, got one with refit=False; fit it with refit=True, or "
            "pass a fitted skorch net"
        )
    check_is_fitted(estimator, "net_")
    return skorch_net(estimator.net_)


@dataclass(frozen=True, eq=False)
class Subject:
    """
    A net with samples to take losses of.

    Attributes
    ----------
    net : NeuralNet
        Its weights are the center.
    X, y : arrays
        n samples, encoded, in their nested order: D_k are the first k.
    center : str
        What the center is, for legends.
    """

    net: NeuralNet
    X: npt.NDArray
    y: npt.NDArray
    center: str

    @classmethod
    def of(
        cls, estimator: Any, X: npt.ArrayLike, y: npt.ArrayLike, *, shuffle: bool, seed: int
    ) -> "Subject":
        """Encode the samples and put them in order."""
        net = fitted_net(estimator)
        targets = check_array(y, ensure_2d=False, allow_nd=True, dtype=None, input_name="y")
        if estimator is net:
            dtype = module_dtype(net)
            inputs = writable(cast_inputs(as_inputs(X), dtype))
            encoded, classes = cast_floating(targets, dtype), is_classifier(net)
        else:
            codec = estimator._predictor.codec
            inputs, encoded = estimator._check_input(X), codec.encode(targets, "y")
            classes = codec.strata
        check_lengths(inputs, encoded)
        if shuffle and len(encoded) > 1:
            order = _nested_order(encoded, classes and encoded.ndim == 1, seed)
            inputs, encoded = take_rows(inputs, order), encoded[order]
        best = getattr(estimator, "center", "last") == "best"
        center = "validation-optimal weights" if best else "trained weights"
        return cls(net, inputs, encoded, center)

    def check_size(self, size: int | None, grow: int = 0) -> int:
        """k, so that `grow` samples are left after it; None: as many as that leaves."""
        most = len(self.y) - grow
        if size is None and most >= 1:
            return most
        size = 1 if size is None else check_integer("size", size, 1)
        if size > most:
            new = f" less the {grow} new ones" * bool(grow)
            raise ValueError(
                f"`size` must be <= {most}, the samples that were given{new}, got {size}; pass "
                "more samples or a smaller size"
            )
        return size


def _nested_order(encoded: npt.NDArray, classes: bool, seed: int) -> npt.NDArray[np.int64]:
    """The order in which the estimator would take these samples, without candidates."""
    # a class with a single sample has no proportion to be kept
    strata = encoded if classes and np.unique(encoded, return_counts=True)[1].min() > 1 else None
    splits = make_splits(
        len(encoded), sizes=2, n_repeats=1, n_candidates=0, root=seed, strata=strata
    )
    return splits.repeats[0].order
