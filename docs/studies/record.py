"""What the studies write: figures, the command that made them, and the versions they rest on."""

import json
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

RESULTS = Path(__file__).resolve().parent / "results"
PACKAGES = ("sufficiency", "torch", "skorch", "scikit-learn", "scipy", "numpy", "mnist1d")


def environment(*further: str) -> dict[str, str]:
    """Versions of what computes, and the kind of system; nothing that names a machine."""
    found = {"python": platform.python_version(), "system": platform.system(), "threads": "1"}
    for package in (*PACKAGES, *further):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def rounded(value):
    """Floats to five significant digits, through lists and dicts; NaN becomes None."""
    if isinstance(value, Mapping):
        return {key: rounded(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(each) for each in value]
    if isinstance(value, float):
        return float(f"{value:.5g}") if value == value else None
    return value


def write(name: str, command: str, figures: Mapping, *packages: str) -> Path:
    """Write ``results/<name>.json``."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    content = {"command": command, "environment": environment(*packages), **rounded(figures)}
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def read(name: str) -> dict:
    """Read it back."""
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
