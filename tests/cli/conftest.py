"""A command line to type at, and small files to measure."""

import sys
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from sufficiency.cli import main

# A few optimizer steps on three sizes.
TINY = ("--sizes", "3", "--n-repeats", "2", "--n-draws", "2", "--min-steps", "0", "--seed", "0")


@pytest.fixture(autouse=True)
def workplace(tmp_path, monkeypatch):
    """An empty current directory, and nothing of it on the path or imported afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield tmp_path
    # nets of another test may have the same name
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def table() -> pd.DataFrame:
    """Two classes, told apart by a color and a number."""
    rng = np.random.default_rng(1)
    color = np.array(["red", "green", "blue"])[np.arange(60) % 3]
    area = rng.normal(size=60)
    kind = np.where(area + (color == "red") > 0.3, "large", "small")
    return pd.DataFrame({"color": color, "area": area, "new": area > 0, "kind": kind})


@pytest.fixture
def csv(table) -> str:
    table.to_csv("houses.csv", index=False)
    return "houses.csv"


@pytest.fixture
def call() -> Callable[..., Result]:
    def invoke(*words: object) -> Result:
        return CliRunner().invoke(main, [str(word) for word in words], prog_name="sufficiency")

    return invoke


@pytest.fixture(scope="session")
def cells(tmp_path_factory):
    """A store that runs share: the same cells are measured once."""
    return tmp_path_factory.mktemp("cells")


@pytest.fixture
def run_tiny(call, csv, cells) -> Callable[..., Result]:
    def invoke(*words: object) -> Result:
        return call("run", csv, "--target", "kind", *TINY, "--store", cells, *words)

    return invoke


@pytest.fixture
def refused(call) -> Callable[..., str]:
    """The one line that a call is refused with, exit status 2."""

    def invoke(*words: object, status: int = 2) -> str:
        result = call(*words)
        assert result.exit_code == status, result.output
        assert "Error" not in result.stdout
        lines = result.stderr.splitlines()
        assert len(lines) == 1, result.stderr
        assert lines[0].startswith("Error: ")
        assert "Traceback" not in result.stderr
        return lines[0]

    return invoke
