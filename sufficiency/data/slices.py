"""Slices of the samples: the parts by class, site, language or whatever the user names."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sufficiency._types import Integers
from sufficiency.exceptions import InvalidParameterError

_CLASS = "class"
# What the table of samples says of each, beside its slices.
_TAKEN = {"row", "sample", "rank", "share", "share_stderr", "loss", "n_cells", "label", "predicted"}


@dataclass(frozen=True, eq=False)
class Slices:
    """Partitions of n samples; a slice is called "partition=value"."""

    partitions: tuple[str, ...]
    values: tuple[tuple[Any, ...], ...]  # of each partition, sorted
    codes: npt.NDArray[np.int32]  # (n, number of partitions), indices into its values

    def take(self, which: Integers | slice) -> "Slices":
        """Of some of the samples."""
        return Slices(self.partitions, self.values, self.codes[which])

    def names(self) -> list[str]:
        """All slices, by partition, then value."""
        pairs = zip(self.partitions, self.values, strict=True)
        return [f"{partition}={value}" for partition, values in pairs for value in values]

    def members(self) -> dict[str, Integers]:
        """Rows of every slice, empty ones included."""
        found, names = {}, iter(self.names())
        for column, values in enumerate(self.values):
            codes = self.codes[:, column]
            ends = np.cumsum(np.bincount(codes, minlength=len(values)))[:-1]
            rows = np.split(np.argsort(codes, kind="stable"), ends)
            found.update({next(names): part for part in rows})
        return found

    def column(self, partition: str) -> npt.NDArray | None:
        """(n,) values of a partition, if there is one of this name."""
        if partition not in self.partitions:
            return None
        at = self.partitions.index(partition)
        return np.array(self.values[at], dtype=object)[self.codes[:, at]]


def check_slices(slices: Any, n_samples: int, of: str = "X") -> list[tuple[str, npt.NDArray]]:
    """Name and (n,) values of every partition that the user gives."""
    if slices is None:
        return []
    if isinstance(slices, (pd.DataFrame, Mapping)):
        columns = [(str(name), slices[name]) for name in slices]
    else:
        columns = [(str(getattr(slices, "name", None) or "slice"), slices)]
    names = [name for name, _ in columns]
    if len(set(names)) < len(names):
        raise InvalidParameterError("slices", f"must have columns of different names, got {names}")
    if taken := _TAKEN.intersection(names):
        raise InvalidParameterError(
            "slices",
            f"must have no column {min(taken)!r}, which `samples()` has already; call it otherwise",
        )
    return [(name, _checked(name, column, n_samples, of)) for name, column in columns]


def _checked(name: str, column: Any, n_samples: int, of: str) -> npt.NDArray:
    values = pd.Series(column) if np.ndim(column) == 1 else None
    if values is None or len(values) != n_samples:
        shape = np.shape(column)
        raise InvalidParameterError(
            "slices",
            f"must have one entry for each of the {n_samples} rows of {of}, got {name!r} of shape "
            f"{shape}; pass several partitions as the columns of a DataFrame",
        )
    if missing := int(values.isna().sum()):
        raise InvalidParameterError(
            "slices",
            f"must have no missing values, got {missing} in {name!r}; give them a name of their "
            'own, such as "unknown"',
        )
    if 1 < n_samples == values.nunique():
        raise InvalidParameterError(
            "slices",
            f"must be parts of the samples, got a value of its own for each of them in {name!r}; "
            "pass what several of them have in common",
        )
    return values.to_numpy()


def make_slices(
    given: Sequence[tuple[str, npt.NDArray]],
    classes: npt.NDArray | None = None,
    encoded: npt.NDArray | None = None,
) -> Slices | None:
    """The user's partitions, and that by class for classifiers; None without any."""
    partitions, values, codes = [], [], []
    for name, column in given:
        column_codes, uniques = pd.factorize(column, sort=True)
        partitions.append(name)
        values.append(tuple(_plain(value) for value in uniques))
        codes.append(column_codes.astype(np.int32))
    if classes is not None and encoded is not None and encoded.ndim == 1:
        if _CLASS in partitions:
            raise InvalidParameterError(
                "slices",
                f"must have no column {_CLASS!r} for a classifier, whose classes are slices "
                "already; leave it out, or call it otherwise",
            )
        partitions.append(_CLASS)
        values.append(tuple(_plain(value) for value in classes))
        codes.append(encoded.astype(np.int32))
    if not partitions:
        return None
    found = Slices(tuple(partitions), tuple(values), np.stack(codes, axis=1))
    _check_names(found.names())
    return found


def _check_names(names: Sequence[str]) -> None:
    """Refuse values that look alike, such as 1 and "1"."""
    name, count = Counter(names).most_common(1)[0]
    if count > 1:
        raise InvalidParameterError(
            "slices",
            f"must have values of different names, got two that are called {name!r}; convert "
            "the column to one type",
        )


def _plain(value: Any) -> Any:
    """A value that JSON can hold."""
    value = value.item() if isinstance(value, np.generic) else value
    return value if isinstance(value, (bool, int, float, str)) else str(value)
