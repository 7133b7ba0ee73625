"""Samples of any kind, by index: arrays, files, several inputs, the items of a dataset."""

from sufficiency.rows.file import Rows, row_blocks
from sufficiency.rows.items import DatasetRows, is_dataset
from sufficiency.rows.kinds import (
    as_inputs,
    check_lengths,
    form_of,
    in_memory,
    is_arrays,
    is_several,
    map_arrays,
    n_rows,
    row_bytes,
    take_rows,
    writable,
)

__all__ = [
    "DatasetRows",
    "Rows",
    "as_inputs",
    "check_lengths",
    "form_of",
    "in_memory",
    "is_arrays",
    "is_dataset",
    "is_several",
    "map_arrays",
    "n_rows",
    "row_blocks",
    "row_bytes",
    "take_rows",
    "writable",
]
