"""The tables of the report."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sufficiency._tables import mean_of_finished
from sufficiency.report.numbers import count, duration, number, percent
from sufficiency.sizing import Verdict
from sufficiency.sizing.questions import arrivals
from sufficiency.sizing.verdict import span

if TYPE_CHECKING:
    from sufficiency.result import SufficiencyResult

__all__ = ["Entry", "Table", "cells", "sizes", "suggestions", "targets", "thresholds"]


@dataclass(frozen=True)
class Entry:
    """
    What stands in a cell of a table.

    Attributes
    ----------
    text : str
        For people.
    value : float or str, optional
        For machines, in full.
    prose : bool
        Whether it may be a sentence, and then be broken into lines.
    """

    text: str
    value: float | str | None = None
    prose: bool = False


@dataclass(frozen=True)
class Table:
    """
    A table with its caption.

    Attributes
    ----------
    name : str
        Unique on the page.
    caption : str
        What it shows, with units.
    columns : tuple of str
        Headers.
    rows : tuple of tuple of Entry
        As long as the columns.
    n_headers : int
        So many columns on the left name the row.
    """

    name: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Entry, ...], ...]
    n_headers: int = 1


def _number(value: float) -> Entry:
    return Entry(number(value), float(value) if math.isfinite(value) else None)


def _percent(value: float) -> Entry:
    return Entry(percent(value), float(value) if math.isfinite(value) else None)


def _seconds(value: float) -> Entry:
    return Entry(duration(value), float(value) if math.isfinite(value) else None)


def _count(value: float | None) -> Entry:
    if value is None or not math.isfinite(value):
        return Entry("–")
    return Entry(count(value), int(value))


def _size(verdict: Verdict) -> Entry:
    if verdict.size is None:
        return Entry("not known")
    text = count(verdict.size)
    if verdict.status == "at_most":
        text = f"≤ {text}"
    if verdict.status == "not_identifiable":
        text += ", not reliably"
    return Entry(text, verdict.size)


def _answer(verdict: Verdict) -> tuple[Entry, ...]:
    ends = verdict.interval
    return (
        _size(verdict),
        Entry(span(ends), None if ends is None else "/".join(str(end) for end in ends)),
        Entry(verdict.headline, verdict.decision),
        Entry(verdict.status.replace("_", " "), verdict.status),
        Entry(verdict.missing, verdict.n_missing),
    )


def _answer_columns(verdict: Verdict) -> tuple[str, ...]:
    interval = f"{100 * verdict.confidence:g} % interval"
    return "Sufficient size", interval, "Decision", "Status", "Missing"


def thresholds(verdicts: Sequence[Verdict]) -> Table:
    """Sizes and intervals of all thresholds."""
    first = verdicts[0]
    squared = first.order == 2
    return Table(
        "thresholds",
        f"Samples to train on until {arrivals(first.growth)} the loss landscape by no more than "
        f"each threshold. Missing counts against the {first.n_available:,} samples there are.",
        (
            f"Change of the loss ({'RMS' if squared else 'mean absolute'})",
            "Share of the unseen loss",
            f"Threshold{'' if first.growth else ' for Δ'} ({'loss²' if squared else 'loss'})",
            *_answer_columns(first),
        ),
        tuple(
            (
                _number(verdict.change),
                _percent(verdict.relative_change),
                _number(verdict.threshold),
                *_answer(verdict),
            )
            for verdict in verdicts
        ),
    )


def targets(verdicts: Sequence[Verdict]) -> Table:
    """Sizes and intervals of targets for loss and score."""
    return Table(
        "targets",
        "Samples to train on until loss or score on unseen samples come to a target, by the "
        "learning curve.",
        ("Target", *_answer_columns(verdicts[0]), "Remark"),
        tuple(
            (
                Entry(f"{verdict.kind} {verdict.threshold:g}", verdict.threshold),
                *_answer(verdict),
                Entry(verdict.reason or "–", prose=bool(verdict.reason)),
            )
            for verdict in verdicts
        ),
    )


def suggestions(records: Sequence[dict[str, Any]]) -> Table:
    """What more data would change now."""
    rows = tuple(
        (
            Entry(str(row["arriving"])),
            _number(row["change"]),
            _percent(row["relative_change"]),
            _count(row["size_to_halve"]),
            _count(row["size_to_quarter"]),
        )
        for row in records
    )
    return Table(
        "suggestions",
        "What more samples would change now, and the sizes at which that is a half and a quarter.",
        (
            "More samples",
            "Change of the loss",
            "Share of the unseen loss",
            "Halved at",
            "Quartered at",
        ),
        rows,
    )


def sizes(result: SufficiencyResult) -> Table:
    """Means over the repeats at every size."""
    measured = result.measurements
    losses, scores = map(mean_of_finished, (measured.unseen_loss, measured.unseen_score))
    seconds = mean_of_finished(result.table("fit_seconds"))
    fitted = _fitted(result)
    finished = np.isfinite(result.table("delta")).sum(axis=0)
    rows = tuple(
        (
            _count(size),
            _number(result.deltas[i]),
            _number(result.delta_stderr[i]),
            _number(fitted[i]),
            _number(losses[i]),
            _number(scores[i]),
            _seconds(seconds[i]),
            _count(finished[i]),
        )
        for i, size in enumerate(result.sizes)
    )
    unit = "loss²" if result.order == 2 else "loss"
    return Table(
        "sizes",
        "Means over the finished repeats at every size.",
        (
            "Size",
            f"Δ ({unit})",
            "Standard error",
            "Fitted Δ",
            "Unseen loss",
            "Unseen score",
            "One training",
            "Repeats",
        ),
        rows,
    )


def _fitted(result: SufficiencyResult) -> list[float]:
    try:
        return [float(value) for value in result.curve.predict(result.sizes)]
    except ValueError:
        return [math.nan] * len(result.sizes)


# Columns of the frame, their headers, and how they are written.
_CELLS = (
    ("delta", "Δ", _number),
    ("stderr", "Standard error", _number),
    ("delta_point", "Δ at the center", _number),
    ("top1pct_share", "Share of the top 1 %", _percent),
    ("train_loss", "Training loss", _number),
    ("unseen_loss", "Unseen loss", _number),
    ("unseen_score", "Unseen score", _number),
    ("loss_drift", "Drift of the loss", _number),
    ("grad_norm", "Gradient norm", _number),
    ("n_draws", "Draws", _count),
    ("fit_seconds", "Training", _seconds),
    ("probe_seconds", "Measuring", _seconds),
)


def cells(result: SufficiencyResult) -> Table:
    """Every cell."""
    kept = [column for column in _CELLS if np.isfinite(result.table(column[0])).any()]
    failures = any(cell.failure for cell in result.cells)
    rows = []
    for cell in result.cells:
        # from 0, as failures and the frame of a result have it
        row = [_count(cell.repeat), _count(cell.size)]
        row += [write(getattr(cell, name)) for name, _, write in kept]
        if failures:
            row.append(Entry(cell.failure or "–", prose=bool(cell.failure)))
        rows.append(tuple(row))
    headers = ("Repeat", "Size", *(header for _, header, _ in kept))
    if failures:
        headers += ("Failed because",)
    caption = f"All {len(rows):,} cells, one for each repeat (counted from 0) and size."
    return Table("cells", caption, headers, tuple(rows), n_headers=2)
