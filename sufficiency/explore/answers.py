"""What the page shows, computed by the result itself; all sessions share it."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sufficiency.curves.families import FAMILIES
from sufficiency.exceptions import InvalidParameterError
from sufficiency.explore import figures
from sufficiency.explore.asked import Basis, Place, Query, call_of
from sufficiency.explore.samples import shown_sample
from sufficiency.report import tables
from sufficiency.report.figures import WIDTHS, draw_concentration, draw_slices
from sufficiency.report.findings import Findings, find, top
from sufficiency.report.page import environment, render
from sufficiency.sizing import Verdict
from sufficiency.sizing.questions import absolute_threshold, questions_from
from sufficiency.sizing.verdict import judge_slices

if TYPE_CHECKING:
    import pandas as pd

    from sufficiency.result import SufficiencyResult

Answer = dict[str, Any]
# Answers and figures that are kept, and rows of a table at once.
_KEPT, _ROWS = 256, 100
# A slider's steps for a decade, and the decades beyond what was measured.
_DECADES_BELOW, _DECADES_ABOVE = 4.0, 1.0


class Exploration:
    """Answers to what the page asks about one result."""

    def __init__(self, result: SufficiencyResult, place: Place, data: Any = None) -> None:
        self.place = place
        self.data = data
        self._lock = threading.Lock()
        self.show(result)

    def show(self, result: SufficiencyResult) -> None:
        """Answer from this result from now on."""
        self.result = result
        self._kept: dict[Hashable, Any] = {}

    def _once(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """What was made for a key before, or is made now; the oldest makes room."""
        kept = self._kept
        if key not in kept:
            made = make()
            with self._lock:
                while len(kept) >= _KEPT:
                    del kept[next(iter(kept))]
                kept[key] = made
            return made
        return kept[key]

    def _of(self, family: str) -> SufficiencyResult:
        """The same measurements with another family for the curve."""
        if family == self.result.family:
            return self.result
        return self._once(("family", family), lambda: replace(self.result, family=family))

    def _basis(self, query: Query) -> tuple[Basis, SufficiencyResult]:
        basis = query.basis(self.result.family)
        return basis, self._of(basis.family)

    def render(self, template: str, **parts: Any) -> str:
        """A piece of the page."""
        return environment("sufficiency.explore").get_template(template).render(**parts)

    def page(self, embedded: bool) -> str:
        """The page before anything was asked."""
        result = self.result
        measured = np.isfinite(result.measurements.unseen_loss).any()
        return self.render(
            "explore.html.j2",
            result=result,
            families=("auto", *FAMILIES),
            start=self._start(),
            targets=self._targets() if measured else {},
            repeats=result.n_repeats <= figures.MOST_REPEATS,
            has_slices=any(cell.slices for cell in result.cells),
            has_samples=any(cell.unseen for cell in result.cells),
            has_data=self.data is not None,
            path=self.place.path,
            embedded=embedded,
        )

    def _start(self) -> Answer:
        """The threshold to begin with, and the ends of its slider, as powers of ten."""
        known = self.result.deltas[np.isfinite(self.result.deltas) & (self.result.deltas > 0)]
        if not len(known):
            return {"threshold": 1e-6, "low": -12, "high": 0}
        smallest = math.log10(known.min())
        return {
            "threshold": float(f"{10**smallest:.1g}"),
            "low": math.floor(smallest - _DECADES_BELOW),
            "high": math.ceil(math.log10(known.max()) + _DECADES_ABOVE),
        }

    def _targets(self) -> Answer:
        """By kind a target to begin with, which the largest size meets, and ends of its slider."""
        found, ladder = {}, self.result.measurements
        for kind in ("score", "loss"):
            table = getattr(ladder, f"unseen_{kind}")
            known = table[np.isfinite(table)]
            if not len(known):
                continue
            low, high = float(known.min()), float(known.max())
            rising = kind == "score"
            best = max(high, 1.0) if rising else min(low, 0.0)
            found[kind] = {
                "target": float(f"{ladder.at_largest(kind):.3g}"),
                "low": low if rising else best,
                "high": best if rising else high,
            }
        return found

    def threshold(self, query: Query) -> Answer:
        """The verdict on a threshold."""
        basis, result = self._basis(query)
        value, relative, growth = (
            query.required("threshold"),
            query.flag("relative"),
            query.growth(),
        )
        how: Answer = {"relative": relative, "growth": growth}
        how |= {"confidence": basis.confidence, "prior": basis.prior}
        verdict = self._once(
            ("threshold", basis, value, *how.items()), lambda: result.verdict(value, **how)
        )
        options = {"--threshold": value, "--relative": relative, "--growth": growth}
        call = call_of("verdict", value, **how)
        return self._answer(verdict, call, basis, options) | {
            "relative_change": _number(verdict.relative_change),
            "order": verdict.order,
            "curve": self._curve_in_words(verdict, basis),
        }

    def _curve_in_words(self, verdict: Verdict, basis: Basis) -> str:
        """The form of the decay, and what choosing it does."""
        family = FAMILIES[verdict.curve.family]  # type: ignore[union-attr]
        form = f"Δ is fitted by {family.name}, {family.formula(verdict.order)}, κ = size + 1"
        if basis.family == "auto":
            return f"{form}: of all, it forecasts the larger sizes from the smaller ones best."
        return (
            f"{form}. A family that is chosen also says how Δ goes on beyond the measured sizes, "
            "where auto would go by the curves of other data sets."
        )

    def target(self, query: Query) -> Answer:
        """The verdict on a loss or score to reach."""
        basis, result = self._basis(query)
        value, kind = query.required("target"), query.quantity()
        how: Answer = {"confidence": basis.confidence, "prior": basis.prior}
        verdict = self._once(
            ("target", basis, value, kind), lambda: result.verdict_for_target(value, kind, **how)
        )
        call = call_of("verdict_for_target", value, kind, **how)
        return self._answer(verdict, call, basis, {f"--{kind}-target": value})

    def _answer(
        self, verdict: Verdict, call: str, basis: Basis, options: Mapping[str, Any]
    ) -> Answer:
        """A verdict as the report shows it, its numbers, and how to ask for it."""
        box = top(self.result, Findings(asked=(verdict,)))
        low, high = verdict.interval or (None, None)
        options = dict(options)
        if basis.confidence != 0.95:
            options["--confidence"] = basis.confidence
        return {
            "html": self.render("verdict.html.j2", top=box, id=f"{verdict.kind}-answer"),
            "decision": verdict.decision,
            "value": verdict.threshold,
            "size": verdict.size,
            "low": low,
            "high": _number(high),
            "python": self.place.python(call, basis),
            "command": self.place.command("report", basis, options),
        }

    def plan(self, query: Query) -> Answer:
        """A plan of collection: in words, as a table, and as a figure."""
        basis, result = self._basis(query)
        value, quantity, how = query.required("target"), query.quantity(), query.plan()
        options: Answer = {f"--{quantity}-target": value}
        if quantity == "delta":
            options = {"--threshold": value}
            value = absolute_threshold(result.measurements, value, relative=query.flag("relative"))
            if query.flag("relative"):
                options |= {"--relative": True}
        how["prior"] = basis.prior
        key = ("plan", basis.family, value, quantity, *how.items())
        found = self._once(key, lambda: result.plan(value, quantity, **how))
        names = {"rounds": 3, "risk": 0.05, "limit": None}
        names |= {"cost_per_sample": None, "cost_of_missing": None}
        options |= {
            f"--{name.replace('_', '-')}": how[name] for name in names if how[name] != names[name]
        }
        widths = _widths(query)
        drawing = self._once(("plan figure", widths, key), lambda: figures.plan(found, widths))
        table = tables.rounds(found, 1) if found.collect else None
        return {
            "html": self.render("plan.html.j2", text=str(found), table=table, figure=drawing),
            "collect": found.collect,
            "python": self.place.python(call_of("plan", value, quantity, **how), basis),
            "command": self.place.command("plan", basis, options),
        }

    def figure(self, query: Query) -> Answer:
        """A figure as SVG, and where its axes are."""
        basis, result = self._basis(query)
        repeats, reach = query.flag("repeats"), query.number("reach", 0.0) or 0.0
        name = query.values.get("name")
        widths = _widths(query)

        def draw() -> figures.Drawn:
            if name == "learning":
                return figures.learning(result, widths)
            return figures.delta(result, basis, repeats=repeats, reach=reach, widths=widths)

        drawn = self._once(("figure", name, basis, repeats, reach, widths), draw)
        return {
            "html": self.render("figure.html.j2", figure=drawn.figure),
            "axes": drawn.axes,
        }

    def file(self, query: Query, name: str, kind: str) -> bytes:
        """A figure as a file."""
        basis, result = self._basis(query)
        threshold = None
        if name == "delta" and query.growth() is None and query.number("threshold"):
            ladder, relative = result.measurements, query.flag("relative")
            threshold = absolute_threshold(ladder, query.required("threshold"), relative=relative)
        return self._once(
            ("file", name, kind, threshold, basis),
            lambda: figures.file_of(result, name, kind, threshold, basis),
        )

    def report(self, query: Query) -> str:
        """The report about what is asked."""
        basis, result = self._basis(query)
        questions = questions_from(
            query.number("threshold"),
            relative=query.flag("relative"),
            growth=query.growth(),
            loss_target=query.number("loss_target"),
            score_target=query.number("score_target"),
            prior=basis.prior,
        )
        return self._once(
            ("report", questions, basis),
            lambda: render(result, find(result, questions, basis.confidence)),
        )

    def slices(self, query: Query) -> Answer:
        """What every slice needs for the threshold."""
        basis, result = self._basis(query)
        how: Answer = {"relative": query.flag("relative"), "growth": query.growth()}
        how |= {"confidence": basis.confidence, "prior": basis.prior}
        value = query.required("threshold")

        def judged() -> Mapping[str, Verdict | str]:
            verdict = result.verdict(value, **how)
            return judge_slices(result.measurements, verdict, result.family)

        found = self._once(("slices", basis, value, *how.items()), judged)
        drawing = self._once(("slices figure",), lambda: draw_slices(result))
        table = tables.slices(result, found)
        return {"html": self.render("slices.html.j2", table=table, figure=drawing)}

    def _samples(self) -> pd.DataFrame:
        return self._once(("samples",), self.result.samples)

    def samples(self, query: Query) -> Answer:
        """The samples that stand out."""
        count = min(query.integer("top", 12) or 12, _ROWS)
        frame = self._samples()
        table = tables.samples(frame, self.result.images, count)
        drawing = self._once(("concentration",), lambda: draw_concentration(frame))
        rows = frame.index[:count].tolist()
        return {
            "html": self.render(
                "samples.html.j2", table=table, rows=rows, figure=drawing, total=len(frame)
            )
        }

    def sample(self, query: Query) -> Answer:
        """One sample, as far as it is at hand."""
        row = query.integer("row")
        frame = self._samples()
        if row is None or row not in frame.index:
            raise InvalidParameterError("row", f"must be a sample of the table, got {row!r}")
        facts = {name: frame.loc[row, name] for name in ("label", "predicted") if name in frame}
        shown = shown_sample(row, self.data, self.result.images)
        return {"html": self.render("sample.html.j2", row=row, facts=facts, shown=shown)}

    def cells(self, query: Query) -> Answer:
        """Rows of the table of cells, by a column."""
        headers = [header for _, header, _ in tables.CELLS]
        by, page = query.values.get("by", ""), max(query.integer("page", 0) or 0, 0)
        order = self._once(("order", by, query.flag("down")), lambda: self._order(query))
        which = order[page * _ROWS : (page + 1) * _ROWS]
        table = tables.cells(self.result, which)
        return {
            "html": self.render(
                "cells.html.j2",
                table=table,
                sortable=headers,
                by=by,
                down=query.flag("down"),
                page=page,
                n_pages=-(-len(order) // _ROWS),
                n_failed=sum(bool(cell.failure) for cell in self.result.cells),
            )
        }

    def _order(self, query: Query) -> list[int]:
        """Positions of all cells, sorted; those without a number come last."""
        by = query.values.get("by", "")
        cells = self.result.cells
        if by == "Failed because":
            return sorted(range(len(cells)), key=lambda i: not cells[i].failure)
        names = {header: name for name, header, _ in tables.CELLS}
        if by not in names:
            return list(range(len(cells)))
        values = np.array([getattr(cell, names[by]) for cell in cells], dtype=np.float64)
        return np.argsort(-values if query.flag("down") else values, kind="stable").tolist()


def _widths(query: Query) -> tuple[str, ...]:
    """For which the figures are drawn: that of the window, or all."""
    return tuple(width for width in WIDTHS if width == query.values.get("width")) or WIDTHS


def _number(value: float | None) -> float | None:
    """What JSON can hold."""
    return value if value is not None and math.isfinite(value) else None
