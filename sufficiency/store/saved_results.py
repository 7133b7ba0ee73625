"""Cells and what goes with them on disk: JSON and npz, nothing that could run."""

import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from sufficiency._files import remove_stale, write_files
from sufficiency._json import from_json, to_json
from sufficiency.cells.cell import CELL_COLUMNS, SLICE_COLUMNS, Cell
from sufficiency.cells.unseen import UnseenSamples, read_unseen
from sufficiency.data.slices import Slices
from sufficiency.exceptions import InvalidParameterError

# Raised only when an earlier release, or a later one, would misread a file. A column, array or
# scalar that is added needs no new number: files without it load with its default, and releases
# that do not know it leave it out.
_FORMAT = 1
_META, _CELLS = "result.json", "cells.npz"
_REQUIRED = {"repeat", "size", "delta", "stderr"}
# How the arrays of the cell at a position are called.
_UNSEEN = "unseen_{}_{}"
_CANDIDATES = "candidates"
# How the image of a row is called.
_IMAGE = "image_{}"

Arrays = Mapping[str, npt.NDArray]


def write_cells(
    directory: Path,
    cells: Iterable[Cell],
    meta: Mapping[str, Any],
    slices: Slices | None = None,
    images: Mapping[int, npt.NDArray] = MappingProxyType({}),
) -> None:
    """Write cells, scalars, slices and images of samples into a directory: both files or none."""
    cells = list(cells)
    arrays = {name: np.array([getattr(cell, name) for cell in cells]) for name in CELL_COLUMNS}
    arrays |= _unseen_arrays(cells)
    text = {"format": _FORMAT, "failures": [cell.failure for cell in cells], **meta}
    if slices is not None:
        names = slices.names()
        nothing = dict.fromkeys(SLICE_COLUMNS, np.nan)
        rows = [[cell.slices.get(name, nothing) for name in names] for cell in cells]
        arrays["slices"] = np.array(
            [[[columns[name] for name in SLICE_COLUMNS] for columns in row] for row in rows]
        )
        arrays["slice_codes"] = slices.codes
        text["partitions"] = dict(zip(slices.partitions, slices.values, strict=True))
        text["slice_columns"] = list(SLICE_COLUMNS)
    arrays |= {_IMAGE.format(row): image for row, image in images.items()}
    table = io.BytesIO()
    np.savez(table, **arrays)  # type: ignore[arg-type]
    document = json.dumps(to_json(text), indent=2, allow_nan=False)
    remove_stale(directory)
    write_files({directory / _CELLS: table.getvalue(), directory / _META: document.encode("utf-8")})


def _unseen_arrays(cells: list[Cell]) -> dict[str, npt.NDArray]:
    """The arrays of all cells; candidates only where they are not those of the cell before."""
    arrays, before = dict[str, npt.NDArray](), None
    for i, cell in enumerate(cells):
        if cell.unseen is not None:
            parts = dict(vars(cell.unseen))
            if before is parts[_CANDIDATES]:
                del parts[_CANDIDATES]
            before = cell.unseen.candidates
            arrays.update(
                {_UNSEEN.format(i, name): np.asarray(part) for name, part in parts.items()}
            )
    return arrays


def _read_unseen(arrays: Arrays, i: int, before: UnseenSamples | None) -> UnseenSamples | None:
    """The samples of the cell at a position, whose candidates may be those of the one before."""
    names = UnseenSamples.__dataclass_fields__
    parts = {name: arrays[key] for name in names if (key := _UNSEEN.format(i, name)) in arrays}
    if not parts:
        return None
    if _CANDIDATES not in parts and before is not None:
        parts[_CANDIDATES] = before.candidates
    return read_unseen(parts | {"n_candidates": int(parts["n_candidates"])})


def _read_slices(arrays: Arrays, meta: Mapping[str, Any]) -> tuple[Slices | None, list[Any]]:
    """The slices of all samples, and those of every cell."""
    if "partitions" not in meta:
        return None, [{}] * len(meta["failures"])
    partitions = {name: tuple(values) for name, values in meta["partitions"].items()}
    slices = Slices(tuple(partitions), tuple(partitions.values()), arrays["slice_codes"])
    names, columns = slices.names(), meta["slice_columns"]
    table = arrays["slices"].reshape(-1, len(names), len(columns))
    return slices, [
        {
            name: dict(zip(columns, row, strict=True))
            for name, row in zip(names, of_cell.tolist(), strict=True)
            if np.isfinite(row[0])
        }
        for of_cell in table
    ]


def read_cells(
    directory: Path, kinds: Mapping[str, type], defaults: Mapping[str, Any] = MappingProxyType({})
) -> tuple[tuple[Cell, ...], dict[str, Any], dict[str, Any]]:
    """
    Read what :func:`write_cells` wrote: cells, slices and images by name, and scalars.

    Scalars are of these `kinds`; `defaults` are those of later ones.
    """
    try:
        meta = from_json(json.loads((directory / _META).read_text(encoding="utf-8")))
        if meta["format"] != _FORMAT:
            raise ValueError("another format")
        # opened here, since np.load leaves a damaged file open
        with (directory / _CELLS).open("rb") as file, np.load(file, allow_pickle=False) as table:
            arrays = {name: table[name] for name in table.files}
        names = [name for name in CELL_COLUMNS if name in arrays or name in _REQUIRED]
        columns = [arrays[name].tolist() for name in names]
        slices, of_cells = _read_slices(arrays, meta)
        cells, unseen = list[Cell](), None
        rows = zip(*columns, meta["failures"], of_cells, strict=True)
        for i, (*row, failure, of_slices) in enumerate(rows):
            numbers = dict(zip(names, row, strict=True))
            unseen = found if (found := _read_unseen(arrays, i, unseen)) is not None else unseen
            cells.append(Cell(**numbers, failure=failure, unseen=found, slices=of_slices))
        start = _IMAGE.format("")
        images = {int(n.removeprefix(start)): a for n, a in arrays.items() if n.startswith(start)}
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
    return tuple(cells), {"slices": slices, "images": images}, scalars
