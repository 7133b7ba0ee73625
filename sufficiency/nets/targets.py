"""Targets between the user's form and the net's."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sklearn.base import is_classifier, is_regressor
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d
from skorch import NeuralNet

from sufficiency.data.checks import check_no_texts_of_numbers
from sufficiency.data.memory_maps import Rows, moments
from sufficiency.data.rows import map_arrays
from sufficiency.data.torch_datasets import DatasetRows
from sufficiency.exceptions import InvalidParameterError
from sufficiency.nets.skorch_nets import is_binary

FOR_SEVERAL_LABELS = (
    "for several labels use skorch's NeuralNet with BCEWithLogitsLoss and "
    "predict_nonlinearity=torch.sigmoid"
)
# A standard deviation of fewer roundings than this is mostly rounding.
_COARSE = 100.0


@dataclass(frozen=True, eq=False)
class TargetCodec:
    """How targets are handed to the net and how its predictions come back."""

    classes: npt.NDArray | None  # (C,) sorted labels of a classification problem
    dtype: torch.dtype  # of the net's parameters
    as_float: bool = False  # one-output classifiers and regressors
    column: bool = False  # a 1-D target is a column for the net

    def encode(self, y: npt.ArrayLike, name: str = "y_unseen") -> npt.NDArray:
        """Targets as the net's criterion takes them; `name` is what an error calls them."""
        if self.classes is None:
            values = np.asarray(y, dtype=np.float64) if self.as_float else np.asarray(y)
            values = cast_floating(values, self.dtype)
            return values[:, None] if self.column else values
        labels = column_or_1d(y)
        unknown = np.setdiff1d(labels, self.classes)
        if len(unknown):
            raise ValueError(
                f"`{name}` must hold labels that `y` of `fit` holds, got {unknown[:5].tolist()}; "
                "leave these samples out or fit with some of them"
            )
        codes = np.searchsorted(self.classes, labels).astype(np.int64)
        return cast_floating(codes.astype(np.float64), self.dtype) if self.as_float else codes

    def decode(self, prediction: npt.NDArray) -> npt.NDArray:
        """Predictions of the net in the labels, or the shape, of the user's targets."""
        if self.classes is not None:
            return self.classes[np.asarray(prediction, dtype=np.int64)]
        return prediction[:, 0] if self.column and prediction.shape[1:] == (1,) else prediction

    @property
    def n_classes(self) -> int | None:
        """Number of classes; None without any."""
        return None if self.classes is None else len(self.classes)


def cast_floating(values: npt.NDArray, dtype: torch.dtype) -> npt.NDArray:
    """Floating arrays in the NumPy counterpart of `dtype`; everything else as it is."""
    if values.dtype.kind != "f":
        return values
    # NumPy has no bfloat16
    name = str(dtype).removeprefix("torch.")
    known = name in {"float16", "float32", "float64"}
    return values.astype(name if known else "float32", copy=False)


def cast_inputs(X: Any, dtype: torch.dtype) -> Any:
    """Floating inputs likewise; items of a dataset as they are."""
    if isinstance(X, DatasetRows):
        return X
    return map_arrays(X, lambda values: cast_floating(values, dtype))


def warn_of_lost_digits(X: Any, dtype: torch.dtype) -> None:
    """Warn of columns whose values the net's dtype cannot tell apart."""
    if not isinstance(X, (np.ndarray, Rows)) or X.ndim != 2:
        return
    if isinstance(X, Rows) and X.dtype.kind == "f":
        _, deviation, largest = moments(X)
    elif isinstance(X, np.ndarray) and X.dtype == np.float64:
        deviation, largest = X.std(axis=0), np.abs(X).max(axis=0)
    else:
        return
    coarse = _COARSE * torch.finfo(dtype).eps * largest
    # the mean of a constant is rounded as often as there are samples
    constant = deviation <= len(X) * np.finfo(np.float64).eps * largest
    lost = np.flatnonzero((deviation < coarse) & ~constant)
    if len(lost):
        warnings.warn(
            f"`X` has values in the columns {lost[:5].tolist()} that differ by less than the net's "
            f"{str(dtype).removeprefix('torch.')} can tell apart, and will be rounded; subtract "
            "their mean first",
            UserWarning,
            stacklevel=5,
        )


def fit_target_codec(net: NeuralNet, y: npt.NDArray, dtype: torch.dtype) -> TargetCodec:
    """How `y` is encoded for `net`."""
    if is_classifier(net):
        if y.ndim > 1 and y.shape[1] > 1:
            raise InvalidParameterError(
                "y",
                f"must hold one label for each sample with {type(net).__name__}, got shape "
                f"{y.shape}; {FOR_SEVERAL_LABELS}",
            )
        check_classification_targets(y)
        classes = np.unique(column_or_1d(y, warn=True))
        if len(classes) < 2:
            raise InvalidParameterError(
                "y",
                f"must hold at least two classes, got 1 class: {classes.tolist()[0]!r}; "
                "with one class there is nothing to learn",
            )
        if is_binary(net) and len(classes) != 2:
            raise InvalidParameterError(
                "y",
                f"must hold two classes for {type(net).__name__}, got {len(classes)}. Only "
                "binary classification is supported by it; use skorch's NeuralNetClassifier",
            )
        return TargetCodec(classes, dtype, as_float=is_binary(net))
    if is_regressor(net):
        check_no_texts_of_numbers(y)
        if y.dtype.kind not in "fiub":
            raise InvalidParameterError(
                "y", f"must be numeric for a regressor, got dtype {y.dtype}"
            )
        return TargetCodec(None, dtype, as_float=True, column=y.ndim == 1)
    return TargetCodec(None, dtype)
