"""Tables that are read in blocks: the arrays of whole ones, in bounded memory."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sufficiency import LandscapeSufficiencyEstimator
from sufficiency.cli.columns import prepare
from sufficiency.cli.reading import read_source
from tests.cli.conftest import TINY
from tests.cli.test_run import document_of

N_MANY = 300_000  # rows of 33 values: two blocks when they are read, and more than 64 MiB


@pytest.fixture(autouse=True)
def scratch(tmp_path, monkeypatch):
    """Where temporary folders are made."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def write(table, name, rows_per_group):
    table.to_parquet(f"{name}.parquet", row_group_size=rows_per_group)
    table.to_csv(f"{name}.csv", index=False)


def columns_of_all_kinds(n):
    """What a table can hold, in an order that differs from that of the encoded columns."""
    rng = np.random.default_rng(3)
    number = rng.normal(size=n)
    table = pd.DataFrame(
        {
            "number": number,
            "color": [f"c{i:02}" for i in rng.integers(0, 28, n)],
            "new": rng.random(n) > 0.5,
            # neighbors that float32 does not tell apart
            "long": 2**40 + rng.integers(0, 2**30, n),
            "kind": np.where(number + rng.normal(size=n) > 0, "large", "small"),
            "street": rng.integers(0, n // 10, n),
        }
    )
    table.loc[1, "long"] = table.loc[0, "long"]  # it is no ID
    table.loc[n - 2 :, "color"] = "a"  # of the last row group only
    return table


def by_hand(table, *text):
    """The features as scikit-learn's encoder orders them."""
    parts = [
        (table[name] == value).to_numpy(float)
        for name in text
        for value in sorted(set(table[name]))
    ]
    return np.column_stack([*parts, *(table[n] for n in ("number", "new", "long") if n in table)])


@pytest.fixture
def small(require_module):
    require_module("pyarrow")
    table = columns_of_all_kinds(90)
    write(table, "small", 20)
    return table


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    pytest.importorskip("pyarrow")
    table = columns_of_all_kinds(N_MANY)
    path = tmp_path_factory.mktemp("many") / "many.parquet"
    table.to_parquet(path, row_group_size=70_000)
    return table, path


def read(path, folder, *, drop_missing=False, **chosen):
    source = read_source(Path(path), folder, **{"target": "kind", "groups": "street"} | chosen)
    return prepare(source, folder, drop_missing=drop_missing)


class TestSmallTables:
    def test_arrays_are_those_of_the_csv_file(self, small, scratch):
        parquet, csv = read("small.parquet", scratch), read("small.csv", scratch)
        np.testing.assert_array_equal(parquet.X, by_hand(small, "color"))
        np.testing.assert_array_equal(parquet.y, small["kind"].to_numpy(str))
        for name in ("X", "y", "groups"):
            np.testing.assert_array_equal(getattr(parquet, name), getattr(csv, name))
            assert getattr(parquet, name).dtype == getattr(csv, name).dtype
        assert parquet.encoded == csv.encoded == {"color": sorted(set(small["color"]))}
        assert not list(scratch.iterdir())

    def test_runs_agree_where_rows_are_left_out(self, small, call):
        small.loc[[4, 61], "number"] = [np.nan, -np.inf]
        small["new"] = small["new"].astype(object)
        small.loc[45, "new"] = None
        small.loc[88:, "color"] = "z"
        small.loc[[7, 85], "kind"] = None
        small.loc[70, "street"] = np.nan
        write(small, "gaps", 20)
        words = ("--target", "kind", "--groups", "street", "--drop-missing", "--json", *TINY)
        found = [document_of(call("run", f"gaps.{kind}", *words)) for kind in ("parquet", "csv")]
        assert found[0]["data"].pop("file") != found[1]["data"].pop("file")
        assert found[0]["data"]["n_dropped"] == 6
        assert found[0] == found[1]

    @pytest.mark.parametrize("kind", ["parquet", "csv"])
    def test_gaps_are_named_in_the_order_of_the_columns(self, kind, small, refused):
        small.loc[80, "number"] = np.nan
        small.loc[3, "color"] = None
        write(small, "gaps", 20)
        message = refused("run", f"gaps.{kind}", "--target", "kind")
        assert "2 of 90 rows" in message
        assert "'number', 'color' (rows 4, 81," in message

    @pytest.mark.parametrize(
        ("column", "said"),
        [
            (["1"] * 80 + ["many"] + ["2"] * 9, "is numbers, but not in row 81, which says 'many'"),
            ([f"{i}" for i in range(89)] + ["x"], "but not in row 90"),
            ([f"house {i}" for i in range(90)], "text with 90 different values in 90 rows"),
            (pd.date_range("2024-01-01", periods=90), "holds dates"),
            (["2024-01-02"] * 90, "holds dates"),
            (["1,5"] * 89 + ["2,5"], "numbers with commas, such as '1,5'"),
        ],
    )
    def test_what_is_refused(self, column, said, small, refused):
        write(small.assign(odd=column), "odd", 20)
        messages = [
            refused("run", f"odd.{kind}", "--target", "kind") for kind in ("parquet", "csv")
        ]
        assert said in messages[0]
        assert messages[0] == messages[1].replace(".csv", ".parquet")

    def test_row_numbers_are_pointed_out(self, small, scratch):
        write(small.assign(row=np.arange(5, 95)), "numbered", 20)
        for kind in ("parquet", "csv"):
            with pytest.warns(UserWarning, match="'row' numbers the rows"):
                read(f"numbered.{kind}", scratch)

    def test_columns_that_are_left_out_are_not_looked_at(self, small, scratch):
        write(small.assign(day=pd.Timestamp("2024-01-01")), "days", 20)
        found = read("days.parquet", scratch, drop=["day"])
        np.testing.assert_array_equal(found.X, by_hand(small, "color"))

    def test_repeated_names(self, refused, require_module):
        pa, pq = require_module("pyarrow"), require_module("pyarrow.parquet")
        pq.write_table(pa.table([[1, 2], [3, 4]], names=["a", "a"]), "twice.parquet")
        assert "several columns 'a'" in refused("run", "twice.parquet", "--target", "a")

    def test_damage_behind_the_first_rows(self, small, refused):
        whole = bytearray(Path("small.parquet").read_bytes())
        middle = len(whole) // 2
        whole[middle - 600 : middle] = bytes(600)
        Path("torn.parquet").write_bytes(whole)
        assert "cannot be read as Parquet" in refused("run", "torn.parquet", "--target", "kind")


@pytest.mark.slow
class TestLargeTables:
    def test_features_are_a_file_with_the_same_numbers(self, many, scratch):
        table, path = many
        found = read(path, scratch)
        assert isinstance(found.X, np.memmap)
        assert found.X.dtype == np.float64
        np.testing.assert_array_equal(found.X, by_hand(table, "color"))
        np.testing.assert_array_equal(found.y, table["kind"].to_numpy(str))
        np.testing.assert_array_equal(found.groups, pd.factorize(table["street"])[0])

    def test_float32_will_do_for_what_it_holds_exactly(self, many, scratch):
        table, path = many
        found = read(path, scratch, drop=["long", "number"])
        assert found.X.dtype == np.float32
        table = table.drop(columns=["long", "number"])
        np.testing.assert_array_equal(found.X, by_hand(table, "color"))

    def test_gaps_in_all_blocks(self, many, scratch, tmp_path):
        table, _ = many
        table = table.astype({"street": float})
        lost = [5, 150_000, N_MANY - 1]
        for row, name in zip(lost, ("number", "color", "street"), strict=True):
            table.loc[row, name] = None
        path = tmp_path / "gaps.parquet"
        table.to_parquet(path, row_group_size=70_000)
        found = read(path, scratch, drop_missing=True)
        np.testing.assert_array_equal(found.X, by_hand(table.drop(index=lost), "color"))
        assert found.n_dropped == 3
        assert len(found.y) == len(found.groups) == N_MANY - 3

    @pytest.mark.parametrize("error", [None, RuntimeError, KeyboardInterrupt])
    def test_nothing_is_left_behind(self, error, many, call, scratch, monkeypatch):
        fit = LandscapeSufficiencyEstimator.fit
        mapped = []

        def observed(self, X, *others, **slices):
            mapped.append(isinstance(X, np.memmap) and Path(X.filename).is_relative_to(scratch))
            if error is not None:
                raise error("in the middle")
            return fit(self, X, *others, **slices)

        monkeypatch.setattr(LandscapeSufficiencyEstimator, "fit", observed)
        sizes = ("--sizes", "20,40,80", *TINY[2:], "--n-candidates", "20")
        result = call("run", many[1], "--target", "kind", *sizes)
        assert result.exit_code == {None: 0, RuntimeError: 3, KeyboardInterrupt: 130}[error]
        assert mapped == [True]
        # torch makes a folder of its own where it is imported first
        assert all(left.name.startswith("torchinductor") for left in scratch.iterdir())

    def test_a_full_disk(self, many, refused, monkeypatch):
        monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(9, 8, 1e6))
        message = refused("run", many[1], "--target", "kind")
        assert "takes 0.1 GB of disk as numbers" in message
        assert "0.0 GB left" in message
        assert "TMPDIR" in message

    def test_memory_does_not_grow_with_the_table(self, tmp_path):
        """
        1.2 million rows of 13 float64 are 125 MB, and as much again once they are encoded.

        The target takes 10, a block 8 MiB; pyarrow holds a few pages of 1 MiB of each column.
        """
        script = """
import tracemalloc, sys
from pathlib import Path
import numpy as np, pyarrow as pa, pyarrow.parquet as pq
from sufficiency.cli.columns import prepare
from sufficiency.cli.reading import read_source

folder = Path(sys.argv[1])
rng = np.random.default_rng(0)
schema = pa.schema([(name, pa.float64()) for name in "abcdefghijklm"])
with pq.ParquetWriter(folder / "t.parquet", schema) as file:
    for _ in range(24):
        file.write_table(pa.table({name: rng.normal(size=50_000) for name in schema.names}))
tracemalloc.start()
data = prepare(read_source(folder / "t.parquet", folder, target="m"), folder)
assert data.X.nbytes == 1_200_000 * 12 * 8
print(tracemalloc.get_traced_memory()[1], pa.default_memory_pool().max_memory())
"""
        command = [sys.executable, "-c", script, str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        python, arrow = map(int, done.stdout.split())
        assert python < 60e6
        assert arrow < 80e6
