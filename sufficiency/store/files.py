"""Files that are whole or not there, and that know when they were damaged."""

import contextlib
import hashlib
import os
import platform
import re
import time
import uuid
from pathlib import Path

__all__ = [
    "DamagedFileError",
    "check_seal",
    "create_once",
    "remove_stale",
    "seal",
    "set_aside",
    "write_atomically",
]

_SUFFIX = ".tmp"
# A file is written within seconds: what is a day old was left behind.
_STALE_SECONDS = 86_400.0
# How a checksum is introduced, and what stands in its place while it is computed. Within a text
# inside of JSON the quotes would be escaped, so that nothing else looks like it.
_FIELD, _ZEROS = b'"sha256":"', b"0" * 64


class DamagedFileError(ValueError):
    """A file is not what was written, or not the one that belongs here; the message says how."""


def seal(data: bytes, head: int) -> bytes:
    """Put the checksum of a whole file into it."""
    filled = data[:head].replace(_FIELD + _ZEROS, _FIELD + _checksum(data), 1)
    return filled + data[head:]


def check_seal(data: bytes, head: int, checksum: object) -> None:
    """Make sure that every byte is as :func:`seal` left it."""
    if not isinstance(checksum, str) or not re.fullmatch("[0-9a-f]{64}", checksum):
        raise DamagedFileError("it has no checksum")
    said = checksum.encode()
    blank = data[:head].replace(_FIELD + said, _FIELD + _ZEROS, 1)
    if _checksum(blank, memoryview(data)[head:]) != said:
        raise DamagedFileError("its checksum does not match its content")


def _checksum(*parts: bytes | memoryview) -> bytes:
    total = hashlib.sha256()
    for part in parts:
        total.update(part)
    return total.hexdigest().encode()


def write_atomically(path: Path, data: bytes, temporary: Path) -> None:
    """Write a file that is there as a whole or not at all, whenever the process ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = _write_temporary(data, temporary)
    try:
        os.replace(made, path)
    except OSError:
        made.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def create_once(path: Path, data: bytes, temporary: Path) -> bool:
    """Write a file unless it exists; of several processes at once, one does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = _write_temporary(data, temporary)
    try:
        os.link(made, path)
    except FileExistsError:
        return False
    except OSError:
        # a file system without hard links: not whole at once, but still one process's
        return _create_exclusively(path, data)
    finally:
        made.unlink(missing_ok=True)
    _sync_folder(path.parent)
    return True


def _create_exclusively(path: Path, data: bytes) -> bool:
    try:
        file = path.open("xb")
    except FileExistsError:
        return False
    with file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return True


def _write_temporary(data: bytes, folder: Path) -> Path:
    """A file that nobody else has, on the disk to its last byte."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{platform.node() or 'host'}.{os.getpid()}.{uuid.uuid4().hex}{_SUFFIX}"
    path = folder / name
    try:
        with path.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        # an interrupt too
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        raise
    return path


def _sync_folder(folder: Path) -> None:
    """Make a new name last; where a platform cannot, it is made to last a little later."""
    if os.name != "posix":
        return
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def remove_stale(folder: Path) -> int:
    """
    Remove what killed processes left of their writing.

    Files of this machine go when their process is gone, those of others after a day.
    """
    removed = 0
    for path in folder.glob(f"*{_SUFFIX}"):
        # another process may remove it at the same time
        with contextlib.suppress(OSError):
            if _is_stale(path):
                path.unlink()
                removed += 1
    return removed


def _is_stale(path: Path) -> bool:
    if time.time() - path.stat().st_mtime > _STALE_SECONDS:
        return True
    host, _, process = path.name.removesuffix(_SUFFIX).rpartition(".")[0].rpartition(".")
    if os.name != "posix" or host != (platform.node() or "host") or not process.isdecimal():
        return False
    try:
        # signal 0 only asks whether the process is there
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False


def set_aside(path: Path, folder: Path) -> Path:
    """Move a file away under a name that is free, for whoever wants to look at it."""
    folder.mkdir(parents=True, exist_ok=True)
    number = 1
    while (folder / f"{path.name}.{number}").exists():
        number += 1
    target = folder / f"{path.name}.{number}"
    os.replace(path, target)
    return target
