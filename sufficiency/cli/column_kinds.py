"""Whether a column of a table holds numbers or categories, and what is refused."""

import re
from collections.abc import Mapping
from numbers import Real

import numpy as np
import numpy.typing as npt
import pandas as pd

from sufficiency.cli.errors import BadInput

# A text column with more categories than this, and than half of its rows, names the rows.
FEW_CATEGORIES = 20
# Commas for points, or between thousands.
_COMMAS = re.compile(r"[-+]?[\d.,]*\d,\d[\d.,]*")
_DATE = re.compile(r"\d{4}-\d{1,2}-\d{1,2}\b|\d{1,2}[./]\d{1,2}[./]\d{2,4}\b|\d{1,2}:\d{2}\b")


class FeatureKind:
    """What the rows of a feature, which are shown a block at a time, have in common."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.n_rows = 0
        self.texts: dict[str, int] = {}  # with the first row of each
        self.fits_float32 = True
        self._refusal: BadInput | None = None
        self._numbers_rows = True
        self._last: npt.NDArray[np.float64] = np.empty(0)

    def look(self, column: pd.Series) -> None:
        """Take note of further rows, which must not have gaps."""
        self.n_rows += len(column)
        try:
            plain = plain_values(column)
        except BadInput as refusal:
            self._refusal = self._refusal or refusal
            return
        if plain.dtype == object:
            for text, row in first_rows(plain).items():
                self.texts.setdefault(text, row)
            return
        values = plain.to_numpy()
        steps = np.diff(np.append(self._last, values))
        self._numbers_rows &= bool((steps == 1).all())
        self._last = values[-1:]
        with np.errstate(over="ignore"):
            self.fits_float32 &= bool((values.astype(np.float32) == values).all())

    @property
    def is_text(self) -> bool:
        """Whether the values are categories."""
        return bool(self.texts)

    @property
    def numbers_rows(self) -> bool:
        """Whether each value is the one before and 1."""
        return not self.is_text and self.n_rows > 2 and self._numbers_rows

    def check_values(self) -> None:
        """Refuse what is neither numbers nor text."""
        if self._refusal:
            raise self._refusal

    def check_categories(self) -> None:
        """Refuse text that is no category."""
        if not self.is_text:
            return
        if all(_DATE.match(text) for text in self.texts):
            raise is_a_date(self.name)
        check_no_numbers(
            f"the column {self.name!r}",
            self.texts,
            "leave such a place empty, correct it, or leave the column out with --drop",
        )
        if len(self.texts) > max(FEW_CATEGORIES, self.n_rows // 2):
            raise BadInput(
                f"the column {self.name!r} is text with {len(self.texts)} different values in "
                f"{self.n_rows} rows, which are no categories; leave it out with --drop {self.name}"
            )


def plain_values(column: pd.Series) -> pd.Series:
    """NumPy numbers for whatever is numeric, text for categories."""
    if pd.api.types.is_bool_dtype(column) or pd.api.types.is_numeric_dtype(column):
        if column.dtype.kind == "c":
            raise BadInput(f"the column {column.name!r} holds complex numbers; split it into two")
        return column.astype(np.float64)
    if column.dtype.kind in "mM" or isinstance(column.dtype, (pd.PeriodDtype, pd.IntervalDtype)):
        raise is_a_date(column.name)
    if column.dtype == object:
        if column.map(lambda value: isinstance(value, Real) or hasattr(value, "as_tuple")).all():
            return column.astype(np.float64)  # decimals, and numbers among objects
        if column.map(lambda value: hasattr(value, "year") or hasattr(value, "hour")).any():
            raise is_a_date(column.name)
        if not column.map(lambda value: isinstance(value, (str, bool, int, float))).all():
            kind = type(column.iloc[0]).__name__
            raise BadInput(
                f"the column {column.name!r} holds values of the kind {kind}, which are neither "
                "numbers nor categories; leave it out with --drop"
            )
    return column.astype(str).astype(object)


def first_rows(texts: pd.Series) -> dict[str, int]:
    """Texts that occur, in the order of the rows, each with the first row that it is in."""
    unique = texts.drop_duplicates()
    return dict(zip(unique, unique.index.tolist(), strict=True))


def is_a_date(name: object) -> BadInput:
    """What dates and times are refused with."""
    return BadInput(
        f"the column {name!r} holds dates or times; replace it by numbers that mean something, "
        f"such as the days since the first one, or leave it out with --drop {name}"
    )


def check_no_numbers(what: str, texts: Mapping[str, int], remedy: str, fewest: int = 0) -> None:
    """Refuse text that was meant to be numbers, if more than `fewest` values differ."""
    values = pd.Series(list(texts), dtype=object)
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
        row = texts[first] + 1
        raise BadInput(f"{what} is numbers, but not in row {row}, which says {first!r}; {remedy}")
