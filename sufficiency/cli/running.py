"""A run from its options to its exit status."""

import sys
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
from sklearn.metrics import get_scorer_names

from sufficiency.cli.columns import Data, prepare
from sufficiency.cli.documents import cost_document
from sufficiency.cli.errors import (
    ENOUGH,
    BadInput,
    RunFailed,
    did_you_mean,
    message_of,
)
from sufficiency.cli.nets import builtin_net, check_classes, find_factory, net_of, task_of
from sufficiency.cli.notices import Notices, only_results_on_stdout, say
from sufficiency.cli.output import check_directory
from sufficiency.cli.questions import Asked
from sufficiency.cli.reading import read_source
from sufficiency.cli.reporting import conclude
from sufficiency.cli.summary import DataSummary
from sufficiency.estimator import LandscapeSufficiencyEstimator
from sufficiency.fit.cost import CostEstimate
from sufficiency.result import SufficiencyResult

__all__ = ["Delivery", "Job", "run_file", "run_job"]


@dataclass(frozen=True)
class Delivery:
    """Where results go, and what the exit status is about."""

    out: Path | None = None
    overwrite: bool = False
    as_json: bool = False
    fail_if_insufficient: bool = False


@dataclass(frozen=True, eq=False)
class Job:
    """Everything that a run needs."""

    data: Data
    net: Any
    summary: DataSummary
    parameters: dict[str, Any]
    asked: Asked = field(default_factory=Asked)
    delivery: Delivery = field(default_factory=Delivery)


def run_file(
    path: Path,
    *,
    asked: Asked,
    delivery: Delivery,
    net: str | None,
    task: str,
    drop_missing: bool,
    dry_run: bool,
    debug: bool,
    columns: dict[str, Any],
    parameters: dict[str, Any],
) -> int:
    """Measure a file."""
    _check_options(asked, delivery, parameters)
    quiet = only_results_on_stdout() if delivery.as_json else nullcontext()
    with Notices(debug).listening() as notices:
        with quiet:
            factory = None if net is None else find_factory(net)
            data = prepare(read_source(path, **columns), drop_missing=drop_missing)
            if net is None:
                made = builtin_net(data.X, data.y, task)
            else:
                made = net_of(net, factory, data.X, data.y, task)
                if task_of(made) == "classification" and data.y.ndim == 1:
                    check_classes(data.y)
        summary = DataSummary(data, made, net)
        job = Job(data, made, summary, parameters, asked, delivery)
        return _estimate(job, notices) if dry_run else run_job(job, notices)


def _check_options(
    asked: Asked,
    delivery: Delivery,
    parameters: dict[str, Any],
) -> None:
    """What could be refused only after a long run, or makes no sense at all."""
    if delivery.fail_if_insufficient and not asked.questions:
        raise BadInput("--fail-if-insufficient needs a --threshold or a --score-target to fail at")
    if asked.growth is not None and parameters["order"] == 1:
        raise BadInput("--growth must be left out with --order 1, which has no formula for it")
    if asked.growth is not None and parameters["n_candidates"] == 1:
        raise BadInput("--n-candidates must be >= 2 with --growth; one cannot tell gap from spread")
    sizes = parameters["sizes"]
    targets = [question.kind for question in asked.questions if question.kind != "delta"]
    if targets and (sizes if isinstance(sizes, int) else len(sizes)) < 3:
        raise BadInput(f"--sizes must be at least 3 with a --{targets[0]}-target")
    names, scoring = get_scorer_names(), parameters["scoring"]
    if scoring is not None and scoring not in names:
        raise BadInput(
            f"--scoring must be a score of scikit-learn, got {scoring!r}"
            f"{did_you_mean(scoring, names)}"
        )
    if parameters["n_jobs"] == 0:
        raise BadInput("--n-jobs must not be 0; 1 is one cell at once, -1 one on each core")
    if delivery.out is not None:
        if (
            parameters["store"] is not None
            and delivery.out.resolve() == parameters["store"].resolve()
        ):
            raise BadInput("--out and --store must be two directories; choose another --out")
        check_directory(delivery.out, overwrite=delivery.overwrite)


def run_job(job: Job, notices: Notices) -> int:
    """Measure, and tell what came out."""
    as_json = job.delivery.as_json
    if not as_json:
        click.echo(str(job.summary))
    with only_results_on_stdout() if as_json else nullcontext():
        result = _measured(job, notices)
    return conclude(
        result,
        job.summary,
        job.asked,
        warnings=notices.warnings,
        out=job.delivery.out,
        as_json=as_json,
        fail_if_insufficient=job.delivery.fail_if_insufficient,
    )


def _estimator(job: Job) -> LandscapeSufficiencyEstimator:
    parameters = dict(job.parameters)
    if parameters.get("verbose") is None:
        parameters["verbose"] = int(sys.stderr.isatty())
    # nobody would be given the net
    return LandscapeSufficiencyEstimator(job.net, refit=False, **parameters)


def _measured(job: Job, notices: Notices) -> SufficiencyResult:
    store = job.parameters.get("store")
    estimator = _estimator(job)
    try:
        estimator.fit(job.data.X, job.data.y, job.data.groups)
    except KeyboardInterrupt:
        say(
            "Error: interrupted; nothing was kept: with --store DIRECTORY a run can be gone on with"
            if store is None
            else "Error: interrupted; run the same command again to go on"
        )
        raise click.Abort from None
    except (ValueError, TypeError) as error:
        raise (RunFailed if notices.running else BadInput)(message_of(error)) from error
    return estimator.result_


def _estimate(job: Job, notices: Notices) -> int:
    as_json = job.delivery.as_json
    with only_results_on_stdout() if as_json else nullcontext():
        cost = _cost(job)
    if as_json:
        click.echo(cost_document(cost, job.summary, notices.warnings))
    else:
        click.echo(f"{job.summary}\nIt would take {cost}. One small cell was timed, nothing else.")
    return ENOUGH


def _cost(job: Job) -> CostEstimate:
    try:
        return _estimator(job).estimate_cost(job.data.X, job.data.y, job.data.groups)
    except (ValueError, TypeError) as error:
        raise BadInput(message_of(error)) from error
