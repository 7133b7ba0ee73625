"""
What users may rely on, line by line: names, parameters and their defaults.

``python -m tests.public_api`` writes it into tests/data/public_api.txt. Do that if a change was
meant, and say so in the changelog.
"""

import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import click

import sufficiency
from sufficiency.cli import main

ROOT = Path(__file__).resolve().parent.parent
SNAPSHOT = Path(__file__).resolve().parent / "data" / "public_api.txt"
REFERENCE = ROOT / "docs" / "reference.rst"


def documented_names() -> list[str]:
    """Everything that the reference lists, and that the package exports."""
    names, module = {f"sufficiency.{name}" for name in sufficiency.__all__}, ""
    for line in REFERENCE.read_text(encoding="utf-8").splitlines():
        if line.startswith(".. currentmodule:: "):
            module = line.split()[-1]
        elif re.fullmatch(r"   \w+", line):
            names.add(f"{module}.{line.strip()}")
    return sorted(names)


def resolve(name: str) -> object:
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute)


def signature_of(thing: object) -> str:
    """Names, kinds and defaults; annotations are for mypy."""
    try:
        signature = inspect.signature(thing)
    except (TypeError, ValueError):
        return "(…)"
    bare = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
    text = str(signature.replace(parameters=bare, return_annotation=signature.empty))
    return re.sub(r" at 0x[0-9a-f]+", "", text)


def members_of(cls: type) -> Iterator[tuple[str, object]]:
    """Public attributes that a class of this package defines, itself or by its bases."""
    ours = [base for base in cls.__mro__ if base.__module__.startswith("sufficiency")]
    names = {name for base in ours for name in vars(base)}
    # the defaults of a dataclass's fields are in its signature
    names -= set(getattr(cls, "__dataclass_fields__", {}))
    for name in sorted(names):
        # scikit-learn's, for metadata routing
        if not name.startswith("_") and not re.fullmatch(r"set_\w+_request", name):
            yield name, getattr(cls, name)


def lines_of(name: str) -> Iterator[str]:
    thing = resolve(name)
    if not inspect.isclass(thing):
        yield f"{name}{signature_of(thing)}"
        return
    if issubclass(thing, BaseException):
        yield f"{name}: {', '.join(base.__name__ for base in thing.__bases__)}"
        return
    yield f"{name}{signature_of(thing)}"
    for member, value in members_of(thing):
        yield f"{name}.{member}{signature_of(value) if callable(value) else ''}"


def lines_of_command_line() -> Iterator[str]:
    for name, command in sorted(main.commands.items()):
        for parameter in command.params:
            spelled = parameter.opts + parameter.secondary_opts
            kind = "" if isinstance(parameter, click.Option) else " (argument)"
            yield f"$ sufficiency {name}: {' '.join(spelled)}{kind}"


def public_api() -> str:
    lines = [line for name in documented_names() for line in lines_of(name)]
    return "\n".join([*lines, *lines_of_command_line()]) + "\n"


if __name__ == "__main__":
    SNAPSHOT.write_text(public_api(), encoding="utf-8")
