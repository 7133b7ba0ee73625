"""The bank's ladders as the studies read them: logs of means, and their errors."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

HERE = Path(__file__).resolve().parent
QUANTITIES = {"loss": "unseen_loss", "score": "unseen_score", "delta": "delta"}


@dataclass(frozen=True, eq=False)
class BankLadder:
    """One data set with one net."""

    table: str
    net: str
    sizes: npt.NDArray  # (m,)
    tables: dict[str, npt.NDArray]  # (R, m) by quantity


def read_bank(folder: Path = HERE) -> list[BankLadder]:
    """All of them."""
    meta = json.loads((folder / "ladders.json").read_text())["ladders"]
    with np.load(folder / "ladders.npz") as arrays:
        return [
            BankLadder(
                one["table"], one["net"], np.array(one["sizes"]),
                {name: arrays[f"{i}/{column}"].astype(np.float64)
                 for name, column in QUANTITIES.items()},
            )
            for i, one in enumerate(meta)
        ]  # fmt: skip
