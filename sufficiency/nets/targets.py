"""Targets between the user's form and the net's."""

import math
import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sklearn.base import is_classifier, is_regressor
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d
from skorch import NeuralNet
from torch import nn

from sufficiency.data.checks import check_no_texts_of_numbers
from sufficiency.data.memory_maps import Rows, moments
from sufficiency.data.rows import map_arrays
from sufficiency.data.torch_datasets import DatasetRows
from sufficiency.exceptions import InvalidParameterError
from sufficiency.nets.default_net import FOR_SEVERAL_LABELS, TabularMLP
from sufficiency.nets.skorch_nets import is_binary

# A standard deviation of fewer roundings than this is mostly rounding.
_COARSE = 100.0
# Fourth powers of deviations between these, the unit of Δ, leave room for 1/k² in float64.
_SMALLEST, _LARGEST = 1e-60, 1e60


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

    @property
    def loss_unit(self) -> float:
        """Unit of the net's losses, in that of the losses of the user's targets."""
        return 1.0

    def in_own_unit(self, net: NeuralNet) -> "TargetCodec":
        """Let a trained net itself predict in the user's unit; its codec then."""
        return self


@dataclass(frozen=True, eq=False, kw_only=True)
class StandardizedTargets(TargetCodec):
    """
    Real targets for the default net, counted from a middle one in standard deviations.

    One constant for all samples and sizes, so that training depends on no unit. The middle is a
    value of the targets (each column's median): the difference of two of them is rounded least.
    """

    middle: npt.NDArray[np.float64]  # of the shape of one target
    deviation: float  # root mean square over all columns
    precision: torch.dtype = torch.float32  # of encoded targets

    def encode(self, y: npt.ArrayLike, name: str = "y_unseen") -> npt.NDArray:
        """(y − middle)/deviation, computed in float64."""
        values = (np.asarray(y, dtype=np.float64) - self.middle) / self.deviation
        values = cast_floating(values, self.precision)
        return values[:, None] if self.column else values

    def decode(self, prediction: npt.NDArray) -> npt.NDArray:
        """Predictions in the user's unit, float64."""
        values = super().decode(prediction).astype(np.float64)
        return values * self.deviation + self.middle

    @property
    def loss_unit(self) -> float:
        """A squared error of 1 of the net is one of deviation²."""
        return self.deviation**2

    def in_own_unit(self, net: NeuralNet) -> "StandardizedTargets":
        """Move the unit into the net's output, which is then float64."""
        module = net.module_
        module.output_scale = module.output_scale.double() * self.deviation
        shift = torch.as_tensor(self.middle, device=module.output_mean.device)
        module.output_mean = module.output_mean.double() * self.deviation + shift
        return replace(
            self, middle=np.zeros_like(self.middle), deviation=1.0, precision=torch.float64
        )


def _standardized(y: npt.NDArray, dtype: torch.dtype) -> StandardizedTargets:
    values = y.astype(np.float64)
    middle = np.sort(values, axis=0)[len(values) // 2]
    with np.errstate(over="ignore", invalid="ignore"):
        centered = values - middle
        largest = np.abs(centered).max()
        # squares of the quotients are representable
        deviation = float(largest * np.sqrt((centered / largest).var(axis=0).mean()))
    if not _SMALLEST <= deviation <= _LARGEST:
        raise InvalidParameterError(
            "y",
            f"must have a standard deviation between {_SMALLEST:g} and {_LARGEST:g}, got "
            f"{deviation:.3g}, whose fourth power, the unit of Δ, is too far from 1; choose "
            "another unit",
        )
    return StandardizedTargets(
        classes=None, dtype=dtype, column=y.ndim == 1, middle=middle, deviation=deviation
    )


def cast_floating(values: npt.NDArray, dtype: torch.dtype) -> npt.NDArray:
    """Floating arrays in the NumPy counterpart of `dtype`; everything else as it is."""
    if values.dtype.kind != "f":
        return values
    # NumPy has no bfloat16
    name = _name(dtype)
    known = name in {"float16", "float32", "float64"}
    return values.astype(name if known else "float32", copy=False)


def cast_inputs(X: Any, dtype: torch.dtype) -> Any:
    """Floating inputs likewise; items of a dataset as they are."""
    if isinstance(X, DatasetRows):
        return X
    return map_arrays(X, lambda values: cast_floating(values, dtype))


def warn_of_lost_digits(X: Any, dtype: torch.dtype) -> None:
    """Warn of columns whose values the net's dtype cannot tell apart."""
    if getattr(X, "ndim", 0) != 2:
        return
    lost = _lost_digits(X, dtype)
    if len(lost):
        warnings.warn(
            f"`X` has values in the columns {lost[:5].tolist()} that differ by less than the net's "
            f"{_name(dtype)} can tell apart, and will be rounded; subtract their mean first",
            UserWarning,
            stacklevel=5,
        )


def check_range(net: NeuralNet, codec: TargetCodec, y: npt.NDArray) -> None:
    """Refuse real targets whose squares the net's dtype does not hold; warn of rounded ones."""
    if not codec.as_float or codec.classes is not None:
        return
    values, limits = y.astype(np.float64), torch.finfo(codec.dtype)
    deviation, largest = float(values.std(axis=0).max()), float(np.abs(values).max())
    smallest, most = math.sqrt(limits.tiny), math.sqrt(limits.max)
    if isinstance(net.criterion_, nn.MSELoss) and not (deviation > smallest and largest < most):
        raise InvalidParameterError(
            "y",
            f"must have squares that the net's {_name(codec.dtype)} holds, got a standard "
            f"deviation of {deviation:.3g} and values up to {largest:.3g}; divide y by a constant, "
            "and the answers are in that unit",
        )
    if len(_lost_digits(values, codec.dtype)):
        warnings.warn(
            f"`y` has a standard deviation of {deviation:.3g} around values of {largest:.3g}, "
            f"which the net's {_name(codec.dtype)} rounds, and the losses with them; subtract a "
            "constant from y (its mean) first",
            UserWarning,
            stacklevel=5,
        )


def _lost_digits(values: Any, dtype: torch.dtype) -> npt.NDArray[np.int64]:
    """Columns whose values differ by little more than their rounding."""
    if isinstance(values, Rows) and values.dtype.kind == "f":
        _, deviation, largest = moments(values)
    elif isinstance(values, np.ndarray) and values.dtype == np.float64:
        deviation, largest = values.std(axis=0), np.abs(values).max(axis=0)
    else:
        return np.empty(0, dtype=np.int64)
    coarse = _COARSE * torch.finfo(dtype).eps * largest
    # the mean of a constant is rounded as often as there are samples
    constant = deviation <= len(values) * np.finfo(np.float64).eps * largest
    return np.flatnonzero((deviation < coarse) & ~constant)


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


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
        if (y == y[:1]).all():
            raise InvalidParameterError(
                "y",
                f"must vary for a regressor, got {y[0].tolist()!r} for every sample; with one "
                "value there is nothing to learn",
            )
        if net.module is TabularMLP and net.criterion is nn.MSELoss:
            return _standardized(y, dtype)
        return TargetCodec(None, dtype, as_float=True, column=y.ndim == 1)
    return TargetCodec(None, dtype)
