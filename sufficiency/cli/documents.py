"""The JSON documents of the commands; their keys are documented, and stay."""

import json
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from sufficiency._json import to_json
from sufficiency._tables import mean_of_finished
from sufficiency.cli.questions import Answer, Asked
from sufficiency.cli.summary import DataSummary
from sufficiency.fit.cost import CostEstimate
from sufficiency.result import SufficiencyResult
from sufficiency.sizing.questions import TARGET_KINDS

__all__ = ["cost_document", "ladder_rows", "run_document", "suggestion_rows"]

# It changes when a key goes or changes its meaning.
_FORMAT = 1


def run_document(
    result: SufficiencyResult,
    summary: DataSummary,
    asked: Asked,
    answers: Sequence[Answer],
    warnings: Sequence[str],
) -> str:
    """What --json writes after a run."""
    curve = result.curve
    records = [(answer.question.kind, answer.record(asked.confidence)) for answer in answers]
    targets = {f"{kind}_target": dict(records).get(kind) for kind in TARGET_KINDS}
    return _text(
        {
            "format": _FORMAT,
            "sufficiency": version("sufficiency"),
            "data": summary.record(),
            "n_available": result.n_samples,
            "settings": result.settings,
            "order": result.order,
            "ladder": ladder_rows(result),
            "n_failed_cells": sum(bool(cell.failure) for cell in result.cells),
            "curve": {"family": curve.family, "parameters": dict(curve.parameters)},
            "thresholds": [record for kind, record in records if kind == "delta"],
            **targets,
            "enough": all(answer.enough for answer in answers) if answers else None,
            "suggestions": suggestion_rows(result),
            "warnings": list(warnings),
        }
    )


def cost_document(cost: CostEstimate, summary: DataSummary, warnings: Sequence[str]) -> str:
    """What --json writes after --dry-run."""
    return _text(
        {
            "format": _FORMAT,
            "sufficiency": version("sufficiency"),
            "data": summary.record(),
            "n_available": len(summary.data.y),
            "dry_run": True,
            "seconds": cost.seconds,
            "peak_bytes": cost.peak_bytes,
            "n_cells": cost.n_cells,
            "sizes": cost.sizes.tolist(),
            "cell_seconds": cost.cell_seconds.tolist(),
            "warnings": list(warnings),
        }
    )


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


def suggestion_rows(result: SufficiencyResult) -> list[dict[str, Any]]:
    """Thresholds to choose from; none where the curves do not give any."""
    try:
        table = result.suggest_thresholds()
    except ValueError:
        return []
    return list(table.reset_index().to_dict("records"))


def _text(document: dict[str, Any]) -> str:
    """Strict JSON: what is not finite, or missing, is null."""
    plain = to_json(document, reversible=False)
    return json.dumps(plain, indent=2, allow_nan=False, ensure_ascii=False)
