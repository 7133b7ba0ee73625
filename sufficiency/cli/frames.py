"""Tables that pandas reads whole: CSV, JSON and Excel."""

import codecs
import csv
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from sufficiency.cli.errors import BadInput, did_you_mean, one_line
from sufficiency.cli.inputs import PACKED, Input, Layout
from sufficiency.cli.tables import FrameTable, refuse_repeated

# Characters as shells pass them on, which know no tabs.
_CHARACTERS = {"\\t": "\t", "tab": "\t", "space": " "}
# Lines that show how columns are divided; a separator that no text holds gives them as they are.
_SHOWN, _NOWHERE = 20, "\x1f"
# What else than commas divides columns, the surest sign first.
_DIVIDERS = ("\t", ";", "|")
# How files begin that are no text.
_SIGNATURES = {b"PK\x03\x04": "excel", b"PAR1": "parquet", b"\x1f\x8b": "compressed with gzip"}
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_csv(file: Input, layout: Layout) -> FrameTable:
    """Read a CSV file whole: the type of a column depends on all of its values."""
    encoding = _encoding(layout)
    separator = _separator(file, layout, encoding)
    how: dict[str, Any] = {"sep": separator, "encoding": encoding, "skipinitialspace": True}
    how |= _numbers(layout) | {"skiprows": layout.skip_lines}
    with _readable(file, separator):
        # all of a column at once, so that its type does not depend on the block
        header = None if layout.no_header else 0
        table = pd.read_csv(file.path, low_memory=False, header=header, **how)
        # pandas would number names that are there twice
        first = {"header": None, "nrows": 1, "dtype": str, "keep_default_na": False}
        names = pd.read_csv(file.path, **first, **how).iloc[0].tolist()
    found = _named(file, table, names, layout)
    if not isinstance(table.index, pd.RangeIndex):
        # pandas would take the first column for names of rows, and move all others
        raise BadInput(
            f"{file} has more values in a row than names of columns; name all of them, end no row "
            "with a separator, and leave lines above the names out with --skip-lines"
        )
    return found


def read_json(file: Input, layout: Layout) -> FrameTable:
    """Read JSON: an object on each line, or one list of them."""
    encoding = _encoding(layout)
    try:
        table = pd.read_json(
            file.path,
            lines=file.format == "jsonl",
            encoding=encoding,
            dtype=False,  # as JSON has them
            precise_float=True,
        ).reset_index(drop=True)
    except UnicodeDecodeError as error:
        raise _other_encoding(file, error) from None
    except (ValueError, TypeError, AttributeError, OSError, EOFError, zlib.error) as error:
        rule = "an object on each line" if file.format == "jsonl" else "a list of objects"
        other = "json" if file.format == "jsonl" else "jsonl"
        raise BadInput(
            f"{file} cannot be read as {file.format}, {rule} ({one_line(error)}); repair it, or "
            f"try --format {other}"
        ) from None
    return FrameTable(table)


def read_excel(file: Input, layout: Layout) -> FrameTable:
    """Read a sheet of an Excel file."""
    with _workbook(file) as book:
        sheet = _sheet(file, layout, book.sheet_names)
        how = _numbers(layout) | {"skiprows": layout.skip_lines}
        table = pd.read_excel(book, sheet_name=sheet, header=None if layout.no_header else 0, **how)
        first = {"header": None, "nrows": 1, "dtype": str, "keep_default_na": False}
        names = pd.read_excel(book, sheet_name=sheet, **first, **how)
    if names.empty:
        raise BadInput(f"the sheet {sheet!r} of {file} is empty; name another with --sheet")
    return _named(file, table, names.iloc[0].tolist(), layout)


