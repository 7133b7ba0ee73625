"""Whatever is wrong with the input is said in one line, with the remedy, and status 2."""

import sys

import numpy as np
import pandas as pd
import pytest

from tests.cli.conftest import TINY


@pytest.fixture
def refuse(refused):
    def run(path, *words):
        return refused("run", path, *words, *TINY)

    return run


def test_missing_file(refuse):
    assert "'none.csv' does not exist" in refuse("none.csv", "--target", "y")


def test_no_target(csv, refuse):
    message = refuse(csv)
    assert "--target must name a column" in message
    assert "'color', 'area', 'new', 'kind'" in message


def test_wrong_target_names_the_nearest_column(csv, refuse):
    message = refuse(csv, "--target", "kinds")
    assert "--target kinds" in message
    assert "did you mean 'kind'?" in message
    assert "'color', 'area'" in message


@pytest.mark.parametrize("option", ["--features", "--drop", "--groups"])
def test_other_wrong_columns(option, csv, refuse):
    assert f"{option} colors: " in refuse(csv, "--target", "kind", option, "colors")


@pytest.mark.parametrize("option", ["--features", "--drop", "--groups"])
def test_target_has_one_role(option, csv, refuse):
    assert f"{option} must not name the target" in refuse(csv, "--target", "kind", option, "kind")


def test_no_features_left(csv, refuse):
    words = [word for name in ("color", "area", "new") for word in ("--drop", name)]
    assert "no columns left" in refuse(csv, "--target", "kind", *words)


def test_other_separator(workplace, refuse):
    # not all rows have as many columns, so that it is not found out
    (workplace / "houses.csv").write_text("area;kind\n1;large;\n2;small\n")
    message = refuse("houses.csv", "--target", "kind")
    assert "is ';' its --separator?" in message


def test_empty_file(workplace, refuse):
    (workplace / "empty.csv").write_text("")
    assert "empty.csv is empty" in refuse("empty.csv", "--target", "y")


def test_names_without_rows(workplace, refuse):
    (workplace / "names.csv").write_text("a,y\n")
    assert "no rows" in refuse("names.csv", "--target", "y")


def test_no_table(workplace, refuse):
    (workplace / "odd.csv").write_text('a,b\n1,2\n3,4,5,6\n"')
    assert "odd.csv cannot be read as a table" in refuse("odd.csv", "--target", "a")


def test_another_encoding(workplace, refuse):
    (workplace / "latin.csv").write_bytes("größe,y\n1,2\n".encode("latin-1"))
    assert "UTF-8" in refuse("latin.csv", "--target", "y")


@pytest.mark.parametrize("name", ["data.doc", "data"])
def test_unknown_kind_of_file(name, workplace, refuse):
    (workplace / name).write_text("x")
    assert "must be a file of the kind .csv" in refuse(name, "--target", "y")


def test_repeated_names(table, refuse, require_module):
    require_module("pyarrow")
    table.columns = ["area", "area ", "new", "kind"]
    table.columns = [name.strip() for name in table.columns]
    with pytest.raises(ValueError, match="Duplicate"):
        table.to_parquet("twice.parquet")
    table.to_csv("twice.csv", index=False)
    assert "several columns 'area'" in refuse("twice.csv", "--target", "kind")


