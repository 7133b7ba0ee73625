"""What a run says and leaves behind, and what a saved result is asked later."""

import os
import uuid
from collections.abc import Sequence
from pathlib import Path

from sufficiency._files import new_directory, write_file
from sufficiency.cli.errors import (
    ENOUGH,
    INSUFFICIENT,
    BadInput,
    RunFailed,
    one_line,
    put,
)
from sufficiency.cli.notices import Notices, say
from sufficiency.cli.output import (
    DataSummary,
    ladder_rows,
    numbers_table,
    run_document,
    suggestion_rows,
    worst_slices,
)
from sufficiency.cli.questions import Answer, Asked, answer, in_paragraphs
from sufficiency.cli.saved import RESULT_FILES, load_result
from sufficiency.report.page import write_report
from sufficiency.result import SufficiencyResult
from sufficiency.sizing.questions import Question

_FIGURES = ("delta.svg", "delta.png", "learning_curve.svg", "learning_curve.png")
_VERDICT, _REPORT = "verdict.json", "report.html"
_OURS = {*RESULT_FILES, *_FIGURES, _VERDICT, _REPORT}
DPI = 150


def check_directory(directory: Path, *, overwrite: bool) -> None:
    """Find out, before anything is measured, whether results can go there."""
    try:
        found = set(os.listdir(directory))
    except FileNotFoundError:
        found = set()
    except OSError as error:
        raise BadInput(
            f"--out {directory} must be a directory ({error.strerror}); choose another one"
        ) from None
    foreign = sorted(found - _OURS)
    if foreign:
        listed = ", ".join(foreign[:3]) + (", …" if len(foreign) > 3 else "")
        raise BadInput(
            f"--out {directory} holds other files ({listed}), which would be mixed up with the "
            "results; choose a new directory"
        )
    if os.path.ismount(directory):
        raise BadInput(
            f"--out {directory} is a mount point, which cannot be replaced; choose a new directory "
            "in it"
        )
    if found and not overwrite:
        raise BadInput(
            f"--out {directory} holds other results; choose a new directory, or replace them with "
            "--overwrite"
        )
    _check_place("--out", directory)


def check_samples_file(file: Path, data: Path, out: Path | None, *, overwrite: bool) -> None:
    """Find out, before anything is measured, whether the samples can go into a file."""
    place = file.resolve()
    if place == data.resolve():
        raise BadInput(f"--samples {file} would replace the data; choose another file")
    if out is not None and out.resolve() in (place, *place.parents):
        raise BadInput(
            f"--samples {file} must not lie in --out {out}, which is replaced as a whole; choose "
            "another place"
        )
    if file.exists() and not (overwrite and file.is_file()):
        raise BadInput(
            f"--samples {file} exists; choose a new file, or replace it with --overwrite"
            if file.is_file()
            else f"--samples {file} must be a file of its own; choose another one"
        )
    _check_place("--samples", file)


def _check_place(option: str, path: Path) -> None:
    """Make a directory there, and remove it."""
    path = path.absolute()
    missing = [place for place in (path, *path.parents) if not os.path.lexists(place)]
    trial = missing[-1] if missing else path.with_name(f".{uuid.uuid4().hex}")
    try:
        trial.mkdir()
        trial.rmdir()
    except OSError as error:
        raise BadInput(
            f"{option} {path} cannot be made in {trial.parent} ({error.strerror}); choose another "
            "place"
        ) from None


def conclude(
    result: SufficiencyResult,
    summary: DataSummary,
    asked: Asked,
    *,
    warnings: Sequence[str],
    out: Path | None,
    samples: Path | None = None,
    as_json: bool,
    fail_if_insufficient: bool = False,
) -> int:
    """Answer the questions of a run, write its files, and choose its exit status."""
    answers = answer(result, asked)
    document = ""
    if as_json or out is not None:
        document = run_document(result, summary, asked, answers, warnings)
    put(document if as_json else _in_words(result, answers, summary))
    told = []
    try:
        if out is not None:
            names = _deliver(result, out, document, answers, asked.confidence)
            told.append(f"In {out}: {', '.join(names)}")
    finally:
        # what fails there does not lose these
        if samples is not None:
            told.append(f"In {samples}: {_write_samples(result, summary, samples):,} samples")
        if told and not as_json:
            put("\n" + "\n".join(told))
    return _status(answers, fail_if_insufficient)


