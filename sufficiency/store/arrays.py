"""Fingerprints of arrays and tensors: dtype, shape and every byte, a block at a time."""

import hashlib
import json

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sufficiency.rows import row_blocks

__all__ = ["array_fingerprint", "tensor_fingerprint"]

_PLAIN = (str, bytes, bool, int, float, type(None))


def array_fingerprint(array: npt.NDArray) -> str:
    """
    SHA-256 of dtype, shape and values in C order, whatever the layout in memory.

    Parameters
    ----------
    array : ndarray
        Read block by block, so that a memory map is never loaded as a whole. Of objects, plain
        values (labels) are taken.

    Returns
    -------
    str
        64 hexadecimal digits.

    Raises
    ------
    TypeError
        If an object array holds anything but text, numbers and None.
    """
    described = np.lib.format.dtype_to_descr(array.dtype)
    fingerprint = hashlib.sha256(f"{described!r} {array.shape}".encode())
    for block in row_blocks(array if array.ndim else np.atleast_1d(array)):
        fingerprint.update(_bytes_of(block))
    return fingerprint.hexdigest()


def _bytes_of(block: npt.NDArray) -> bytes | memoryview:
    if not block.dtype.hasobject:
        # a view where the block is contiguous; dates know no buffer, bytes do
        return np.ascontiguousarray(block).reshape(-1).view(np.uint8).data
    values = block.ravel().tolist()
    strange = next((value for value in values if not isinstance(value, _PLAIN)), None)
    if strange is not None:
        raise TypeError(
            "`y` must hold text, numbers or None for `store`, got an array of objects with "
            f"{strange!r}; convert its values"
        )
    return json.dumps([[type(value).__name__, repr(value)] for value in values]).encode()


def tensor_fingerprint(tensor: Tensor) -> str:
    """SHA-256 of dtype, shape and bytes of a dense tensor on any device."""
    flat = tensor.detach().resolve_conj().resolve_neg().cpu().contiguous().reshape(-1)
    # NumPy knows fewer dtypes than torch, and both know bytes
    values = flat.view(torch.uint8).numpy()
    fingerprint = hashlib.sha256(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
    fingerprint.update(values.data)
    return fingerprint.hexdigest()
