"""The net behind ``net=None``: a small perceptron that adapts to any table."""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sklearn.utils.multiclass import type_of_target
from skorch import NeuralNet, NeuralNetClassifier, NeuralNetRegressor
from skorch.callbacks import Callback
from skorch.dataset import Dataset
from torch import Tensor, nn

from sufficiency.data.checks import check_no_texts_of_numbers
from sufficiency.data.memory_maps import Rows, as_columns, moments

# What the estimator's `net` says of the task where it is no net.
TASKS = {None: None, "classifier": "classification", "regressor": "regression"}

FOR_SEVERAL_LABELS = (
    "for several labels use skorch's NeuralNet with BCEWithLogitsLoss and "
    "predict_nonlinearity=torch.sigmoid"
)

# Standard deviations from the mean, beyond which inputs saturate.
_LIMIT = 5.0


class TabularMLP(nn.Module):
    """Two hidden ReLU layers between standardized, clipped inputs and rescaled outputs."""

    input_mean: Tensor
    input_scale: Tensor
    output_mean: Tensor
    output_scale: Tensor

    def __init__(self, n_inputs: int, n_outputs: int, width: int = 64) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(n_inputs, width),
            nn.ReLU(),
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Linear(width, n_outputs),
        )
        for part, width in (("input", n_inputs), ("output", n_outputs)):
            self.register_buffer(f"{part}_mean", torch.zeros(width))
            self.register_buffer(f"{part}_scale", torch.ones(width))

    def forward(self, X: Tensor) -> Tensor:
        """Logits or regression values, (n, n_outputs)."""
        standardized = (X.flatten(1) - self.input_mean) / self.input_scale
        # a value far outside what the training samples showed would decide a sample's loss alone
        clipped = standardized.clamp(-_LIMIT, _LIMIT)
        return self.layers(clipped) * self.output_scale + self.output_mean


class Standardizer(Callback):
    """Sets a TabularMLP's scales from the samples it is about to be trained on, no others."""

    def on_train_begin(self, net: NeuralNet, X: Any = None, y: Any = None, **_: object) -> None:
        """Measure means and standard deviations; constant columns keep the scale 1."""
        if isinstance(X, Dataset):
            X, y = X.X, X.y
        module = net.module_
        inputs = X if isinstance(X, Rows) else np.asarray(X)
        _set_scale(module.input_mean, module.input_scale, inputs)
        if isinstance(net, NeuralNetRegressor):
            _set_scale(module.output_mean, module.output_scale, np.asarray(y))


def _set_scale(mean: Tensor, scale: Tensor, values: npt.NDArray | Rows) -> None:
    if isinstance(values, Rows):
        center, deviation, largest = moments(values)
    else:
        columns = as_columns(values)
        center, deviation = columns.mean(axis=0), columns.std(axis=0)
        largest = np.abs(columns).max(axis=0)
    deviation[deviation <= 1e-7 * largest] = 1.0
    mean.copy_(torch.from_numpy(center))
    scale.copy_(torch.from_numpy(deviation))


def is_built_in(net: object) -> bool:
    """Whether the estimator's `net` stands for the default net."""
    return net is None or (isinstance(net, str) and net in TASKS)


def default_net(X: npt.NDArray, y: npt.NDArray, task: str | None = None) -> NeuralNet:
    """Unfitted net for a table (or images, flattened) and its targets."""
    if y.dtype.kind in "OU":
        check_no_texts_of_numbers(y)
    kind = type_of_target(y, input_name="y", raise_unknown=True)
    shared = {
        "module__n_inputs": int(np.prod(X.shape[1:])),
        "optimizer": torch.optim.Adam,
        "lr": 1e-3,
        "batch_size": 64,
        "max_epochs": 40,
        "iterator_train__shuffle": True,
        "train_split": None,
        "callbacks": [("standardizer", Standardizer())],
        "verbose": 0,
    }
    n_classes = len(np.unique(y))
    if task is not None:
        several = "continuous-multioutput" if y.ndim > 1 and y.shape[1] > 1 else "continuous"
        kind = "multiclass" if task == "classification" else several
    elif kind == "multiclass" and y.dtype.kind in "iuf" and n_classes > max(20, len(y) // 10):
        kind = "continuous"
    if kind in {"binary", "multiclass"}:
        return NeuralNetClassifier(
            TabularMLP, criterion=nn.CrossEntropyLoss, module__n_outputs=n_classes, **shared
        )
    if kind in {"continuous", "continuous-multioutput"}:
        n_outputs = 1 if y.ndim == 1 else y.shape[1]
        return NeuralNetRegressor(TabularMLP, module__n_outputs=n_outputs, **shared)
    several = f"; {FOR_SEVERAL_LABELS}" if y.ndim > 1 else ""
    raise ValueError(
        f"`net` must be given for targets of type {kind!r}; None suits classes and reals{several}"
    )
