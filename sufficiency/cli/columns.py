"""Columns as numbers: what is encoded, what is refused, and which rows have gaps."""

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from numbers import Real

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.preprocessing import OneHotEncoder

from sufficiency._types import Booleans, Floats, Integers
from sufficiency.cli.errors import BadInput
from sufficiency.cli.reading import Source

# A text column with more categories than this, and than half of its rows, names the rows.
_FEW_CATEGORIES = 20
# Row numbers and categories that are listed.
_LISTED = 5
# Commas for points, or between thousands.
_COMMAS = re.compile(r"[-+]?[\d.,]*\d,\d[\d.,]*")
_DATE = re.compile(r"\d{4}-\d{1,2}-\d{1,2}\b|\d{1,2}[./]\d{1,2}[./]\d{2,4}\b|\d{1,2}:\d{2}\b")


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


def prepare(source: Source, *, drop_missing: bool = False) -> Data:
    """Turn what a file holds into arrays that nets can be trained on."""
    gaps = dict(_gaps(source))
    missing = np.any(list(gaps.values()), axis=0)
    if missing.any():
        if not drop_missing:
            raise BadInput(_about_gaps(source, gaps, np.flatnonzero(missing)))
        if missing.all():
            raise BadInput(f"{source.path} has no row without missing values; drop columns instead")
        source = replace(
            source,
            features=source.features[~missing],
            target=source.target[~missing],
            groups=None if source.groups is None else source.groups[~missing],
            slices={name: of[~missing] for name, of in source.slices.items()},
        )
    if isinstance(source.features, pd.DataFrame):
        X, encoded = _encode(source.features)
    else:
        X, encoded = _numeric_array(source), {}
    groups = None if source.groups is None else pd.factorize(source.groups)[0]
    slices = {name: _in_words(of) for name, of in source.slices.items()}
    rows = np.flatnonzero(~missing)
    return Data(source, X, _target(source), groups, encoded, int(missing.sum()), slices, rows)


def _gaps(source: Source) -> Iterator[tuple[str, Booleans]]:
    """Where values are missing or infinite, by column or array."""
    features, target = source.features, source.target
    if isinstance(features, pd.DataFrame):
        for name in features:
            yield str(name), _missing(features[name])
    else:
        yield "the features", _missing(features)
    yield source.target_name, _missing(target)
    if source.groups is not None:
        yield str(source.groups.name or "the groups"), _missing(source.groups)
    for name, partition in source.slices.items():
        yield name, _missing(partition)


def _missing(values: pd.Series | npt.NDArray) -> Booleans:
    found: Booleans = np.asarray(pd.isna(values))
    if values.dtype.kind == "f":
        found = found | np.isinf(np.asarray(values, dtype=np.float64))
    return np.asarray(found.reshape(len(found), -1).any(axis=1))


def _about_gaps(source: Source, gaps: dict[str, Booleans], rows: Integers) -> str:
    columns = [repr(name) for name, missing in gaps.items() if missing.any()]
    others = f" and {len(columns) - _LISTED} more" if len(columns) > _LISTED else ""
    numbers = ", ".join(str(row + 1) for row in rows[:_LISTED])
    more = ", …" if len(rows) > _LISTED else ""
    return (
        f"{len(rows)} of {len(source.target)} rows of {source.path} have missing or infinite "
        f"values, in {', '.join(columns[:_LISTED])}{others} (rows {numbers}{more}, counted from 1 "
        "without the header); fill them in, leave these rows out with --drop-missing, or a column "
        "with --drop"
    )


def _encode(table: pd.DataFrame) -> tuple[Floats, dict[str, list[str]]]:
    """Numbers as they are, then one column for each category; (n, d) and the categories."""
    table = pd.DataFrame({name: _plain(table[name]) for name in table})
    texts = [name for name in table if table[name].dtype.kind not in "biuf"]
    for name in table:
        if name in texts:
            _check_categories(name, table[name])
        elif len(table) > 2 and (table[name].diff().iloc[1:] == 1).all():
            warnings.warn(
                f"the column {name!r} numbers the rows; leave it out with --drop, unless their "
                "order means something",
                UserWarning,
                stacklevel=2,
            )
    numbers = table.drop(columns=texts).to_numpy(np.float64)
    if not texts:
        return numbers, {}
    encoder = OneHotEncoder(sparse_output=False)
    X = np.hstack([encoder.fit_transform(table[texts]), numbers])
    return X, {
        name: [str(value) for value in values]
        for name, values in zip(texts, encoder.categories_, strict=True)
    }


