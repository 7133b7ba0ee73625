"""Where the data come from, and how a file of them is laid out."""

import shutil
import sys
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

from sufficiency.cli.errors import BadInput, one_line

STANDARD_INPUT = Path("-")
SUFFIXES = {
    "csv": (".csv", ".tsv", ".txt", ".tab", ".dat", ".data"),
    "jsonl": (".jsonl", ".ndjson"),
    "json": (".json",),
    "excel": (".xlsx", ".xlsm"),
    "parquet": (".parquet", ".pq"),
    "npz": (".npz",),
}
PACKED = (".gz", ".bz2", ".xz", ".zst")
# Which options are about which formats; the format itself is about all.
_TEXT = ("separator", "decimal", "thousands", "encoding", "skip_lines", "no_header")
_USED = {
    "csv": _TEXT,
    "jsonl": ("encoding",),
    "json": ("encoding",),
    "excel": ("decimal", "thousands", "skip_lines", "no_header", "sheet"),
}
# What archives fail with: damaged, encrypted, compressed in an unknown way.
_DAMAGES = (zipfile.BadZipFile, OSError, EOFError, zlib.error, RuntimeError, NotImplementedError)


@dataclass(frozen=True)
class Layout:
    """What the name of a file does not tell; by default it is found out, or as usual."""

    format: str | None = None
    separator: str | None = None
    decimal: str | None = None
    thousands: str | None = None
    encoding: str | None = None
    skip_lines: int = 0
    no_header: bool = False
    sheet: str | None = None

    def check(self, file: "Input") -> None:
        """Refuse what a file of this format does not have."""
        for name in (field.name for field in fields(self)):
            if getattr(self, name) and name not in ("format", *_USED.get(file.format, ())):
                about = [known for known, names in _USED.items() if name in names]
                raise BadInput(
                    f"--{name.replace('_', '-')} is about files of the format "
                    f"{' or '.join(about)}, and {file} is {file.format}; leave it out"
                )


@dataclass(frozen=True)
class Input:
    """A file, and what it is called in messages."""

    path: Path
    name: str
    format: str

    def __str__(self) -> str:
        return self.name


def find_input(path: Path, folder: Path, wanted: str | None = None) -> Input:
    """The file that was named, or in `folder` what standard input or an archive holds."""
    name = str(path)
    if path == STANDARD_INPUT:
        return Input(_standard_input(folder), "standard input", wanted or "csv")
    if path.suffix.lower() == ".zip" and wanted != "npz":
        path = _unpacked(path, folder)
    return Input(path, name, wanted or _format(path, name))


def _format(path: Path, name: str) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() not in PACKED]
    for known, of_it in SUFFIXES.items():
        if suffixes and suffixes[-1] in of_it:
            return known
    listed = ", ".join(suffix for of_it in SUFFIXES.values() for suffix in of_it)
    raise BadInput(
        f"{name} must be a file of the kind {listed}, got {suffixes[-1] if suffixes else ''!r}; "
        "say what it is with --format, or save it as one of these"
    )


def _standard_input(folder: Path) -> Path:
    place = folder / "standard-input"
    if sys.stdin.isatty():
        raise BadInput(
            "DATA is - for standard input, and nothing is piped into it; write `… | sufficiency "
            "run -`, or name a file"
        )
    with place.open("wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
    return place


def _unpacked(path: Path, folder: Path) -> Path:
    """The only file of an archive."""
    with _archive(path) as archive:
        # macOS adds files of its own
        members = [
            member
            for member in archive.infolist()
            if not member.is_dir() and not member.filename.startswith("__MACOSX/")
        ]
        if len(members) != 1:
            raise BadInput(f"{path} must hold one file, got {len(members)}; unpack it and name one")
        place = folder / f"unpacked{''.join(Path(members[0].filename).suffixes)}"
        with archive.open(members[0]) as packed, place.open("wb") as file:
            shutil.copyfileobj(packed, file)
    return place


@contextmanager
def _archive(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except _DAMAGES as error:
        raise BadInput(f"{path} cannot be unpacked ({one_line(error)}); unpack it first") from None
