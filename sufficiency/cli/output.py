"""The directory that a run leaves: as a whole, or not at all."""

import os
from collections.abc import Sequence
from pathlib import Path

from sufficiency._files import new_directory
from sufficiency.cli.errors import BadInput, RunFailed, one_line
from sufficiency.cli.notices import say
from sufficiency.cli.questions import Answer, Asked
from sufficiency.report import write_report
from sufficiency.result import SufficiencyResult

__all__ = ["RESULT_FILES", "check_directory", "deliver"]

RESULT_FILES = ("result.json", "cells.npz")
_FIGURES = ("delta.svg", "delta.png", "learning_curve.svg", "learning_curve.png")
_VERDICT, _REPORT = "verdict.json", "report.html"
_OURS = {*RESULT_FILES, *_FIGURES, _VERDICT, _REPORT}
_DPI = 150


def check_directory(directory: Path, *, overwrite: bool) -> None:
    """Find out, before anything is measured, whether results can go there."""
    try:
        found = set(os.listdir(directory))
    except FileNotFoundError:
        found = set()
    except OSError as error:
        raise BadInput(
            f"--out {directory} must be a directory ({error.strerror}); choose another one"
        ) from None
    foreign = sorted(found - _OURS)
    if foreign:
        raise BadInput(
            f"--out {directory} holds other files ({_listed(foreign)}), which would be mixed up "
            "with the results; choose a new directory"
        )
    if found and not overwrite:
        raise BadInput(
            f"--out {directory} holds other results; choose a new directory, or replace them with "
            "--overwrite"
        )
    parent = next(place for place in directory.absolute().parents if place.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise BadInput(f"--out {directory} cannot be made in {parent}; choose another place")


def _listed(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")


def deliver(
    result: SufficiencyResult,
    directory: Path,
    *,
    document: str,
    asked: Asked,
    answers: Sequence[Answer],
) -> list[str]:
    """Write result, answers, figures and report."""
    try:
        replaces = directory.is_dir() and bool(os.listdir(directory))
        with new_directory(directory) as making:
            result.save(making)
            (making / _VERDICT).write_text(document + "\n", encoding="utf-8")
            failure = _draw(result, making, asked, answers)
            names = sorted(os.listdir(making))
        if replaces:
            say(f"Note: the earlier results in {directory} are replaced")
    except OSError as error:
        raise RunFailed(
            f"--out {directory} could not be written ({one_line(error)}); with --store, the same "
            "command finds its cells again and measures nothing"
        ) from error
    if failure is not None:
        raise RunFailed(
            f"the result is in {directory}, but not all of its figures ({one_line(failure)}); try "
            f"`sufficiency report {directory}`"
        ) from failure
    return names


def _draw(
    result: SufficiencyResult, making: Path, asked: Asked, answers: Sequence[Answer]
) -> Exception | None:
    """Figures and report; an error is no reason to lose the numbers."""
    verdicts = [answer.verdict for answer in answers if answer.verdict]
    # under growth a threshold is no Δ of one sample
    thresholds = [v.threshold for v in verdicts if v.kind == "delta" and v.growth is None]
    try:
        delta = result.plot_delta(thresholds[0] if thresholds else None)
        learning = result.plot_learning_curve()
        for name in _FIGURES:
            display = delta if name.startswith("delta") else learning
            display.figure_.savefig(making / name, dpi=_DPI)
        accepted = [answer.question for answer in answers if answer.verdict]
        write_report(result, making / _REPORT, accepted, asked.confidence)
    except Exception as error:
        return error
    return None
