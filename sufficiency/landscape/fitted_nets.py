"""Fitted nets, and samples in the form that they know."""

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted
from skorch import NeuralNet

from sufficiency._validation import check_integer
from sufficiency.data.checks import check_targets
from sufficiency.data.rows import as_inputs, check_lengths, take_rows, writable
from sufficiency.data.splits import make_splits
from sufficiency.nets.skorch_nets import module_dtype, skorch_net
from sufficiency.nets.targets import cast_floating, cast_inputs

Data = tuple[NeuralNet, npt.NDArray, npt.NDArray]


def fitted_net(estimator: Any) -> NeuralNet:
    """The net of a fitted estimator, or the fitted net itself."""
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


def net_and_samples(estimator: Any, X: Any, y: Any, shuffle_seed: int | None = None) -> Data:
    """The net, and samples in its form; with a seed in the order of a fit: subsets are nested."""
    net = fitted_net(estimator)
    targets = check_targets(y, "y")
    if estimator is net:
        dtype = module_dtype(net)
        inputs = writable(cast_inputs(as_inputs(X), dtype))
        encoded, classes = cast_floating(targets, dtype), is_classifier(net)
    else:
        codec = estimator._predictor.codec
        inputs, encoded = estimator._check_input(X), codec.encode(targets, "y")
        classes = codec.classes is not None
    check_lengths(inputs, encoded)
    if shuffle_seed is not None and len(encoded) > 1:
        strata = encoded if classes and encoded.ndim == 1 else None
        # a class with a single sample has no proportion to be kept
        if strata is not None and np.unique(strata, return_counts=True)[1].min() == 1:
            strata = None
        splits = make_splits(
            len(encoded), sizes=2, n_repeats=1, n_candidates=0, root=shuffle_seed, strata=strata
        )
        order = splits.repeats[0].order
        inputs, encoded = take_rows(inputs, order), encoded[order]
    return net, inputs, encoded


def center_name(estimator: Any) -> str:
    """Name of the center for legends."""
    best = getattr(estimator, "center", "last") == "best"
    return "validation-optimal weights" if best else "trained weights"


def check_size(size: int | None, n_samples: int, grow: int = 0) -> int:
    """Return k if `grow` samples are left after it; None: as many as that leaves."""
    most = n_samples - grow
    if most < 1:
        raise ValueError(
            f"`grow` must be < {n_samples}, the number of samples, got {grow}; pass more samples"
        )
    if size is None:
        return most
    size = check_integer("size", size, 1)
    if size > most:
        new = f" less the {grow} new ones" * bool(grow)
        raise ValueError(
            f"`size` must be <= {most}, the number of samples{new}, got {size}; pass more samples "
            "or a smaller size"
        )
    return size
