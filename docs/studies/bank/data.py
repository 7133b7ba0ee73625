"""The bank's ladders as the studies read them."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sufficiency.forecasts.forecast import Curve, curve_of

HERE = Path(__file__).resolve().parent
COLUMNS = {"delta": "delta", "loss": "unseen_loss", "score": "unseen_score"}


@dataclass(frozen=True, eq=False)
class BankLadder:
    """One data set with one net."""

    table: str
    net: str
    sizes: npt.NDArray  # (m,)
    tables: dict[str, npt.NDArray]  # (R, m) by quantity
    n_candidates: int

    @property
    def data_set(self) -> str:
        """Several tables may be of one."""
        return self.table.removesuffix(" small")

    def curve(self, quantity: str, first: int = 0, last: int | None = None) -> Curve:
        """What its sizes in this range show."""
        kept = slice(first, last)
        table = self.tables[quantity][:, kept]
        score = quantity == "score"
        return curve_of(
            self.sizes[kept],
            table,
            best=1.0 if score else 0.0,
            rising=score,
            finest=0.5 / (self.n_candidates * len(table)) if score else 0.0,
        )


def read_bank(folder: Path = HERE) -> list[BankLadder]:
    """All of them."""
    meta = json.loads((folder / "ladders.json").read_text())["ladders"]
    with np.load(folder / "ladders.npz") as arrays:
        return [
            BankLadder(
                table=one["table"],
                net=one["net"],
                sizes=np.array(one["sizes"]),
                tables={
                    name: arrays[f"{i}/{column}"].astype(np.float64)
                    for name, column in COLUMNS.items()
                },
                n_candidates=one["n_candidates"],
            )
            for i, one in enumerate(meta)
        ]
