"""Columns as numbers: what is encoded, what is refused, and which rows have gaps."""

import shutil
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.preprocessing import OneHotEncoder

from sufficiency._types import Booleans, Floats, Integers
from sufficiency.cli.column_kinds import (
    FEW_CATEGORIES,
    FeatureKind,
    check_spelling,
    check_text,
    first_rows,
    is_a_date,
    plain_values,
)
from sufficiency.cli.errors import BadInput
from sufficiency.cli.reading import Columns, Source

# Row numbers and categories that are listed.
_LISTED = 5
# Features that take more bytes as float64 lie in a file.
_IN_MEMORY = 1 << 26


@dataclass(frozen=True, eq=False)
class Data:
    """Samples as arrays; `encoded` has the categories of columns of text."""

    source: Source
    X: npt.NDArray
    y: npt.NDArray
    groups: npt.NDArray | None
    encoded: dict[str, list[str]]
    n_dropped: int
    slices: dict[str, pd.Series] = field(default_factory=dict)
    rows: Integers | None = None  # (n,) in the file, from 0; None: all of them


class _Gaps:
    """Rows with missing or infinite values, and whether a column or array has any."""

    def __init__(self, n_rows: int, names: list[str]) -> None:
        self.rows: Booleans = np.zeros(n_rows, dtype=np.bool_)
        self.names = dict.fromkeys(names, False)

    def note(self, name: str, values: pd.Series | npt.NDArray, first: int = 0) -> None:
        """Look at the rows from `first` on."""
        missing = _missing(values)
        self.rows[first : first + len(missing)] |= missing
        self.names[name] |= bool(missing.any())


def prepare(source: Source, folder: Path, *, drop_missing: bool = False) -> Data:
    """
    Turn what a file holds into arrays that nets can be trained on.

    The features of a table are read twice, a block at a time: to find their gaps and categories,
    then to encode them. If they would take much memory, they become a memory map in `folder`.
    """
    features = source.features
    columns = features if isinstance(features, Columns) else None
    gaps, kinds = _look(source, columns)
    kept = ~gaps.rows
    if not kept.all():
        if not drop_missing:
            raise BadInput(_about_gaps(source, gaps))
        if not kept.any():
            raise BadInput(f"{source.path} has no row without missing values; drop columns instead")
        source = replace(
            source,
            features=features if isinstance(features, Columns) else features[kept],
            target=source.target[kept],
            groups=None if source.groups is None else source.groups[kept],
            slices={name: of[kept] for name, of in source.slices.items()},
        )
    _check_features(kinds)
    y = _target(source)
    encoded = {kind.name: sorted(kind.texts) for kind in kinds if kind.is_text}
    if columns is None:
        X = _numeric_array(source)
    else:
        width = sum(len(kind.texts) or 1 for kind in kinds)
        exact = all(kind.fits_float32 for kind in kinds)
        blocks = _encode(columns, encoded, kept, width)
        X = _stored(source.path, blocks, (len(y), width), exact, folder)
    groups = None if source.groups is None else pd.factorize(source.groups)[0]
    slices = {name: _in_words(of) for name, of in source.slices.items()}
    rows = np.flatnonzero(kept)
    return Data(source, X, y, groups, encoded, int(gaps.rows.sum()), slices, rows)


def _look(source: Source, columns: Columns | None) -> tuple[_Gaps, list[FeatureKind]]:
    """Gaps of everything, and the kinds of the columns, of rows without gaps."""
    whole = {} if columns else {"the features": source.features}
    whole[source.target_name] = source.target
    if source.groups is not None:
        whole[str(source.groups.name or "the groups")] = source.groups
    whole |= source.slices
    kinds = [FeatureKind(name) for name in columns.names] if columns else []
    gaps = _Gaps(len(source.target), [*(kind.name for kind in kinds), *whole])
    for name, values in whole.items():
        gaps.note(name, values)
    for block in columns.blocks() if columns else ():
        for kind in kinds:
            gaps.note(kind.name, block[kind.name], block.index.start)
        block = block[~gaps.rows[block.index]]
        for kind in kinds if len(block) else ():
            kind.look(block[kind.name])
    return gaps, kinds


def _check_features(kinds: list[FeatureKind]) -> None:
    for kind in kinds:
        kind.check_values()
    for kind in kinds:
        kind.check_categories()
    for kind in kinds:
        if kind.numbers_rows:
            said = "numbers the rows; leave it out with --drop, unless their order means something"
        elif kind.identifies_rows:
            said = "has another whole number in every row; if it is an ID, leave it out with --drop"
        else:
            continue
        warnings.warn(f"the column {kind.name!r} {said}", UserWarning, stacklevel=2)


