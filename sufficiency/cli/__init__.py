"""The command line."""

from sufficiency.cli.commands import main

__all__ = ["main"]
