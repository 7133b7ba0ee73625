"""A saved result, asked again."""

from pathlib import Path

import click

from sufficiency.cli.answers import Questions, accepted, answers_of, check_questions, in_paragraphs
from sufficiency.cli.errors import ENOUGH, BadInput, one_line, speak_of_options
from sufficiency.cli.notices import Notices
from sufficiency.cli.output import RESULT_FILES
from sufficiency.result import SufficiencyResult

__all__ = ["write_report"]


def write_report(directory: Path, out: Path | None, questions: Questions, debug: bool) -> int:
    """Answer, and write the report."""
    check_questions(questions)
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
            raise BadInput(one_line(speak_of_options(str(error)))) from error
        answers = answers_of(result, questions)
        file = directory / "report.html" if out is None else out
        if not file.parent.is_dir():
            raise BadInput(f"--out {file} must lie in a directory that exists; make it first")
        try:
            result.report(file, **accepted(questions, answers))
        except OSError as error:
            raise BadInput(
                f"--out {file} cannot be written ({one_line(error.strerror or error)}); choose "
                "another place"
            ) from error
    if answers:
        click.echo(in_paragraphs(answers) + "\n")
    click.echo(f"The report is in {file}.")
    return ENOUGH
