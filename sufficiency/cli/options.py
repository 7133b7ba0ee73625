"""Options of the commands: their defaults and help."""

from pathlib import Path
from typing import Any

import click

from sufficiency.cli.inputs import SUFFIXES
from sufficiency.cli.option_types import (
    COUNT,
    AutoOrOff,
    Evaluated,
    Finite,
    Growth,
    Integer,
    IntegerOrAuto,
    Number,
    Prior,
    Sizes,
)

_PRICE = Number(min=0, min_open=True)


def _option(name: str, text: str, kind: Any = None, default: Any = None) -> click.Option:
    return click.Option([name], type=kind, default=default, help=text)


def _flag(name: str, text: str) -> click.Option:
    return click.Option([name], is_flag=True, help=text)


def _choice(name: str, text: str, *choices: str) -> click.Option:
    """One of several words, by default the first."""
    return _option(name, text, click.Choice(choices), choices[0])


def _column(name: str, text: str, multiple: bool = False) -> click.Option:
    return click.Option([name], metavar="COLUMN", multiple=multiple, help=text)


_JSON = click.Option(
    ["--json", "as_json"],
    is_flag=True,
    help="Write nothing but a JSON document to standard output.",
)

TABLE_OPTIONS = (
    _column(
        "--target",
        "Column that is to be predicted.  [required; of an NPZ file, its array, by default y]",
    ),
    _column(
        "--features",
        "Use this column, and others only if named, too. Of an NPZ file, its array (X).",
        multiple=True,
    ),
    _column(
        "--drop", "Leave out this column, such as an ID; may be given several times.", multiple=True
    ),
    _column("--groups", "Rows with the same value, such as those of a patient, are never divided."),
    click.Option(
        ["--slice", "slices"],
        metavar="COLUMN",
        multiple=True,
        help="Answer for the rows of each of its values, too; no feature unless it is named by "
        "--features. The classes of the target are slices anyway.",
    ),
    _flag("--drop-missing", "Leave out rows with missing values."),
    _choice(
        "--task",
        "Of the built-in net, and what `n_outputs` of --net counts; auto: by the target.",
        *("auto", "classification", "regression"),
    ),
    click.Option(
        ["--net"],
        metavar="MODULE:FACTORY",
        help="Function that returns your own unfitted skorch net.  [default: a small perceptron]",
    ),
)

LAYOUT_OPTIONS = (
    _option(
        "--format",
        "What DATA is.  [default: by its suffix; CSV on standard input]",
        click.Choice(tuple(SUFFIXES)),
    ),
    _option(
        "--separator",
        "Between columns: one character, or tab, or space for any number of them.  [default: what "
        "divides the first lines]",
    ),
    _option("--decimal", "Decimal sign.  [default: .]", click.Choice((".", ","))),
    _option("--thousands", "What is between thousands, as in 1,000.  [default: nothing]"),
    _option("--encoding", "Of text, such as cp1252 or utf-16.  [default: utf-8]"),
    _option(
        "--skip-lines", "Leave out so many lines above the names of columns.", Integer(min=0), 0
    ),
    _flag("--no-header", "There is no line of names: columns are called 1, 2, …"),
    _option("--sheet", "Of an Excel file.  [default: the first]"),
)

QUESTION_OPTIONS = (
    click.Option(
        ["--threshold", "thresholds"],
        type=Number(min=0, min_open=True),
        multiple=True,
        help="Largest Δ that you accept, in squares of the loss: 1e-6 lets one more sample change "
        "the loss by 0.001. May be given several times.",
    ),
    _flag("--relative", "Thresholds are shares of the unseen loss: 0.01 is 1 % of it."),
    _option(
        "--growth",
        "Thresholds are for more samples at once: 10 is ten samples, 10% a tenth more, x2 twice as "
        "many.",
        Growth(min=0, min_open=True),
    ),
    _option("--loss-target", "Loss on unseen samples that you want to reach.", Finite()),
    _option("--score-target", "Score on unseen samples that you want to reach.", Finite()),
    _option("--confidence", "Of the intervals.", Number(0, 1, min_open=True, max_open=True), 0.95),
    _option(
        "--prior",
        "Beyond the measured sizes, go by the curves of many other data sets, or (none) by these "
        "measurements alone.",
        Prior(),
        "bank",
    ),
)

PLAN_OPTIONS = (
    *(option for option in QUESTION_OPTIONS if option.name not in ("growth", "confidence")),
    _option("--rounds", "How often you can still collect.", COUNT, 3),
    _option(
        "--risk",
        "Accepted probability of ending short of a target that the limit would reach.",
        Number(0, 1, min_open=True, max_open=True),
        0.05,
    ),
    _option(
        "--limit",
        "Largest total that can be collected.  [default: ten times what there is]",
        COUNT,
    ),
    _option("--cost-per-sample", "Price of a sample; goes with --cost-of-missing.", _PRICE),
    _option("--cost-of-missing", "Price of ending short, in place of a risk.", _PRICE),
    _JSON,
)

_CURVE = click.Option(
    ["--curve"],
    type=click.Choice(("auto", "theory", "power_law", "transient")),
    help="Form of the decay, in place of that of the run.",
)

