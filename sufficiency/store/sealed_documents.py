"""Files that name their kind, key and checksum: JSON."""

import hashlib
import json
import re
from typing import Any

from sufficiency._json import from_json, to_json

# How a checksum is introduced, and what stands in its place while it is computed. Within a text
# inside of JSON the quotes would be escaped, so that nothing else looks like it.
_FIELD, BLANK = '"sha256":"%s"', "0" * 64


class DamagedFileError(ValueError):
    """A file is not what was written, or not the one that belongs here; the message says how."""


def render_document(kind: str, key: str, content: dict[str, Any]) -> bytes:
    """Bytes of a JSON file."""
    document = {"sha256": BLANK, "kind": kind, "key": key, "content": to_json(content)}
    text = json.dumps(document, indent=1, separators=(",", ":"), allow_nan=False)
    data = f"{text}\n".encode()
    return sealed(data, len(data))


def parse_document(data: bytes, kind: str, key: str) -> dict[str, Any]:
    """Content of a file that :func:`render_document` made."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DamagedFileError(f"it is not JSON ({error})") from error
    check(document, data, len(data), kind, key)
    content: dict[str, Any] = from_json(document["content"])
    return content


def sealed(data: bytes, end: int) -> bytes:
    """The file with its checksum in the header, which ends at `end`."""
    return _with_checksum(data[:end], BLANK, hashlib.sha256(data).hexdigest()) + data[end:]


def _with_checksum(header: bytes, old: str, new: str) -> bytes:
    return header.replace((_FIELD % old).encode(), (_FIELD % new).encode(), 1)


def check(header: object, data: bytes, end: int, kind: str, key: str) -> None:
    """Make sure that every byte is as it was written, and that the file belongs here."""
    found = header.get("sha256") if isinstance(header, dict) else None
    if not isinstance(header, dict) or not re.fullmatch("[0-9a-f]{64}", str(found)):
        raise DamagedFileError("it has no checksum")
    checksum = hashlib.sha256(_with_checksum(data[:end], str(found), BLANK))
    checksum.update(memoryview(data)[end:])
    if checksum.hexdigest() != found:
        raise DamagedFileError("its checksum does not match its content")
    for name, expected in (("kind", kind), ("key", key)):
        if header.get(name) != expected:
            raise DamagedFileError(f"its {name} is {header.get(name)!r} instead of {expected!r}")