def _plain(column: pd.Series) -> pd.Series:
    """NumPy numbers for whatever is numeric, text for categories."""
    if pd.api.types.is_bool_dtype(column) or pd.api.types.is_numeric_dtype(column):
        if column.dtype.kind == "c":
            raise BadInput(f"the column {column.name!r} holds complex numbers; split it into two")
        return column.astype(np.float64)
    if column.dtype.kind in "mM" or isinstance(column.dtype, (pd.PeriodDtype, pd.IntervalDtype)):
        raise _is_a_date(column)
    if column.dtype == object:
        if column.map(lambda value: isinstance(value, Real) or hasattr(value, "as_tuple")).all():
            return column.astype(np.float64)  # decimals, and numbers among objects
        if column.map(lambda value: hasattr(value, "year") or hasattr(value, "hour")).any():
            raise _is_a_date(column)
        if not column.map(lambda value: isinstance(value, (str, bool, int, float))).all():
            kind = type(column.iloc[0]).__name__
            raise BadInput(
                f"the column {column.name!r} holds values of the kind {kind}, which are neither "
                "numbers nor categories; leave it out with --drop"
            )
    return column.astype(str).astype(object)


def _in_words(partition: pd.Series) -> pd.Series:
    """Values that can be read in the name of a slice: whole numbers, and text for most others."""
    if partition.dtype.kind == "f" and (partition % 1 == 0).all():
        return partition.map(int)  # a file with gaps has 3.0 for 3
    if partition.dtype.kind in "biuf":
        return partition
    texts = (v.decode(errors="replace") if isinstance(v, bytes) else str(v) for v in partition)
    return pd.Series(list(texts), partition.index, dtype=object)


def _is_a_date(column: pd.Series) -> BadInput:
    return BadInput(
        f"the column {column.name!r} holds dates or times; replace it by numbers that mean "
        f"something, such as the days since the first one, or leave it out with --drop "
        f"{column.name}"
    )


def _check_categories(name: str, column: pd.Series) -> None:
    values = pd.unique(column)
    if all(_DATE.match(value) for value in values):
        raise _is_a_date(column)
    _check_no_numbers(
        f"the column {name!r}",
        column,
        "leave such a place empty, correct it, or leave the column out with --drop",
    )
    if len(values) > max(_FEW_CATEGORIES, len(column) // 2):
        raise BadInput(
            f"the column {name!r} is text with {len(values)} different values in {len(column)} "
            f"rows, which are no categories; leave it out with --drop {name}"
        )


def _check_no_numbers(what: str, column: pd.Series, remedy: str, fewest: int = 0) -> None:
    """Refuse text that was meant to be numbers, if more than `fewest` values differ."""
    values = pd.Series(pd.unique(column), dtype=object)
    others = values[pd.to_numeric(values, errors="coerce").isna()]
    if others.empty:
        return
    first = others.iloc[0]
    if all(_COMMAS.fullmatch(value.strip()) for value in others):
        raise BadInput(
            f"{what} holds numbers with commas, such as {first!r}; write them with a decimal "
            "point, and nothing between thousands"
        )
    if 2 * len(others) < len(values) and len(values) > fewest:
        # labels of the rows are their numbers in the file, some may have been left out
        row = int(column.index[column == first][0]) + 1
        raise BadInput(f"{what} is numbers, but not in row {row}, which says {first!r}; {remedy}")


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
        raise _is_a_date(target)
    if target.dtype == object and target.map(lambda value: hasattr(value, "as_tuple")).all():
        return target.astype(np.float64).to_numpy()
    labels = target.astype(str)
    _check_no_numbers(
        f"the target {source.target_name!r}",
        labels.astype(object),
        "correct it, or leave the place empty and the row out with --drop-missing",
        fewest=_FEW_CATEGORIES,  # classes may well be 1, 2 and other
    )
    return labels.to_numpy(dtype=str)
