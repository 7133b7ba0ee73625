"""Tables in files: whole columns, and blocks of rows, as often as they are asked for."""

import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from sufficiency.cli.errors import BadInput, one_line

# Bytes of a column that are read at once.
_BUFFER = 1 << 20


class Table(ABC):
    """Columns with names of their own, and rows that are numbered from 0."""

    names: list[str]
    n_rows: int

    @abstractmethod
    def column(self, name: str) -> pd.Series:
        """All rows of one column."""

    @abstractmethod
    def blocks(self, names: Sequence[str], n_rows: int) -> Iterator[pd.DataFrame]:
        """All rows of some columns, at most `n_rows` at a time."""


class CsvTable(Table):
    """A CSV file, which is read whole: the type of a column depends on all of its values."""

    def __init__(self, path: Path, separator: str) -> None:
        self._frame = _read_csv(path, separator)
        self.names = [str(name) for name in self._frame.columns]
        self.n_rows = len(self._frame)

    def column(self, name: str) -> pd.Series:
        """All rows of one column."""
        return self._frame[name]

    def blocks(self, names: Sequence[str], n_rows: int) -> Iterator[pd.DataFrame]:
        """All rows of some columns, at most `n_rows` at a time."""
        for start in range(0, self.n_rows, n_rows):
            yield self._frame.iloc[start : start + n_rows][list(names)]


class ParquetTable(Table):
    """A Parquet file, of which nothing but its schema is kept."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._open() as file:
            # without what pandas has stored as names of rows
            columns = file.schema_arrow.empty_table().to_pandas().columns
            self.names = [str(name) for name in columns]
            self.n_rows = file.metadata.num_rows
        _refuse_repeated(path, self.names)

    @contextmanager
    def _open(self) -> Iterator[Any]:
        try:
            from pyarrow.parquet import ParquetFile
        except ImportError:
            raise BadInput(
                f'{self._path} needs pyarrow to be read; pip install "sufficiency[parquet]", or '
                "save it as CSV"
            ) from None
        try:
            # read as it is asked for, where a whole row group would be fetched in advance
            with ParquetFile(self._path, pre_buffer=False, buffer_size=_BUFFER) as file:
                yield file
        # pyarrow's own errors, whose classes are known to pyarrow only
        except Exception as error:
            raise BadInput(
                f"{self._path} cannot be read as Parquet ({one_line(error)}); it may be damaged or "
                "of another kind: write it again"
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


def _read_csv(path: Path, separator: str) -> pd.DataFrame:
    try:
        # all of a column at once, so that its type does not depend on the block
        table = pd.read_csv(path, sep=separator, low_memory=False)
        # pandas would number names that are there twice
        header = pd.read_csv(
            path, sep=separator, header=None, nrows=1, dtype=str, keep_default_na=False
        )
    except pd.errors.EmptyDataError:
        raise BadInput(f"{path} is empty; it must hold a line of names and rows below") from None
    except UnicodeDecodeError as error:
        raise BadInput(
            f"{path} must be encoded as UTF-8 ({error}); save it again as such"
        ) from None
    except (pd.errors.ParserError, ValueError, OSError, EOFError, zlib.error) as error:
        raise BadInput(
            f"{path} cannot be read as a table with the separator {separator!r} "
            f"({one_line(error)}); repair the line, or set --separator"
        ) from None
    _refuse_repeated(path, header.iloc[0].tolist())
    if not isinstance(table.index, pd.RangeIndex):
        # pandas would take the first column for names of rows, and move all others
        raise BadInput(
            f"{path} has more values in a row than names of columns; name all of them, and end no "
            "row with a separator"
        )
    return table


def _refuse_repeated(path: Path, names: Sequence[str]) -> None:
    given = pd.Series(names, dtype=object)
    repeated = given[given.duplicated() & (given != "")]
    if len(repeated):
        raise BadInput(
            f"{path} has several columns {repeated.iloc[0]!r}; give each a name of its own"
        )
