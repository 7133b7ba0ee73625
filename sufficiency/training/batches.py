"""Whole batches by index, where the default loader would collate arrays sample by sample."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from skorch import NeuralNet
from skorch.dataset import Dataset
from torch import Tensor, as_tensor
from torch.utils.data import DataLoader

from sufficiency.data.rows import is_arrays, map_arrays
from sufficiency.nets.skorch_nets import cuts_only

# One kernel for all parameters; the arithmetic is the same but for rounding.
_FUSED = (torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD)
_IMPLEMENTATIONS = {"fused", "foreach", "capturable", "differentiable"}


def may_fuse(net: NeuralNet) -> bool:
    """Whether the net's optimizer has a fused form and the user has not chosen another one."""
    chosen = {name.removeprefix("optimizer__") for name in vars(net)}
    device = torch.device(net.device or "cpu").type
    return net.optimizer in _FUSED and not chosen & _IMPLEMENTATIONS and device in {"cpu", "cuda"}


class BatchDataset(Dataset):
    """skorch's dataset of arrays, which also gives a whole batch at once."""

    def __getitems__(self, indices: list[int]) -> tuple[Any, Tensor]:
        """The batch that collation would make of these samples."""
        # skorch has a zero for every sample without a target
        y = torch.zeros(len(indices), 1) if self.y is None else as_tensor(self.y[indices])
        if not isinstance(self.X, (dict, tuple)):
            return as_tensor(self.X[indices]), y
        x = map_arrays(self.X, lambda part: as_tensor(part[indices]))
        return list(x) if isinstance(x, tuple) else x, y


def _batch_loader(dataset: BatchDataset, **settings: Any) -> DataLoader:
    """The default loader for batches that need no collation."""
    return DataLoader(dataset, collate_fn=lambda batch: batch, **settings)


@contextmanager
def whole_batches(net: NeuralNet, X: Any, y: Any) -> Iterator[None]:
    """
    Within this context the net's own loader gives the same batches, made faster.

    Nets with a dataset class, a loader or loader settings of their own are left alone.
    """
    plain = net.dataset is Dataset and not net.get_params_for("dataset")
    cuts = all(cuts_only(net, prefix) for prefix in ("iterator_train", "iterator_valid"))
    if not (plain and cuts and is_arrays(X) and (y is None or isinstance(y, np.ndarray))):
        yield
        return
    # set_params refuses datasets and loaders on a net that is initialized
    net.dataset, net.iterator_train, net.iterator_valid = BatchDataset, _batch_loader, _batch_loader
    try:
        yield
    finally:
        net.dataset, net.iterator_train, net.iterator_valid = Dataset, DataLoader, DataLoader
