"""Options of the commands: their types, defaults and help."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

__all__ = [
    "DATA_FILE",
    "ESTIMATOR_OPTIONS",
    "OUTPUT_OPTIONS",
    "QUESTION_OPTIONS",
    "TABLE_OPTIONS",
    "several",
]

Command = TypeVar("Command", bound=Callable[..., Any])

# Only this package reads the files, with errors of its own for what is no file of a known kind.
DATA_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


class Sizes(click.ParamType):
    """An integer, or several integers or fractions with commas between them."""

    name = "sizes"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | list[int] | list[float]:
        """Numbers of one kind from text."""
        if not isinstance(value, str):
            return value  # the default
        parts = [part.strip() for part in value.split(",") if part.strip()]
        try:
            if "," not in value:
                return int(value)
            if any(mark in value.lower() for mark in ".e"):
                return [float(part) for part in parts]
            return [int(part) for part in parts]
        except ValueError:
            self.fail(
                f"{value!r} must be a number of sizes such as 8, or sizes such as 100,400,1400 or "
                "0.1,0.3,1.0",
                param,
                ctx,
            )


class IntegerOrAuto(click.ParamType):
    """A positive integer, or "auto"."""

    name = "integer|auto"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | str:
        """Text to a number, but for the word."""
        if value == "auto":
            return "auto"
        return int(click.IntRange(min=1).convert(value, param, ctx))


class Number(click.FloatRange):
    """A finite number in a range."""

    name = "number"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Number from text."""
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number", param, ctx)
        return number


class Growth(Number):
    """A number > 0; an integer counts samples, and stays one."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Number from text."""
        number = super().convert(value, param, ctx)
        return int(number) if str(value).strip().lstrip("+").isdigit() else number


def several(options: Sequence[Callable[[Command], Command]]) -> Callable[[Command], Command]:
    """One decorator of several, listed by ``--help`` in their order."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


_COUNT = click.IntRange(min=1)

TABLE_OPTIONS = (
    click.option(
        "--target", metavar="COLUMN", help="What is predicted; of an NPZ file, its array (y)."
    ),
    click.option(
        "--features",
        metavar="COLUMN",
        multiple=True,
        help="Use this column, and others only if named, too. Of an NPZ file, its array (X).",
    ),
    click.option("--drop", metavar="COLUMN", multiple=True, help="Leave out this column."),
    click.option("--groups", metavar="COLUMN", help="Rows with the same value are never divided."),
    click.option(
        "--separator", help="Between the columns of a CSV file; \\t is a tab.  [default: a comma]"
    ),
    click.option("--drop-missing", is_flag=True, help="Leave out rows with missing values."),
    click.option(
        "--task",
        type=click.Choice(["auto", "classification", "regression"]),
        default="auto",
        show_default=True,
        help="Of the built-in net, and what `n_outputs` of --net counts; auto: by the target.",
    ),
    click.option(
        "--net",
        metavar="MODULE:FACTORY",
        help="Function that returns your own unfitted skorch net.  [default: a small perceptron]",
    ),
)

QUESTION_OPTIONS = (
    click.option(
        "--threshold",
        "thresholds",
        type=Number(min=0, min_open=True),
        multiple=True,
        help="Largest change Δ that you accept; may be given several times.",
    ),
    click.option("--relative", is_flag=True, help="Thresholds are shares of the unseen loss."),
    click.option(
        "--growth",
        type=Growth(min=0, min_open=True),
        help="Δ when so many samples come at once (10), or such a share more (0.1).",
    ),
    click.option(
        "--loss-target", type=Number(), help="Loss on unseen samples that you want to reach."
    ),
    click.option(
        "--score-target",
        type=Number(),
        help="Score on unseen samples that you want to reach.",
    ),
    click.option(
        "--confidence",
        type=Number(min=0, max=1, min_open=True, max_open=True),
        default=0.95,
        show_default=True,
        help="Of the intervals.",
    ),
)

ESTIMATOR_OPTIONS = (
    click.option(
        "--sizes",
        type=Sizes(),
        default=8,
        show_default=True,
        help="How many sizes to measure, or which: 100,400,1400 or 0.1,0.3,1.0.",
    ),
    click.option(
        "--n-repeats", type=_COUNT, default=4, show_default=True, help="Orderings of the data."
    ),
    click.option(
        "--n-draws",
        type=IntegerOrAuto(),
        default=32,
        show_default=True,
        help="Weight draws around each trained net.",
    ),
    click.option(
        "--n-eval",
        type=click.IntRange(min=2),
        help="Training samples whose losses are taken at each draw.  [default: all]",
    ),
    click.option(
        "--n-candidates",
        type=_COUNT,
        help="Unseen samples that are held back.  [default: a fifth, at most 1000]",
    ),
    click.option(
        "--probe",
        type=click.Choice(["isotropic", "random_subspace", "curvature"]),
        default="isotropic",
        show_default=True,
        help="Distribution of the weights around a trained net.",
    ),
    click.option("--sigma", type=click.FLOAT, help="Scale of the probe.  [default: the probe's]"),
    click.option(
        "--order",
        type=click.IntRange(1, 2),
        default=2,
        show_default=True,
        help="2: Δ is a mean square; 1: a mean absolute value.",
    ),
    click.option(
        "--method",
        type=click.Choice(["monte_carlo", "gaussian_moment"]),
        default="monte_carlo",
        show_default=True,
        help="Draws, or the closed form of the quadratic model.",
    ),
    click.option(
        "--train",
        type=click.Choice(["each_size", "once"]),
        default="each_size",
        show_default=True,
        help="A net for each size, or one for all.",
    ),
    click.option(
        "--center",
        type=click.Choice(["last", "best"]),
        default="last",
        show_default=True,
        help="Weights after training, or those of the lowest validation loss.",
    ),
    click.option(
        "--min-steps",
        type=click.IntRange(min=0),
        default=500,
        show_default=True,
        help="Optimizer steps that small subsets are trained for at least.",
    ),
    click.option(
        "--curve",
        type=click.Choice(["auto", "theory", "power_law", "transient"]),
        default="auto",
        show_default=True,
        help="Form of the decay.",
    ),
    click.option("--scoring", help="Score of scikit-learn, by name.  [default: the net's own]"),
    click.option(
        "--store",
        type=click.Path(file_okay=False, path_type=Path),
        help="Directory of finished cells: a run that was cut off goes on there.",
    ),
    click.option(
        "--n-jobs", type=int, help="Cells measured at once; -1: one on each core.  [default: 1]"
    ),
    click.option(
        "--seed",
        "--random-state",
        "random_state",
        type=click.IntRange(0, 2**32 - 1),
        help="The same seed gives the same numbers.  [default: another one each time]",
    ),
    click.option(
        "--verbose",
        type=click.IntRange(0, 2),
        help="1: a progress bar with the time left; 2: nets print as well.  [default: 1 on a "
        "terminal, else 0]",
    ),
)

OUTPUT_OPTIONS = (
    click.option(
        "--out",
        type=click.Path(path_type=Path),
        help="New directory for result, figures, report and verdict.json.",
    ),
    click.option("--overwrite", is_flag=True, help="Replace the result that --out holds."),
    click.option(
        "--json",
        "as_json",
        is_flag=True,
        help="Write nothing but a JSON document to standard output.",
    ),
    click.option(
        "--fail-if-insufficient",
        is_flag=True,
        help="Exit with status 1 unless the data are enough for all thresholds and the score.",
    ),
)