def _in_words(partition: pd.Series) -> pd.Series:
    """Values that can be read in the name of a slice: whole numbers, and text for most others."""
    if partition.dtype.kind == "f" and (partition % 1 == 0).all():
        return partition.map(int)  # a file with gaps has 3.0 for 3
    if partition.dtype.kind in "biuf":
        return partition
    texts = (v.decode(errors="replace") if isinstance(v, bytes) else str(v) for v in partition)
    return pd.Series(list(texts), partition.index, dtype=object)


def _missing(values: pd.Series | npt.NDArray) -> Booleans:
    found: Booleans = np.asarray(pd.isna(values))
    if values.dtype.kind == "f":
        found = found | np.isinf(np.asarray(values, dtype=np.float64))
    return np.asarray(found.reshape(len(found), -1).any(axis=1))


def _about_gaps(source: Source, gaps: _Gaps) -> str:
    columns = [repr(name) for name, has_some in gaps.names.items() if has_some]
    rows = np.flatnonzero(gaps.rows)
    others = f" and {len(columns) - _LISTED} more" if len(columns) > _LISTED else ""
    numbers = ", ".join(str(row + 1) for row in rows[:_LISTED])
    more = ", …" if len(rows) > _LISTED else ""
    return (
        f"{len(rows)} of {len(source.target)} rows of {source.path} have missing or infinite "
        f"values, in {', '.join(columns[:_LISTED])}{others} (rows {numbers}{more}, counted from 1 "
        "without the header; NA, None, nan and the like count as missing); fill them in, leave "
        "these rows out with --drop-missing, or a column with --drop"
    )


def _encode(
    columns: Columns, encoded: dict[str, list[str]], kept: Booleans, width: int
) -> Iterator[Floats]:
    """One column for each category, then the numbers as they are, in blocks of rows."""
    texts = list(encoded)
    numbers = [name for name in columns.names if name not in encoded]
    encoder = OneHotEncoder(categories=list(encoded.values()), sparse_output=False)
    if texts:
        encoder.fit(pd.DataFrame({name: encoded[name][:1] for name in texts}, dtype=object))
    for block in columns.blocks(width):
        block = block[kept[block.index]]
        if block.empty:
            continue
        plain = pd.DataFrame({name: plain_values(block[name]) for name in block})
        values = plain[numbers].to_numpy(np.float64)
        yield np.hstack([encoder.transform(plain[texts]), values]) if texts else values


def _stored(
    path: Path, blocks: Iterator[Floats], shape: tuple[int, int], exact: bool, folder: Path
) -> npt.NDArray:
    """Blocks of rows as one array: of float64, or in a file, of float32 if that is `exact`."""
    if 8 * shape[0] * shape[1] <= _IN_MEMORY:
        return np.concatenate(list(blocks))
    dtype = np.dtype(np.float32 if exact else np.float64)
    needed, free = shape[0] * shape[1] * dtype.itemsize, shutil.disk_usage(folder).free
    if needed > free:
        raise BadInput(
            f"{path} takes {needed / 1e9:.1f} GB of disk as numbers, and {folder} has "
            f"{free / 1e9:.1f} GB left; leave out columns with many categories with --drop, or "
            "set TMPDIR to a larger disk"
        )
    place = folder / "features"
    with place.open("wb") as file:
        for block in blocks:
            file.write(np.ascontiguousarray(block, dtype).data)
    return np.memmap(place, dtype, "r", shape=shape)


def _numeric_array(source: Source) -> npt.NDArray:
    X = np.asarray(source.features)
    if X.dtype.kind not in "biuf":
        raise BadInput(
            f"the features of {source.path} must be numbers, got an array of dtype {X.dtype}; "
            "encode it first, or save a table as CSV"
        )
    return X.astype(np.float64) if X.dtype.kind == "b" else X


def _target(source: Source) -> npt.NDArray:
    """Numbers as NumPy's, everything else as text."""
    target = source.target
    if not isinstance(target, pd.Series):
        return target.astype(str) if target.dtype.kind in "SUb" else target
    if pd.api.types.is_numeric_dtype(target) and not pd.api.types.is_bool_dtype(target):
        whole = pd.api.types.is_integer_dtype(target)
        return target.to_numpy(dtype=np.int64 if whole else np.float64)
    if target.dtype.kind in "mM":
        raise is_a_date(target.name)
    if target.dtype == object and target.map(lambda value: hasattr(value, "as_tuple")).all():
        return target.astype(np.float64).to_numpy()
    labels = target.astype(str)
    what, texts = f"the target {source.target_name!r}", first_rows(labels.astype(object))
    check_text(
        source.target_name,
        what,
        texts,
        "correct it, or leave the place empty and the row out with --drop-missing",
        fewest=FEW_CATEGORIES,  # classes may well be 1, 2 and other
    )
    check_spelling(what, texts)
    return labels.to_numpy(dtype=str)
