"""A file that appears as a whole."""

import contextlib
import errno
import os
import tempfile
from pathlib import Path

__all__ = ["check_place", "put_file"]


def check_place(path: Path) -> None:
    """Find out, before any work, whether a file can go there."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "`path` must be a file, got a directory", str(path))
    if not path.parent.is_dir():
        raise FileNotFoundError(
            errno.ENOENT, "`path` must lie in a directory that exists, got", str(path)
        )


def put_file(path: Path, data: bytes) -> None:
    """Write a file beside its place and move it there."""
    place = Path(os.path.realpath(path))
    handle, made = tempfile.mkstemp(prefix=f".{place.name[:40]}-", suffix=".tmp", dir=place.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        # mkstemp's are for one user alone
        Path(made).chmod(place.stat().st_mode & 0o777 if place.exists() else _usual_mode())
        os.replace(made, place)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(made)
        raise


def _usual_mode() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
