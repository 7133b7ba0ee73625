"""Tables and arrays from files, with errors that say what to change."""

import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from sufficiency.cli.errors import BadInput, did_you_mean, one_line
from sufficiency.cli.tables import CsvTable, ParquetTable, Table

_CSV = (".csv", ".tsv", ".txt")
_PARQUET = (".parquet", ".pq")
_PACKED = (".gz", ".bz2", ".xz", ".zst")
# Names that an error lists.
_LISTED = 12
# As shells pass it on, which know no tabs.
_TABS = {"\\t", "tab"}
# Values that are held at once.
_BLOCK = 1 << 20
_DAMAGES = (OSError, EOFError, KeyError, AttributeError, TypeError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True, eq=False)
class Columns:
    """Some columns of a table, a few megabytes at a time."""

    table: Table
    names: list[str]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.table.n_rows, len(self.names)

    def blocks(self, width: int | None = None) -> Iterator[pd.DataFrame]:
        """All rows in order; `width` is the number of values that become of a row."""
        width = len(self.names) if width is None else width
        return self.table.blocks(self.names, max(1, _BLOCK // width))


@dataclass(frozen=True, eq=False)
class Source:
    """Features and target as they stand in a file."""

    path: Path
    features: Columns | npt.NDArray
    target: pd.Series | npt.NDArray
    target_name: str
    groups: pd.Series | None = None
    slices: dict[str, pd.Series] = field(default_factory=dict)  # by partition


def read_source(
    path: Path,
    *,
    target: str | None,
    features: Sequence[str] = (),
    drop: Sequence[str] = (),
    groups: str | None = None,
    slices: Sequence[str] = (),
    separator: str | None = None,
) -> Source:
    """Read a file of a known kind."""
    kind = _kind(path)
    if kind == ".npz":
        if drop or separator:
            raise BadInput(f"--drop and --separator are about columns, and {path} holds arrays")
        return _read_npz(path, target or "y", features, groups, slices)
    table = _table(path, kind, separator)
    return _choose_columns(path, table, target, features, drop, groups, slices)


def read_samples(path: Path, separator: str | None = None) -> pd.DataFrame | npt.NDArray:
    """All rows of a table with all its columns, or the array X, to look at."""
    kind = _kind(path)
    if kind == ".npz":
        return _load_arrays(path, [("--data", "X")])[0]
    table = _table(path, kind, separator)
    return pd.concat([*table.blocks(table.names, max(1, table.n_rows)), pd.DataFrame()])


def _kind(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() not in _PACKED]
    return suffixes[-1] if suffixes else ""


def _table(path: Path, kind: str, separator: str | None) -> Table:
    if kind in _CSV:
        return CsvTable(path, _separator(separator, kind))
    if kind in _PARQUET:
        return ParquetTable(path)
    raise BadInput(
        f"{path} must be a file of the kind {', '.join((*_CSV, *_PARQUET, '.npz'))}, got "
        f"{kind or 'no suffix'}; convert it, or give it its suffix"
    )


def _separator(given: str | None, kind: str) -> str:
    if given is None:
        return "\t" if kind == ".tsv" else ","
    if given in _TABS:
        return "\t"
    if len(given) != 1:
        raise BadInput(f"--separator must be one character, or \\t for a tab, got {given!r}")
    return given


def _choose_columns(
    path: Path,
    table: Table,
    target: str | None,
    features: Sequence[str],
    drop: Sequence[str],
    groups: str | None,
    slices: Sequence[str],
) -> Source:
    names = table.names
    if target is None:
        raise BadInput(f"--target must name a column of {path}, which has {_listed(names)}")
    wanted = [
        ("--target", target),
        *(("--features", name) for name in features),
        *(("--drop", name) for name in drop),
        *([("--groups", groups)] if groups is not None else []),
        *(("--slice", name) for name in slices),
    ]
    _check_names(path, "column", wanted, names)
    if not table.n_rows:
        raise BadInput(f"{path} has names of columns and no rows; there is nothing to measure")
    roles = {"--features": features, "--drop": drop, "--groups": [groups], "--slice": slices}
    for option, chosen in roles.items():
        if target in chosen:
            raise BadInput(f"{option} must not name the target {target!r}, which is to be learned")
    left_out = {target, groups, *drop}
    offered = features or [name for name in names if name not in slices]
    others = [name for name in dict.fromkeys(offered) if name not in left_out]
    if not others:
        raise BadInput(f"{path} has no columns left as features beside the target {target!r}")
    grouped_by = None if groups is None else table.column(groups)
    sliced_by = {name: table.column(name) for name in slices}
    return Source(path, Columns(table, others), table.column(target), target, grouped_by, sliced_by)


def _check_names(
    path: Path, kind: str, wanted: Iterable[tuple[str, str]], names: Sequence[str]
) -> None:
    for option, name in wanted:
        if name not in names:
            alone = names[0] if len(names) == 1 and kind == "column" else ""
            inside = [mark for mark in ";\t|" if mark in alone]
            separator = f"; is {inside[0]!r} its --separator?" if inside else ""
            raise BadInput(
                f"{option} {name}: {path} has no such {kind}{did_you_mean(name, list(names))}; "
                f"there are {_listed(names)}{separator}"
            )


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _LISTED
    listed = ", ".join(repr(name) for name in names[:_LISTED])
    return f"{listed} and {more} more" if more > 0 else listed


def _read_npz(
    path: Path, target: str, features: Sequence[str], groups: str | None, slices: Sequence[str]
) -> Source:
    if len(features) > 1:
        raise BadInput(f"--features must name one array of {path}, got {', '.join(features)}")
    wanted = [("--features", features[0] if features else "X"), ("--target", target)]
    wanted += [("--groups", groups)] if groups is not None else []
    wanted += [("--slice", name) for name in dict.fromkeys(slices)]
    arrays = _load_arrays(path, wanted)
    X, y, *others = arrays
    for (option, name), array in zip(wanted, arrays, strict=True):
        if array.ndim == 0 or len(array) == 0:
            raise BadInput(
                f"{option}: the array {name!r} of {path} is empty; there is nothing to measure"
            )
        if len(array) != len(X):
            raise BadInput(
                f"{option}: the array {name!r} of {path} must have an entry for each of the "
                f"{len(X)} samples of {wanted[0][1]!r}, got {len(array)}"
            )
        if option in ("--groups", "--slice") and array.ndim > 1:
            raise BadInput(
                f"{option}: the array {name!r} of {path} must have one dimension, got "
                f"{array.ndim}; save a number or a name for each sample"
            )
    if X.ndim == 1:
        raise BadInput(
            f"--features: the array {wanted[0][1]!r} of {path} must have a row for each sample, "
            "got one dimension; save it as X[:, None]"
        )
    named_groups = pd.Series(others.pop(0)) if groups is not None else None
    sliced_by = dict(zip(dict.fromkeys(slices), map(pd.Series, others), strict=True))
    return Source(path, X, y, target, named_groups, sliced_by)


def _load_arrays(path: Path, wanted: Sequence[tuple[str, str]]) -> list[npt.NDArray]:
    try:
        if not zipfile.is_zipfile(path):
            raise zipfile.BadZipFile("it is no archive")
        # opened here, since np.load leaves a damaged file open
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            _check_names(path, "array", wanted, archive.files)
            return [archive[name] for _, name in wanted]
    except ValueError as error:
        reason = "it holds Python objects, which can run code"
        reason = reason if "pickle" in str(error) else one_line(error)
        raise BadInput(
            f"{path} cannot be read ({reason}); save plain arrays with numpy.savez"
        ) from None
    # whatever a damaged archive makes the readers stumble over
    except _DAMAGES as error:
        raise BadInput(
            f"{path} cannot be read as an NPZ file ({one_line(error)}); it may be damaged: save "
            "it again with numpy.savez"
        ) from None
