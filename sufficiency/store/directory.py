"""A directory of finished work: opened with care, and read without trust."""

import itertools
import logging
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from sufficiency._files import create_file, remove_stale, write_file
from sufficiency.exceptions import InvalidParameterError, StoreWarning
from sufficiency.store.sealed_documents import DamagedFileError, parse_document, render_document

T = TypeVar("T")
# Whether it is a warning (or a line of the log), and its text.
Messages = list[tuple[bool, str]]

# Hits, misses and writes, one line each: the way to see, and to count, what is computed again.
logger = logging.getLogger("sufficiency.store")

_MARKER, _README = "sufficiency-store.json", "README.txt"
_KIND, _VERSION = "sufficiency store", 1
_FOLDERS = ("centers", "cells", "nets", "seeds", "fits", "damaged", "tmp")
# Of file managers and network file systems.
_IGNORED = (".DS_Store", ".nfs")

_ABOUT = f"""\
Finished work of the Python package "sufficiency", kept so that nothing is computed twice.

centers/   trained networks (safetensors), <samples>-<key>; needed to probe them in another way
cells/     numbers of one repeat and size (JSON), <samples>-<key>; what a result is made of
nets/      what the networks consist of, to see why one was trained again
seeds/     random seeds that were drawn for random_state=None
fits/      which cells a fit is made of, for those who look on while it runs
damaged/   files whose content was not what had been written; nothing reads them
tmp/       unfinished files

Every file names its key, what the key is made of, and a checksum of itself. Any of them can be
deleted at any time: what is missing is computed again. Several processes may use the directory at
the same time. {_MARKER} marks it as a store.
"""


