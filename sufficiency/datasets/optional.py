"""Libraries that come with the extra ``datasets``."""

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["needs_extra"]


@contextmanager
def needs_extra(loader: str) -> Iterator[None]:
    """Add to an import error how to install the extra that has the library."""
    try:
        yield
    except ImportError as error:
        raise ImportError(
            f"`{loader}` needs a library that cannot be imported ({error}); install it with: "
            'pip install "sufficiency[datasets]"',
            name=error.name,
        ) from error
