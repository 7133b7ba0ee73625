"""`sufficiency run`: what it measures, says and writes."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris

from sufficiency import LandscapeSufficiencyEstimator, SufficiencyResult
from sufficiency.cli import running
from sufficiency.cli.options import ESTIMATOR_OPTIONS
from tests.cli.conftest import TINY

# What TINY says, in Python.
SETTINGS = {
    "sizes": 3,
    "n_repeats": 2,
    "n_draws": 2,
    "min_steps": 0,
    "random_state": 0,
    "refit": False,
}


def document_of(result) -> dict:
    assert result.exit_code in (0, 1), result.output

    def no_constant(name):
        pytest.fail(f"{name} is no JSON")

    return json.loads(result.stdout, parse_constant=no_constant)


def encoded(table) -> np.ndarray:
    """The features of the fixture, encoded by hand."""
    colors = [(table["color"] == color).to_numpy(float) for color in ("blue", "green", "red")]
    return np.column_stack([*colors, table["area"], table["new"].astype(float)])


@pytest.mark.filterwarnings("ignore::sufficiency.SufficiencyWarning")
def test_numbers_are_those_of_the_estimator(table, run_tiny):
    found = document_of(run_tiny("--json", "--threshold", "1e-3"))
    # labels as text, categories in alphabetical order before the numbers
    table = pd.read_csv("houses.csv")
    est = LandscapeSufficiencyEstimator(**SETTINGS)
    est.fit(encoded(table), table["kind"].to_numpy(str))
    assert [row["size"] for row in found["ladder"]] == est.sizes_.tolist()
    assert [row["delta"] for row in found["ladder"]] == est.deltas_.tolist()
    assert [row["stderr"] for row in found["ladder"]] == est.delta_stderr_.tolist()
    verdict = est.verdict(1e-3)
    (answer,) = found["thresholds"]
    assert answer["size"] == verdict.size
    assert answer["text"] == str(verdict)
    assert answer["missing"] == verdict.n_missing


def test_output_says_what_was_measured(run_tiny):
    result = run_tiny("--threshold", "1e-2", "--threshold", "1e-4")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[:3] == [
        "houses.csv: 60 samples with 3 features",
        "'color' is encoded by scikit-learn's OneHotEncoder: 3 columns (blue, green, red)",
        "Task: classification with 2 classes, target 'kind'; the built-in perceptron",
    ]
    assert "unseen_loss" in result.stdout
    assert [line[:15] for line in lines if line.startswith("Thr")] == [
        "Threshold 0.01:",
        "Threshold 0.000",
    ]


def test_without_a_threshold_some_are_suggested(run_tiny):
    result = run_tiny()
    assert "choose a --threshold" in result.stdout
    assert "1 more sample" in result.stdout


class TestJson:
    def test_keys(self, run_tiny, table):
        found = document_of(run_tiny("--json", "--threshold", "1e-4", "--score-target", "0.8"))
        assert found["loss_target"] is None
        assert set(found) == {
            "format",
            "sufficiency",
            "data",
            "n_available",
            "settings",
            "order",
            "ladder",
            "slices",
            "n_failed_cells",
            "curve",
            "thresholds",
            "loss_target",
            "score_target",
            "enough",
            "decision",
            "suggestions",
            "warnings",
        }
        (answer,) = found["thresholds"]
        shared = {"size", "low", "high", "confidence", "status", "missing", "enough", "reason"}
        shared |= {"caveats", "text", "decision", "sure", "slices"}
        assert set(answer) == shared | {
            "threshold",
            "relative",
            "growth",
            "delta",
            "change",
            "relative_change",
            "neediest",
        }
        assert set(found["score_target"]) == shared | {"score"}
        assert found["n_available"] == 60
        assert found["data"] == {
            "file": "houses.csv",
            "target": "kind",
            "n_features": 5,
            "encoded": {"color": ["blue", "green", "red"]},
            "n_dropped": 0,
            "slices": [],
            "task": "classification",
            "n_classes": 2,
            "classes": table["kind"].value_counts().to_dict(),
            "net": None,
        }

    def test_nothing_else_on_stdout(self, run_tiny, workplace):
        source = (
            "print('imported')\n"
            "from sufficiency.nets.default_net import default_net\n"
            "import numpy as np\n"
            "def make():\n"
            "    print('made')\n"
            "    return default_net(np.ones((2, 5)), np.array(['a', 'b']))\n"
        )
        (workplace / "talkative.py").write_text(source)
        result = run_tiny("--json", "--net", "talkative:make", "--verbose", "2")
        document_of(result)
        assert "imported" in result.stderr
        assert "made" in result.stderr

    def test_what_is_infinite_or_unknown_is_null(self, call, csv):
        once = (*TINY, "--n-repeats", "1")
        found = document_of(
            call("run", csv, "--target", "kind", *once, "--threshold", "1e-30", "--json")
        )
        (answer,) = found["thresholds"]
        assert answer["low"] is None
        assert answer["high"] is None
        assert all(row["delta"] > 0 for row in found["ladder"])

    def test_warnings_are_in_it_and_on_stderr(self, run_tiny):
        result = run_tiny("--json")
        found = document_of(result)
        notes = [line for line in result.stderr.splitlines() if line.startswith("Note: ")]
        assert found["warnings"]
        assert notes == [f"Note: {text}" for text in found["warnings"]]
        assert not any("Warning" in line for line in notes)


class TestQuestions:
    def test_relative_and_growth(self, run_tiny):
        words = ("--json", "--threshold", "0.5", "--relative", "--growth", "10")
        (answer,) = document_of(run_tiny(*words))["thresholds"]
        assert (answer["relative"], answer["growth"]) == (True, 10)
        assert "when 10 samples are added" in answer["text"]
        (answer,) = document_of(run_tiny("--json", "--threshold", "0.5", "--growth", "0.1"))[
            "thresholds"
        ]
        assert "when the data grow by 10 %" in answer["text"]

    def test_a_score_out_of_reach_is_no_error(self, run_tiny):
        answer = document_of(run_tiny("--json", "--score-target", "1.5"))["score_target"]
        assert answer["status"] == "refused"
        assert answer["enough"] is False
        assert answer["reason"]

    def test_a_loss(self, run_tiny):
        words = ("--json", "--loss-target", "0.6", "--score-target", "0.5")
        found = document_of(run_tiny(*words))
        assert found["loss_target"]["loss"] == 0.6
        assert found["score_target"]["score"] == 0.5
        refused = document_of(run_tiny("--json", "--loss-target", "-1"))["loss_target"]
        assert refused["reason"].startswith("--loss-target must be")

    def test_a_score_in_words(self, run_tiny):
        result = run_tiny("--score-target", "0.1")
        assert "Score 0.1: " in result.stdout
        assert "the unseen score is at least 0.1." in " ".join(result.stdout.split())

    @pytest.mark.parametrize(
        ("threshold", "status"), [("10", 0), ("1e-30", 1)], ids=["enough", "not enough"]
    )
    def test_status_for_pipelines(self, threshold, status, run_tiny):
        # long enough for the nets to settle; two repeats would differ too much to decide
        words = ("--threshold", threshold, "--json", "--min-steps", "1000", "--n-repeats", "1")
        assert run_tiny(*words).exit_code == 0
        result = run_tiny(*words, "--fail-if-insufficient")
        assert result.exit_code == status
        assert document_of(result)["enough"] is (status == 0)

    def test_all_have_to_be_enough(self, run_tiny):
        words = ("--threshold", "10", "--threshold", "1e-30", "--fail-if-insufficient")
        assert run_tiny(*words).exit_code == 1


@pytest.fixture
def iris():
    return load_iris(as_frame=True, return_X_y=True)


class TestFiles:
    def measured(self, call, path, *words) -> dict:
        return document_of(call("run", path, "--json", *TINY, *words))

    def test_kinds_agree(self, iris, call, require_module):
        require_module("pyarrow")
        X, y = iris
        table = X.assign(species=y)
        table.to_csv("iris.csv", index=False)
        table.to_csv("iris.tsv", index=False, sep="\t")
        table.to_csv("iris.csv.gz", index=False)
        table.to_parquet("iris.parquet")
        np.savez("iris.npz", X=X.to_numpy(), y=y.to_numpy())
        ladders = [
            self.measured(call, f"iris.{kind}", "--target", "species")["ladder"]
            for kind in ("csv", "tsv", "csv.gz", "parquet")
        ]
        ladders.append(self.measured(call, "iris.npz")["ladder"])
        assert all(ladder == ladders[0] for ladder in ladders)

    def test_other_names_of_arrays(self, iris, call):
        X, y = iris
        np.savez("iris.npz", flowers=X.to_numpy(np.float32), species=y, field=np.arange(150) // 5)
        words = ("--features", "flowers", "--target", "species", "--groups", "field")
        assert self.measured(call, "iris.npz", *words)["data"]["n_features"] == 4

    def test_chosen_and_dropped_columns(self, csv, call):
        words = ("--target", "kind", "--features", "area", "--features", "new", "--drop", "new")
        found = self.measured(call, csv, *words)
        assert found["data"]["n_features"] == 1
        assert found["data"]["encoded"] == {}

    def test_groups_are_no_feature(self, table, call):
        table.assign(street=np.arange(60) // 4).to_csv("streets.csv", index=False)
        found = self.measured(call, "streets.csv", "--target", "kind", "--groups", "street")
        assert found["data"]["n_features"] == 5

    @pytest.mark.parametrize(
        ("task", "words"),
        [
            ("regression", ("--target", "area")),
            ("classification", ("--target", "rooms")),
            ("regression", ("--target", "rooms", "--task", "regression")),
            ("classification", ("--target", "new")),
        ],
    )
    def test_task(self, task, words, table, call):
        table.assign(rooms=1 + np.arange(60) % 4).to_csv("rooms.csv", index=False)
        assert self.measured(call, "rooms.csv", *words)["data"]["task"] == task

    def test_row_numbers_are_pointed_out(self, table, call):
        table.to_csv("numbered.csv")
        found = self.measured(call, "numbered.csv", "--target", "kind")
        assert "'Unnamed: 0' numbers the rows; leave it out with --drop" in found["warnings"][0]

    def test_several_targets(self, call, rng):
        np.savez("several.npz", X=rng.normal(size=(60, 3)), y=rng.normal(size=(60, 2)))
        found = self.measured(call, "several.npz")
        assert found["data"]["task"] == "regression"

    def test_images(self, call, rng):
        np.savez("images.npz", X=rng.integers(0, 255, (60, 4, 4)), y=np.arange(60) % 2)
        result = call("run", "images.npz", *TINY)
        assert result.exit_code == 0, result.output
        assert "60 samples with 4 × 4 features" in result.stdout

    def test_other_types_of_parquet(self, table, call, require_module):
        require_module("pyarrow")
        table["color"] = table["color"].astype("category")
        table["rooms"] = pd.array(np.arange(60) % 5, dtype="Int64")
        table["new"] = table["new"].astype("boolean")
        table["kind"] = table["kind"].astype("category")
        table.to_parquet("houses.parquet")
        found = self.measured(call, "houses.parquet", "--target", "kind")
        assert found["data"]["n_features"] == 6
        assert list(found["data"]["encoded"]) == ["color"]


def test_own_net_gets_what_its_factory_asks_for(run_tiny, workplace):
    source = (
        "import torch\n"
        "from skorch import NeuralNetClassifier\n"
        "def make(n_features, n_outputs, width=3):\n"
        "    assert (n_features, n_outputs, width) == (5, 2, 3)\n"
        "    return NeuralNetClassifier(\n"
        "        torch.nn.Linear, module__in_features=5, module__out_features=2,\n"
        "        criterion=torch.nn.CrossEntropyLoss, max_epochs=2, verbose=0)\n"
        "net = make(5, 2)\n"
    )
    (workplace / "my_nets.py").write_text(source)
    result = run_tiny("--net", "my_nets:make")
    assert result.exit_code == 0, result.output
    assert "the net of my_nets:make" in result.stdout
    assert document_of(run_tiny("--net", "my_nets:net", "--json"))["data"]["net"] == "my_nets:net"


def test_dry_run_measures_nothing(run_tiny, workplace, monkeypatch):
    monkeypatch.setattr(
        LandscapeSufficiencyEstimator, "fit", lambda *args, **_: pytest.fail("fits")
    )
    words = ("--dry-run", "--out", "out", "--store", "kept")
    result = run_tiny(*words)
    assert result.exit_code == 0, result.output
    assert "It would take about" in result.stdout
    assert "for 6 cells of" in result.stdout
    found = document_of(run_tiny(*words, "--json"))
    assert found["n_cells"] == 6
    assert found["seconds"] > 0
    assert {path.name for path in workplace.iterdir()} == {"houses.csv"}


def test_store_is_used_again(run_tiny, workplace):
    first = run_tiny("--store", "kept", "--json")
    again = run_tiny("--store", "kept", "--json", "--debug")
    assert document_of(first)["ladder"] == document_of(again)["ladder"]
    assert again.stderr.count("(from the store)") == 6


def test_debug_shows_log_messages(run_tiny):
    result = run_tiny("--debug")
    assert "INFO sufficiency.fit.runner: 2 repeats of the sizes" in result.stderr
    assert result.stderr.count("INFO sufficiency.fit.runner: repeat ") == 6


def test_progress_bar(run_tiny):
    assert "6/6" in run_tiny("--verbose", "1").stderr
    assert "6/6" not in run_tiny().stderr  # no terminal


class TestFailures:
    def test_a_run_that_comes_to_nothing(self, refused, csv, workplace):
        source = (
            "import torch\n"
            "from skorch import NeuralNetClassifier\n"
            "def make():\n"
            "    return NeuralNetClassifier(\n"
            "        torch.nn.Linear, module__in_features=5, module__out_features=2,\n"
            "        criterion=torch.nn.CrossEntropyLoss, lr=1e38, max_epochs=20, verbose=0)\n"
        )
        (workplace / "diverging.py").write_text(source)
        words = ("--target", "kind", "--net", "diverging:make", *TINY, "--out", "out")
        message = refused("run", csv, *words, status=3)
        assert "cells failed" in message
        assert "lower the net's learning rate" in message
        assert not (workplace / "out").exists()

    def test_an_error_nobody_expected(self, refused, csv, monkeypatch):
        def fit(*args, **_):
            raise RuntimeError("out of\nmemory")

        monkeypatch.setattr(LandscapeSufficiencyEstimator, "fit", fit)
        message = refused("run", csv, "--target", "kind", status=3)
        assert message == "Error: RuntimeError: out of memory; --debug shows where"

    @pytest.mark.parametrize(
        ("words", "said"),
        [((), "nothing was kept: with --store"), (("--store", "kept"), "the same command again")],
    )
    def test_interrupt(self, words, said, refused, csv, monkeypatch):
        def fit(*args, **_):
            raise KeyboardInterrupt

        monkeypatch.setattr(LandscapeSufficiencyEstimator, "fit", fit)
        assert said in refused("run", csv, "--target", "kind", *words, status=130)


def test_defaults_are_the_estimators(call, csv, monkeypatch):
    given = {}

    def note(net, **parameters):
        given.update(parameters)
        raise running.BadInput("enough")

    monkeypatch.setattr(running, "LandscapeSufficiencyEstimator", note)
    assert call("run", csv, "--target", "kind").exit_code == 2
    of_the_estimator = LandscapeSufficiencyEstimator().get_params(deep=False)
    # nobody gets the net, and the bar depends on the terminal
    others = {"net", "refit", "verbose"}
    assert {name: given[name] for name in of_the_estimator if name not in others} == {
        name: value for name, value in of_the_estimator.items() if name not in others
    }
    assert len(ESTIMATOR_OPTIONS) == len(of_the_estimator) - 2


class TestOut:
    def test_everything_is_there(self, run_tiny, workplace):
        result = run_tiny("--threshold", "1e-3", "--out", "new/out")
        assert result.exit_code == 0, result.output
        out = workplace / "new" / "out"
        assert {path.name for path in out.iterdir()} == {
            "result.json",
            "cells.npz",
            "verdict.json",
            "delta.svg",
            "delta.png",
            "learning_curve.svg",
            "learning_curve.png",
            "report.html",
        }
        assert [path.name for path in out.parent.iterdir()] == ["out"]
        assert (out / "delta.png").read_bytes().startswith(b"\x89PNG")
        assert "<svg" in (out / "delta.svg").read_text(encoding="utf-8")
        found = json.loads((out / "verdict.json").read_text(encoding="utf-8"))
        loaded = SufficiencyResult.load(out)
        assert found["thresholds"][0]["text"] == str(loaded.verdict(1e-3))
        assert "In new/out: cells.npz, " in result.stdout

    def test_json_is_the_same(self, run_tiny, workplace):
        result = run_tiny("--json", "--out", "out")
        document_of(result)
        assert (workplace / "out" / "verdict.json").read_text(encoding="utf-8") == result.stdout

    def test_overwrite(self, run_tiny, workplace):
        (workplace / "out").mkdir()  # an empty directory will do
        assert run_tiny("--out", "out").exit_code == 0
        (workplace / "out" / "verdict.json").write_text("old")
        assert run_tiny("--out", "out").exit_code == 2
        result = run_tiny("--out", "out", "--overwrite")
        assert result.exit_code == 0, result.output
        assert "earlier results" in result.stderr
        assert (workplace / "out" / "verdict.json").read_text(encoding="utf-8") != "old"
        assert {path.name for path in workplace.iterdir()} == {"houses.csv", "out"}

    def test_a_link_to_a_directory_stays_one(self, run_tiny, workplace):
        (workplace / "real").mkdir()
        (workplace / "link").symlink_to("real")
        assert run_tiny("--out", "link").exit_code == 0
        assert (workplace / "link").is_symlink()
        assert (workplace / "real" / "report.html").exists()

    def test_figures_that_fail_do_not_lose_the_result(self, run_tiny, workplace, monkeypatch):
        def report(*args, **kwargs):
            raise ValueError("no font")

        monkeypatch.setattr("sufficiency.cli.reporting.write_report", report)
        result = run_tiny("--out", "out")
        assert result.exit_code == 3
        assert "Error: the result is in out, but not all of its figures (no font)" in result.stderr
        SufficiencyResult.load(workplace / "out")

    def test_a_full_disk_leaves_nothing_half_done(self, run_tiny, workplace, monkeypatch):
        def save(self, path):
            (path / "result.json").write_text("{")
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(SufficiencyResult, "save", save)
        result = run_tiny("--out", "out")
        assert result.exit_code == 3
        assert "No space left on device" in result.stderr
        assert {path.name for path in workplace.iterdir()} == {"houses.csv"}