class Store:
    """
    Keeps finished cells and trained centers in a directory, and gives them back.

    A directory that holds anything else, or cannot be written to, is refused before anything is
    trained. Instances can be sent to other processes, which have to see the same directory; a
    read-only one writes, moves and makes nothing.
    """

    def __init__(self, directory: str | os.PathLike[str], *, read_only: bool = False) -> None:
        if not isinstance(directory, (str, os.PathLike)):
            raise InvalidParameterError(
                "store", f"must be the path of a directory, got {directory!r}"
            )
        self.directory = Path(directory).expanduser().absolute()
        self.read_only = read_only
        self._temporary = self.directory / "tmp"
        # a copy in a worker process collects its messages, see `relay`
        self._home, self._messages = os.getpid(), Messages()
        try:
            self._open()
        except OSError as error:
            purpose = "be read" if read_only else "be written to"
            raise InvalidParameterError(
                "store",
                f"must be a directory that can {purpose}, got {str(self.directory)!r}: "
                f"{error.strerror or error}; choose another one",
            ) from error

    def __repr__(self) -> str:
        return f"Store({str(self.directory)!r})"

    def _open(self) -> None:
        if not self.read_only:
            self.directory.mkdir(parents=True, exist_ok=True)
        marked = self._check_marker(os.listdir(self.directory))
        if self.read_only:
            return
        remove_stale(self._temporary)
        if not marked:
            marker = render_document(_KIND, _MARKER, {"version": _VERSION})
            write_file(self.directory / _MARKER, marker, self._temporary)
        # every time: it finds out whether this process may write, and whether anything fits
        write_file(self.directory / _README, _ABOUT.encode(), self._temporary)

    def _check_marker(self, names: list[str]) -> bool:
        """Whether the directory is a store already; anything but a store or nothing is refused."""
        if _MARKER not in names:
            foreign = sorted(set(names) - {_README, *_FOLDERS})
            foreign = [name for name in foreign if not name.startswith(_IGNORED)]
            if foreign or self.read_only:
                held = f"which holds {foreign[0]!r}" if foreign else "which is none"
                raise InvalidParameterError(
                    "store",
                    f"must be a new or empty directory, or one that is a store already, got "
                    f"{str(self.directory)!r}, {held}; choose another one",
                )
            return False
        path = self.directory / _MARKER
        try:
            version = parse_document(path.read_bytes(), _KIND, _MARKER)["version"]
        except DamagedFileError as error:
            self._set_aside(path, str(error))
            return False
        if version != _VERSION:
            raise InvalidParameterError(
                "store",
                f"must be of version {_VERSION}, got {str(self.directory)!r} of version "
                f"{version!r}; choose another directory, or use the release that made it",
            )
        return True

    def holds(self, folder: str, name: str) -> bool:
        """Whether a file is there, in whatever state."""
        return (self.directory / folder / name).exists()

    def load(self, folder: str, name: str, parse: Callable[[bytes], T]) -> T | None:
        """What a file holds, if it is there and in order."""
        path = self.directory / folder / name
        try:
            value = parse(path.read_bytes())
        except FileNotFoundError:
            self._say(False, f"{folder}/{name}: missing")
        except OSError as error:
            self.warn(
                f"the file {str(path)!r} of the store cannot be read ({error}); it is left out"
            )
        except DamagedFileError as error:
            self._set_aside(path, str(error))
        else:
            self._say(False, f"{folder}/{name}: found")
            return value
        return None

    def save(self, folder: str, name: str, data: bytes) -> bool:
        """Write a file; where that fails, say so and go on."""
        if self.read_only:
            return False
        try:
            write_file(self.directory / folder / name, data, self._temporary)
        except OSError as error:
            self.warn_not_kept(error)
            self._say(False, f"{folder}/{name}: not kept")
            return False
        self._say(False, f"{folder}/{name}: kept")
        return True

    def warn_not_kept(self, error: OSError) -> None:
        """Say that files cannot be written: one text for all of them, which is shown once."""
        self.warn(
            f"the store {str(self.directory)!r} cannot be written to "
            f"({error.strerror or error}): the run goes on and what is in the store stays "
            "there, but what is finished while this lasts is not kept; make room"
        )

    def seed(self, made_of: dict[str, Any], draw: Callable[[], int]) -> int:
        """The seed that was drawn for these circumstances, or a new one that is kept."""
        from sufficiency.store.fingerprints import digest  # with torch, which readers do without

        kind, key = "sufficiency seed 1", digest(made_of)
        name = f"{key[:32]}.json"

        def parse(data: bytes) -> int:
            return int(parse_document(data, kind, key)["seed"])

        known = self.load("seeds", name, parse)
        if known is not None:
            return known
        seed = draw()
        if self.read_only:
            return seed
        data = render_document(kind, key, {"seed": seed, "made_of": made_of})
        try:
            created = create_file(self.directory / "seeds" / name, data, self._temporary)
        except OSError as error:
            self.warn(f"the store cannot keep the seed {seed} ({error}); pass it as `random_state`")
            return seed
        # another process was faster
        known = None if created else self.load("seeds", name, parse)
        return seed if known is None else known

    def _set_aside(self, path: Path, reason: str) -> None:
        """Move a file away under a name that is free, for whoever wants to look at it."""
        found = f"the file {str(path)!r} of the store is damaged or foreign: {reason}"
        if self.read_only:
            self.warn(f"{found}; it is left out")
            return
        folder = self.directory / "damaged"
        try:
            folder.mkdir(exist_ok=True)
            names = (folder / f"{path.name}.{number}" for number in itertools.count(1))
            moved = next(name for name in names if not name.exists())
            os.replace(path, moved)
        except OSError as error:
            self.warn(f"{found}; it could not be set aside ({error}) and is computed again")
        else:
            self._say(False, f"{path.parent.name}/{path.name}: damaged")
            self.warn(f"{found}; it is now {str(moved)!r}, and what it held is computed again")

    def warn(self, message: str) -> None:
        """Say that something in the store could not be used or kept."""
        self._say(True, message)

    def _say(self, is_warning: bool, message: str) -> None:
        if os.getpid() != self._home:
            self._messages.append((is_warning, message))
        elif is_warning:
            warnings.warn(message, StoreWarning, stacklevel=4)
        else:
            logger.info(message)

    def take_messages(self) -> Messages:
        """Warnings and lines of the log of a worker process, for :meth:`relay`; forgotten here."""
        messages, self._messages = self._messages, []
        return messages

    def relay(self, messages: Messages) -> None:
        """Repeat the messages of a worker, whose own warnings and log nobody may see."""
        for is_warning, message in messages:
            self._say(is_warning, message)
