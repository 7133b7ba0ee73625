"""What a run measures, and what came out, for people."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sufficiency.cli.columns import Data
from sufficiency.cli.nets import task_of

__all__ = ["DataSummary", "numbers_table"]

# Categories of a column that are listed.
_LISTED = 8


@dataclass(frozen=True, eq=False)
class DataSummary:
    """
    Samples and net, in words and as a record.

    Attributes
    ----------
    data : Data
        Samples.
    net : NeuralNet
        Unfitted.
    own_net : str, optional
        Where it comes from; None: the built-in one.
    """

    data: Data
    net: Any
    own_net: str | None = None

    @property
    def n_classes(self) -> int | None:
        """None unless there are any."""
        return len(np.unique(self.data.y)) if task_of(self.net) == "classification" else None

    def record(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "file": str(self.data.source.path),
            "target": self.data.source.target_name,
            "n_features": int(np.prod(self.data.X.shape[1:])),
            "encoded": self.data.encoded,
            "n_dropped": self.data.n_dropped,
            "task": task_of(self.net),
            "n_classes": self.n_classes,
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
                f"{name!r} is encoded by scikit-learn's OneHotEncoder: {len(categories)} "
                f"column{'s' * (len(categories) != 1)} "
                f"({', '.join(categories[:_LISTED])}{more})"
            )
        classes = f" with {self.n_classes} classes" if self.n_classes is not None else ""
        net = "the built-in perceptron" if self.own_net is None else f"the net of {self.own_net}"
        target = data.source.target_name
        lines.append(f"Task: {task_of(self.net)}{classes}, target {target!r}; {net}")
        return "\n".join(lines)


def numbers_table(rows: Sequence[dict[str, Any]]) -> str:
    """Rows as a table, without columns that hold nothing."""
    table = pd.DataFrame(rows).dropna(axis="columns", how="all")
    return table.to_string(index=False, float_format="{:.3g}".format, na_rep="")
