"""What a store shows of the fit that uses it: announced when it begins, looked at without torch."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sufficiency.cells.cell import Cell
from sufficiency.cells.unseen import read_unseen
from sufficiency.store.directory import Store
from sufficiency.store.sealed_documents import DamagedFileError, parse_document, render_document

CELLS = "sufficiency cells 1"
_FIT, _FOLDER = "sufficiency fit 1", "fits"


def parse_cells(data: bytes, key: str) -> list[Cell]:
    """The cells of a file of the store, whose key is known."""
    rows = parse_document(data, CELLS, key)["cells"]
    return [Cell(**row | {"unseen": read_unseen(row["unseen"])}) for row in rows]


def render_fit(name: str, keys: Sequence[tuple[str, str]]) -> bytes:
    """File of a fit that begins now: names and keys of its cells."""
    content: dict[str, Any] = {"cells": [list(pair) for pair in keys], "started": time.time()}
    return render_document(_FIT, name, content)


@dataclass(frozen=True)
class RunningFit:
    """A fit that has begun, and may have ended."""

    store: Store
    result: Path  # directory of its result, in which all cells are missing
    keys: tuple[tuple[str, str], ...]  # names and keys of the files of its cells
    started: float  # seconds since the epoch

    @classmethod
    def newest(cls, directory: Path) -> "RunningFit":
        """The fit that has begun last."""
        store = Store(directory, read_only=True)
        found = sorted((directory / _FOLDER).glob("*.json"), key=lambda path: path.stat().st_mtime)
        for path in reversed(found):
            name = path.stem

            def parse(data: bytes, name: str = name) -> dict[str, Any]:
                return parse_document(data, _FIT, name)

            content = store.load(_FOLDER, path.name, parse)
            if content is not None:
                keys = tuple((str(file), str(key)) for file, key in content["cells"])
                return cls(store, path.with_suffix(""), keys, float(content["started"]))
        raise ValueError(
            f"the store {str(directory)!r} shows no fit: none has begun there, or an earlier "
            "release made it; fit with this store first"
        )

    def finished(self, known: dict[str, tuple[list[Cell], float]]) -> None:
        """Add the cells that are finished and not known yet, with the time of their file."""
        for file, key in self.keys:
            path = self.store.directory / "cells" / file
            if file in known or not path.exists():
                continue
            try:
                known[file] = parse_cells(path.read_bytes(), key), path.stat().st_mtime
            except (OSError, DamagedFileError):
                continue  # the fit measures it again, or says what is wrong
