"""Small modules, nets and data that several test files share."""

import dataclasses
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from skorch import NeuralNetClassifier, NeuralNetRegressor
from torch import nn

from sufficiency._random import child_seed
from sufficiency.cells.cell import SLICE_COLUMNS, Cell
from sufficiency.cells.measure import measure
from sufficiency.cells.unseen import UnseenSamples
from sufficiency.data.slices import Slices
from sufficiency.result import SufficiencyResult
from sufficiency.training.centers import centers
from sufficiency.training.tasks import CenterTask


class Perceptron(nn.Module):
    """Three inputs, one hidden layer; dropout and batch norm on demand."""

    def __init__(self, n_outputs: int = 1, dropout: float = 0.0, batch_norm: bool = False) -> None:
        super().__init__()
        self.hidden = nn.Linear(3, 5)
        self.norm = nn.BatchNorm1d(5) if batch_norm else nn.Identity()
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(5, n_outputs)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return self.out(self.dropout(torch.tanh(self.norm(self.hidden(X)))))


def classifier(module=Perceptron, **params) -> NeuralNetClassifier:
    settings = {"criterion": nn.CrossEntropyLoss, "lr": 0.1, "max_epochs": 3, "verbose": 0}
    if module is Perceptron:
        settings["module__n_outputs"] = 3
    return NeuralNetClassifier(module, **(settings | params))


def regressor(module=Perceptron, **params) -> NeuralNetRegressor:
    return NeuralNetRegressor(module, **({"lr": 0.05, "max_epochs": 3, "verbose": 0} | params))


def labeled(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Three classes, shifted by their number; float32 inputs, int64 codes."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(n) % 3)
    X = (rng.normal(size=(n, 3)) + y[:, None]).astype(np.float32)
    return X, y


def measured(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A linear regression with noise, float32, targets as a column."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3)).astype(np.float32)
    y = X @ np.array([[1.0], [-2.0], [0.5]]) + 0.1 * rng.normal(size=(n, 1))
    return X, y.astype(np.float32)


def weights_of(net) -> dict[str, np.ndarray]:
    """Copies of all parameters and buffers of an initialized net."""
    return {name: tensor.numpy().copy() for name, tensor in net.module_.state_dict().items()}


def same_weights(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    return a.keys() == b.keys() and all(a[n].tobytes() == b[n].tobytes() for n in a)


def global_states() -> tuple:
    """States of the three global generators, comparable with ==."""
    name, keys, *rest = np.random.get_state()  # noqa: NPY002
    return (
        random.getstate(),
        (name, keys.tobytes(), *rest),
        torch.get_rng_state().numpy().tobytes(),
    )


@contextmanager
def untouched_generators() -> Iterator[None]:
    before = global_states()
    yield
    assert global_states() == before


def center_task(settings, split, repeat, size, sizes=None) -> CenterTask:
    """The task of a fit with these settings; it measures its own size, if no others."""
    seed = child_seed(settings.root, "training", repeat, size)
    return CenterTask(settings, split, repeat, size, seed, sizes or (size,))


def measure_cell(settings, samples, unseen, split, repeat, size) -> Cell:
    """Train and measure one cell."""
    [(task, center)] = centers([center_task(settings, split, repeat, size)], samples)
    [cell] = measure(task, center, samples, unseen)
    return cell


def make_result(table=None, sizes=(10, 20, 40), **changes) -> SufficiencyResult:
    """
    A result with chosen numbers.

    `table` is Δ, (repeats, sizes), NaN for a failed cell. Of `changes`, those named like a column
    of the cells (scalars or tables) set it, the others set attributes of the result. By default
    nothing is to be warned of.
    """
    sizes = np.asarray(sizes)
    if table is None:
        table = np.array([[1.0], [1.2]]) / (sizes + 1.0) ** 2
    table = np.asarray(table, dtype=np.float64)
    columns = {
        "stderr": 0.1 * table,
        "delta_point": 0.8 * table,
        "gap_sq": 0.3,
        "spread": 0.7,
        "top1pct_share": 0.1,
        "train_loss": 0.2,
        "unseen_loss": 0.5,
        "unseen_score": 0.9,
        "grad_norm": 0.01,
        "loss_drift": 0.0,
        "fit_seconds": 1.5,
        "probe_seconds": 0.25,
    }
    columns |= {name: changes.pop(name) for name in list(changes) if name in columns}
    columns = {name: np.broadcast_to(column, table.shape) for name, column in columns.items()}
    cells = []
    for r, s in np.ndindex(table.shape):
        if np.isnan(table[r, s]):
            cells.append(Cell(r, int(sizes[s]), failure="no luck"))
            continue
        numbers = {name: float(column[r, s]) for name, column in columns.items()}
        cells.append(Cell(r, int(sizes[s]), delta=float(table[r, s]), **numbers))
    settings = {
        "order": 2,
        "family": "theory",
        "n_samples": 100,
        "n_candidates": 50,
        "disjoint_candidates": True,
        "own_unseen": False,
        "constant_loss": 1.0,
        "settings": {"center": "last"},
    }
    return SufficiencyResult(cells=tuple(cells), **(settings | changes))


def with_parts(result, factors, few=(), seed=0) -> SufficiencyResult:
    """
    A result with slices and single samples: sixty at random, of which forty are candidates.

    `factors` says by the name of a slice, such as "site=3", how many times the Δ of all its own is;
    those in `few` have 7 candidates, all others 30.
    """
    rng = np.random.default_rng(seed)
    values = {}
    for name in factors:
        partition, _, value = name.partition("=")
        values.setdefault(partition, []).append(value)
    codes = [rng.integers(0, len(some), 60) for some in values.values()]
    slices = Slices(
        tuple(values), tuple(map(tuple, values.values())), np.stack(codes, axis=1).astype(np.int32)
    )
    cells = []
    for cell in result.cells:
        if cell.failure:
            cells.append(cell)
            continue
        unseen = UnseenSamples(
            candidates=np.arange(40),
            increments=rng.exponential(size=40).astype(np.float32) ** 2,
            losses=rng.random(40).astype(np.float32),
            others=np.arange(40, 60),
            other_losses=rng.random(20).astype(np.float32),
            predicted=rng.integers(0, 2, 60).astype(np.int32),
            n_candidates=40,
        )
        of_slices = {}
        for name, factor in factors.items():
            numbers = {column: getattr(cell, column, 30.0) for column in SLICE_COLUMNS}
            of_slices[name] = {
                column: number * (1.0 if column.endswith(("share", "score")) else factor)
                for column, number in numbers.items()
            } | {"n_candidates": 7.0 if name in few else 30.0}
        cells.append(dataclasses.replace(cell, unseen=unseen, slices=of_slices))
    return dataclasses.replace(result, cells=tuple(cells), slices=slices)
