"""Cells and what goes with them on disk: JSON and npz, nothing that could run."""

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sufficiency.cells.cell import CELL_COLUMNS, Cell

__all__ = ["read_cells", "write_cells"]

_FORMAT = 1
_META, _CELLS = "result.json", "cells.npz"


def write_cells(directory: Path, cells: Iterable[Cell], meta: Mapping[str, Any]) -> None:
    """Write cells and scalars into a directory."""
    directory.mkdir(parents=True, exist_ok=True)
    cells = list(cells)
    columns = {name: np.array([getattr(cell, name) for cell in cells]) for name in CELL_COLUMNS}
    text = {"format": _FORMAT, "failures": [cell.failure for cell in cells]}
    text |= {name: _to_json(value) for name, value in meta.items()}
    np.savez(directory / _CELLS, **columns)  # type: ignore[arg-type]
    (directory / _META).write_text(json.dumps(text, indent=2), encoding="utf-8")


def read_cells(
    directory: Path, kinds: Mapping[str, type]
) -> tuple[tuple[Cell, ...], dict[str, Any]]:
    """Read what :func:`write_cells` wrote."""
    try:
        return _read(directory, kinds)
    except OSError:
        raise
    # whatever a damaged file makes the readers stumble over
    except Exception as error:
        raise ValueError(
            f"`path` must hold a result of format {_FORMAT} as `save` writes it, got "
            f"{str(directory)!r} with a file that is damaged or foreign ({error!r}); save it "
            "again, or read it with the version of sufficiency that wrote it"
        ) from error


def _read(directory: Path, kinds: Mapping[str, type]) -> tuple[tuple[Cell, ...], dict[str, Any]]:
    meta = json.loads((directory / _META).read_text(encoding="utf-8"))
    if meta.pop("format") != _FORMAT:
        raise ValueError("another format")
    failures = meta.pop("failures")
    # opened here, since np.load leaves a damaged file open
    with (directory / _CELLS).open("rb") as file, np.load(file, allow_pickle=False) as columns:
        rows = zip(*(columns[name].tolist() for name in CELL_COLUMNS), strict=True)
        cells = tuple(
            Cell(**dict(zip(CELL_COLUMNS, row, strict=True)), failure=failure)
            for row, failure in zip(rows, failures, strict=True)
        )
    scalars = {name: _from_json(meta[name]) for name in kinds}
    for name, kind in kinds.items():
        if not isinstance(scalars[name], kind):
            raise TypeError(f"{name} is no {kind.__name__}")
    return cells, scalars


def _to_json(value: Any) -> Any:
    """JSON knows neither NaN nor infinity, nor NumPy's numbers."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": repr(value)}
    return value


def _from_json(value: Any) -> Any:
    return float(value["float"]) if isinstance(value, dict) and set(value) == {"float"} else value
