"""Named tensors in a safetensors file with a key, a checksum and a little text."""

import json
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from sufficiency.store.documents import from_json, to_json
from sufficiency.store.files import DamagedFileError, check_seal, seal

__all__ = ["parse_tensors", "render_tensors"]

# What every version of safetensors writes; anything else is written as its bytes.
_KNOWN = {
    torch.float64, torch.float32, torch.float16, torch.bfloat16,
    torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool,
}  # fmt: skip
# The file begins with the length of its header in so many bytes.
_LENGTH = 8


def render_tensors(
    kind: str, key: str, tensors: dict[str, Tensor], content: dict[str, Any]
) -> bytes:
    """Bytes of a file."""
    encoded, exotic = {}, {}
    for name, tensor in tensors.items():
        dense = tensor.detach().resolve_conj().resolve_neg().cpu()
        # a copy: safetensors refuses what shares memory or is not contiguous
        encoded[name] = dense.clone(memory_format=torch.contiguous_format)
        if tensor.dtype not in _KNOWN:
            exotic[name] = [str(tensor.dtype).removeprefix("torch."), list(tensor.shape)]
            encoded[name] = encoded[name].reshape(-1).view(torch.uint8)
    text = json.dumps(to_json(content | {"exotic": exotic}), allow_nan=False)
    metadata = {"sha256": "0" * 64, "kind": kind, "key": key, "content": text}
    data = safetensors.torch.save(encoded, metadata)
    return seal(data, _end_of_header(data))


def parse_tensors(data: bytes, kind: str, key: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and content of a file that :func:`render_tensors` made."""
    end = _end_of_header(data)
    try:
        metadata = json.loads(data[_LENGTH:end])["__metadata__"]
        checksum = metadata["sha256"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DamagedFileError(f"it has no readable header ({error!r})") from error
    check_seal(data, end, checksum)
    for name, expected in (("kind", kind), ("key", key)):
        if metadata.get(name) != expected:
            raise DamagedFileError(
                f"its {name} is {metadata.get(name)!r} where {expected!r} belongs"
            )
    tensors = safetensors.torch.load(data)
    content: dict[str, Any] = from_json(json.loads(metadata["content"]))
    for name, (dtype, shape) in content.pop("exotic").items():
        tensors[name] = tensors[name].view(getattr(torch, dtype)).reshape(shape)
    return tensors, content


def _end_of_header(data: bytes) -> int:
    return _LENGTH + int.from_bytes(data[:_LENGTH], "little")
