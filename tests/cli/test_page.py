"""The page about the command line keeps its word: its commands run, its options exist."""

import json
import re
import shlex
from pathlib import Path

import click
import pytest

from sufficiency.cli import main
from tests.docs_pages.pages import markdown_fences

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "command-line.md"
TEXT = PAGE.read_text(encoding="utf-8")


def commands_of(block: str) -> list[list[str]]:
    """Words of each line after a prompt; a backslash continues it."""
    lines = block.replace("\\\n", " ").splitlines()
    assert all(line.startswith("$ sufficiency ") for line in lines)
    return [shlex.split(line.removeprefix("$ sufficiency ")) for line in lines]


@pytest.mark.slow
def test_commands_run(call, workplace):
    """All blocks in order: Python as it stands, and what is typed at a prompt."""
    namespace = {"__name__": "__main__"}
    for info, block in markdown_fences(TEXT):
        if info == "python":
            exec(block.code, namespace)
        for words in commands_of(block.code) if info == "console" else []:
            file = words[words.index(">") + 1] if ">" in words else None
            result = call(*(words[: words.index(">")] if file else words))
            assert result.exit_code == 0, result.output
            if file:
                (workplace / file).write_text(result.stdout, encoding="utf-8")
    answer = json.loads((workplace / "answer.json").read_text(encoding="utf-8"))
    assert answer["enough"] is True
    for key in answer:
        assert f"`{key}`" in TEXT
    for name in re.findall(r"^\| `([\w.]+)`(?:, `([\w.]+)`)? \| .* \|$", TEXT, re.MULTILINE)[:5]:
        for file in filter(None, name):
            assert (workplace / "cancer" / file).exists(), file


def test_options_exist():
    known = {
        spelled
        for command in main.commands.values()
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for spelled in parameter.opts
    }
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", TEXT)) <= known | {"--help"}