class TestGaps:
    @pytest.fixture
    def gaps(self, table) -> str:
        table.loc[[3, 7], "area"] = np.nan
        table.loc[9, "color"] = None
        table.to_csv("gaps.csv", index=False)
        return "gaps.csv"

    def test_rows_and_columns_are_named_with_the_remedies(self, gaps, refuse):
        message = refuse(gaps, "--target", "kind")
        assert "3 of 60 rows" in message
        assert "'color', 'area'" in message
        assert "rows 4, 8, 10" in message
        for remedy in ("fill them in", "--drop-missing", "--drop"):
            assert remedy in message

    def test_many_rows_are_abridged(self, table, refuse):
        table.loc[10:40, "area"] = np.inf
        table.to_csv("gaps.csv", index=False)
        assert "rows 11, 12, 13, 14, 15, …" in refuse("gaps.csv", "--target", "kind")

    def test_they_can_be_left_out(self, gaps, call):
        result = call("run", gaps, "--target", "kind", "--drop-missing", *TINY)
        assert result.exit_code == 0, result.output
        assert "57 samples" in result.stdout
        assert "3 rows with missing values are left out" in result.stdout

    def test_in_the_target(self, table, refuse):
        table.loc[5, "kind"] = None
        table.to_csv("gaps.csv", index=False)
        assert "in 'kind' (rows 6," in refuse("gaps.csv", "--target", "kind")

    def test_in_every_row(self, table, refuse):
        table["area"] = np.nan
        table.to_csv("gaps.csv", index=False)
        assert "no row" in refuse("gaps.csv", "--target", "kind", "--drop-missing")


class TestColumns:
    def refused_with(self, refuse, table, **columns):
        table.assign(**columns).to_csv("odd.csv", index=False)
        return refuse("odd.csv", "--target", "kind")

    @pytest.mark.parametrize("day", ["2024-03-{:02}", "{}.3.2024", "3/{}/24", "{}:30"])
    def test_dates(self, day, table, refuse):
        days = [day.format(1 + i % 28) for i in range(60)]
        message = self.refused_with(refuse, table, day=days)
        assert "'day' holds dates" in message
        assert "days since" in message
        assert "--drop day" in message

    def test_text_that_is_no_category(self, table, refuse):
        message = self.refused_with(refuse, table, name=[f"house {i}" for i in range(60)])
        assert "'name' is text with 60 different values in 60 rows" in message
        assert "--drop name" in message

    def test_a_word_among_numbers(self, table, refuse):
        rooms = [str(i % 7) for i in range(60)]
        rooms[11] = "?"
        message = self.refused_with(refuse, table, rooms=rooms)
        assert "'rooms' is numbers, but not in row 12, which says '?'" in message


class TestTarget:
    def test_more_classes_than_samples_allow(self, table, refuse):
        table["name"] = [f"house {i}" for i in range(60)]
        table.to_csv("names.csv", index=False)
        message = refuse("names.csv", "--target", "name")
        assert "60 classes in 60 samples" in message
        assert "--target" in message

    def test_numbers_as_classes(self, csv, refuse):
        message = refuse(csv, "--target", "area", "--task", "classification")
        assert "60 classes in 60 samples" in message
        assert "--task regression" in message

    def test_one_class(self, table, refuse):
        table.assign(kind="small").to_csv("one.csv", index=False)
        message = refuse("one.csv", "--target", "kind")
        assert "a single class, small" in message

    def test_regression_on_labels(self, csv, refuse):
        message = refuse(csv, "--target", "kind", "--task", "regression")
        assert "--task regression needs a target of numbers" in message


class TestParquet:
    def test_unreadable(self, workplace, refuse, require_module):
        require_module("pyarrow")
        (workplace / "torn.parquet").write_bytes(b"PAR1 and no more")
        message = refuse("torn.parquet", "--target", "y")
        assert "torn.parquet cannot be read as Parquet" in message
        assert "write it again" in message

    def test_without_pyarrow(self, workplace, refuse, monkeypatch):
        monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
        (workplace / "t.parquet").write_bytes(b"")
        assert 'pip install "sufficiency[parquet]"' in refuse("t.parquet", "--target", "y")

    @pytest.mark.parametrize(
        ("values", "said"),
        [
            (pd.date_range("2024-01-01", periods=60), "holds dates"),
            (pd.timedelta_range("1h", periods=60), "holds dates"),
            ([[1, 2]] * 60, "neither numbers nor categories"),
            ([{"a": 1}] * 60, "neither numbers nor categories"),
        ],
    )
    def test_columns_of_other_kinds(self, values, said, table, refuse, require_module):
        require_module("pyarrow")
        table.assign(odd=values).to_parquet("odd.parquet")
        assert said in refuse("odd.parquet", "--target", "kind")