ESTIMATOR_OPTIONS = (
    _option(
        "--sizes", "How many sizes to measure, or which: 100,400,1400 or 0.1,0.3,1.0.", Sizes(), 8
    ),
    _option("--n-repeats", "Orderings of the data.", COUNT, 4),
    _option("--n-draws", "Weight draws around each trained net.", IntegerOrAuto(), 32),
    _option(
        "--n-eval",
        "Training samples whose losses are taken at each draw; auto: a fifth of the training's "
        "cost; all of them.",
        Evaluated(),
        "auto",
    ),
    _option(
        "--n-candidates",
        "Unseen samples that are held back.  [default: a fifth, at most 1000]",
        COUNT,
    ),
    _choice(
        "--probe",
        "Distribution of the weights around a trained net.",
        *("isotropic", "random_subspace", "curvature"),
    ),
    _option("--sigma", "Scale of the probe.  [default: the probe's]", click.FLOAT),
    _option("--order", "2: Δ is a mean square; 1: a mean absolute value.", Integer(1, 2), 2),
    _choice(
        "--method",
        "Draws, or the closed form of the quadratic model.",
        *("monte_carlo", "gaussian_moment"),
    ),
    _choice("--train", "A net for each size, or one for all.", "each_size", "once"),
    _choice(
        "--center",
        "Weights after training, or those of the lowest validation loss.",
        *("last", "best"),
    ),
    _option(
        "--min-steps",
        "Optimizer steps that small subsets are trained for at least.",
        Integer(min=0),
        500,
    ),
    _choice("--curve", "Form of the decay.", "auto", "theory", "power_law", "transient"),
    _option("--scoring", "Score of scikit-learn, by name.  [default: the net's own]"),
    _option(
        "--store",
        "Directory of finished cells: a run that was cut off goes on there.",
        click.Path(file_okay=False, path_type=Path),
    ),
    _option(
        "--train-together",
        "Train small nets several at once where they can be; off: one at a time.",
        AutoOrOff(),
        "auto",
    ),
    _option("--n-jobs", "Cells measured at once; -1: one on each core.  [default: 1]", int),
    click.Option(
        ["--seed", "--random-state", "random_state"],
        type=Integer(0, 2**32 - 1),
        help="The same seed gives the same numbers.  [default: another one each time]",
    ),
    _option(
        "--verbose",
        "1: a progress bar with the time left; 2: nets print as well.  [default: 1 on a "
        "terminal, else 0]",
        Integer(0, 2),
    ),
)

_FAIL = _flag(
    "--fail-if-insufficient",
    "Exit with status 1 unless the data are enough for all thresholds and targets.",
)

OUTPUT_OPTIONS = (
    _option(
        "--out",
        "New directory for the answers: report, figures, numbers.",
        click.Path(path_type=Path),
    ),
    _flag("--overwrite", "Replace the result that --out holds, and the file of --samples."),
    _JSON,
    _option(
        "--samples",
        "CSV file for single samples, those first that are predicted worst; `row` is counted from "
        "1 in DATA, without the header.",
        click.Path(dir_okay=False, writable=True, path_type=Path),
    ),
    _FAIL,
    _flag("--dry-run", "Say what it would cost, and do not measure."),
)

# Only this package reads the files, with errors of its own for what is no file of a known kind.
_DATA = click.Argument(
    ["data"], type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)
)
_RESULT = click.Argument(["result"], type=click.Path(exists=True, file_okay=False, path_type=Path))
_PAGE = click.Path(dir_okay=False, path_type=Path)

# Everything that a command takes, in the order of its help.
RUN = (
    _DATA,
    *TABLE_OPTIONS,
    *LAYOUT_OPTIONS,
    *QUESTION_OPTIONS,
    *OUTPUT_OPTIONS,
    *ESTIMATOR_OPTIONS,
)
RUN_GROUPS = {
    "The three that matter": ("target", "thresholds", "out"),
    "Questions": ("relative", "growth", "loss_target", "score_target", "confidence", "prior"),
    "Rows and columns": ("features", "drop", "groups", "slices", "drop_missing"),
    "How the file is written": tuple(str(option.name) for option in LAYOUT_OPTIONS),
    "The network": ("task", "net", "scoring"),
    "Output": ("as_json", "samples", "overwrite", "dry_run", "fail_if_insufficient", "verbose"),
    "How long it takes, how sure it is": (
        "n_jobs", "store", "sizes", "n_repeats", "min_steps", "n_draws", "n_eval", "n_candidates",
        "train_together", "random_state",
    ),
    "How Δ is measured (see the documentation)": (
        "probe", "sigma", "order", "method", "train", "center", "curve",
    ),
}  # fmt: skip
REPORT = (
    _RESULT,
    *QUESTION_OPTIONS,
    _option("--out", "HTML file.  [default: in RESULT]", _PAGE),
    _JSON,
    _FAIL,
    _CURVE,
)
PLAN = (
    _RESULT,
    *PLAN_OPTIONS,
    _CURVE,
    _option("--out", "File of a figure of the plan, such as plan.png or plan.svg.", _PAGE),
)
EXPLORE = (
    _RESULT,
    _option(
        "--data",
        "File that was measured, to look at single samples.",
        click.Path(exists=True, dir_okay=False, path_type=Path),
    ),
    *LAYOUT_OPTIONS,
    _option("--port", "Of the address; 0: any that is free.", click.IntRange(0, 65535), 0),
    click.Option(["--browser/--no-browser"], default=True, help="Open the page in a browser."),
)
CAMPAIGN = (
    click.Argument(["directory"], metavar="DIR", type=click.Path(path_type=Path)),
    click.Option(
        ["--add", "added"],
        metavar="RESULT",
        multiple=True,
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        help="Saved result of the next round; may be given several times.",
    ),
    *PLAN_OPTIONS,
    _option("--out", "File of a figure of the plan; without a target, of the track record.", _PAGE),
)
