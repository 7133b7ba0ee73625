"""JSON files with a key, a checksum and any finite or infinite numbers."""

import hashlib
import json
import math
from typing import Any

import numpy as np

from sufficiency.store.files import DamagedFileError, check_seal, seal

__all__ = ["digest", "from_json", "parse_document", "render_document", "to_json"]


def digest(node: Any) -> str:
    """SHA-256 of anything that JSON can hold, the same whatever the order of its dictionaries."""
    text = json.dumps(node, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def render_document(kind: str, key: str, content: dict[str, Any]) -> bytes:
    """Text of a file."""
    document = {"sha256": "0" * 64, "kind": kind, "key": key, "content": to_json(content)}
    text = json.dumps(document, indent=1, separators=(",", ":"), allow_nan=False)
    data = f"{text}\n".encode()
    return seal(data, len(data))


def parse_document(data: bytes, kind: str, key: str) -> dict[str, Any]:
    """Content of a file that :func:`render_document` made."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DamagedFileError(f"it is no JSON ({error})") from error
    if not isinstance(document, dict):
        raise DamagedFileError("it is no JSON object")
    check_seal(data, len(data), document.get("sha256"))
    for name, expected in (("kind", kind), ("key", key)):
        if document.get(name) != expected:
            raise DamagedFileError(
                f"its {name} is {document.get(name)!r} where {expected!r} belongs"
            )
    content: dict[str, Any] = from_json(document["content"])
    return content


def to_json(value: Any) -> Any:
    """JSON knows neither NaN nor infinity, nor NumPy's numbers."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": repr(value)}
    if isinstance(value, dict):
        return {name: to_json(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(part) for part in value]
    return value


def from_json(value: Any) -> Any:
    """What :func:`to_json` was given, with lists for tuples."""
    if isinstance(value, dict):
        if set(value) == {"float"}:
            return float(value["float"])
        return {name: from_json(part) for name, part in value.items()}
    return [from_json(part) for part in value] if isinstance(value, list) else value
