"""
Warnings of nets and libraries: each is shown once in a fit, wherever its cells are measured.

Python's own record of what it has shown is void after every change of its filters, and libraries
change them in every step.
"""

import threading
import warnings
from collections.abc import Callable, Iterable
from typing import Self, TextIO

# Text, category, file and line.
Heard = tuple[str, type[Warning], str, int]


class EachOnce:
    """Context in which every warning is shown once; it may be entered again."""

    def __init__(self) -> None:
        self.heard: set[Heard] = set()
        self._before: list[Callable[..., None]] = []

    def __enter__(self) -> Self:
        self._before.append(warnings.showwarning)
        warnings.showwarning = self._show
        return self

    def __exit__(self, *error: object) -> None:
        warnings.showwarning = self._before.pop()

    def _show(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        this = (str(message), category, filename, lineno)
        if this not in self.heard:
            self.heard.add(this)
            self._before[-1](message, category, filename, lineno, file, line)


class _Listener:
    """Takes what a worker process would write, as long as one of its threads measures cells."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._threads = 0
        self._heard: dict[Heard, None] = {}

    def __enter__(self) -> Self:
        with self._lock:
            if not self._threads:
                self._before = warnings.showwarning
                warnings.showwarning = self._take
            self._threads += 1
        return self

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._threads -= 1
            if not self._threads:
                warnings.showwarning = self._before

    def _take(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        # a class of the user's script may be unknown where the warning is shown
        known = UserWarning if category.__module__ == "__main__" else category
        with self._lock:
            self._heard[str(message), known, filename, lineno] = None

    def taken(self) -> list[Heard]:
        """What was heard since the last time."""
        with self._lock:
            heard, self._heard = self._heard, {}
        return list(heard)


listener = _Listener()


def relay(heard: Iterable[Heard]) -> None:
    """Show here what a worker has heard."""
    for text, category, filename, lineno in heard:
        warnings.warn_explicit(text, category, filename, lineno)
