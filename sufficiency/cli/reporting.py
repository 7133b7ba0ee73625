"""What a run leaves behind, and what a saved result is asked later."""

from collections.abc import Sequence
from pathlib import Path

import click

from sufficiency.cli.documents import ladder_rows, run_document, suggestion_rows
from sufficiency.cli.errors import ENOUGH, INSUFFICIENT, BadInput, message_of, one_line
from sufficiency.cli.notices import Notices
from sufficiency.cli.output import RESULT_FILES, deliver
from sufficiency.cli.questions import Answer, Asked, answer, in_paragraphs
from sufficiency.cli.summary import DataSummary, numbers_table
from sufficiency.report import write_report
from sufficiency.result import SufficiencyResult

__all__ = ["conclude", "report_saved"]


def conclude(
    result: SufficiencyResult,
    summary: DataSummary,
    asked: Asked,
    *,
    warnings: Sequence[str],
    out: Path | None,
    as_json: bool,
    fail_if_insufficient: bool,
) -> int:
    """Answer the questions of a run, write its files, and choose its exit status."""
    answers = answer(result, asked)
    document = ""
    if as_json or out is not None:
        document = run_document(result, summary, asked, answers, warnings)
    click.echo(document if as_json else _in_words(result, answers))
    if out is not None:
        names = deliver(result, out, document=document, answers=answers, asked=asked)
        if not as_json:
            click.echo(f"\nIn {out}: {', '.join(names)}")
    enough = all(answer.enough for answer in answers)
    return INSUFFICIENT if fail_if_insufficient and not enough else ENOUGH


def report_saved(directory: Path, out: Path | None, asked: Asked, debug: bool) -> int:
    """Answer questions to a saved result, and write its report."""
    missing = [name for name in RESULT_FILES if not (directory / name).is_file()]
    if missing:
        raise BadInput(
            f"{directory} holds no result, there is no {missing[0]}; name a directory that `run "
            "--out` or SufficiencyResult.save has made"
        )
    with Notices(debug).listening():
        try:
            result = SufficiencyResult.load(directory)
        except ValueError as error:
            raise BadInput(message_of(error)) from error
        answers = answer(result, asked)
        file = directory / "report.html" if out is None else out
        if not file.parent.is_dir():
            raise BadInput(f"--out {file} must lie in a directory that exists; make it first")
        accepted = [answer.question for answer in answers if answer.verdict]
        try:
            write_report(result, file, accepted, asked.confidence)
        except OSError as error:
            raise BadInput(
                f"--out {file} cannot be written ({one_line(error.strerror or error)}); choose "
                "another place"
            ) from error
    if answers:
        click.echo(in_paragraphs(answers) + "\n")
    click.echo(f"The report is in {file}.")
    return ENOUGH


def _in_words(result: SufficiencyResult, answers: Sequence[Answer]) -> str:
    parts = ["", numbers_table(ladder_rows(result))]
    suggestions = [] if answers else suggestion_rows(result)
    if answers:
        parts += ["", in_paragraphs(answers)]
    elif suggestions:
        head = "What more data change now; choose a --threshold by it:"
        parts += ["", head, numbers_table(suggestions)]
    return "\n".join(parts)
