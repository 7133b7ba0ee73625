"""Kinds of values that options take, and the help that shows them in groups."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import click

# Larger integers are mistakes, which NumPy could not even hold.
_LARGEST = 2**62


class Grouped(click.Command):
    """A command whose help has examples, and options in groups: their names by its title."""

    def __init__(
        self,
        *args: Any,
        groups: Mapping[str, Sequence[str]] | None = None,
        examples: Sequence[str] = (),
        **more: Any,
    ) -> None:
        super().__init__(*args, **more)
        self.groups, self.examples = groups or {}, examples

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples and the options; those of no group come last."""
        with formatter.section("Examples"):
            for example in self.examples:
                formatter.write(f"{'':{formatter.current_indent}}{example}\n")
        records = {
            parameter.name: record
            for parameter in self.get_params(ctx)
            if isinstance(parameter, click.Option)
            and (record := parameter.get_help_record(ctx)) is not None
        }
        for title, names in self.groups.items():
            with formatter.section(title):
                formatter.write_dl([records.pop(name) for name in names])
        with formatter.section("Other options" if self.groups else "Options"):
            formatter.write_dl(list(records.values()))


class Integer(click.IntRange):
    """An integer in a range."""

    name = "integer"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        number = int(super().convert(value, param, ctx))
        if number > _LARGEST:
            self.fail(f"it must be at most {_LARGEST}, got {len(str(value))} digits", param, ctx)
        return number


COUNT = Integer(min=1)


class Sizes(click.ParamType):
    """An integer, or several integers or fractions with commas between them."""

    name = "sizes"

    def convert(self, value: Any, param: Any, ctx: Any) -> int | list[int] | list[float]:
        if not isinstance(value, str):
            return value  # the default
        parts = [part.strip() for part in value.split(",") if part.strip()]
        try:
            if "," not in value:
                return COUNT.convert(value, param, ctx)
            if any(mark in value.lower() for mark in ".e"):
                return [float(part) for part in parts]
            return [int(part) for part in parts]
        except (ValueError, click.BadParameter):
            self.fail(
                f"{value!r} must be a number of sizes such as 8, or sizes such as 100,400,1400 or "
                "0.1,0.3,1.0",
                param,
                ctx,
            )


class IntegerOrAuto(click.ParamType):
    """A positive integer, or "auto"."""

    name = "integer|auto"

    def convert(self, value: Any, param: Any, ctx: Any) -> int | str:
        return "auto" if value == "auto" else COUNT.convert(value, param, ctx)


class Evaluated(click.ParamType):
    """An integer of at least 2, "auto", or "all", which is None."""

    name = "integer|auto|all"

    def convert(self, value: Any, param: Any, ctx: Any) -> int | str | None:
        if value == "all":
            return None
        return "auto" if value == "auto" else Integer(2).convert(value, param, ctx)


class AutoOrOff(click.Choice):
    """Whether by itself ("auto"), or not at all ("off", which is False)."""

    def __init__(self) -> None:
        super().__init__(("auto", "off"))

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        return super().convert(value, param, ctx) == "auto" and "auto"


class Finite(type(click.FLOAT)):  # type: ignore[misc] # click does not export its name
    """A finite number."""

    name = "number"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number", param, ctx)
        return number


class Number(Finite, click.FloatRange):
    """A finite number in a range."""


class Growth(Number):
    """Samples that come at once (10), which are an integer, or a share more (10%, x2, 0.1)."""

    name = "growth"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        text = str(value).strip().lower()
        if text.endswith("%"):
            return super().convert(text.removesuffix("%"), param, ctx) / 100
        if times := re.fullmatch(r"x\s*(.+)|(.+?)\s*x", text):
            factor = super().convert(times[1] or times[2], param, ctx)
            if factor <= 1:
                self.fail(f"{value!r} is no growth; x2 is twice as many samples", param, ctx)
            return factor - 1
        number = super().convert(text, param, ctx)
        if text.lstrip("+").isdigit():
            return int(number)
        if number >= 1:
            self.fail(
                f"{value!r} may be samples or a share; write {number:.0f} for as many samples, or "
                f"{100 * number:g}% or x{1 + number:g} for so many times more",
                param,
                ctx,
            )
        return number


class Prior(click.Choice):
    """What forecasts rest on: "bank", or "none", which is None."""

    def __init__(self) -> None:
        super().__init__(("bank", "none"))

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        return None if super().convert(value, param, ctx) == "none" else "bank"
