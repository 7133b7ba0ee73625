"""Thresholds people can choose: what the loss landscape does now, and when it does less."""

from __future__ import annotations

from sufficiency.exceptions import NotIdentifiableError
from sufficiency.sizing.ladder import Ladder
from sufficiency.sizing.questions import ask, reference_loss

__all__ = ["suggest_thresholds"]


def suggest_thresholds(measurements: Ladder, *, family: str = "auto") -> list[dict[str, object]]:
    """
    How much the loss still changes now, and the sizes at which that halves and quarters.

    "Now" is a net trained on all `n_available` samples, by the fitted curve.
    """
    arriving: list[tuple[str, float | None]] = [("1 more sample", None)]
    if measurements.order == 2 and measurements.n_candidates > 1:
        arriving += [("10 % more", 0.1), ("twice as much", 1.0)]
    loss = reference_loss(measurements)
    rows: list[dict[str, object]] = []
    for name, growth in arriving:
        curve = ask(measurements, family=family, growth=growth).inside[0].curve
        now = float(curve.predict(measurements.n_available)[0])
        change = now ** (1.0 / measurements.order)
        sizes: list[int | None] = []
        for share in (0.5, 0.25):
            try:
                sizes.append(curve.sufficient_size(now * share**measurements.order))
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
