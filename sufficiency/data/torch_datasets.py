"""Items of a torch dataset, read when they are needed."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from skorch.helper import SliceDataset
from torch import Tensor
from torch.utils.data import Dataset, IterableDataset, default_collate

from sufficiency._types import Integers


def is_dataset(X: object) -> bool:
    """Whether X is a torch dataset, or skorch's slice of one."""
    return isinstance(X, (Dataset, SliceDataset))


class DatasetRows(Dataset):
    """
    Some items of a dataset, with targets in place of its own.

    A dataset itself, so that skorch uses it as it is. Items of `base` are pairs of input and
    target, those of a SliceDataset inputs; without `targets` their target is 0, for predictions.
    Choosing rows reads nothing.
    """

    def __init__(
        self, base: Any, indices: Integers | None = None, targets: npt.NDArray | None = None
    ) -> None:
        if isinstance(base, IterableDataset) or not hasattr(base, "__len__"):
            raise TypeError(
                "`X` must be a dataset with a length and items by index, got "
                f"{type(base).__name__}; subsets of the samples are chosen by index"
            )
        self.base = base
        self.indices = np.arange(len(base)) if indices is None else indices
        self.targets = targets

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, i: int) -> tuple[Any, Any]:
        return self._input(i), 0 if self.targets is None else self.targets[i]

    def _input(self, i: int) -> Any:
        item = self.base[int(self.indices[i])]
        return item if isinstance(self.base, SliceDataset) else _pair(item)[0]

    def take(self, which: Any) -> "DatasetRows":
        """Some of the items: an index array, or a slice."""
        targets = None if self.targets is None else self.targets[which]
        return DatasetRows(self.base, self.indices[which], targets)

    def with_targets(self, targets: npt.NDArray) -> "DatasetRows":
        """The same inputs with other targets, (n, …)."""
        return DatasetRows(self.base, self.indices, targets)

    def batch(self, which: slice) -> Any:
        """Inputs of some items, collated as a loader does it."""
        return default_collate([self._input(i) for i in range(*which.indices(len(self)))])

    def look(self, i: int) -> Any:
        """One input, collated; None if that takes a collation of the user's own."""
        x = self._input(i)
        try:
            return default_collate([x])
        except TypeError:
            return None

    def own_targets(self) -> npt.NDArray:
        """Targets of the dataset itself, for which every item is read."""
        if isinstance(self.base, SliceDataset):
            raise TypeError(
                "`y` must be given with a SliceDataset, which holds inputs only; pass "
                "SliceDataset(dataset, idx=1), or the dataset itself as X"
            )
        targets = []
        for i, index in enumerate(self.indices):
            x, target = _pair(self.base[int(index)])
            _check_finite(x, i)
            plain = target.detach().cpu().numpy() if isinstance(target, Tensor) else target
            targets.append(plain)
        try:
            found = np.array(targets)
        except ValueError as error:
            raise ValueError(
                "`X` must be a dataset whose targets have one shape, got several; pass them as `y`"
            ) from error
        if found.dtype == object:
            raise TypeError(
                "`X` must be a dataset whose targets are numbers or labels, got "
                f"{', '.join(sorted({type(target).__name__ for target in targets}))}; pass `y`"
            )
        return found


def _pair(item: Any) -> Any:
    if not isinstance(item, (tuple, list)) or len(item) != 2:
        raise TypeError(
            "`X` must be a dataset of pairs (input, target), as skorch wants them, got items of "
            f"type {type(item).__name__}"
            + (f" and length {len(item)}" if isinstance(item, (tuple, list)) else "")
            + "; put several inputs into a dict: ({'a': …, 'b': …}, target)"
        )
    return item


def _check_finite(x: Any, i: int) -> None:
    """Refuse NaN and infinity in an item that is read anyway."""
    parts = x.values() if isinstance(x, Mapping) else x if isinstance(x, (tuple, list)) else [x]
    for part in parts:
        if isinstance(part, (Tensor, np.ndarray)):
            values = torch.as_tensor(part)
            if values.is_floating_point() and not bool(values.isfinite().all()):
                raise ValueError(f"`X` must be finite, got NaN or infinity in item {i}")
