"""Ctrl-C and SIGTERM end a run in the same way, and say how to go on."""

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType

logger = logging.getLogger("sufficiency.store")


@contextmanager
def terminable() -> Iterator[None]:
    """Within this context SIGTERM raises KeyboardInterrupt, as Ctrl-C does."""
    in_main = threading.current_thread() is threading.main_thread()
    takes_over = in_main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    if takes_over:
        signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        if takes_over:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def interruptible(how_to_go_on: Callable[[], str]) -> Iterator[None]:
    """The same, and an interrupt says how to go on."""
    with terminable():
        try:
            yield
        except KeyboardInterrupt:
            logger.warning("interrupted: %s", how_to_go_on())
            raise


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt("terminated")


def _mask(how: int) -> None:
    if signal.getsignal(signal.SIGTERM) is _interrupt:
        signal.pthread_sigmask(how, [signal.SIGTERM])


def _release_in_child() -> None:
    if signal.getsignal(signal.SIGTERM) is _interrupt:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])


if hasattr(os, "register_at_fork"):
    # A forked worker has no run to interrupt. A signal that came before it has its own handling
    # back would be lost, so it waits until then.
    os.register_at_fork(
        before=partial(_mask, signal.SIG_BLOCK),
        after_in_parent=partial(_mask, signal.SIG_UNBLOCK),
        after_in_child=_release_in_child,
    )
