"""Keys of code come from its source, outlive Python's bytecode, and trust no stale file."""

import importlib
import os
import sys

import pytest

from sufficiency.store import code_syntax
from sufficiency.store.code_syntax import class_items, code_content
from tests.store.test_configurations import BASE, as_script, of

KINDS = """
import dataclasses, enum, typing
from collections import namedtuple

@dataclasses.dataclass(frozen=True)
class Config:
    width: int = 3
    kinds: list = dataclasses.field(default_factory=list)

    def scaled(self):
        return 2 * self.width

class Color(enum.Enum):
    RED = 1
    CRIMSON = 1

    @property
    def dark(self):
        return self is Color.RED

class Mode(enum.IntFlag):
    FAST = enum.auto()

class Pair(typing.NamedTuple):
    left: int
    right: int = 2

    def total(self):
        return self.left + self.right

Plain = namedtuple("Plain", ["x", "y"], defaults=[5])
"""
NAMES = ["Config", "Color", "Mode", "Pair", "Plain"]


def stripping(text, filename, mode, flags=0, dont_inherit=True):
    """A compiler with other bytecode for the same source: no asserts, no docstrings."""
    return compile(text, filename, mode, flags, dont_inherit, optimize=2)


def test_another_bytecode_has_the_same_key(monkeypatch):
    text = BASE.replace("        return scale()", "        assert len(X)\n        return scale()")
    cell = as_script(text)["Net"]
    keys = [of(cell)]
    with monkeypatch.context() as patch:
        code_syntax._parsed.cache_clear()
        patch.setattr(code_syntax, "compile", stripping, raising=False)
        other = as_script(text, compiler=stripping)["Net"]
        keys.append(of(other))
    code_syntax._parsed.cache_clear()
    assert cell.forward.__code__.co_code != other.forward.__code__.co_code
    assert keys[0] == keys[1]


def test_what_the_standard_library_generates_is_no_bytecode(monkeypatch):
    monkeypatch.setattr(code_syntax, "_bytecode", pytest.fail)
    first, second = as_script(KINDS), as_script(KINDS)
    for name in NAMES:
        assert of(first[name]) == of(second[name])
    assert not any(name.startswith("__") for name in class_items(first["Pair"]))


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("Config", "width: int = 3", "width: int = 4"),
        ("Config", "width: int = 3", "length: int = 3"),
        ("Config", "default_factory=list", "default_factory=list, compare=False"),
        ("Config", "2 * self.width", "3 * self.width"),
        ("Config", "frozen=True", "frozen=False"),
        ("Color", "RED = 1", "RED = 2"),
        ("Color", "CRIMSON = 1", "CRIMSON = 2"),
        ("Color", "self is Color.RED", "self is not Color.RED"),
        ("Mode", "FAST = enum.auto()", "SLOW = enum.auto()"),
        ("Pair", "right: int = 2", "right: int = 3"),
        ("Pair", "self.left + self.right", "self.left - self.right"),
        ("Plain", "defaults=[5]", "defaults=[6]"),
        ("Plain", '"x", "y"', '"x", "z"'),
    ],
)
def test_what_the_author_says_of_them_matters(name, old, new):
    assert of(as_script(KINDS.replace(old, new))[name]) != of(as_script(KINDS)[name])


def test_lambdas_on_one_line_are_told_apart():
    text = "fs = [lambda x: x + 1, lambda x: x + 2, lambda x: (lambda x: x + 2), lambda x: 3]\n"
    functions, apart = as_script(text)["fs"], as_script(text.replace(", ", ",\n"))["fs"]
    contents = [code_content(f.__code__) for f in (*functions, functions[2](0))]
    assert not any("bytecode" in content for content in contents)
    assert contents == [code_content(f.__code__) for f in (*apart, apart[2](0))]
    assert contents[4] == contents[1]
    assert len({of(f) for f in functions}) == 4


def test_a_file_that_was_edited_after_its_import_is_not_believed(tmp_path, monkeypatch):
    """The code that runs decides, and what is imported next time has the key of the new source."""
    path = tmp_path / "own_edited_module.py"
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def write(value):
        path.write_text(f"def scale():\n    return {value}\n")
        # another time of change, however fast this is
        os.utime(path, (value, value))

    write(1)
    module = importlib.import_module("own_edited_module")
    first = of(module.scale)
    write(2)
    stale = of(module.scale)
    importlib.reload(module)
    second = of(module.scale)
    assert len({first, stale, second}) == 3
    write(1)
    importlib.reload(module)
    assert of(module.scale) == first
    del sys.modules["own_edited_module"]


def test_without_a_source_the_bytecode_has_to_do():
    readable, typed, again = (as_script(BASE, readable=r)["scale"] for r in (True, False, False))
    assert "bytecode" in code_content(typed.__code__)
    assert of(typed) == of(again)
    assert of(typed) != of(readable)
