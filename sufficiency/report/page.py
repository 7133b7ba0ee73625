"""The page: what stands on it, put into the template, and onto disk."""

from __future__ import annotations

import errno
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import version
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from sufficiency import _colors
from sufficiency._files import write_file
from sufficiency.report import tables
from sufficiency.report.figures import (
    draw_concentration,
    draw_delta,
    draw_learning_curve,
    draw_slices,
)
from sufficiency.report.findings import Findings, all_caveats, find, top
from sufficiency.report.method import paragraphs, settings
from sufficiency.sizing.questions import Question

if TYPE_CHECKING:
    from sufficiency.result import SufficiencyResult


def write_report(
    result: SufficiencyResult,
    path: str | PathLike[str],
    questions: Sequence[Question],
    confidence: float = 0.95,
    title: str | None = None,
) -> Path:
    """Write a result as one HTML file."""
    path = Path(path)
    # before any work
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "`path` must be a file, got a directory", str(path))
    if not path.parent.is_dir():
        raise FileNotFoundError(
            errno.ENOENT, "`path` must lie in a directory that exists, got", str(path)
        )
    page = render(result, find(result, questions, confidence), title)
    # what no encoding can hold, such as half a character in a file name, is spelled out
    write_file(path, page.encode("utf-8", errors="backslashreplace"))
    return path


def render(result: SufficiencyResult, findings: Findings, title: str | None = None) -> str:
    """Make the page."""
    thresholds, targets = findings.thresholds, findings.targets
    measured = np.isfinite(result.measurements.unseen_loss).any()
    has_slices = any(cell.slices for cell in result.cells)
    samples = result.samples() if any(cell.unseen for cell in result.cells) else None
    growth = any(verdict.growth is not None for verdict in thresholds)
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            title="How many samples are enough?" if title is None else str(title),
            version=version("sufficiency"),
            result=result,
            top=top(result, findings),
            findings=findings,
            caveats=all_caveats(result, findings),
            thresholds=tables.thresholds(thresholds) if thresholds else None,
            statuses={verdict.status for verdict in (*thresholds, *targets)},
            targets=tables.targets(targets) if targets else None,
            suggestions=tables.suggestions(findings.suggestions) if findings.suggestions else None,
            rounds=[
                tables.rounds(found.plan, i) if found.plan and found.plan.collect else None
                for i, found in enumerate(findings.plans, start=1)
            ],
            delta=draw_delta(result, thresholds) if findings.curve else None,
            learning=draw_learning_curve(result) if measured else None,
            slices=tables.slices(result, findings.slices) if has_slices else None,
            slices_figure=draw_slices(result) if has_slices else None,
            samples=None if samples is None else tables.samples(samples, result.images),
            concentration=None if samples is None else draw_concentration(samples),
            sizes=tables.sizes(result, findings.curve),
            cells=tables.cells(result),
            method=paragraphs(result, findings.curve, growth),
            settings=settings(result),
        )
    )


@cache
def environment(*packages: str) -> Environment:
    """Templates of these packages and of the report, which escape every text."""
    loaders = [PackageLoader(package) for package in (*packages, "sufficiency.report")]
    environment = Environment(
        loader=ChoiceLoader(loaders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"marked": _marked, "declared": _declared}
    environment.globals["colors"] = _colors
    return environment


def _declared(colors: Mapping[str, str]) -> str:
    """Colors as variables of the style sheet."""
    return " ".join(f"--{name}: {color};" for name, color in colors.items())


def _marked(text: str) -> Markup:
    """Escape a text and set what stands in backticks as code."""
    return Markup(re.sub(r"`([^`]*)`", r"<code>\1</code>", str(escape(text))))