def _status(answers: Sequence[Answer], fail_if_insufficient: bool) -> int:
    """The exit status; what is not enough is named if it is one of failure."""
    unmet = [f"{answer.question} ({answer.headline})" for answer in answers if not answer.enough]
    if not fail_if_insufficient or not unmet:
        return ENOUGH
    say(f"Exit status {INSUFFICIENT}, not enough for {', '.join(unmet)}")
    return INSUFFICIENT


def report_saved(
    directory: Path,
    asked: Asked,
    *,
    out: Path | None,
    curve: str | None,
    as_json: bool,
    fail_if_insufficient: bool,
    debug: bool,
) -> int:
    """Answer questions to a saved result, and write its report."""
    asked.check_status(fail_if_insufficient)
    with Notices(debug).listening() as notices:
        result = load_result(directory, curve)
        answers = answer(result, asked)
        file = directory / "report.html" if out is None else out
        if not file.parent.is_dir():
            raise BadInput(f"--out {file} must lie in a directory that exists; make it first")
        try:
            write_report(result, file, _accepted(answers), asked.confidence)
        except OSError as error:
            raise BadInput(
                f"--out {file} cannot be written ({one_line(error.strerror or error)}); choose "
                "another place"
            ) from error
    if as_json:
        put(run_document(result, None, asked, answers, notices.warnings))
    else:
        put("\n\n".join(filter(None, (in_paragraphs(answers), f"The report is in {file}."))))
    return _status(answers, fail_if_insufficient)


def _in_words(result: SufficiencyResult, answers: Sequence[Answer], summary: DataSummary) -> str:
    parts = [numbers_table(ladder_rows(result))]
    if summary.data.slices:
        parts.append(worst_slices(result))
    if answers:
        parts.append(in_paragraphs(answers))
    elif suggestions := suggestion_rows(result):
        head = "What more data change now; choose a --threshold by it:"
        parts.append(f"{head}\n{numbers_table(suggestions)}")
    return "\n" + "\n\n".join(parts)


def _write_samples(result: SufficiencyResult, summary: DataSummary, file: Path) -> int:
    """Write single samples as CSV, with their rows in the file that was read; return how many."""
    frame = result.samples().reset_index()
    rows, samples = summary.data.rows, frame["sample"].to_numpy()
    frame.insert(0, "row", 1 + (samples if rows is None else rows[samples]))
    try:
        write_file(file, frame.to_csv(index=False).encode("utf-8", errors="backslashreplace"))
    except OSError as error:
        raise _not_written("--samples", file, error) from error
    return len(frame)


def _not_written(option: str, path: Path, error: OSError) -> RunFailed:
    return RunFailed(
        f"{option} {path} could not be written ({one_line(error)}); with --store, the same command "
        "finds its cells again and measures nothing"
    )


def _deliver(
    result: SufficiencyResult,
    directory: Path,
    document: str,
    answers: Sequence[Answer],
    confidence: float,
) -> list[str]:
    """Write result, answers, figures and report: as a whole, or not at all."""
    try:
        replaces = directory.is_dir() and bool(os.listdir(directory))
        with new_directory(directory) as making:
            result.save(making)
            (making / _VERDICT).write_text(document + "\n", encoding="utf-8")
            failure = _draw(result, making, answers, confidence)
            names = sorted(os.listdir(making))
        if replaces:
            say(f"Note: the earlier results in {directory} are replaced")
    except OSError as error:
        raise _not_written("--out", directory, error) from error
    if failure is not None:
        raise RunFailed(
            f"the result is in {directory}, but not all of its figures ({one_line(failure)}); try "
            f"`sufficiency report {directory}`"
        ) from failure
    return names


def _draw(
    result: SufficiencyResult, making: Path, answers: Sequence[Answer], confidence: float
) -> Exception | None:
    """Figures and report; an error is no reason to lose the numbers."""
    verdicts = [answer.verdict for answer in answers if answer.verdict]
    # under growth a threshold is no Δ of one sample
    thresholds = [v.threshold for v in verdicts if v.kind == "delta" and v.growth is None]
    try:
        delta = result.plot_delta(thresholds[0] if thresholds else None)
        learning = result.plot_learning_curve()
        for name in _FIGURES:
            display = delta if name.startswith("delta") else learning
            display.figure_.savefig(making / name, dpi=DPI)
        write_report(result, making / _REPORT, _accepted(answers), confidence)
    except Exception as error:
        return error
    return None


def _accepted(answers: Sequence[Answer]) -> list[Question]:
    return [answer.question for answer in answers if answer.verdict]
