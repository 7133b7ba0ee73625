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
from sufficiency.cli.frames import read_csv, read_excel, read_json
from sufficiency.cli.inputs import Input, Layout, find_input
from sufficiency.cli.tables import ParquetTable, Table, mostly_numbers

# Names that an error lists.
_LISTED = 12
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
    folder: Path,
    *,
    target: str | None,
    features: Sequence[str] = (),
    drop: Sequence[str] = (),
    groups: str | None = None,
    slices: Sequence[str] = (),
    layout: Layout | None = None,
) -> Source:
    """Read a file of a known format; `folder` is for what has to be a file first."""
    layout = layout or Layout()
    file = find_input(path, folder, layout.format)
    layout.check(file)
    if file.format == "npz":
        if drop:
            raise BadInput(f"--drop is about columns, and {file} holds arrays")
        return _read_npz(file, target or "y", features, groups, slices)
    table = _table(file, layout)
    return _choose_columns(file, table, target, features, drop, groups, slices)


def read_samples(path: Path, folder: Path, layout: Layout) -> pd.DataFrame | npt.NDArray:
    """All rows of a table with all its columns, or the array X, to look at."""
    file = find_input(path, folder, layout.format)
    layout.check(file)
    if file.format == "npz":
        return _load_arrays(file, [("--data", "X")])[0]
    table = _table(file, layout)
    return pd.concat([*table.blocks(table.names, max(1, table.n_rows)), pd.DataFrame()])


def _table(file: Input, layout: Layout) -> Table:
    if file.format == "csv":
        return read_csv(file, layout)
    if file.format == "excel":
        return read_excel(file, layout)
    return ParquetTable(file) if file.format == "parquet" else read_json(file, layout)


def _choose_columns(
    file: Input,
    table: Table,
    target: str | None,
    features: Sequence[str],
    drop: Sequence[str],
    groups: str | None,
    slices: Sequence[str],
) -> Source:
    names = table.names
    if target is None:
        raise BadInput(
            f"--target must name a column of {file}, which has {_listed(names)}{table.hint}"
        )
    wanted = [
        ("--target", target),
        *(("--features", name) for name in features),
        *(("--drop", name) for name in drop),
        *([("--groups", groups)] if groups is not None else []),
        *(("--slice", name) for name in slices),
    ]
    _check_names(file, "column", wanted, names, table.hint)
    if not table.n_rows:
        raise BadInput(f"{file} has names of columns and no rows; there is nothing to measure")
    roles = {"--features": features, "--drop": drop, "--groups": [groups], "--slice": slices}
    for option, chosen in roles.items():
        if target in chosen:
            raise BadInput(f"{option} must not name the target {target!r}, which is to be learned")
    left_out = {target, groups, *drop}
    offered = features or [name for name in names if name not in slices]
    others = [name for name in dict.fromkeys(offered) if name not in left_out]
    if not others:
        raise BadInput(f"{file} has no columns left as features beside the target {target!r}")
    grouped_by = None if groups is None else table.column(groups)
    sliced_by = {name: table.column(name) for name in slices}
    learned = table.column(target)
    _check_header(file, names, target, learned)
    path = Path(file.name)
    return Source(path, Columns(table, others), learned, target, grouped_by, sliced_by)


def _check_header(file: Input, names: Sequence[str], target: str, values: pd.Series) -> None:
    """Refuse a first row that was taken for names."""
    if mostly_numbers(names) and target in set(values.astype(str)):
        raise BadInput(
            f"--target {target}: the first line of {file} holds values such as that and no names; "
            "number the columns with --no-header, or write names above them"
        )


def _check_names(
    file: Input,
    kind: str,
    wanted: Iterable[tuple[str, str]],
    names: Sequence[str],
    hint: str = "",
) -> None:
    for option, name in wanted:
        if name not in names:
            raise BadInput(
                f"{option} {name}: {file} has no such {kind}{did_you_mean(name, list(names))}; "
                f"there are {_listed(names)}{hint}"
            )


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _LISTED
    listed = ", ".join(repr(name) for name in names[:_LISTED])
    return f"{listed} and {more} more" if more > 0 else listed


def _read_npz(
    file: Input, target: str, features: Sequence[str], groups: str | None, slices: Sequence[str]
) -> Source:
    if len(features) > 1:
        raise BadInput(f"--features must name one array of {file}, got {', '.join(features)}")
    wanted = [("--features", features[0] if features else "X"), ("--target", target)]
    wanted += [("--groups", groups)] if groups is not None else []
    wanted += [("--slice", name) for name in dict.fromkeys(slices)]
    arrays = _load_arrays(file, wanted)
    X, y, *others = arrays
    for (option, name), array in zip(wanted, arrays, strict=True):
        if array.ndim == 0 or len(array) == 0:
            raise BadInput(
                f"{option}: the array {name!r} of {file} is empty; there is nothing to measure"
            )
        if len(array) != len(X):
            raise BadInput(
                f"{option}: the array {name!r} of {file} must have an entry for each of the "
                f"{len(X)} samples of {wanted[0][1]!r}, got {len(array)}"
            )
        if option in ("--groups", "--slice") and array.ndim > 1:
            raise BadInput(
                f"{option}: the array {name!r} of {file} must have one dimension, got "
                f"{array.ndim}; save a number or a name for each sample"
            )
    if X.ndim == 1:
        raise BadInput(
            f"--features: the array {wanted[0][1]!r} of {file} must have a row for each sample, "
            "got one dimension; save it as X[:, None]"
        )
    named_groups = pd.Series(others.pop(0)) if groups is not None else None
    sliced_by = dict(zip(dict.fromkeys(slices), map(pd.Series, others), strict=True))
    return Source(Path(file.name), X, y, target, named_groups, sliced_by)


def _load_arrays(file: Input, wanted: Sequence[tuple[str, str]]) -> list[npt.NDArray]:
    try:
        if not zipfile.is_zipfile(file.path):
            raise zipfile.BadZipFile("it is no archive")
        # opened here, since np.load leaves a damaged file open
        with file.path.open("rb") as opened, np.load(opened, allow_pickle=False) as archive:
            _check_names(file, "array", wanted, archive.files)
            return [archive[name] for _, name in wanted]
    except ValueError as error:
        reason = "it holds Python objects, which can run code"
        reason = reason if "pickle" in str(error) else one_line(error)
        raise BadInput(
            f"{file} cannot be read ({reason}); save plain arrays with numpy.savez"
        ) from None
    # whatever a damaged archive makes the readers stumble over
    except _DAMAGES as error:
        raise BadInput(
            f"{file} cannot be read as an NPZ file ({one_line(error)}); it may be damaged: save "
            "it again with numpy.savez"
        ) from None
