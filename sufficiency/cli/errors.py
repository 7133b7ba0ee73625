"""Exit statuses, and errors that are one line."""

import re
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any

import click

__all__ = [
    "ENOUGH",
    "FAILED",
    "INSUFFICIENT",
    "INTERRUPTED",
    "MISUSED",
    "BadInput",
    "OneLineErrors",
    "RunFailed",
    "did_you_mean",
    "one_line",
    "reported",
    "speak_of_options",
]

ENOUGH, INSUFFICIENT, MISUSED, FAILED = 0, 1, 2, 3
INTERRUPTED = 130  # 128 + SIGINT, as shells have it

# Parameters of the Python interface that the command line has under another name.
_OTHER_NAMES = {
    "X": "the features",
    "y": "the target",
    "groups": "--groups",
    "path": "RESULT",
    "net": "--net",
    "random_state": "--seed",
    "refit": "--refit",
}
# Parameters that are options of the same name.
_SAME_NAMES: tuple[str, ...] = (
    "threshold",
    "relative",
    "growth",
    "confidence",
    "sizes",
    "n_repeats",
    "n_draws",
)
_SAME_NAMES += ("n_eval", "n_candidates", "probe", "sigma", "order", "method", "train", "center")
_SAME_NAMES += ("min_steps", "curve", "scoring", "store", "n_jobs", "verbose")
_OPTIONS = {name: "--" + name.replace("_", "-") for name in _SAME_NAMES} | _OTHER_NAMES


class BadInput(click.ClickException):
    """What the user has to change before anything can run."""

    exit_code = MISUSED


class RunFailed(click.ClickException):
    """A run that had begun and came to nothing."""

    exit_code = FAILED


class OneLineErrors(click.Group):
    """A group of commands whose usage errors are a single line, and whose results are statuses."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run, and leave with the status of the command; see :meth:`click.Command.main`."""
        try:
            status = super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            status = error.exit_code
        except click.ClickException as error:
            click.echo(
                f"Error: {one_line(error.format_message())}{_where_help_is(error)}", err=True
            )
            status = error.exit_code
        except click.Abort:
            status = INTERRUPTED
        if standalone_mode:
            sys.exit(status)
        return status


def _where_help_is(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    return f" (see `{context.command_path} --help`)" if context else ""


def one_line(text: object) -> str:
    """The text without line breaks."""
    return " ".join(str(text).split())


def did_you_mean(wrong: str, choices: list[str]) -> str:
    """The nearest choice as a question in brackets, or nothing if none is near."""
    near = get_close_matches(wrong, choices, n=1, cutoff=0.5)
    return f" (did you mean {near[0]!r}?)" if near else ""


def speak_of_options(message: str) -> str:
    """Put the command line's options in place of the Python interface's parameters."""
    names = "|".join(_OPTIONS)
    # `sizes`=8, method='once', `n_repeats`: whatever way a parameter is mentioned
    assigned = rf"(?:`({names})`|(?<![\w-])({names}))=(?:'([^']*)'|([\w.-]+))"
    message = re.sub(assigned, _option_with_value, message)
    # those come in arrays, which a command line has none of
    message = message.replace(" or own unseen data", "").replace(", or own unseen data", "")
    return re.sub(rf"`({names})`", lambda found: _OPTIONS[found[1]], message)


def _option_with_value(found: re.Match[str]) -> str:
    quoted, bare, word, number = found.groups()
    return f"{_OPTIONS[quoted or bare]} {word if number is None else number}"


@contextmanager
def reported(debug: bool) -> Iterator[None]:
    """Within this context every error ends in one line and its exit status."""
    try:
        yield
    except KeyboardInterrupt as error:
        click.echo("Error: interrupted", err=True)
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
