"""What a run says of its data and its results: for people, and as JSON documents."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd

from sufficiency._json import to_json
from sufficiency._tables import mean_of_finished
from sufficiency.cli.columns import Data
from sufficiency.cli.nets import task_of
from sufficiency.cli.questions import Answer, Asked, deciding_answer, slice_records
from sufficiency.fit.cost import CostEstimate
from sufficiency.result import SufficiencyResult
from sufficiency.sizing.questions import TARGET_KINDS, suggest_thresholds

# It changes when a documented key goes or changes its meaning.
_FORMAT = 1
# Categories of a column that are listed.
_LISTED = 8


@dataclass(frozen=True, eq=False)
class DataSummary:
    """Samples and net, in words and as a record."""

    data: Data
    net: Any  # unfitted
    own_net: str | None = None  # where it comes from; None: the built-in one

    @property
    def classes(self) -> dict[str, int] | None:
        """How often each is there, the most frequent first; None unless there are any."""
        if task_of(self.net) != "classification":
            return None
        names, counts = np.unique(self.data.y, return_counts=True)
        order = np.argsort(-counts, kind="stable")
        return dict(zip(map(str, names[order]), counts[order].tolist(), strict=True))

    def record(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "file": str(self.data.source.path),
            "target": self.data.source.target_name,
            "n_features": int(np.prod(self.data.X.shape[1:])),
            "encoded": self.data.encoded,
            "n_dropped": self.data.n_dropped,
            "slices": list(self.data.slices),
            "task": task_of(self.net),
            "n_classes": None if self.classes is None else len(self.classes),
            "classes": self.classes,
            "net": self.own_net,
        }

    def __str__(self) -> str:
        data = self.data
        shape = data.source.features.shape[1:]
        each = " × ".join(f"{length:,}" for length in shape) + " feature" + "s" * (shape != (1,))
        lines = [f"{data.source.path}: {len(data.y):,} samples with {each}"]
        if data.n_dropped:
            lines[0] += f"; {data.n_dropped:,} rows with missing values are left out"
        for name, categories in data.encoded.items():
            more = ", …" if len(categories) > _LISTED else ""
            lines.append(
                f"{name!r} is encoded by scikit-learn's OneHotEncoder: {len(categories)} column"
                f"{'s' * (len(categories) != 1)} ({', '.join(categories[:_LISTED])}{more})"
            )
        for name, partition in data.slices.items():
            lines.append(f"Slices by {name!r}: {partition.nunique():,}")
        classes = f" with {len(self.classes):,} classes" if self.classes is not None else ""
        net = "the built-in perceptron" if self.own_net is None else f"the net of {self.own_net}"
        target = data.source.target_name
        lines.append(f"Task: {task_of(self.net)}{classes}, target {target!r}; {net}")
        if self.classes is not None:
            listed = [f"{name} ({n:,})" for name, n in self.classes.items()]
            more = f" and {len(listed) - _LISTED:,} more" if len(listed) > _LISTED else ""
            lines.append(f"Classes: {', '.join(listed[:_LISTED])}{more}")
        return "\n".join(lines)


def run_document(
    result: SufficiencyResult,
    summary: DataSummary | None,
    asked: Asked,
    answers: Sequence[Answer],
    warnings: Sequence[str],
) -> str:
    """What --json writes after a run, or of a saved result, whose data are not there."""
    decides = deciding_answer(answers)
    curve = result.curve
    records = [
        (
            answer.question.kind,
            {**answer.record(asked.confidence), "slices": slice_records(result, answer)},
        )
        for answer in answers
    ]
    return _document(
        summary,
        result.n_samples,
        {
            "settings": result.settings,
            "order": result.order,
            "ladder": ladder_rows(result),
            "slices": slice_rows(result),
            "n_failed_cells": sum(bool(cell.failure) for cell in result.cells),
            "curve": {"family": curve.family, "parameters": dict(curve.parameters)},
            "thresholds": [record for kind, record in records if kind == "delta"],
            **{f"{kind}_target": dict(records).get(kind) for kind in TARGET_KINDS},
            "enough": None if decides is None else decides.enough,
            "decision": None if decides is None else decides.decision,
            "suggestions": suggestion_rows(result),
        },
        warnings,
    )


def cost_document(cost: CostEstimate, summary: DataSummary, warnings: Sequence[str]) -> str:
    """What --json writes after --dry-run."""
    estimated = {
        "dry_run": True,
        "seconds": cost.seconds,
        "peak_bytes": cost.peak_bytes,
        "n_cells": cost.n_cells,
        "sizes": cost.sizes.tolist(),
        "cell_seconds": cost.cell_seconds.tolist(),
    }
    return _document(summary, len(summary.data.y), estimated, warnings)


def ladder_rows(result: SufficiencyResult) -> list[dict[str, Any]]:
    """A row for each size: Δ, its standard error, and means of loss and score."""
    columns = {
        "size": result.sizes,
        "delta": result.deltas,
        "stderr": result.delta_stderr,
        "unseen_loss": mean_of_finished(result.table("unseen_loss")),
        "unseen_score": mean_of_finished(result.table("unseen_score")),
    }
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    return [dict(zip(columns, row, strict=True)) for row in rows]


def slice_rows(result: SufficiencyResult) -> list[dict[str, Any]]:
    """A row for each slice and size, as of :meth:`SufficiencyResult.by_slice`."""
    if not any(cell.slices for cell in result.cells):
        return []
    rows: list[dict[str, Any]] = result.by_slice().reset_index().to_dict("records")
    return rows


def worst_slices(result: SufficiencyResult) -> str:
    """The slices with the largest Δ at the largest size, as a table."""
    largest = [row for row in slice_rows(result) if row["size"] == result.measurements.largest]
    worst = sorted(largest, key=lambda row: np.nan_to_num(-row["delta"], nan=np.inf))
    columns = ("slice", "n_candidates", "delta", "delta_stderr", "unseen_loss", "unseen_score")
    table = numbers_table([{name: row[name] for name in columns} for row in worst[:_LISTED]])
    head = f"Slices with the largest Δ at {result.measurements.largest:,} samples"
    return f"{head}, {min(_LISTED, len(worst))} of {len(worst)}:\n{table}"


def suggestion_rows(result: SufficiencyResult) -> list[dict[str, Any]]:
    """Thresholds to choose from; none where the curves do not give any."""
    try:
        return suggest_thresholds(result.measurements, family=result.family)
    except ValueError:
        return []


def _document(
    summary: DataSummary | None, n_available: int, content: dict[str, Any], warnings: Sequence[str]
) -> str:
    """Strict JSON: what is not finite, or missing, is null."""
    data = {"data": summary and summary.record(), "n_available": n_available}
    return document_of({**data, **content, "warnings": list(warnings)})


def document_of(content: dict[str, Any]) -> str:
    """What --json writes: strict JSON, and by which release."""
    document = {"format": _FORMAT, "sufficiency": version("sufficiency"), **content}
    plain = to_json(document, reversible=False)
    return json.dumps(plain, indent=2, allow_nan=False, ensure_ascii=False)


def numbers_table(rows: Sequence[dict[str, Any]]) -> str:
    """Rows as a table, without columns that hold nothing."""
    table = pd.DataFrame(rows).dropna(axis="columns", how="all")
    return table.to_string(index=False, float_format="{:.3g}".format, na_rep="")
