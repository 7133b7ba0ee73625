"""The tables of the report."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from sufficiency._tables import mean_of_finished
from sufficiency.curves import FittedCurve
from sufficiency.report.numbers import NBSP, count, duration, number, percent
from sufficiency.report.pictures import picture
from sufficiency.sizing import CollectionPlan, Verdict
from sufficiency.sizing.collection import chance_in_words
from sufficiency.sizing.questions import criterion
from sufficiency.sizing.size_intervals import span

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

    from sufficiency.result import SufficiencyResult


# Rows for slices and for samples, and characters of a name.
_MOST_SLICES, _TOP, _LONGEST = 50, 12, 120
# Columns of the frame of samples; all others are partitions.
_OF_SAMPLES = ("rank", "share", "share_stderr", "loss", "n_cells")


@dataclass(frozen=True)
class Entry:
    """What stands in a cell of a table."""

    text: str
    value: float | str | None = None  # the same for machines, in full
    # where lines may be broken: "prose", a "name", or "narrowed" numbers; else nowhere
    kind: str = ""
    picture: str = ""  # address of an image instead of the text, which describes it


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
    return [Entry(text or "–", kind="prose" if text else "") for text in texts]


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
        f"Samples to train on until {criterion('each threshold', first.growth)}. Missing counts "
        f"against the {first.n_available:,} samples there are.",
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


def slices(result: SufficiencyResult, verdicts: Mapping[str, Verdict | str]) -> Table:
    """What was measured for every slice at the largest size, and what each needs."""
    largest = result.measurements.largest
    measured = result.by_slice().xs(largest, level="size")
    frame = measured.sort_values("delta", ascending=False, kind="stable").head(_MOST_SLICES)
    better = len(measured) - len(frame)
    caption = (
        f"The samples of each slice at {largest:,} training samples, the largest size: means over "
        "the repeats ± standard errors, the largest Δ first"
        f"{f', without {better:,} smaller ones' if better else ''}."
    )
    columns = {"Slice": _names(frame.index)}
    answers = [verdicts.get(name, "") for name in frame.index]
    if verdicts:
        columns |= _needs(answers)
        caption += (
            " Sufficient sizes are for the threshold or target of the verdict, and count the "
            "samples of all slices, in the proportions that were measured. Each interval is for "
            "its slice alone; that in a caveat, which names one of many, is wider."
        )
    unit = "loss²" if result.order == 2 else "loss"
    columns |= {
        "Candidates": _entries(frame["n_candidates"], count),
        f"Δ ({unit})": _with_errors(frame["delta"], frame["delta_stderr"]),
        "Unseen loss": _with_errors(frame["unseen_loss"], frame["loss_stderr"]),
        "Unseen score": _with_errors(frame["unseen_score"], frame["score_stderr"]),
    }
    if frame["unseen_score"].isna().all():
        del columns["Unseen score"]
    reasons = [of.reason if isinstance(of, Verdict) else of for of in answers]
    if any(reasons):
        columns["Remark"] = _reasons(reasons)
    return Table("slices", caption, columns)


def _needs(found: Sequence[Verdict | str]) -> dict[str, list[Entry]]:
    """Size, interval and decision of slices, as far as some have any."""
    judged = [verdict for verdict in found if isinstance(verdict, Verdict)]
    # the first columns that thresholds have
    columns = dict(islice(_answers(judged).items(), 3)) if judged else {}
    for header, entries in columns.items():
        known = (replace(entry, kind="narrowed") for entry in entries)
        columns[header] = [next(known) if isinstance(of, Verdict) else Entry("–") for of in found]
    return columns


def samples(
    frame: pd.DataFrame, images: Mapping[int, npt.NDArray[np.uint8]], top: int = _TOP
) -> Table:
    """The samples that are predicted worst."""
    frame = frame.head(top)
    columns = {
        "Rank": _entries(frame["rank"], count),
        "Sample": _entries(frame.index, count),
    }
    if any(row in images for row in frame.index):
        columns["Image"] = [
            Entry(f"sample {row}", picture=picture(images[row])) if row in images else Entry("–")
            for row in frame.index
        ]
    known = {"label": "Label", "predicted": "Predicted"}
    columns |= {header: _names(frame[name]) for name, header in known.items() if name in frame}
    columns["Loss"] = _entries(frame["loss"])
    columns["Share of Δ"] = _with_errors(frame["share"], frame["share_stderr"], percent)
    partitions = [name for name in frame if name not in (*known, *_OF_SAMPLES)]
    if partitions:
        parts = frame[partitions].to_dict("records")
        named = (", ".join(f"{name}={value}" for name, value in part.items()) for part in parts)
        columns["Slices"] = _names(named)
    return Table(
        "samples",
        f"The {len(frame)} samples that are predicted worst by networks that were not trained on "
        "them: wrong labels, rare cases and outliers all stand here. They are numbered from 0, in "
        "the order in which they were passed to fit.",
        columns,
        n_headers=2,
    )


def _names(values: Iterable[Any]) -> list[Entry]:
    """Texts of users, of any length."""
    texts = ("–" if value is None else str(value) for value in values)
    return [
        Entry(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…", kind="name")
        for text in texts
    ]


def _with_errors(
    means: Iterable[float], errors: Iterable[float], write: Callable[[float], str] = number
) -> list[Entry]:
    """Means with the standard errors that are known."""
    return [
        replace(entry, text=f"{entry.text} ±{NBSP}{write(error)}", kind="narrowed")
        if math.isfinite(error)
        else entry
        for entry, error in zip(_entries(means, write), errors, strict=True)
    ]


# Columns of the frame, their headers, and how they are written.
CELLS = (
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


def cells(result: SufficiencyResult, which: Sequence[int] | None = None) -> Table:
    """Every cell, or those at some positions."""
    n_cells = len(result.cells)
    shown = [result.cells[i] for i in (range(n_cells) if which is None else which)]
    columns = {
        header: _entries((getattr(cell, name) for cell in shown), write)
        for name, header, write in CELLS
        if np.isfinite(result.table(name)).any()
    }
    if any(cell.failure for cell in result.cells):
        columns["Failed because"] = _reasons(cell.failure for cell in shown)
    caption = f"All {n_cells:,} cells, one for each repeat (counted from 0) and size."
    return Table("cells", caption, columns, n_headers=2)
