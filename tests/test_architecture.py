"""The shape of the package, read from its source: who imports whom, and what stays out."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "sufficiency"

# The way of the data. A file imports only from stations before its own; what is imported under
# TYPE_CHECKING, for annotations, does not count.
STATIONS = (
    "exceptions",
    "_colors",
    "_files",
    "_json",
    "_random",
    "_representations",
    "_tables",
    "_threads",
    "_types",
    "_validation",
    "_warnings",
    "data",  # samples, checks, splits: indices only
    "models",
    "datasets",
    "nets",  # what a skorch net needs and is, targets, per-sample losses, the default net
    "engine",  # losses[t, i] of many weights in blocks
    "curvature",
    "probes",
    "deltas",
    "theory",
    "training",  # the only folder that fits a net
    "cells",
    "store",
    "curves",
    "forecasts",  # how curves go on, by those of many data sets
    "sizing",  # the only folder that decides
    "fit",  # parameters, plan, runner, cost
    "landscape",
    "plotting",
    "report",
    "explore",  # the page in the browser
    "result",
    "campaign",  # results of one project, round by round
    "estimator",
    "cli",
    "__init__",
    "__main__",
)

# Stations that may know less than everything before them.
FOUNDATION = {
    "exceptions",
    "_colors",
    "_files",
    "_json",
    "_random",
    "_representations",
    "_tables",
    "_threads",
    "_types",
    "_validation",
    "_warnings",
}
MAY_IMPORT = {
    "data": FOUNDATION,
    "engine": FOUNDATION | {"data", "nets"},  # knows neither probes nor Δ
    # center and Hessian operator come as arguments; never X, y, the engine or Δ
    "probes": FOUNDATION | {"curvature"},
    "curves": FOUNDATION,
    "forecasts": FOUNDATION,
    "sizing": FOUNDATION | {"curves", "forecasts", "cells"},  # of a cell, its numbers
    # around a net that somebody has fitted: no training, no cells, no results
    "landscape": FOUNDATION | {"data", "nets", "engine", "curvature", "probes", "deltas"},
    # read results, and of the curvature and the landscape their numbers
    "plotting": FOUNDATION | {"curves", "sizing", "curvature", "landscape"},
    "report": FOUNDATION | {"curves", "sizing", "plotting"},
    "explore": FOUNDATION | {"curves", "sizing", "plotting", "report", "data", "store", "cells"},
    "__main__": {"cli"},
}

# Libraries that only these stations may use.
ONLY_IN = {"matplotlib": {"plotting", "report", "explore"}, "tornado": {"explore"}}
ONLY_IN |= {"mnist1d": {"datasets"}, "statsmodels": {"datasets"}}
# Numbers, pictures and orchestration: no tensor of their own.
WITHOUT_TORCH = {
    "curves",
    "sizing",
    "result",
    "campaign",
    "plotting",
    "report",
    "explore",
    "estimator",
}

MODULES = sorted(PACKAGE.rglob("*.py"))
MAX_LINES = 500  # docstrings of public classes and functions do not count
TOP_LEVEL = {"__init__", "__main__", "campaign", "estimator", "exceptions", "result"}


def station_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@cache
def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


@cache
def parse_what_runs(path: Path) -> ast.Module:
    """Without what is imported for type checkers only."""
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            node.body = [ast.Pass()]
    return tree


def imported_names(tree: ast.AST) -> Iterator[str]:
    """Dotted names of everything that is imported, inside functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import at line {node.lineno}"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imported_libraries(path: Path) -> set[str]:
    """Top-level packages that are imported when the code runs."""
    return {name.split(".")[0] for name in imported_names(parse_what_runs(path))}


def imported_stations(path: Path) -> set[str]:
    """Stations of this package that a file imports from; `from sufficiency import x` may be one."""
    stations = {station_of(module) for module in MODULES}
    found = set()
    for name in imported_names(parse_what_runs(path)):
        package, _, rest = name.partition(".")
        if package == "sufficiency":
            station = rest.split(".")[0]
            found.add(station if station in stations else "__init__")
    return found


def offenders(faults_of: Callable[[Path], Iterable[object]]) -> str:
    """One line for every file in which a check finds faults."""
    found = ((path, sorted(map(str, faults_of(path)))) for path in MODULES)
    return "\n".join(
        f"{path.relative_to(PACKAGE)}: {', '.join(faults)}" for path, faults in found if faults
    )


def test_the_top_level_holds_folders():
    files = {path.stem for path in PACKAGE.glob("*.py") if not path.stem.startswith("_")}
    assert files <= TOP_LEVEL, "a new file belongs in a folder"
    folders = [path.parent for path in PACKAGE.glob("*/__init__.py")]
    lonely = [path.name for path in folders if len(list(path.glob("*.py"))) < 3]
    assert not lonely, "a folder appears when its second module does"


def test_every_file_has_its_place():
    unplaced = sorted({station_of(path) for path in MODULES} - set(STATIONS))
    assert not unplaced, "add it to STATIONS, in the order in which the data pass it"
    assert not set(STATIONS) - {station_of(path) for path in MODULES}, "nothing is there any more"


def test_imports_go_one_way():
    def later(path: Path) -> set[str]:
        here = station_of(path)
        before = set(STATIONS[: STATIONS.index(here)]) if here in STATIONS else set(STATIONS)
        return imported_stations(path) - before - {here}

    assert not (found := offenders(later)), f"imported from later stations:\n{found}"


def test_stations_know_only_what_they_may():
    def unwanted(path: Path) -> set[str]:
        here = station_of(path)
        return imported_stations(path) - MAY_IMPORT.get(here, set(STATIONS)) - {here}

    assert not (found := offenders(unwanted)), f"not in MAY_IMPORT:\n{found}"


