"""What could be read, but not as it was meant, and what could leave with a status of its own."""

import json

import numpy as np
import pandas as pd
import pytest

from tests.cli.conftest import TINY


@pytest.fixture
def refuse(refused):
    def run(path, *words):
        return refused("run", path, *words, *TINY)

    return run


class TestNames:
    def test_the_target_twice_is_no_feature(self, workplace, refuse):
        rows = "".join(f"{i / 7},{i % 2},{i % 2}\n" for i in range(60))
        (workplace / "twice.csv").write_text("a,y,y\n" + rows)
        assert "several columns 'y'" in refuse("twice.csv", "--target", "y")

    @pytest.mark.parametrize("last", ["", "1"])
    def test_more_values_than_names(self, last, workplace, refuse):
        # read with the first column as names of rows, the target would be the last one
        rows = "".join(f"{i / 7},{i / 3},{i % 2},{last}\n" for i in range(60))
        (workplace / "wide.csv").write_text("a,b,y\n" + rows)
        assert "more values in a row than names" in refuse("wide.csv", "--target", "y")

    def test_a_feature_named_twice_is_one(self, call, csv):
        words = ("--features", "area", "--features", "area")
        result = call("run", csv, "--target", "kind", *words, *TINY)
        assert result.exit_code == 0, result.output
        assert "60 samples with 1 feature\n" in result.stdout


class TestSeparator:
    @pytest.mark.parametrize("tab", ["\\t", "tab", "\t"])
    def test_tabs_as_shells_pass_them(self, tab, table, call):
        table.to_csv("houses.txt", index=False, sep="\t")
        result = call("run", "houses.txt", "--target", "kind", "--separator", tab, *TINY)
        assert result.exit_code == 0, result.output

    @pytest.mark.parametrize("separator", ["", ",;"])
    def test_one_character(self, separator, csv, refuse):
        message = refuse(csv, "--target", "kind", "--separator", separator)
        assert "--separator must be one character" in message


class TestNumbers:
    @pytest.mark.parametrize("values", ["{},5", "{},{}", "1.{}00,5", "1,{}00.5", "-{},0"])
    def test_commas(self, values, table, refuse):
        # few enough values to pass for categories
        table["area"] = [values.format(i % 9, i % 5) for i in range(60)]
        table.to_csv("commas.csv", index=False, sep=";")
        message = refuse("commas.csv", "--target", "kind", "--separator", ";")
        assert "'area' holds numbers with commas" in message
        assert "decimal point" in message

    def test_commas_in_the_target(self, table, refuse):
        table["area"] = [f"{value:.3f}".replace(".", ",") for value in table["area"]]
        table.to_csv("commas.csv", index=False)
        message = refuse("commas.csv", "--target", "area")
        assert "the target 'area' holds numbers with commas" in message

    def test_lists_of_words_are_categories(self, table, call):
        table["color"] = np.where(table["new"], "red, blue", "1,2")
        table.to_csv("lists.csv", index=False)
        result = call("run", "lists.csv", "--target", "kind", *TINY)
        assert "2 columns (1,2, red, blue)" in result.stdout

    def test_a_word_in_a_target_of_numbers(self, table, refuse):
        prices = [str(i % 25) for i in range(60)]
        prices[11] = "?"
        table.assign(price=prices).to_csv("prices.csv", index=False)
        message = refuse("prices.csv", "--target", "price")
        assert "the target 'price' is numbers, but not in row 12, which says '?'" in message

    def test_numbers_and_a_word_are_classes(self, table, call):
        grade = np.where(table["area"] > 0.5, "1", np.where(table["new"], "2", "other"))
        table.assign(grade=grade).to_csv("grades.csv", index=False)
        result = call("run", "grades.csv", "--target", "grade", *TINY)
        assert "classification with 3 classes" in result.stdout

    def test_rows_are_those_of_the_file(self, table, refuse):
        table["rooms"] = [str(i % 7) for i in range(60)]
        table.loc[11, "rooms"] = "many"
        table.loc[[2, 5], "area"] = np.nan
        table.to_csv("gaps.csv", index=False)
        message = refuse("gaps.csv", "--target", "kind", "--drop-missing")
        assert "not in row 12, which says 'many'" in message

    def test_one_row_numbers_nothing(self, workplace, refuse):
        (workplace / "one.csv").write_text("a,y\n1.5,x\n")
        assert "a single class" in refuse("one.csv", "--target", "y")


