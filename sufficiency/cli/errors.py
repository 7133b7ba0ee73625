"""Exit statuses, and errors that are one line."""

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any

import click

from sufficiency.exceptions import InvalidParameterError

ENOUGH, INSUFFICIENT, MISUSED, FAILED = 0, 1, 2, 3
INTERRUPTED = 130  # 128 + SIGINT, as shells have it

# What the command line has no option of that name for.
_OTHER_NAMES = {"X": "the features", "y": "the target", "path": "RESULT", "slices": "--slice"}


class BadInput(click.ClickException):
    """What the user has to change before anything can run."""

    exit_code = MISUSED


class RunFailed(click.ClickException):
    """A run that began and failed."""

    exit_code = FAILED


class OneLineErrors(click.Group):
    """A group of commands whose usage errors are a single line, and whose results are statuses."""

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run, and leave with the status of the command; see :meth:`click.Command.main`."""
        leave = extra.pop("standalone_mode", True)
        run: Any = super().main  # typed by the values of its arguments
        try:
            status = run(*args, standalone_mode=False, **extra)
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            status = error.exit_code
        except click.ClickException as error:
            context = getattr(error, "ctx", None)
            help_is = f" (see `{context.command_path} --help`)" if context else ""
            put(f"Error: {one_line(error.format_message())}{help_is}", err=True)
            status = error.exit_code
        except click.Abort:
            status = INTERRUPTED
        if leave:
            sys.exit(status)
        return status


def put(text: str, *, err: bool = False) -> None:
    """Write a line; a reader that has left, such as `head`, is no reason to stop."""
    try:
        click.echo(text, err=err)
    except BrokenPipeError:
        stream = sys.stderr if err else sys.stdout
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), stream.fileno())


def one_line(text: object) -> str:
    """The text without line breaks."""
    return " ".join(str(text).split())


def did_you_mean(wrong: str, choices: list[str]) -> str:
    """The nearest choice as a question in brackets, or nothing if none is near."""
    near = get_close_matches(wrong, choices, n=1, cutoff=0.5)
    return f" (did you mean {near[0]!r}?)" if near else ""


def message_of(error: Exception, **names: str) -> str:
    """An error in one line; parameters become options of the running command, or `names`."""
    if not isinstance(error, InvalidParameterError):
        return one_line(error)
    context = click.get_current_context(silent=True)
    options = {
        spelling.lstrip("-").replace("-", "_"): parameter.opts[0]
        for parameter in (context.command.params if context else ())
        for spelling in parameter.opts
    }
    known = options | _OTHER_NAMES | names
    return one_line(f"{known.get(error.parameter, f'`{error.parameter}`')} {error.problem}")


@contextmanager
def reported(debug: bool) -> Iterator[None]:
    """Within this context every error ends in one line and its exit status."""
    try:
        yield
    except KeyboardInterrupt as error:
        put("Error: interrupted", err=True)
        raise click.Abort from error
    except click.Abort:
        raise
    # a net that leaves must not choose the exit status
    except (Exception, SystemExit) as error:
        if debug:
            traceback.print_exc()
        if isinstance(error, click.ClickException):
            raise
        hint = "" if debug else "; --debug shows where"
        raise RunFailed(f"{type(error).__name__}: {one_line(error)}{hint}") from error
