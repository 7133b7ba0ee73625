"""Thresholds people can choose: what the loss landscape does now, and when it does less."""

from __future__ import annotations

from sufficiency.exceptions import NotIdentifiableError
from sufficiency.sizing.decay_fits import fit_decay
from sufficiency.sizing.ladder import Ladder
from sufficiency.sizing.questions import reference_loss

__all__ = ["suggest_thresholds"]


def suggest_thresholds(ladder: Ladder, *, family: str = "auto") -> list[dict[str, object]]:
    """
    How much the loss still changes now, and the sizes at which that halves and quarters.

    "Now" is a net trained on all `n_available` samples, by the fitted curve.
    """
    arriving: list[tuple[str, float | None]] = [("1 more sample", None)]
    if ladder.order == 2 and ladder.n_candidates > 1:
        arriving += [("10 % more", 0.1), ("twice as much", 1.0)]
    loss = reference_loss(ladder)
    rows: list[dict[str, object]] = []
    for name, growth in arriving:
        curve = fit_decay(ladder, family, growth).inside[0].curve
        now = float(curve.predict(ladder.n_available)[0])
        change = now ** (1.0 / ladder.order)
        sizes: list[int | None] = []
        for share in (0.5, 0.25):
            try:
                sizes.append(curve.sufficient_size(now * share**ladder.order))
            except NotIdentifiableError:
                sizes.append(None)
        rows.append(
            {
                "arriving": name,
                "growth": growth,
                "threshold": now,
                "change": change,
                "relative_change": change / loss if loss > 0 else float("nan"),
                "size_to_halve": sizes[0],
                "size_to_quarter": sizes[1],
            }
        )
    return rows
