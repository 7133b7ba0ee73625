"""The file: as a whole or not at all, the same for the same result."""

import os
import stat
import sys

import matplotlib
import matplotlib.pyplot as plt
import pytest

from sufficiency.report import page
from tests.report.pages import plain

QUICK = "<!DOCTYPE html>"


@pytest.fixture
def quick(monkeypatch):
    """Only the file is looked at."""
    monkeypatch.setattr(page, "render", lambda *args: QUICK)


@pytest.mark.parametrize("kind", [str, lambda path: path])
def test_it_returns_where_the_file_is(tmp_path, quick, kind):
    path = tmp_path / "report.html"
    assert plain().report(kind(path)) == path
    assert path.read_text(encoding="utf-8") == QUICK
    assert [other.name for other in tmp_path.iterdir()] == ["report.html"]


def test_a_relative_path_is_one_from_here(tmp_path, quick, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert str(plain().report("report.html")) == "report.html"
    assert (tmp_path / "report.html").exists()


def test_an_earlier_file_is_replaced(tmp_path, quick):
    path = tmp_path / "report.html"
    path.write_text("old and much longer than the new one")
    plain().report(path)
    assert path.read_text(encoding="utf-8") == QUICK


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither these links nor modes")
def test_links_and_permissions_stay(tmp_path, quick):
    path, link = tmp_path / "real.html", tmp_path / "link.html"
    path.write_text("old")
    path.chmod(0o640)
    link.symlink_to(path)
    plain().report(link)
    assert link.is_symlink()
    assert path.read_text(encoding="utf-8") == QUICK
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    mask = os.umask(0o027)
    try:
        plain().report(tmp_path / "new.html")
    finally:
        os.umask(mask)
    assert stat.S_IMODE((tmp_path / "new.html").stat().st_mode) == 0o640


def test_bad_places_are_refused_before_any_work(tmp_path, monkeypatch):
    monkeypatch.setattr(page, "find", pytest.fail)
    with pytest.raises(IsADirectoryError, match="`path` must be a file"):
        plain().report(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"directory that exists.*nowhere"):
        plain().report(tmp_path / "nowhere" / "report.html")
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_the_earlier_file_and_nothing_else(tmp_path, quick, monkeypatch):
    path = tmp_path / "report.html"
    path.write_text("old")

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("sufficiency._files.os.replace", full)
    with pytest.raises(OSError, match="No space left"):
        plain().report(path)
    assert path.read_text() == "old"
    assert [other.name for other in tmp_path.iterdir()] == ["report.html"]


def test_the_same_questions_give_the_same_bytes_in_any_style(tmp_path):
    first = plain().report(tmp_path / "a.html", thresholds=4e-3).read_bytes()
    with plt.style.context("dark_background"), matplotlib.rc_context({"font.size": 20}):
        before = dict(matplotlib.rcParams)
        second = plain().report(tmp_path / "b.html", thresholds=4e-3).read_bytes()
        assert dict(matplotlib.rcParams) == before
    assert first == second
    assert plt.get_fignums() == []


@pytest.mark.parametrize(
    ("questions", "told"),
    [
        ({"thresholds": -1.0}, "`thresholds` must be finite and > 0, got -1"),
        ({"thresholds": [1e-3, 0.0]}, "`thresholds` must be finite and > 0, got 0"),
        ({"thresholds": "small"}, "`thresholds` must be a number"),
        ({"confidence": 95}, "`confidence` must be in"),
        ({"relative": True}, "`relative` must go with `thresholds`"),
        ({"growth": 0.1}, "`growth` must go with `thresholds`"),
        ({"thresholds": 1.0, "growth": -1.0}, "`growth` must be"),
        ({"loss_target": float("nan")}, "`loss_target` must be"),
        ({"score_target": "best"}, "`score_target` must be"),
        ({"score_target": 1.5}, "`target` must be"),
    ],
)
def test_questions_without_sense_are_refused(tmp_path, questions, told):
    with pytest.raises((ValueError, TypeError), match=told):
        plain().report(tmp_path / "report.html", **questions)
    assert list(tmp_path.iterdir()) == []
