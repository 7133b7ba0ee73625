"""Wheel and sdist: what is in them, and that the wheel works where nothing else of ours is."""

import subprocess
import sys
import sysconfig
import tarfile
import textwrap
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def python(program: Path | str, *words: object, **options) -> subprocess.CompletedProcess:
    command = [str(program), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def build(directory: Path, *words: str) -> Path:
    python(sys.executable, "-m", "build", "--no-isolation", "--outdir", directory, *words, ROOT)
    return directory


@pytest.fixture(scope="module")
def built(tmp_path_factory, require_module) -> Path:
    """As `make dist` does: an sdist, and a wheel made of it."""
    for name in ("build", "hatchling"):
        require_module(name)
    return build(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def wheel(built) -> Path:
    (path,) = built.glob("sufficiency-*-py3-none-any.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """Python of an environment that holds the wheel alone, and sees the libraries it needs."""
    directory = tmp_path_factory.mktemp("environment")
    venv.create(directory, with_pip=False)
    bin_name = "Scripts" if sys.platform == "win32" else "bin"
    program = directory / bin_name / "python"
    offline = ("install", "--no-deps", "--no-index", "--disable-pip-version-check")
    python(sys.executable, "-m", "pip", "--python", program, *offline, wheel)
    scheme = {"base": str(directory), "platbase": str(directory)}
    packages = Path(sysconfig.get_path("purelib", vars=scheme))
    # a directory that a .pth names has its own .pth files left alone, the editable install's too
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return program


def contents(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    names = {name for name in contents(wheel) if ".dist-info/" not in name}
    sources = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "sufficiency").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert names == sources
    assert "sufficiency/py.typed" in names


def test_metadata(wheel):
    (name,) = (name for name in contents(wheel) if name.endswith(".dist-info/METADATA"))
    metadata = contents(wheel)[name].decode("utf-8")
    for line in ("License-Expression: MIT", "Requires-Python: >=3.11", "Requires-Dist: click>=8.2"):
        assert line in metadata.splitlines()
    assert "# sufficiency" in metadata


def test_the_sdist_holds_what_one_works_with(built):
    (path,) = built.glob("sufficiency-*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {"README.md", "CHANGELOG.md", "LICENSE", "Makefile", "pyproject.toml"}
    wanted |= {"tests/conftest.py", "tests/test_distribution_files.py", "docs/quickstart.md"}
    wanted |= {"examples/plot_digits.py", "sufficiency/py.typed"}
    assert wanted <= names
    made_by_tools = ("docs/_build", "docs/generated", "docs/auto_examples", ".venv")
    assert not [name for name in names if name.startswith(made_by_tools)]


def test_the_sdist_makes_the_same_wheel(wheel, tmp_path):
    directly = next(build(tmp_path, "--wheel").glob("*.whl"))
    assert contents(directly) == contents(wheel)


def test_it_imports_from_its_own_place(installed, tmp_path):
    code = "import sufficiency; print(sufficiency.__file__); sufficiency.Verdict"
    done = python(installed, "-I", "-c", code, cwd=tmp_path)
    assert Path(done.stdout.strip()).is_relative_to(installed.parent.parent)


def test_the_command_is_there(installed, tmp_path):
    said = python(installed.with_name("sufficiency"), "--version", cwd=tmp_path).stdout
    assert said.startswith("sufficiency, version ")


@pytest.mark.slow
def test_it_measures_and_reports(installed, tmp_path):
    """Files that are no Python, such as the report's template, are there as well."""
    table = "".join(f"{i % 7},{i % 2}\n" for i in range(60))
    (tmp_path / "table.csv").write_text("x,y\n" + table)
    tiny = ("--sizes", "3", "--n-repeats", "2", "--n-draws", "2", "--min-steps", "0")
    words = ("run", "table.csv", "--target", "y", *tiny, "--out", "out")
    python(installed, "-I", "-m", "sufficiency", *words, cwd=tmp_path)
    assert (tmp_path / "out" / "report.html").stat().st_size > 0


@pytest.mark.slow
def test_type_checkers_see_its_types(installed, tmp_path, require_module):
    require_module("mypy")
    script = """\
        from typing import assert_type

        import sufficiency
        from sufficiency import LandscapeSufficiencyEstimator, SufficiencyResult, Verdict
        from sufficiency.probes import IsotropicGaussian

        est = LandscapeSufficiencyEstimator(sizes=[0.5, 1.0], probe=IsotropicGaussian(0.1))
        assert_type(est.fit([[0.0], [1.0]], [0, 1]), LandscapeSufficiencyEstimator)
        assert_type(est.verdict(1e-6), Verdict)
        assert_type(est.verdict(1e-6).size, int | None)
        assert_type(SufficiencyResult.load("here"), SufficiencyResult)
        LandscapeSufficiencyEstimator(size=3)  # type: ignore[call-arg]
        sufficiency.no_such_name  # type: ignore[attr-defined]
        """
    (tmp_path / "user.py").write_text(textwrap.dedent(script))
    options = ("--strict", "--cache-dir", tmp_path / "cache", "--python-executable", installed)
    python(sys.executable, "-m", "mypy", *options, "user.py", cwd=tmp_path)
