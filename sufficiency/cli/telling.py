"""What a run says: about its data, its cost, and its answers."""

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd

from sufficiency.cli.answers import (
    Answer,
    Questions,
    answers_of,
    in_paragraphs,
    json_text,
    ladder_of,
    suggestions_of,
)
from sufficiency.cli.columns import Data
from sufficiency.cli.errors import ENOUGH, INSUFFICIENT
from sufficiency.cli.nets import task_of
from sufficiency.cli.output import deliver
from sufficiency.fit.cost import CostEstimate
from sufficiency.result import SufficiencyResult

__all__ = ["Told", "about_cost", "conclude"]

# Of the JSON documents; it changes when a key goes or changes its meaning.
_FORMAT = 1
# Categories of a column that are listed.
_LISTED = 8


class Told:
    """
    What is measured, in words and as a record.

    Parameters
    ----------
    data : Data
        Samples.
    net : NeuralNet
        Unfitted.
    own : str, optional
        Where it comes from; None: the built-in one.
    """

    def __init__(self, data: Data, net: Any, own: str | None = None) -> None:
        self.data = data
        self.net = net
        self.own = own

    @property
    def task(self) -> str:
        """Of the net."""
        return task_of(self.net)

    @property
    def n_classes(self) -> int | None:
        """None unless there are any."""
        return len(np.unique(self.data.y)) if self.task == "classification" else None

    def record(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "file": str(self.data.source.path),
            "target": self.data.source.target_name,
            "n_features": int(np.prod(self.data.X.shape[1:])),
            "encoded": self.data.encoded,
            "n_dropped": self.data.n_dropped,
            "task": self.task,
            "n_classes": self.n_classes,
            "net": self.own,
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
                f"{name!r} is encoded by scikit-learn's OneHotEncoder: {len(categories)} "
                f"column{'s' * (len(categories) != 1)} "
                f"({', '.join(categories[:_LISTED])}{more})"
            )
        classes = f" with {self.n_classes} classes" if self.n_classes is not None else ""
        net = "the built-in perceptron" if self.own is None else f"the net of {self.own}"
        lines.append(f"Task: {self.task}{classes}, target {data.source.target_name!r}; {net}")
        return "\n".join(lines)


def about_cost(
    cost: CostEstimate, about: Told, *, as_json: bool, warnings: Sequence[str] = ()
) -> str:
    """A cost estimate, for people or programs."""
    if not as_json:
        return f"It would take {cost}. One small cell was timed; nothing else was done."
    document = {
        "format": _FORMAT,
        "sufficiency": version("sufficiency"),
        "data": about.record(),
        "n_available": len(about.data.y),
        "dry_run": True,
        "seconds": cost.seconds,
        "peak_bytes": cost.peak_bytes,
        "n_cells": cost.n_cells,
        "sizes": cost.sizes.tolist(),
        "cell_seconds": cost.cell_seconds.tolist(),
        "warnings": list(warnings),
    }
    return json_text(document)


def conclude(
    result: SufficiencyResult,
    about: Told,
    questions: Questions,
    *,
    warnings: Sequence[str],
    out: Path | None,
    as_json: bool,
    fail_if_insufficient: bool,
) -> int:
    """Answer, write, tell."""
    answers = answers_of(result, questions)
    document = json_text(_document(result, about, questions, answers, warnings))
    if as_json:
        click.echo(document)
    else:
        click.echo(_in_words(result, answers))
    if out is not None:
        names = deliver(result, out, document=document, questions=questions, answers=answers)
        if not as_json:
            click.echo(f"\nIn {out}: {', '.join(names)}")
    enough = all(answer.enough for answer in answers)
    return INSUFFICIENT if fail_if_insufficient and not enough else ENOUGH


def _document(
    result: SufficiencyResult,
    about: Told,
    questions: Questions,
    answers: Sequence[Answer],
    warnings: Sequence[str],
) -> dict[str, Any]:
    """What --json writes; its keys are documented, and stay."""
    curve = result.curve
    return {
        "format": _FORMAT,
        "sufficiency": version("sufficiency"),
        "data": about.record(),
        "n_available": result.n_samples,
        "settings": result.settings,
        "order": result.order,
        "ladder": ladder_of(result),
        "n_failed_cells": sum(bool(cell.failure) for cell in result.cells),
        "curve": {"family": curve.family, "parameters": dict(curve.parameters)},
        "thresholds": [a.record for a in answers if "threshold" in a.record],
        "loss_target": next((a.record for a in answers if "loss" in a.record), None),
        "score_target": next((a.record for a in answers if "score" in a.record), None),
        "enough": all(answer.enough for answer in answers) if questions else None,
        "suggestions": suggestions_of(result),
        "warnings": list(warnings),
    }


def _in_words(result: SufficiencyResult, answers: Sequence[Answer]) -> str:
    table = pd.DataFrame(ladder_of(result)).dropna(axis="columns", how="all")
    parts = ["", table.to_string(index=False, float_format="{:.3g}".format)]
    if answers:
        return "\n".join([*parts, "", in_paragraphs(answers)])
    suggestions = suggestions_of(result)
    if suggestions:
        table = pd.DataFrame(suggestions)
        parts += [
            "",
            "What more data change now; choose a --threshold by it:",
            table.to_string(index=False, float_format="{:.3g}".format, na_rep=""),
        ]
    return "\n".join(parts)
