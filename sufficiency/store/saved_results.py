"""Cells and what goes with them on disk: JSON and npz, nothing that could run."""

import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from sufficiency._files import remove_stale, write_files
from sufficiency._json import from_json, to_json
from sufficiency.cells.cell import CELL_COLUMNS, Cell
from sufficiency.exceptions import InvalidParameterError

# Raised only when an earlier release, or a later one, would misread a file. A column or scalar
# that is added needs no new number: files without it load with its default, and releases that do
# not know it leave it out.
_FORMAT = 1
_META, _CELLS = "result.json", "cells.npz"
_REQUIRED = {"repeat", "size", "delta", "stderr"}


def write_cells(directory: Path, cells: Iterable[Cell], meta: Mapping[str, Any]) -> None:
    """Write cells and scalars into a directory: both files or none."""
    cells = list(cells)
    columns = {name: np.array([getattr(cell, name) for cell in cells]) for name in CELL_COLUMNS}
    table = io.BytesIO()
    np.savez(table, **columns)  # type: ignore[arg-type]
    text = {"format": _FORMAT, "failures": [cell.failure for cell in cells], **meta}
    document = json.dumps(to_json(text), indent=2, allow_nan=False)
    remove_stale(directory)
    write_files({directory / _CELLS: table.getvalue(), directory / _META: document.encode("utf-8")})


def read_cells(
    directory: Path, kinds: Mapping[str, type], defaults: Mapping[str, Any] = MappingProxyType({})
) -> tuple[tuple[Cell, ...], dict[str, Any]]:
    """Read what :func:`write_cells` wrote: scalars of these `kinds`, `defaults` of later ones."""
    try:
        meta = from_json(json.loads((directory / _META).read_text(encoding="utf-8")))
        if meta["format"] != _FORMAT:
            raise ValueError("another format")
        # opened here, since np.load leaves a damaged file open
        with (directory / _CELLS).open("rb") as file, np.load(file, allow_pickle=False) as table:
            names = [name for name in CELL_COLUMNS if name in table or name in _REQUIRED]
            columns = [table[name].tolist() for name in names]
        cells = tuple(
            Cell(**dict(zip(names, row, strict=True)), failure=failure)
            for *row, failure in zip(*columns, meta["failures"], strict=True)
        )
        scalars = {name: (defaults | meta)[name] for name in kinds}
        for name, kind in kinds.items():
            if not isinstance(scalars[name], kind):
                raise TypeError(f"{name} is no {kind.__name__}")
    except OSError:
        raise
    # whatever a damaged file makes the readers stumble over
    except Exception as error:
        raise InvalidParameterError(
            "path",
            f"must hold a result of format {_FORMAT} as `save` writes it, got "
            f"{str(directory)!r} with a file that is damaged or foreign ({error!r}); save it "
            "again, or read it with the version of sufficiency that wrote it",
        ) from error
    return cells, scalars