@contextmanager
def _workbook(file: Input) -> Iterator[pd.ExcelFile]:
    try:
        with pd.ExcelFile(file.path, engine="openpyxl") as book:
            yield book
    except ImportError:
        raise BadInput(
            f'{file} needs openpyxl to be read; pip install "sufficiency[excel]", or save the '
            "sheet as CSV"
        ) from None
    except (ValueError, KeyError, TypeError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise BadInput(
            f"{file} cannot be read as Excel ({one_line(error)}); save it again, or as CSV"
        ) from error


def _sheet(file: Input, layout: Layout, names: list[str]) -> str:
    if layout.sheet is None and len(names) > 1:
        warnings.warn(
            f"of the {len(names)} sheets of {file} the first, {names[0]!r}, is read; --sheet names "
            "another one",
            UserWarning,
            stacklevel=2,
        )
    if layout.sheet is None:
        return names[0]
    if layout.sheet not in names:
        raise BadInput(
            f"--sheet {layout.sheet}: {file} has no such sheet{did_you_mean(layout.sheet, names)}; "
            f"there are {', '.join(map(repr, names))}"
        )
    return layout.sheet


def _named(file: Input, table: pd.DataFrame, names: list[str], layout: Layout) -> FrameTable:
    """Columns by the names in the file, or without any by their numbers, from 1."""
    if layout.no_header:
        table.columns = range(1, len(table.columns) + 1)
    else:
        refuse_repeated(file, names)
    return FrameTable(table)


def _numbers(layout: Layout) -> dict[str, str]:
    """How numbers are written, for pandas; nothing where it is as usual."""
    thousands = _character("--thousands", layout.thousands)
    if thousands is not None and thousands == (layout.decimal or "."):
        other = "," if thousands == "." else "."
        raise BadInput(
            f"--thousands {thousands} is the decimal sign as well; say --decimal {other}, if it is"
        )
    given = {"decimal": layout.decimal, "thousands": thousands}
    return {name: mark for name, mark in given.items() if mark is not None}


def _separator(file: Input, layout: Layout, encoding: str) -> str:
    """What is between columns: as given, by the suffix, or by the first lines."""
    if layout.separator == "space":
        return r"\s+"  # any number of them
    given = _character("--separator", layout.separator)
    if given is not None:
        return given
    if ".tsv" in (suffix.lower() for suffix in file.path.suffixes):
        return "\t"
    with _readable(file, ","):
        shown = pd.read_csv(
            file.path,
            sep=_NOWHERE,
            quoting=csv.QUOTE_NONE,
            header=None,
            nrows=_SHOWN,
            skiprows=layout.skip_lines,
            dtype=str,
            keep_default_na=False,
            encoding=encoding,
            encoding_errors="replace",
        )[0].tolist()
    return next((mark for mark in _DIVIDERS if _divides(mark, shown)), ",")


def _divides(mark: str, lines: list[str]) -> bool:
    """Whether it divides all rows into as many columns, more than one."""
    rows = list(csv.reader((f"{line}\n" for line in lines), delimiter=mark))
    # the last row may go on in the next line
    widths = {len(row) for row in (rows[:-1] if len(lines) == _SHOWN else rows)}
    return len(widths) == 1 and widths.pop() > 1


def _character(option: str, given: str | None) -> str | None:
    mark = given if given is None else _CHARACTERS.get(given, given)
    if mark is not None and len(mark) != 1:
        raise BadInput(f"{option} must be one character, or the word tab or space, got {given!r}")
    return mark


def _encoding(layout: Layout) -> str:
    try:
        return codecs.lookup(layout.encoding or "utf-8-sig").name
    except LookupError:
        raise BadInput(
            f"--encoding must be one that Python knows, such as utf-8, cp1252 or utf-16, got "
            f"{layout.encoding!r}"
        ) from None


def _other_encoding(file: Input, error: UnicodeDecodeError) -> BadInput:
    guess = "utf-16" if error.object.startswith(_UTF16) else "cp1252"
    return BadInput(
        f"{file} is not encoded as {error.encoding.upper()} ({one_line(error)}); name its "
        f"encoding, probably --encoding {guess}, or save it again as UTF-8"
    )


@contextmanager
def _readable(file: Input, separator: str) -> Iterator[None]:
    """Within this context what pandas cannot read as CSV is said in one line."""
    try:
        yield
    except pd.errors.EmptyDataError:
        raise BadInput(f"{file} is empty; it must hold a line of names and rows below") from None
    except (
        pd.errors.ParserError, ValueError, OSError, EOFError, zlib.error, csv.Error
    ) as error:  # fmt: skip
        if (other := _other_kind(file.path)) is not None:
            raise BadInput(
                f"{file} is no text, but looks {other}; give it its suffix, or set --format"
            ) from None
        if isinstance(error, UnicodeDecodeError):
            raise _other_encoding(file, error) from None
        raise BadInput(
            f"{file} cannot be read as a table with the separator {separator!r} "
            f"({one_line(error)}); repair the line, set --separator, or leave lines above the "
            "names out with --skip-lines"
        ) from None


def _other_kind(path: Path) -> str | None:
    """What a file is that is no text, by its first bytes."""
    if path.suffix.lower() in PACKED:
        return None
    with path.open("rb") as file:
        head = file.read(4)
    return next((kind for start, kind in _SIGNATURES.items() if head.startswith(start)), None)