class TestNpz:
    @pytest.fixture
    def arrays(self, rng):
        return {"X": rng.normal(size=(60, 3)), "y": np.arange(60) % 2}

    def refused_with(self, refuse, arrays, *words):
        np.savez("data.npz", **arrays)
        return refuse("data.npz", *words)

    def test_wrong_names(self, arrays, refuse):
        message = self.refused_with(refuse, arrays, "--target", "labels")
        assert "--target labels" in message
        assert "'X', 'y'" in message
        assert "did you mean 'X'?" in refuse("data.npz", "--features", "XX")

    def test_lengths(self, arrays, refuse):
        message = self.refused_with(refuse, arrays | {"y": np.zeros(9)})
        assert "60 samples of 'X', got 9" in message

    def test_empty(self, arrays, refuse):
        assert "is empty" in self.refused_with(refuse, arrays | {"X": np.zeros((0, 3))})

    def test_objects_are_not_opened(self, arrays, refuse):
        message = self.refused_with(refuse, arrays | {"y": np.array([{}] * 60)})
        assert "Python objects" in message

    def test_text(self, arrays, refuse):
        message = self.refused_with(refuse, arrays | {"X": np.full((60, 2), "a")})
        assert "must be numbers" in message

    def test_one_dimension(self, arrays, refuse):
        assert "X[:, None]" in self.refused_with(refuse, arrays | {"X": np.zeros(60)})

    def test_gaps(self, arrays, refuse):
        arrays["X"][4, 1] = np.nan
        message = self.refused_with(refuse, arrays)
        assert "1 of 60 rows" in message
        assert "rows 5," in message

    @pytest.mark.parametrize("content", [b"", b"PK\x03\x04 torn", b"no archive at all"])
    def test_damaged(self, content, workplace, refuse):
        (workplace / "data.npz").write_bytes(content)
        message = refuse("data.npz")
        assert "numpy.savez" in message

    def test_truncated(self, arrays, workplace, refuse):
        np.savez("data.npz", **arrays)
        whole = (workplace / "data.npz").read_bytes()
        (workplace / "data.npz").write_bytes(whole[: len(whole) // 2])
        assert "damaged" in refuse("data.npz")

    @pytest.mark.parametrize(
        ("words", "said"),
        [(("--drop", "a"), "about columns"), (("--separator", ";"), "files of the format csv")],
    )
    def test_options_of_tables(self, words, said, arrays, refuse):
        assert said in self.refused_with(refuse, arrays, *words)


class TestFactory:
    @pytest.fixture
    def refuse_net(self, csv, refuse, workplace):
        def run(spec, source="", name="nets_of_a_test"):
            (workplace / f"{name}.py").write_text(source)
            return refuse(csv, "--target", "kind", "--net", spec)

        return run

    def test_no_factory(self, refuse_net):
        assert "must be MODULE:FACTORY" in refuse_net("just_a_module")

    def test_a_file(self, refuse_net):
        assert "write nets:make" in refuse_net("./nets.py:make")

    def test_no_module(self, refuse_net):
        message = refuse_net("no_such_module:make")
        assert "no module 'no_such_module' in the current directory" in message
        assert "PYTHONPATH" in message

    @pytest.mark.parametrize(
        ("source", "said"),
        [
            ("import no_such_library", "ModuleNotFoundError"),
            ("x = 1\ny = x / 0", "ZeroDivisionError: division by zero (broken_{}.py, line 2)"),
            ("def make(:", "SyntaxError"),
        ],
    )
    def test_import_fails(self, source, said, refuse_net, request):
        number = abs(hash(source))
        name = f"broken_{number}"
        message = refuse_net(f"{name}:make", source, name)
        assert f"importing {name} failed with" in message
        assert said.format(number) in message

    def test_wrong_name(self, refuse_net):
        message = refuse_net("nets_a:make", "def make_net(): pass", "nets_a")
        assert "no 'make' (did you mean 'make_net'?)" in message

    def test_it_raises(self, refuse_net):
        message = refuse_net("nets_b:make", "def make(width): pass", "nets_b")
        assert "the factory failed with TypeError" in message
        assert "called with no arguments" in message

    def test_it_returns_nothing(self, refuse_net):
        assert "returned None" in refuse_net("nets_c:make", "def make(): pass", "nets_c")

    def test_it_returns_something_else(self, refuse_net):
        source = "import torch\ndef make(n_features): return torch.nn.Linear(n_features, 2)"
        message = refuse_net("nets_d:make", source, "nets_d")
        assert "--net must be an unfitted skorch net, got a torch module" in message


class TestDirectories:
    def test_other_results(self, csv, refuse, workplace):
        (workplace / "out").mkdir()
        (workplace / "out" / "result.json").write_text("{}")
        message = refuse(csv, "--target", "kind", "--out", "out")
        assert "--out out holds other results" in message
        assert "--overwrite" in message

    @pytest.mark.parametrize("more", [(), ("--overwrite",)])
    def test_other_files(self, more, csv, refuse, workplace):
        (workplace / "out").mkdir()
        (workplace / "out" / "thesis.tex").write_text("")
        message = refuse(csv, "--target", "kind", "--out", "out", *more)
        assert "other files (thesis.tex)" in message
        assert (workplace / "out" / "thesis.tex").exists()

    def test_a_file(self, csv, refuse):
        assert "must be a directory" in refuse(csv, "--target", "kind", "--out", csv)

    def test_below_a_file(self, csv, refuse):
        assert "--out" in refuse(csv, "--target", "kind", "--out", f"{csv}/out")

    def test_the_store(self, csv, refuse):
        message = refuse(csv, "--target", "kind", "--out", "here", "--store", "here")
        assert "two directories" in message

    def test_no_store(self, csv, refuse, workplace):
        (workplace / "mine").mkdir()
        (workplace / "mine" / "thesis.tex").write_text("")
        message = refuse(csv, "--target", "kind", "--store", "mine")
        assert "--store must" in message


class TestOptions:
    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["--sizes", "a,b"], "must be a number of sizes such as 8"),
            (["--sizes", "20,10"], "--sizes must be strictly increasing"),
            (["--sizes", "10,100"], "--sizes must lie between 1 and 48"),
            (["--threshold", "0"], "0.0 is not in the range x>0"),
            (["--threshold", "nan"], "nan is not a finite number"),
            (["--growth", "-1"], "-1.0 is not in the range x>0"),
            (["--confidence", "95"], "95.0 is not in the range 0<x<1"),
            (["--score-target", "inf"], "finite"),
            (["--n-draws", "some"], "not a valid integer"),
            (["--curve", "powerlaw"], "'power_law'"),
            (["--sigma", "-1"], "--sigma must be"),
            (["--scoring", "acuracy"], "did you mean 'accuracy'?"),
            (["--order", "1", "--train", "once"], "use train 'each_size'"),
            (
                ["--threshold", "1", "--order", "1", "--growth", "0.1"],
                "--growth must be left out with --order 1",
            ),
            (
                ["--threshold", "1", "--n-candidates", "1", "--growth", "10"],
                "--n-candidates must be >= 2",
            ),
            (["--n-candidates", "60"], "fewer candidates"),
            (["--sizes", "2", "--score-target", "0.9"], "--sizes must be at least 3"),
            (["--n-jobs", "0"], "--n-jobs must not be 0"),
            (["--fail-if-insufficient"], "needs a --threshold"),
            (["--no-such-option"], "No such option"),
        ],
    )
    def test_refused(self, words, said, csv, refused):
        # the tiny options first, so that later ones replace them
        message = refused("run", csv, "--target", "kind", *TINY, *words)
        assert said in message
        assert "`sizes`" not in message

    def test_no_such_command(self, refused):
        assert "No such command 'messure'" in refused("messure")


def test_debug_shows_where(csv, call):
    result = call("run", csv, "--target", "kinds", "--debug")
    assert result.exit_code == 2
    assert "Traceback" in result.stderr
    assert result.stderr.splitlines()[-1].startswith("Error: --target kinds")
