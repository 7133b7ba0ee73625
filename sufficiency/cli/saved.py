"""Results that were saved, read without torch."""

from dataclasses import replace
from pathlib import Path

from sufficiency.cli.errors import BadInput, message_of
from sufficiency.result import SufficiencyResult

RESULT_FILES = ("result.json", "cells.npz")


def load_result(directory: Path, family: str | None = None) -> SufficiencyResult:
    """Read a saved result; with a family, its curve is of that one."""
    missing = [name for name in RESULT_FILES if not (directory / name).is_file()]
    if missing:
        raise BadInput(
            f"{directory} holds no result, there is no {missing[0]}; name a directory that `run "
            "--out` or SufficiencyResult.save has made"
        )
    try:
        result = SufficiencyResult.load(directory)
    except ValueError as error:
        raise BadInput(message_of(error)) from error
    return result if family is None else replace(result, family=family)