class TestNpz:
    def test_no_archive_is_not_taken_for_objects(self, workplace, refuse):
        (workplace / "data.npz").write_bytes(b"no archive at all")
        message = refuse("data.npz")
        assert "no archive" in message
        assert "Python objects" not in message

    def test_images_as_target_are_not_printed(self, refuse):
        np.savez("data.npz", X=np.ones((60, 3)), y=np.ones((60, 4, 4)))
        message = refuse("data.npz")
        assert "one or two dimensions" in message
        assert len(message) < 200


class TestQuestions:
    @pytest.mark.parametrize("words", [("--relative",), ("--growth", "0.1")])
    def test_what_is_about_thresholds(self, words, csv, refuse, refused):
        assert f"{words[0]} must go with a --threshold" in refuse(csv, "--target", "kind", *words)
        # before the result is looked for
        assert f"{words[0]} must go with" in refused("report", ".", *words)


class TestNets:
    def test_an_own_net_has_targets_that_the_builtin_one_has_not(self, call, workplace):
        rng = np.random.default_rng(0)
        counts = rng.integers(0, 3, size=(60, 2))
        np.savez("counts.npz", X=rng.normal(size=(60, 3)), y=counts)
        assert "of no kind" in call("run", "counts.npz", *TINY).stderr
        (workplace / "own_counts.py").write_text(
            "import skorch, torch\n"
            "def make(n_features, n_outputs):\n"
            "    return skorch.NeuralNetRegressor(torch.nn.Linear(n_features, n_outputs))\n"
        )
        result = call("run", "counts.npz", "--net", "own_counts:make", *TINY)
        assert result.exit_code == 0, result.output
        assert "Task: regression" in result.stdout

    @pytest.mark.parametrize(
        "source", ["import sys; sys.exit(1)", "def make(): raise SystemExit(1)"]
    )
    def test_leaving_is_no_answer(self, source, csv, refuse, workplace):
        name = f"leaving_{len(source)}"
        (workplace / f"{name}.py").write_text(source)
        message = refuse(csv, "--target", "kind", "--net", f"{name}:make")
        assert "failed with SystemExit: 1" in message

    def test_nor_is_leaving_while_it_trains(self, csv, call, workplace):
        (workplace / "leaves_later.py").write_text(
            "import sys, torch, skorch\n"
            "class Net(skorch.NeuralNetClassifier):\n"
            "    def on_epoch_end(self, *args, **kwargs): sys.exit(1)\n"
            "def make(n_features, n_outputs):\n"
            "    net = torch.nn.Linear(n_features, n_outputs)\n"
            "    return Net(net, criterion=torch.nn.CrossEntropyLoss)\n"
        )
        result = call("run", csv, "--target", "kind", "--net", "leaves_later:make", *TINY)
        assert result.exit_code == 3, result.output
        assert "Error: SystemExit: 1" in result.stderr


def test_a_parquet_index_does_not_shift_rows(table, refuse, require_module):
    require_module("pyarrow")
    table["rooms"] = [str(i % 7) for i in range(60)]
    table.loc[11, "rooms"] = "many"
    table.set_index(pd.Index(range(100, 160))).to_parquet("indexed.parquet")
    assert "row 12, which says 'many'" in refuse("indexed.parquet", "--target", "kind")


def test_a_threshold_that_useless_nets_meet_is_not_enough(call, csv):
    # after a few steps Δ is small, and the nets still move
    words = ("--target", "kind", *TINY, "--threshold", "10", "--json", "--fail-if-insufficient")
    result = call("run", csv, *words)
    assert result.exit_code == 1
    answer = json.loads(result.stdout)["thresholds"][0]
    assert (answer["status"], answer["missing"], answer["enough"]) == ("at_most", None, False)
    assert any("not settled" in caveat for caveat in answer["caveats"])


def test_task_says_what_the_outputs_of_an_own_net_are(workplace, table, call):
    table.assign(stars=1.0 + np.arange(60) % 5).to_csv("stars.csv", index=False)
    (workplace / "nets_for_stars.py").write_text(
        "import skorch\nimport torch\n"
        "def make(n_features, n_outputs):\n"
        "    return skorch.NeuralNetRegressor(torch.nn.Linear(n_features, n_outputs), lr=1e-3)\n"
    )
    words = ("--target", "stars", "--net", "nets_for_stars:make", "--json", *TINY)
    document = json.loads(call("run", "stars.csv", *words, "--task", "regression").stdout)
    assert document["data"]["task"] == "regression"
