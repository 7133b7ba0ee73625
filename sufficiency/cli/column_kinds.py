"""Whether a column of a table holds numbers or categories, and what is refused."""

import re
import warnings
from collections.abc import Mapping
from numbers import Real

import numpy as np
import numpy.typing as npt
import pandas as pd

from sufficiency.cli.errors import BadInput

# A text column with more categories than this, and than half of its rows, names the rows.
FEW_CATEGORIES = 20
# First rows in which it is looked for values that are there once.
_LOOKED_AT = 100_000
# Commas for points, or between thousands.
_COMMAS = re.compile(r"[-+]?[\d.,]*\d,\d[\d.,]*")
# A number with a currency or per cent.
_SIGN = "[$€£¥₹%]"
_SIGNED = re.compile(rf"(?=.*{_SIGN})[-+]?\s*{_SIGN}?\s*[-+]?\d[\d.,]*\s*{_SIGN}?")
_DATE = re.compile(
    r"\d{4}[-/]\d{1,2}[-/]\d{1,2}\b|\d{1,2}([-./])\d{1,2}\1\d{2,4}\b|\d{1,2}:\d{2}\b"
    r"|\d{1,2}[- .]+[A-Za-z]{3,9}[- .,]+\d{2,4}\b|[A-Za-z]{3,9}\.? \d{1,2},? \d{4}\b"
)


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
        self._all_differ = True  # and are whole numbers
        self._seen: npt.NDArray[np.float64] = np.empty(0)

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
        self._note_differing(values)
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

    @property
    def identifies_rows(self) -> bool:
        """Whether every value is a whole number of its own, as far as was looked."""
        return not self.is_text and self.n_rows > FEW_CATEGORIES and self._all_differ

    def _note_differing(self, values: npt.NDArray[np.float64]) -> None:
        values = values[: _LOOKED_AT - len(self._seen)]
        if self._all_differ and len(values):
            self._seen = np.append(self._seen, values)
            whole = bool((values % 1 == 0).all())
            self._all_differ = whole and len(np.unique(self._seen)) == len(self._seen)

    def check_values(self) -> None:
        """Refuse what is neither numbers nor text."""
        if self._refusal:
            raise self._refusal

    def check_categories(self) -> None:
        """Refuse text that is no category."""
        if not self.is_text:
            return
        check_text(
            self.name,
            f"the column {self.name!r}",
            self.texts,
            "leave such a place empty, correct it, or leave the column out with --drop",
        )
        if len(self.texts) > max(FEW_CATEGORIES, self.n_rows // 2):
            raise BadInput(
                f"the column {self.name!r} is text with {len(self.texts)} different values in "
                f"{self.n_rows} rows, which are no categories; leave it out with --drop {self.name}"
            )
        check_spelling(f"the column {self.name!r}", self.texts)


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


def check_text(
    name: object, what: str, texts: Mapping[str, int], remedy: str, fewest: int = 0
) -> None:
    """Refuse text that was meant to be dates, or numbers if more than `fewest` values differ."""
    if all(_DATE.match(text) for text in texts):
        raise is_a_date(name)
    values = pd.Series(list(texts), dtype=object)
    others = values[pd.to_numeric(values, errors="coerce").isna()]
    if others.empty:
        return
    first = others.iloc[0]
    if all(_COMMAS.fullmatch(value.strip()) for value in others):
        raise BadInput(
            f"{what} holds numbers with commas, such as {first!r}; of a CSV file, --decimal , "
            "reads them, or --thousands , where the comma is between thousands; else write them "
            "with a decimal point"
        )
    if all(_SIGNED.fullmatch(value.strip()) for value in others):
        raise BadInput(
            f"{what} holds numbers with signs, such as {first!r}; write the numbers alone: in a "
            "spreadsheet, format the cells as plain numbers and save again"
        )
    if 2 * len(others) < len(values) and len(values) > fewest:
        row = texts[first] + 1
        raise BadInput(f"{what} is numbers, but not in row {row}, which says {first!r}; {remedy}")


def check_spelling(what: str, texts: Mapping[str, int]) -> None:
    """Refuse values that blanks alone tell apart, and warn of those that capitals do."""
    alike: dict[str, list[str]] = {}
    for text in texts:
        alike.setdefault(" ".join(text.split()).casefold(), []).append(text)
    for spellings in alike.values():
        if len(spellings) < 2:
            continue
        both = f"{what} holds both {spellings[0]!r} and {spellings[1]!r}"
        if any(text != " ".join(text.split()) for text in spellings):
            raise BadInput(f"{both}, which differ in blanks or capitals; write them the same way")
        warnings.warn(
            f"{both}, which count as different; write them the same way if they mean the same",
            UserWarning,
            stacklevel=2,
        )
