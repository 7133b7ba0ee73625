"""A run from its options to its exit status."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
from sklearn.datasets import load_digits
from sklearn.metrics import get_scorer_names

from sufficiency.cli.columns import Data, prepare
from sufficiency.cli.errors import ENOUGH, BadInput, RunFailed, did_you_mean, message_of, put
from sufficiency.cli.inputs import Layout
from sufficiency.cli.nets import builtin_net, check_classes, find_factory, net_of, task_of
from sufficiency.cli.notices import Notices, only_results_on_stdout, say
from sufficiency.cli.output import DataSummary, cost_document
from sufficiency.cli.questions import Asked
from sufficiency.cli.reading import Source, read_source
from sufficiency.cli.reporting import check_directory, check_samples_file, conclude
from sufficiency.estimator import LandscapeSufficiencyEstimator
from sufficiency.result import SufficiencyResult
from sufficiency.store.interruption import terminable

# As in examples/plot_digits.py.
DEMO_THRESHOLD = 1e-6
DEMO_PARAMETERS: dict[str, Any] = {"random_state": 0}


def run_file(
    path: Path,
    *,
    asked: Asked,
    net: str | None,
    task: str,
    drop_missing: bool,
    dry_run: bool,
    debug: bool,
    columns: dict[str, Any],
    layout: Layout,
    out: Path | None,
    overwrite: bool,
    samples: Path | None,
    as_json: bool,
    fail_if_insufficient: bool,
    **parameters: Any,
) -> int:
    """Measure a file; `parameters` are those of the estimator."""
    asked.check_status(fail_if_insufficient)
    _check_parameters(asked, parameters)
    if out is not None:
        if parameters["store"] is not None and out.resolve() == parameters["store"].resolve():
            raise BadInput("--out and --store must be two directories; choose another --out")
        check_directory(out, overwrite=overwrite)
    if samples is not None:
        check_samples_file(samples, path, out, overwrite=overwrite)
    with Notices(debug).listening() as notices, _scratch() as folder:
        with only_results_on_stdout(as_json):
            factory = None if net is None else find_factory(net)
            source = read_source(path, folder, layout=layout, **columns)
            data = prepare(source, folder, drop_missing=drop_missing)
            if net is None:
                made = builtin_net(data.X, data.y, task)
            else:
                made = net_of(net, factory, data.X, data.y, task)
                if task_of(made) == "classification" and data.y.ndim == 1:
                    check_classes(data.y)
        summary = DataSummary(data, made, net)
        if dry_run:
            return _estimate(summary, parameters, as_json, notices)
        result = _measured(summary, parameters, as_json, notices)
        return conclude(
            result,
            summary,
            asked,
            warnings=notices.warnings,
            out=out,
            samples=samples,
            as_json=as_json,
            fail_if_insufficient=fail_if_insufficient,
        )


@contextmanager
def _scratch() -> Iterator[Path]:
    """A folder for what is larger than memory, which is gone afterwards, whatever happens."""
    # Windows removes no file that is still mapped
    scratch = TemporaryDirectory(prefix="sufficiency-", ignore_cleanup_errors=True)
    with terminable(), scratch as name:
        yield Path(name)


def run_digits(
    *, out: Path | None, overwrite: bool, as_json: bool, n_jobs: int, debug: bool
) -> int:
    """Measure scikit-learn's digits with the built-in net and the defaults."""
    if out is not None:
        check_directory(out, overwrite=overwrite)
    X, y = load_digits(return_X_y=True)
    data = Data(Source(Path("digits"), X, y, "digit"), X, y, None, {}, 0)
    summary = DataSummary(data, builtin_net(X, y, "auto"))
    asked = Asked.from_options((DEMO_THRESHOLD,))
    with Notices(debug).listening() as notices:
        result = _measured(summary, {"n_jobs": n_jobs, **DEMO_PARAMETERS}, as_json, notices)
        return conclude(result, summary, asked, warnings=notices.warnings, out=out, as_json=as_json)


def _check_parameters(asked: Asked, parameters: dict[str, Any]) -> None:
    """What could be refused only after a long run, or makes no sense at all."""
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


def _estimator(summary: DataSummary, parameters: dict[str, Any]) -> LandscapeSufficiencyEstimator:
    if parameters.get("verbose") is None:
        parameters = {**parameters, "verbose": int(sys.stderr.isatty())}
    # nobody would be given the net
    return LandscapeSufficiencyEstimator(summary.net, refit=False, **parameters)


def _measured(
    summary: DataSummary, parameters: dict[str, Any], as_json: bool, notices: Notices
) -> SufficiencyResult:
    if not as_json:
        put(str(summary))
    data = summary.data
    try:
        with only_results_on_stdout(as_json):
            estimator = _estimator(summary, parameters)
            return estimator.fit(data.X, data.y, data.groups, slices=data.slices).result_
    except KeyboardInterrupt:
        say(
            "Error: interrupted; nothing was kept: with --store DIRECTORY a run can be gone on with"
            if parameters.get("store") is None
            else "Error: interrupted; run the same command again to go on"
        )
        raise click.Abort from None
    except (ValueError, TypeError) as error:
        raise (RunFailed if notices.running else BadInput)(message_of(error)) from error


def _estimate(
    summary: DataSummary, parameters: dict[str, Any], as_json: bool, notices: Notices
) -> int:
    data = summary.data
    try:
        with only_results_on_stdout(as_json):
            estimator = _estimator(summary, parameters)
            cost = estimator.estimate_cost(data.X, data.y, data.groups, slices=data.slices)
    except (ValueError, TypeError) as error:
        raise BadInput(message_of(error)) from error
    if as_json:
        put(cost_document(cost, summary, notices.warnings))
    else:
        put(f"{summary}\nIt would take {cost}. One small cell was timed, nothing else.")
    return ENOUGH
