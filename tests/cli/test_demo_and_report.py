"""`sufficiency demo` and `sufficiency report`."""

import ast
import json
from pathlib import Path

import pytest

from sufficiency import SufficiencyResult
from sufficiency.cli import running
from tests.helpers import make_result

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "plot_digits.py"


class TestDemo:
    def test_settings_are_the_examples(self):
        tree = ast.parse(EXAMPLE.read_text(encoding="utf-8"))
        (call,) = (
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            and ast.unparse(node.func) == "LandscapeSufficiencyEstimator"
        )
        given = {word.arg: ast.literal_eval(word.value) for word in call.keywords}
        # how many at once, and the bar, change no number
        assert {
            k: v for k, v in given.items() if k not in ("n_jobs", "verbose")
        } == running.DEMO_PARAMETERS
        assert (
            f"THRESHOLD = {running.DEMO_THRESHOLD:.0e}".replace("e-0", "e-") in EXAMPLE.read_text()
        )

    def test_it_measures_the_digits(self, call, monkeypatch, workplace):
        tiny = {"sizes": 3, "n_repeats": 2, "n_draws": 2, "min_steps": 0, "random_state": 0}
        monkeypatch.setattr(running, "DEMO_PARAMETERS", tiny)
        words = ("--n-jobs", "1", "--out", "out")
        result = call("demo", *words)
        assert result.exit_code == 0, result.output
        assert "digits: 1,797 samples with 64 features" in result.stdout
        assert "Threshold 1e-06: " in result.stdout
        assert (workplace / "out" / "delta.svg").exists()
        assert call("demo", *words).exit_code == 2
        again = call("demo", *words, "--overwrite", "--json")
        assert json.loads(again.stdout)["n_available"] == 1797


class TestReport:
    @pytest.fixture
    def saved(self) -> SufficiencyResult:
        result = make_result()
        result.save("saved")
        return result

    def test_it_writes_one(self, saved, call, workplace):
        result = call("report", "saved", "--threshold", "1e-4")
        assert result.exit_code == 0, result.output
        assert (workplace / "saved" / "report.html").stat().st_size > 0
        assert str(saved.verdict(1e-4)) in " ".join(result.stdout.split())

    def test_elsewhere(self, saved, call, workplace):
        result = call("report", "saved", "--out", "here.html")
        assert result.exit_code == 0, result.output
        assert result.stdout == "The report is in here.html.\n"
        assert not (workplace / "saved" / "report.html").exists()

    def test_no_result(self, refused, workplace):
        (workplace / "empty").mkdir()
        assert "holds no result, there is no result.json" in refused("report", "empty")
        assert "does not exist" in refused("report", "nowhere")

    def test_damaged(self, saved, refused, workplace):
        (workplace / "saved" / "cells.npz").write_bytes(b"")
        message = refused("report", "saved")
        assert "RESULT must hold a result" in message

    def test_no_place(self, saved, refused):
        message = refused("report", "saved", "--out", "no/such/place.html")
        assert "--out no/such/place.html must lie in a directory that exists" in message
        assert "`path`" not in message

    def test_a_question_that_is_refused_is_no_error(self, call, saved):
        result = call("report", "saved", "--score-target", "7", "--out", "x.html")
        assert result.exit_code == 0, result.output
        assert "Score 7: " in result.stdout
