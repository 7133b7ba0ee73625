"""Files that are whole or absent at every moment, whenever the process is killed."""

import contextlib
import os
import platform
import re
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

_SUFFIX = ".tmp"
# A file is written within seconds: what is a day old was left behind.
_STALE_SECONDS = 86_400.0


def write_file(path: Path, data: bytes, temporary: Path | None = None) -> None:
    """Write one file; `temporary` is the folder of unfinished ones (None: that of the file)."""
    write_files({path: data}, temporary)


def write_files(contents: Mapping[Path, bytes], temporary: Path | None = None) -> None:
    """
    Write files of which the last one makes the others readable.

    All are on the disk before anything is replaced, so that a full disk changes nothing. Of
    several, an earlier last file is removed first: a killed process leaves the old files, the
    new ones, or no last file, but never a mixture.
    """
    # a link stays a link
    unfinished = {Path(os.path.realpath(path)): data for path, data in contents.items()}
    made: dict[Path, Path] = {}
    try:
        for path, data in unfinished.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            made[path] = _write_temporary(data, temporary or path.parent)
            if path.exists():
                made[path].chmod(path.stat().st_mode & 0o777)
        if len(made) > 1:
            list(made)[-1].unlink(missing_ok=True)
        for path, file in made.items():
            os.replace(file, path)
            _sync_folder(path.parent)
    finally:
        _remove(*made.values())


def create_file(path: Path, data: bytes, temporary: Path) -> bool:
    """Write a file unless it exists; of several processes at the same time, one does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = _write_temporary(data, temporary)
    try:
        os.link(made, path)
    except FileExistsError:
        return False
    except OSError:
        # a file system without hard links: not whole at once, but still one process's
        try:
            _write_new(path, data)
        except FileExistsError:
            return False
    finally:
        _remove(made)
    _sync_folder(path.parent)
    return True


@contextmanager
def new_directory(directory: Path) -> Iterator[Path]:
    """Directory beside the one that is meant, which replaces it when it is complete."""
    directory = Path(os.path.realpath(directory))
    making = directory.with_name(f".{directory.name[:40]}-{uuid.uuid4().hex}")
    # the earlier one stays until the new one is there
    earlier = making.with_name(f"{making.name}-earlier")
    making.mkdir(parents=True)
    try:
        yield making
        if directory.exists():
            directory.replace(earlier)
        making.replace(directory)
        if earlier.exists():
            shutil.rmtree(earlier)
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _write_temporary(data: bytes, folder: Path) -> Path:
    """A file that nobody else has, on the disk to its last byte."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f".{_host()}.{os.getpid()}.{uuid.uuid4().hex}{_SUFFIX}"
    try:
        _write_new(path, data)
    except BaseException:
        _remove(path)
        raise
    return path


def _write_new(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _remove(*paths: Path) -> None:
    """Remove files as far as they are there; an earlier error is the one to see."""
    for path in paths:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Make a new name last; where a platform cannot, it is made to last a little later."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def remove_stale(folder: Path) -> int:
    """Remove and count unfinished files: of dead processes here, of others after a day."""
    removed = 0
    for path in folder.glob(f".*{_SUFFIX}"):
        # another process may remove it at the same time
        with contextlib.suppress(OSError):
            if _is_stale(path):
                path.unlink()
                removed += 1
    return removed


def _is_stale(path: Path) -> bool:
    if time.time() - path.stat().st_mtime > _STALE_SECONDS:
        return True
    made_here = re.fullmatch(rf"\.{re.escape(_host())}\.(\d+)\.\w+", path.stem)
    if os.name != "posix" or made_here is None:
        return False
    try:
        # signal 0 only asks whether the process is there
        os.kill(int(made_here[1]), 0)
    except (OSError, OverflowError) as error:
        return isinstance(error, ProcessLookupError)
    return False


def _host() -> str:
    return platform.node() or "host"
