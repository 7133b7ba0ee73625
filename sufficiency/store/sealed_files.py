"""Tensors in the safetensors format that name their kind, key and checksum."""

import json
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from sufficiency._json import from_json, to_json
from sufficiency.store.sealed_documents import BLANK, DamagedFileError, check, sealed

# What every version of safetensors writes; anything else is written as its bytes.
_KNOWN = {
    torch.float64, torch.float32, torch.float16, torch.bfloat16,
    torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool,
}  # fmt: skip
# A safetensors file begins with the length of its header in so many bytes.
_LENGTH = 8


def render_tensors(
    kind: str, key: str, tensors: dict[str, Tensor], content: dict[str, Any]
) -> bytes:
    """Bytes of a safetensors file, whose metadata hold the content."""
    encoded, exotic = {}, {}
    for name, tensor in tensors.items():
        dense = tensor.detach().resolve_conj().resolve_neg().cpu()
        # a copy: safetensors refuses what shares memory or is not contiguous
        encoded[name] = dense.clone(memory_format=torch.contiguous_format)
        if tensor.dtype not in _KNOWN:
            exotic[name] = [str(tensor.dtype).removeprefix("torch."), list(tensor.shape)]
            encoded[name] = encoded[name].reshape(-1).view(torch.uint8)
    text = json.dumps(to_json(content | {"exotic": exotic}), allow_nan=False)
    metadata = {"sha256": BLANK, "kind": kind, "key": key, "content": text}
    data = safetensors.torch.save(encoded, metadata)
    return sealed(data, _end_of_header(data))


def parse_tensors(data: bytes, kind: str, key: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and content of a file that :func:`render_tensors` made."""
    end = _end_of_header(data)
    try:
        metadata = json.loads(data[_LENGTH:end])["__metadata__"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DamagedFileError(f"it has no readable header ({error!r})") from error
    check(metadata, data, end, kind, key)
    tensors = safetensors.torch.load(data)
    content: dict[str, Any] = from_json(json.loads(metadata["content"]))
    for name, (dtype, shape) in content.pop("exotic").items():
        tensors[name] = tensors[name].view(getattr(torch, dtype)).reshape(shape)
    return tensors, content


def _end_of_header(data: bytes) -> int:
    return _LENGTH + int.from_bytes(data[:_LENGTH], "little")
