"""The commands; what they do is imported when they do it, so that help and completion are quick."""

import os
from pathlib import Path
from typing import Any

import click

from sufficiency.cli.errors import OneLineErrors, reported
from sufficiency.cli.option_types import Grouped
from sufficiency.cli.options import (
    CAMPAIGN,
    EXPLORE,
    LAYOUT_OPTIONS,
    OUTPUT_OPTIONS,
    PLAN,
    REPORT,
    RUN,
    RUN_GROUPS,
)

_DEBUG = click.option(
    "--debug", is_flag=True, help="Show log messages, and where errors come from."
)
_QUESTIONS = (
    "thresholds", "relative", "growth", "loss_target", "score_target", "confidence", "prior"
)  # fmt: skip
_TARGETS = ("thresholds", "relative", "loss_target", "score_target", "prior")
_COLUMNS = ("target", "features", "drop", "groups", "slices")
_LAYOUT = tuple(str(option.name) for option in LAYOUT_OPTIONS)


@click.group(
    cls=OneLineErrors,
    epilog="To begin with: sufficiency run houses.csv --target price",
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
)
@click.version_option(package_name="sufficiency", prog_name="sufficiency")
def main() -> None:
    """
    How many samples are enough for a neural network?

    Exit status: 0 if all went well; 1 if the data are not enough, with --fail-if-insufficient;
    2 for bad options or bad input; 3 if a run failed; 130 if it was interrupted.
    """
    # figures go into files; a window would need a screen
    os.environ["MPLBACKEND"] = "Agg"


def _taken(given: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: given.pop(name) for name in names}


@main.command(
    cls=Grouped,
    params=[*RUN],
    groups=RUN_GROUPS,
    examples=(
        "sufficiency run houses.csv --target price --dry-run",
        "sufficiency run houses.csv --target price --threshold 1e-6 --out answers",
        "sufficiency run houses.xlsx --target price --drop id --score-target 0.9",
    ),
)
@_DEBUG
def run(data: Path, debug: bool, **given: Any) -> int:
    """
    Measure how many samples of DATA are enough.

    DATA is a table as CSV, Excel, JSON or Parquet with a row for each sample, or an NPZ file with
    the arrays X and y; - is standard input. Columns of text are encoded as categories.

    A network is trained on growing parts of the data. Δ is how much one more sample would still
    change its loss, the error that training lowers, as the mean of the square of that change:
    1e-6 is a change of 0.001. Enough is the number of samples from which on Δ stays below your
    --threshold; without one, the output lists some to choose from.
    """
    with reported(debug):
        from sufficiency.cli.inputs import Layout
        from sufficiency.cli.questions import Asked
        from sufficiency.cli.running import run_file

        return run_file(
            data,
            asked=Asked.from_options(**_taken(given, _QUESTIONS)),
            columns=_taken(given, _COLUMNS),
            layout=Layout(**_taken(given, _LAYOUT)),
            debug=debug,
            **given,
        )


@main.command(params=[*OUTPUT_OPTIONS[:3]])
@click.option("--n-jobs", type=int, default=-1, help="Cells measured at once.")
@_DEBUG
def demo(debug: bool, **given: Any) -> int:
    """Measure how many of 1797 handwritten digits would have been enough."""
    with reported(debug):
        from sufficiency.cli.running import run_digits

        return run_digits(debug=debug, **given)


@main.command(
    cls=Grouped,
    params=[*REPORT],
    examples=("sufficiency report answers --threshold 0.01 --relative",),
)
@_DEBUG
def report(result: Path, debug: bool, **given: Any) -> int:
    """
    Answer questions to a saved RESULT and write its report.

    RESULT is the directory that `run --out` made, or SufficiencyResult.save.
    """
    with reported(debug):
        from sufficiency.cli.questions import Asked
        from sufficiency.cli.reporting import report_saved

        asked = Asked.from_options(**_taken(given, _QUESTIONS))
        return report_saved(result, asked, debug=debug, **given)


@main.command(
    cls=Grouped,
    params=[*PLAN],
    examples=("sufficiency plan answers --score-target 0.95 --rounds 3",),
)
@_DEBUG
def plan(result: Path, debug: bool, **given: Any) -> int:
    """
    Plan how many samples to collect now, and after measuring again.

    RESULT is the directory that `run --out` made, or SufficiencyResult.save.
    """
    with reported(debug):
        from sufficiency.cli.planning import plan_saved
        from sufficiency.cli.questions import Asked

        asked = Asked.from_options(**_taken(given, _TARGETS))
        return plan_saved(result, asked, debug=debug, **given)


@main.command(
    cls=Grouped,
    params=[*CAMPAIGN],
    examples=("sufficiency campaign rounds --add answers --score-target 0.95",),
)
@_DEBUG
def campaign(directory: Path, added: tuple[Path, ...], debug: bool, **given: Any) -> int:
    """
    Keep the results of a project in rounds, compare forecasts with what came, and plan.

    DIR is the directory of the campaign; it is made with the first round.
    """
    with reported(debug):
        from sufficiency.cli.planning import show_campaign
        from sufficiency.cli.questions import Asked

        asked = Asked.from_options(**_taken(given, _TARGETS))
        return show_campaign(directory, added, asked, debug=debug, **given)


@main.command(
    cls=Grouped,
    params=[*EXPLORE],
    examples=("sufficiency explore answers --data houses.csv",),
)
@_DEBUG
def explore(result: Path, debug: bool, **given: Any) -> int:
    """
    Show a page in the browser on which the questions to RESULT can be moved.

    RESULT is the directory that `run --out` made, or SufficiencyResult.save; or the --store of a
    run, whose cells are then shown as they finish. The page is served to this computer alone, until
    Ctrl-C ends it.
    """
    with reported(debug):
        from sufficiency.cli.exploring import explore_saved
        from sufficiency.cli.inputs import Layout

        layout = Layout(**_taken(given, _LAYOUT))
        return explore_saved(result, layout=layout, debug=debug, **given)
