"""The page: what stands on it, put into the template, and onto disk."""

from __future__ import annotations

import errno
import re
from importlib.metadata import version
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from sufficiency._files import write_file
from sufficiency.report import tables
from sufficiency.report.decisions import decide
from sufficiency.report.doubts import doubts
from sufficiency.report.figures import draw_delta, draw_learning_curve
from sufficiency.report.method import paragraphs, settings
from sufficiency.report.questions import Answered, Asked, answer

if TYPE_CHECKING:
    from sufficiency.result import SufficiencyResult

__all__ = ["render", "write_report"]

_TITLE = "How many samples are enough?"


def write_report(
    result: SufficiencyResult, path: str | PathLike[str], asked: Asked, title: str | None = None
) -> Path:
    """Write a result as one HTML file."""
    asked = asked.checked()
    place = Path(path)
    _check_place(place)
    page = render(result, answer(result, asked), title)
    # what no encoding can hold, such as half a character in a file name, is spelled out
    write_file(place, page.encode("utf-8", errors="backslashreplace"))
    return place


def _check_place(path: Path) -> None:
    """Find out, before any work, whether a file can go there."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "`path` must be a file, got a directory", str(path))
    if not path.parent.is_dir():
        raise FileNotFoundError(
            errno.ENOENT, "`path` must lie in a directory that exists, got", str(path)
        )


def render(result: SufficiencyResult, answered: Answered, title: str | None = None) -> str:
    """Make the page."""
    environment = Environment(
        loader=PackageLoader("sufficiency.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["marked"] = _marked
    return environment.get_template("report.html.j2").render(_content(result, answered, title))


def _content(result: SufficiencyResult, answered: Answered, title: str | None) -> dict[str, Any]:
    n, verdicts = result.n_samples, answered.verdicts
    measured = np.isfinite(result.measurements.unseen_loss).any()
    return {
        "title": _TITLE if title is None else str(title),
        "version": version("sufficiency"),
        "result": result,
        "decision": decide(result, answered),
        "answered": answered,
        "doubts": doubts(result, answered),
        "thresholds": tables.thresholds(answered, n) if verdicts else None,
        "statuses": {
            *(verdict.status for verdict in verdicts),
            *(target.estimate.status for target in answered.targets),
        },
        "targets": _targets(answered, n),
        "suggestions": tables.suggestions(answered) if answered.suggestions else None,
        "delta": None if answered.no_curve else draw_delta(result, verdicts),
        "learning": draw_learning_curve(result) if measured else None,
        "sizes": tables.sizes(result),
        "cells": tables.cells(result),
        "method": paragraphs(result, growth=answered.asked.growth is not None),
        "settings": settings(result),
    }


def _targets(answered: Answered, n_available: int) -> tables.Table | None:
    if not answered.targets:
        return None
    return tables.targets(answered.targets, n_available, answered.asked.confidence)


def _marked(text: str) -> Markup:
    """Escape a text and set what stands in backticks as code."""
    parts = re.split(r"`([^`]*)`", text)
    return Markup().join(
        Markup("<code>{}</code>").format(part) if i % 2 else escape(part)
        for i, part in enumerate(parts)
    )
