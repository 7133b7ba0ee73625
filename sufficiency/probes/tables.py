"""Numbers by parameter name: as users give them, checked and fitted to a center."""

from collections.abc import Mapping
from numbers import Real

import numpy as np
import numpy.typing as npt
import torch

from sufficiency._validation import check_number
from sufficiency.probes.base import Weights

__all__ = ["Table", "check_table", "fit_table"]

Table = float | Mapping[str, npt.ArrayLike]


def check_table(
    name: str, table: object, *, at_least: float | None = None, scalar: bool = True
) -> None:
    """Refuse anything but finite numbers by parameter name."""
    if scalar and isinstance(table, Real):
        check_number(name, table, at_least=at_least or 0.0)
        return
    if not isinstance(table, Mapping):
        kinds = "a number or a dict" if scalar else "a dict"
        raise TypeError(
            f"`{name}` must be {kinds} of arrays by parameter name, got {table!r}; take the names "
            "of net.module_.named_parameters()"
        )
    for key, value in table.items():
        numbers = value.detach().double().cpu() if isinstance(value, torch.Tensor) else value
        flat = np.asarray(numbers, dtype=np.float64).ravel()
        rule = "finite" if at_least is None else f"finite and >= {at_least:g}"
        bad = flat[~np.isfinite(flat) | (flat < (-np.inf if at_least is None else at_least))]
        if len(bad):
            raise ValueError(f"`{name}[{key!r}]` must be {rule}, got {bad[0]:g}")


def fit_table(name: str, table: Table, center: Weights, leading: tuple[int, ...] = ()) -> Weights:
    """Tensors like the center's, of a table for some of them."""
    if not isinstance(table, Mapping):
        return {key: tensor.new_tensor(float(table)) for key, tensor in center.items()}
    unknown = [key for key in table if key not in center]
    if unknown:
        raise ValueError(
            f"`{name}` must be for some of {list(center)}, got {unknown}; leave these out or add "
            "them to `parameters`"
        )
    fitted = {}
    for key, value in table.items():
        tensor = center[key]
        numbers = torch.as_tensor(value).detach().to(device=tensor.device, dtype=tensor.dtype)
        expected = (*leading, *tensor.shape)
        if tuple(numbers.shape) != expected and (leading or numbers.ndim):
            raise ValueError(
                f"`{name}[{key!r}]` must have shape {expected}, got {tuple(numbers.shape)}"
            )
        fitted[key] = numbers
    return fitted
