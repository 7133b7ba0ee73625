"""Warnings and log messages on standard error, a line each; results alone on standard output."""

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from typing import Any

from sufficiency.cli.errors import one_line, put


def say(text: str) -> None:
    """Write a line to standard error, above a progress bar if there is one."""
    from tqdm import tqdm

    with tqdm.external_write_mode(file=sys.stderr):
        put(text, err=True)


class Notices(logging.Handler):
    """Warnings and log messages of a run; `running` once cells are measured and checks are over."""

    def __init__(self, debug: bool) -> None:
        super().__init__(logging.DEBUG)
        self.debug = debug
        self.warnings: list[str] = []
        self.running = False

    def emit(self, record: logging.LogRecord) -> None:
        """Take a log message."""
        self.running = self.running or record.name == "sufficiency.fit.runner"
        if self.debug:
            say(f"{record.levelname} {record.name}: {one_line(record.getMessage())}")
        elif record.levelno >= logging.WARNING:
            say(f"Note: {one_line(record.getMessage())}")

    def _take_warning(self, message: object, category: type[Warning], *_: Any, **__: Any) -> None:
        text = one_line(message)
        if text in self.warnings:
            return
        self.warnings.append(text)
        # what others warn of is found by its kind
        kind = "" if issubclass(category, UserWarning) else f"{category.__name__}: "
        say(f"Note: {kind}{text}")

    @contextmanager
    def listening(self) -> Iterator["Notices"]:
        """Context in which warnings and messages of this package come here."""
        logger = logging.getLogger("sufficiency")
        before, passed_on = logger.level, logger.propagate
        logger.addHandler(self)
        logger.setLevel(logging.DEBUG if self.debug else logging.INFO)
        logger.propagate = False
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("always", UserWarning)
                # joblib's, of a run that is interrupted
                warnings.filterwarnings("ignore", r"\d+ tasks which were still", UserWarning)
                warnings.showwarning = self._take_warning
                yield self
        finally:
            logger.removeHandler(self)
            logger.setLevel(before)
            logger.propagate = passed_on


@contextmanager
def only_results_on_stdout(wanted: bool) -> Iterator[None]:
    """If wanted, send to standard error what nets, factories and worker processes print."""
    if not wanted:
        yield
        return
    sys.stdout.flush()
    with redirect_stdout(sys.stderr):
        saved = None
        with suppress(OSError):
            saved = os.dup(1)
            os.dup2(2, 1)
        try:
            yield
        finally:
            if saved is not None:
                os.dup2(saved, 1)
                os.close(saved)
