"""Files that name their kind, key and checksum: JSON, or tensors in the safetensors format."""

import hashlib
import json
import re
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from sufficiency._json import from_json, to_json

# How a checksum is introduced, and what stands in its place while it is computed. Within a text
# inside of JSON the quotes would be escaped, so that nothing else looks like it.
_FIELD, _BLANK = '"sha256":"%s"', "0" * 64
# What every version of safetensors writes; anything else is written as its bytes.
_KNOWN = {
    torch.float64, torch.float32, torch.float16, torch.bfloat16,
    torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool,
}  # fmt: skip
# A safetensors file begins with the length of its header in so many bytes.
_LENGTH = 8


class DamagedFileError(ValueError):
    """A file is not what was written, or not the one that belongs here; the message says how."""


def render_document(kind: str, key: str, content: dict[str, Any]) -> bytes:
    """Bytes of a JSON file."""
    document = {"sha256": _BLANK, "kind": kind, "key": key, "content": to_json(content)}
    text = json.dumps(document, indent=1, separators=(",", ":"), allow_nan=False)
    data = f"{text}\n".encode()
    return _sealed(data, len(data))


def parse_document(data: bytes, kind: str, key: str) -> dict[str, Any]:
    """Content of a file that :func:`render_document` made."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DamagedFileError(f"it is not JSON ({error})") from error
    _check(document, data, len(data), kind, key)
    content: dict[str, Any] = from_json(document["content"])
    return content


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
    metadata = {"sha256": _BLANK, "kind": kind, "key": key, "content": text}
    data = safetensors.torch.save(encoded, metadata)
    return _sealed(data, _end_of_header(data))


def parse_tensors(data: bytes, kind: str, key: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and content of a file that :func:`render_tensors` made."""
    end = _end_of_header(data)
    try:
        metadata = json.loads(data[_LENGTH:end])["__metadata__"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DamagedFileError(f"it has no readable header ({error!r})") from error
    _check(metadata, data, end, kind, key)
    tensors = safetensors.torch.load(data)
    content: dict[str, Any] = from_json(json.loads(metadata["content"]))
    for name, (dtype, shape) in content.pop("exotic").items():
        tensors[name] = tensors[name].view(getattr(torch, dtype)).reshape(shape)
    return tensors, content


def _end_of_header(data: bytes) -> int:
    return _LENGTH + int.from_bytes(data[:_LENGTH], "little")


def _sealed(data: bytes, end: int) -> bytes:
    """The file with its checksum in the header, which ends at `end`."""
    return _with_checksum(data[:end], _BLANK, hashlib.sha256(data).hexdigest()) + data[end:]


def _with_checksum(header: bytes, old: str, new: str) -> bytes:
    return header.replace((_FIELD % old).encode(), (_FIELD % new).encode(), 1)


def _check(header: object, data: bytes, end: int, kind: str, key: str) -> None:
    """Make sure that every byte is as it was written, and that the file belongs here."""
    found = header.get("sha256") if isinstance(header, dict) else None
    if not isinstance(header, dict) or not re.fullmatch("[0-9a-f]{64}", str(found)):
        raise DamagedFileError("it has no checksum")
    checksum = hashlib.sha256(_with_checksum(data[:end], str(found), _BLANK))
    checksum.update(memoryview(data)[end:])
    if checksum.hexdigest() != found:
        raise DamagedFileError("its checksum does not match its content")
    for name, expected in (("kind", kind), ("key", key)):
        if header.get(name) != expected:
            raise DamagedFileError(f"its {name} is {header.get(name)!r} instead of {expected!r}")