def lines_of_docstring(node: ast.AST) -> int:
    kinds = ast.ClassDef | ast.FunctionDef
    if not isinstance(node, kinds) or node.name.startswith("_") or not ast.get_docstring(node):
        return 0
    return node.body[0].end_lineno - node.body[0].lineno + 1


def test_files_stay_short():
    def too_long(path: Path) -> list[int]:
        lines = len(path.read_text(encoding="utf-8").splitlines())
        lines -= sum(map(lines_of_docstring, ast.walk(parse(path))))
        return [lines] if lines > MAX_LINES else []

    assert not (found := offenders(too_long)), f"more than one reason to change?\n{found}"


def test_no_assert_guards_input():
    def asserts(path: Path) -> list[str]:
        return [f"line {n.lineno}" for n in ast.walk(parse(path)) if isinstance(n, ast.Assert)]

    assert not (found := offenders(asserts)), f"asserts vanish under python -O:\n{found}"


def test_loading_can_run_no_code():
    loaders = {"torch.load", "torch.save", "joblib.load", "joblib.dump"}
    libraries = {"pickle", "cloudpickle", "dill", "marshal", "shelve"}

    def unsafe(path: Path) -> set[str]:
        tree = parse(path)
        used = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        pickled = {
            f"allow_pickle={ast.unparse(node.value)}"
            for node in ast.walk(tree)
            if isinstance(node, ast.keyword) and node.arg == "allow_pickle"
        }
        found = (used | set(imported_names(tree))) & loaders
        return found | (imported_libraries(path) & libraries) | (pickled - {"allow_pickle=False"})

    assert not (found := offenders(unsafe)), found


def test_libraries_stay_where_they_belong():
    def misplaced(path: Path) -> set[str]:
        here = station_of(path)
        forbidden = {library for library, stations in ONLY_IN.items() if here not in stations}
        if here in WITHOUT_TORCH:
            forbidden |= {"torch", "torchvision"}
        return imported_libraries(path) & forbidden

    assert not (found := offenders(misplaced)), found


def declared_libraries(extra: str | None = None) -> set[str]:
    """Names to import of what the package, or one of its extras, requires."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    entries = project["optional-dependencies"][extra] if extra else project["dependencies"]
    names = {re.split(r"[^\w.-]", entry)[0] for entry in entries}
    return {{"scikit-learn": "sklearn"}.get(name, name) for name in names}


def test_libraries_are_declared():
    used = {name.split(".")[0] for path in MODULES for name in imported_names(parse(path))}
    declared = declared_libraries().union(
        *map(declared_libraries, ("datasets", "parquet", "explore"))
    )
    assert used - set(sys.stdlib_module_names) - {"sufficiency"} <= declared


def test_optional_libraries_are_imported_by_who_needs_them():
    """Inside a function, so that everything else works without them."""
    optional = declared_libraries("datasets") - declared_libraries()

    def outside(path: Path) -> set[str]:
        tree = parse(path)
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
        inside = {name for function in functions for name in imported_names(function)}
        return {name.split(".")[0] for name in set(imported_names(tree)) - inside} & optional

    assert not (found := offenders(outside)), found


def test_models_and_datasets_are_imported_on_request():
    users = {station_of(p) for p in MODULES if imported_stations(p) & {"models", "datasets"}}
    assert users <= {"models", "datasets"}


def test_stations_are_listed_once():
    assert len(set(STATIONS)) == len(STATIONS)
    assert set(MAY_IMPORT) | WITHOUT_TORCH <= set(STATIONS)


@pytest.fixture
def project_files(require_tool) -> list[str]:
    """What git keeps or would keep: tracked files, and new ones it does not ignore."""
    git = require_tool("git")
    command = [git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return sorted({name for name in listed.split("\0") if name and (ROOT / name).is_file()})


def test_top_level_is_as_agreed(project_files):
    allowed = {"sufficiency", "tests", "docs", "examples"}
    allowed |= {"pyproject.toml", "README.md", "Makefile", "LICENSE", "CHANGELOG.md"}
    entries = {name.split("/")[0] for name in project_files}
    assert allowed <= entries
    assert {name for name in entries - allowed if not name.startswith(".")} == set()


# Written in pieces, so that this file does not find itself.
MACHINE_PATHS = re.compile(r"(?<![\w.$}~-])/(?:" + "home|Users|root|work|opt|mnt" + r")/[\w.-]+")
REGISTRIES = re.compile(
    r"(?:" + r"|".join(("py" + r"pi\.org", "python" + "hosted", "npm" + r"js\.org")) + r")"
    r"|-" + r"-(?:extra-)?index-url|PIP_" + "INDEX_URL"
)


def test_no_file_names_a_machine_or_a_registry(project_files):
    found = []
    for name in project_files:
        data = (ROOT / name).read_bytes()
        if b"\0" in data:
            continue  # an array or a picture
        for number, line in enumerate(data.decode("utf-8").splitlines(), start=1):
            if MACHINE_PATHS.search(line) or REGISTRIES.search(line):
                found.append(f"{name}:{number}: {line.strip()[:80]}")
    assert not found, "\n".join(found)


def test_the_search_for_machines_and_registries_finds_them():
    for line in ("open('" + "/" + "home/me/x')", "cd " + "/" + "work/main", '"' + "/" + 'opt/pip"'):
        assert MACHINE_PATHS.search(line), line
    for line in ("see docs/home/page", "https://example.org/home/x", "$HOME/work/x", "./work/x"):
        assert not MACHINE_PATHS.search(line), line
    assert REGISTRIES.search("https://" + "py" + "pi.org/simple")
    assert not REGISTRIES.search("https://keepachangelog.com")
