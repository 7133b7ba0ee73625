"""Tables in files: whole columns, and blocks of rows, as often as they are asked for."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pandas as pd

from sufficiency.cli.errors import BadInput, one_line
from sufficiency.cli.inputs import Input

# Bytes of a column that are read at once.
_BUFFER = 1 << 20


class Table(ABC):
    """Columns with names of their own, and rows that are numbered from 0."""

    names: list[str]
    n_rows: int

    @property
    def hint(self) -> str:
        """Why a name may not be there, or nothing."""
        return ""

    @abstractmethod
    def column(self, name: str) -> pd.Series:
        """All rows of one column."""

    @abstractmethod
    def blocks(self, names: Sequence[str], n_rows: int) -> Iterator[pd.DataFrame]:
        """All rows of some columns, at most `n_rows` at a time."""


class FrameTable(Table):
    """A table in memory, whose names were in the first line of a file."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame
        self._frame.columns = [str(name) for name in frame.columns]
        self.names = list(self._frame.columns)
        self.n_rows = len(self._frame)

    @property
    def hint(self) -> str:
        """What may be wrong with the first line."""
        return header_hint(self.names)

    def column(self, name: str) -> pd.Series:
        """All rows of one column."""
        return self._frame[name]

    def blocks(self, names: Sequence[str], n_rows: int) -> Iterator[pd.DataFrame]:
        """All rows of some columns, at most `n_rows` at a time."""
        for start in range(0, self.n_rows, n_rows):
            yield self._frame.iloc[start : start + n_rows][list(names)]


class ParquetTable(Table):
    """A Parquet file, of which nothing but its schema is kept."""

    def __init__(self, source: Input) -> None:
        self._input = source
        with self._open() as file:
            # without what pandas has stored as names of rows
            columns = file.schema_arrow.empty_table().to_pandas().columns
            self.names = [str(name) for name in columns]
            self.n_rows = file.metadata.num_rows
        refuse_repeated(source, self.names)

    @contextmanager
    def _open(self) -> Iterator[Any]:
        try:
            from pyarrow.parquet import ParquetFile
        except ImportError:
            raise BadInput(
                f'{self._input} needs pyarrow to be read; pip install "sufficiency[parquet]", or '
                "save it as CSV"
            ) from None
        try:
            # read as it is asked for, where a whole row group would be fetched in advance
            with ParquetFile(self._input.path, pre_buffer=False, buffer_size=_BUFFER) as file:
                yield file
        # pyarrow's own errors, whose classes are known to pyarrow only
        except Exception as error:
            raise BadInput(
                f"{self._input} cannot be read as Parquet ({one_line(error)}); it may be damaged "
                "or of another kind: write it again"
            ) from error

    def column(self, name: str) -> pd.Series:
        """All rows of one column."""
        with self._open() as file:
            return _framed(file.read(columns=[name]), 0)[name]

    def blocks(self, names: Sequence[str], n_rows: int) -> Iterator[pd.DataFrame]:
        """All rows of some columns, at most `n_rows` at a time."""
        start = 0
        with self._open() as file:
            for batch in file.iter_batches(batch_size=n_rows, columns=list(names)):
                block = _framed(batch, start)[list(names)]
                start += len(block)
                yield block


def _framed(batch: Any, first: int) -> pd.DataFrame:
    """Rows of a Parquet file, of which the first has this number."""
    frame = batch.to_pandas()
    frame.columns = [str(name) for name in frame.columns]
    frame.index = pd.RangeIndex(first, first + len(frame))
    return frame


def refuse_repeated(file: Input, names: Sequence[str]) -> None:
    """Refuse a name that several columns have."""
    given = pd.Series(names, dtype=object)
    repeated = given[given.duplicated() & (given != "")]
    if len(repeated):
        raise BadInput(
            f"{file} has several columns {repeated.iloc[0]!r}; give each a name of its own"
            f"{header_hint([str(name) for name in names])}"
        )


def header_hint(names: Sequence[str]) -> str:
    """What the names tell of a first line that holds none, or nothing."""
    alone = names[0] if len(names) == 1 else ""
    for mark in ";\t|":
        if mark in alone:
            return f"; is {mark!r} its --separator?"
    nameless = sum(name.startswith("Unnamed: ") for name in names)
    if names and (names[0].lstrip().startswith(("#", "%", "//")) or nameless > 1):
        return "; leave lines above the names out with --skip-lines"
    if mostly_numbers(names):
        return "; if the first line holds no names, number the columns with --no-header"
    return ""


def mostly_numbers(names: Sequence[str]) -> bool:
    """Whether half of the names or more are numbers, as the values of a first row are."""
    numbers = pd.to_numeric(pd.Series(names, dtype=object), errors="coerce")
    return 2 * int(numbers.notna().sum()) >= len(names)
