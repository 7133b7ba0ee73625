"""The scripts of docs/studies, importable."""

import importlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

STUDIES = Path(__file__).resolve().parents[2] / "docs" / "studies"


@pytest.fixture
def study(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Import a script by name."""
    monkeypatch.syspath_prepend(str(STUDIES))
    return importlib.import_module
