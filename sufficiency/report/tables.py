"""The tables of the report."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sufficiency._tables import mean_of_finished
from sufficiency.curves import FittedCurve
from sufficiency.report.numbers import count, duration, number, percent
from sufficiency.sizing import CollectionPlan, Verdict
from sufficiency.sizing.collection import chance_in_words
from sufficiency.sizing.questions import arrivals
from sufficiency.sizing.verdict import span

if TYPE_CHECKING:
    from sufficiency.result import SufficiencyResult


@dataclass(frozen=True)
class Entry:
    """What stands in a cell of a table."""

    text: str
    value: float | str | None = None  # the same for machines, in full
    prose: bool = False  # may be broken into lines


@dataclass(frozen=True)
class Table:
    """A table whose first columns name the row."""

    name: str
    caption: str
    columns: dict[str, list[Entry]]  # by header, all of one length
    n_headers: int = 1

    @property
    def rows(self) -> Iterable[tuple[Entry, ...]]:
        """Entries line by line."""
        return zip(*self.columns.values(), strict=True)


def _entries(values: Iterable[float], write: Callable[[float], str] = number) -> list[Entry]:
    exact = int if write is count else float
    return [Entry(write(value), exact(value) if math.isfinite(value) else None) for value in values]


def _reasons(texts: Iterable[str]) -> list[Entry]:
    return [Entry(text or "–", prose=bool(text)) for text in texts]


def _size(verdict: Verdict) -> Entry:
    if verdict.size is None:
        return Entry("not known")
    text = count(verdict.size)
    if verdict.status == "at_most":
        text = f"≤ {text}"
    if verdict.decision == "unknown" or verdict.status == "not_identifiable":
        text += ", not reliably"
    return Entry(text, verdict.size)


def _interval(interval: tuple[int, float] | None) -> Entry:
    return Entry(span(interval), "/".join(map(str, interval)) if interval else None)


def _answers(verdicts: Sequence[Verdict]) -> dict[str, list[Entry]]:
    return {
        "Sufficient size": [_size(verdict) for verdict in verdicts],
        f"{100 * verdicts[0].confidence:g} % interval": [_interval(v.interval) for v in verdicts],
        "Decision": [Entry(verdict.headline, verdict.decision) for verdict in verdicts],
        "Status": [Entry(verdict.status.replace("_", " "), verdict.status) for verdict in verdicts],
        "Missing": [Entry(verdict.missing, verdict.n_missing) for verdict in verdicts],
    }


def thresholds(verdicts: Sequence[Verdict]) -> Table:
    """Sizes and intervals of all thresholds."""
    first = verdicts[0]
    mean, unit = ("RMS", "loss²") if first.order == 2 else ("mean absolute", "loss")
    shares = (verdict.relative_change for verdict in verdicts)
    return Table(
        "thresholds",
        f"Samples to train on until {arrivals(first.growth)} the loss landscape by no more than "
        f"each threshold. Missing counts against the {first.n_available:,} samples there are.",
        {
            f"Change of the loss ({mean})": _entries(verdict.change for verdict in verdicts),
            "Share of the unseen loss": _entries(shares, percent),
            f"Threshold{'' if first.growth else ' for Δ'} ({unit})": _entries(
                verdict.threshold for verdict in verdicts
            ),
            **_answers(verdicts),
        },
    )


def targets(verdicts: Sequence[Verdict]) -> Table:
    """Sizes and intervals of targets for loss and score."""
    return Table(
        "targets",
        "Samples to train on until loss or score on unseen samples come to a target, by the "
        "learning curve.",
        {
            "Target": [Entry(f"{v.kind} {v.threshold:g}", v.threshold) for v in verdicts],
            **_answers(verdicts),
            "Remark": _reasons(verdict.reason for verdict in verdicts),
        },
    )


def rounds(plan: CollectionPlan, number: int) -> Table:
    """What to collect in each round."""
    frame = plan.to_frame()
    return Table(
        f"rounds-{number}",
        f"Rounds of collection for {plan.criterion}; each but the first takes place only if those "
        "before it were not enough.",
        {
            "Round": _entries(frame.index, count),
            "Collect": _entries(frame["collect"], count),
            "Total": _entries(frame["total"], count),
            "Chance that this is enough": _entries(frame["chance"], chance_in_words),
            "Chance that it takes place": _entries(frame["needed"], percent),
        },
    )


def suggestions(rows: Sequence[dict[str, Any]]) -> Table:
    """What more data would change now."""
    return Table(
        "suggestions",
        "What more samples would change now, and the sizes at which that is a half and a quarter.",
        {
            "More samples": [Entry(row["arriving"]) for row in rows],
            "Change of the loss": _entries(row["change"] for row in rows),
            "Share of the unseen loss": _entries((row["relative_change"] for row in rows), percent),
            "Halved at": _entries((row["size_to_halve"] or math.nan for row in rows), count),
            "Quartered at": _entries((row["size_to_quarter"] or math.nan for row in rows), count),
        },
    )


def sizes(result: SufficiencyResult, curve: FittedCurve | None) -> Table:
    """Means over the repeats at every size."""
    measured = result.measurements
    return Table(
        "sizes",
        "Means over the finished repeats at every size.",
        {
            "Size": _entries(result.sizes, count),
            f"Δ ({'loss²' if result.order == 2 else 'loss'})": _entries(result.deltas),
            "Standard error": _entries(result.delta_stderr),
            "Fitted Δ": _entries(
                curve.predict(result.sizes) if curve else [math.nan] * len(result.sizes)
            ),
            "Unseen loss": _entries(mean_of_finished(measured.unseen_loss)),
            "Unseen score": _entries(mean_of_finished(measured.unseen_score)),
            "One training": _entries(mean_of_finished(result.table("fit_seconds")), duration),
            "Repeats": _entries(np.isfinite(result.table("delta")).sum(axis=0), count),
        },
    )


# Columns of the frame, their headers, and how they are written.
_CELLS = (
    # from 0, as failures and the frame of a result have it
    ("repeat", "Repeat", count),
    ("size", "Size", count),
    ("delta", "Δ", number),
    ("stderr", "Standard error", number),
    ("delta_point", "Δ at the center", number),
    ("top1pct_share", "Share of the top 1 %", percent),
    ("train_loss", "Training loss", number),
    ("unseen_loss", "Unseen loss", number),
    ("unseen_score", "Unseen score", number),
    ("loss_drift", "Drift of the loss", number),
    ("grad_norm", "Gradient norm", number),
    ("n_draws", "Draws", count),
    ("fit_seconds", "Training", duration),
    ("probe_seconds", "Measuring", duration),
)


def cells(result: SufficiencyResult) -> Table:
    """Every cell."""
    columns = {
        header: _entries((getattr(cell, name) for cell in result.cells), write)
        for name, header, write in _CELLS
        if np.isfinite(result.table(name)).any()
    }
    failures = [cell.failure for cell in result.cells]
    if any(failures):
        columns["Failed because"] = _reasons(failures)
    caption = f"All {len(failures):,} cells, one for each repeat (counted from 0) and size."
    return Table("cells", caption, columns, n_headers=2)
