"""`--slice` and `--samples`: which groups and which samples, from the command line."""

import json

import numpy as np
import pandas as pd
import pytest

from sufficiency import LandscapeSufficiencyEstimator, SufficiencyResult
from tests.cli.conftest import TINY
from tests.cli.test_run import SETTINGS, document_of

N = 240
WORDS = (*TINY, "--n-candidates", "80", "--target", "kind")

pytestmark = pytest.mark.filterwarnings("ignore::sufficiency.SufficiencyWarning")


@pytest.fixture
def houses() -> pd.DataFrame:
    """Two classes that two numbers tell apart, at three sites."""
    rng = np.random.default_rng(2)
    area, rooms = rng.normal(size=(2, N))
    kind = np.where(area + rooms > 0, "large", "small")
    site = np.array(["north", "south", "south"])[np.arange(N) % 3]
    return pd.DataFrame({"area": area, "rooms": rooms, "site": site, "kind": kind})


@pytest.fixture
def path(houses) -> str:
    houses.to_csv("houses.csv", index=False)
    return "houses.csv"


@pytest.fixture
def run(call, path, cells):
    def invoke(*words, file=path):
        return call("run", file, *WORDS, "--store", cells, *words)

    return invoke


@pytest.fixture
def refuse(refused, path):
    def invoke(*words, file=path):
        return refused("run", file, *WORDS, *words)

    return invoke


def estimated(houses, **given) -> SufficiencyResult:
    est = LandscapeSufficiencyEstimator(**(SETTINGS | {"n_candidates": 80}))
    X, y = houses[["area", "rooms"]].to_numpy(), houses["kind"].to_numpy(str)
    return est.fit(X, y, **given).result_


class TestSlice:
    def test_numbers_are_those_of_the_estimator(self, houses, run):
        words = ("--slice", "site", "--threshold", "1e-2", "--threshold", "1e-4", "--json")
        found = document_of(run(*words))
        result = estimated(houses, slices=houses[["site"]])
        assert found["data"]["slices"] == ["site"]
        assert found["data"]["n_features"] == 2
        expected = result.by_slice().reset_index()
        pd.testing.assert_frame_equal(pd.DataFrame(found["slices"]), expected, check_exact=True)
        for answer, threshold in zip(found["thresholds"], (1e-2, 1e-4), strict=True):
            assert {row["slice"] for row in answer["slices"]} == set(expected["slice"])
            for row in answer["slices"]:
                verdict = result.slice(row["slice"]).verdict(threshold)
                assert (row["size"], row["decision"]) == (verdict.size, verdict.decision)

    def test_for_people(self, run):
        result = run("--slice", "site", "--threshold", "1e-3")
        assert result.exit_code == 0, result.output
        assert "Slices by 'site': 2\n" in result.stdout
        head, names, *rows = result.stdout[result.stdout.index("Slices with") :].splitlines()[:6]
        assert head == "Slices with the largest Δ at 160 samples, 4 of 4:"
        assert names.split()[:3] == ["slice", "n_candidates", "delta"]
        deltas = [float(row.split()[2]) for row in rows]
        assert deltas == sorted(deltas, reverse=True)
        assert {row.split()[0] for row in rows} == {
            "site=north", "site=south", "class=large", "class=small",
        }  # fmt: skip
        # nobody has asked
        assert "Slices" not in run("--drop", "site").stdout

    def test_it_is_a_feature_if_it_is_named(self, run):
        chosen = ("--features", "area", "--features", "site")
        assert document_of(run("--slice", "site", *chosen, "--json"))["data"]["n_features"] == 3

    def test_several_and_as_groups(self, houses, run):
        more = houses.assign(street=np.arange(N) // 4, new=houses["area"] > 0)
        more.to_csv("more.csv", index=False)
        words = ("--slice", "site", "--slice", "new", "--slice", "site", "--slice", "street")
        found = document_of(run(*words, "--groups", "street", "--json", file="more.csv"))
        assert found["data"]["slices"] == ["site", "new", "street"]
        assert found["data"]["n_features"] == 2
        assert {"new=True", "site=north", "street=7"} <= {row["slice"] for row in found["slices"]}

    def test_few_candidates_have_a_reason(self, houses, run):
        houses.loc[:3, "site"] = "island"
        houses.to_csv("few.csv", index=False)
        words = ("--slice", "site", "--threshold", "1e-3", "--json")
        (answer,) = document_of(run(*words, file="few.csv"))["thresholds"]
        (island,) = (row for row in answer["slices"] if row["slice"] == "site=island")
        assert (island["status"], island["decision"]) == ("refused", "unknown")
        assert island["reason"].startswith("fewer than 20 candidates: ")

    def test_numbers_with_gaps_keep_their_names(self, houses, run):
        clinic = pd.Series(np.arange(N) % 2 + 1.0)
        clinic[7] = np.nan
        houses.assign(clinic=clinic).to_csv("gaps.csv", index=False)
        words = ("--drop", "site", "--slice", "clinic", "--drop-missing", "--json")
        found = document_of(run(*words, file="gaps.csv"))
        assert {row["slice"] for row in found["slices"]} >= {"clinic=1", "clinic=2"}

    def test_arrays(self, houses, run):
        X, y = houses[["area", "rooms"]].to_numpy(), houses["kind"].to_numpy(str)
        site = houses["site"].to_numpy("S")
        np.savez("houses.npz", X=X, kind=y, site=site, field=np.arange(N) // 5)
        words = ("--slice", "site", "--groups", "field", "--json")
        found = document_of(run(*words, file="houses.npz"))
        assert {"site=north", "site=south"} < {row["slice"] for row in found["slices"]}

    def test_a_dry_run_knows_them(self, run, refuse):
        assert run("--slice", "site", "--dry-run").exit_code == 0
        assert "nearest" not in refuse("--slice", "sites", "--dry-run")


class TestBadSlices:
    def test_wrong_names_have_the_nearest(self, refuse):
        assert "--slice sites: houses.csv has no such column (did you mean 'site'?)" in refuse(
            "--slice", "sites"
        )

    def test_the_target(self, refuse):
        assert "--slice must not name the target 'kind'" in refuse("--slice", "kind")

    def test_gaps(self, houses, refuse):
        houses.loc[4, "site"] = None
        houses.to_csv("gaps.csv", index=False)
        message = refuse("--slice", "site", file="gaps.csv")
        assert "1 of 240 rows of gaps.csv have missing" in message
        assert "in 'site' (rows 5," in message

    def test_one_for_each_row(self, houses, refuse):
        houses.assign(name=[f"h{i}" for i in range(N)]).to_csv("names.csv", index=False)
        message = refuse("--slice", "name", "--drop", "site", file="names.csv")
        assert "--slice must be parts of the samples" in message
        assert "'name'" in message

    @pytest.mark.parametrize("name", ["class", "loss"])
    def test_names_that_mean_something_else(self, name, houses, refuse):
        houses.rename(columns={"site": name}).to_csv("odd.csv", index=False)
        message = refuse("--slice", name, file="odd.csv")
        assert f"--slice must have no column '{name}'" in message

    def test_arrays(self, houses, refuse):
        X, y = houses[["area", "rooms"]].to_numpy(), houses["kind"].to_numpy(str)
        np.savez("a.npz", X=X, kind=y, wide=np.zeros((N, 2)), short=np.zeros(9))
        assert "must have one dimension, got 2" in refuse("--slice", "wide", file="a.npz")
        assert "240 samples of 'X', got 9" in refuse("--slice", "short", file="a.npz")
        assert "did you mean 'wide'?" in refuse("--slice", "wider", file="a.npz")


class TestSamples:
    def test_it_is_the_estimators_table(self, houses, run):
        result = run("--slice", "site", "--samples", "new/samples.csv")
        assert result.exit_code == 0, result.output
        assert "In new/samples.csv: 240 samples\n" in result.stdout
        found = pd.read_csv("new/samples.csv")
        expected = estimated(houses, slices=houses[["site"]]).samples().reset_index()
        expected.insert(0, "row", expected["sample"] + 1)
        # written and read in full
        pd.testing.assert_frame_equal(found, expected, check_exact=True)

    def test_rows_are_those_of_the_file(self, houses, run, workplace):
        houses.loc[[0, 5, 6, 100], "area"] = np.nan
        # a slice of its own for every five rows says where a row stands
        houses["block"] = [f"b{i // 5}" for i in range(N)]
        houses.to_csv("gaps.csv", index=False)
        words = ("--drop", "site", "--slice", "block", "--drop-missing", "--samples", "s.csv")
        result = run(*words, file="gaps.csv")
        assert result.exit_code == 0, result.output
        found = pd.read_csv("s.csv")
        # those that the smallest subset of both repeats contains are unseen by no net
        assert 200 < len(found) == len(set(found["row"]))
        assert set(found["row"]) <= set(range(1, N + 1)) - {1, 6, 7, 101}
        of_file = houses.iloc[found["row"] - 1]
        assert found["block"].tolist() == of_file["block"].tolist()
        assert found["label"].tolist() == of_file["kind"].tolist()
        assert found["sample"].max() <= N - 5

    def test_rows_of_arrays(self, houses, run):
        X = houses[["area", "rooms"]].to_numpy(copy=True)
        X[3] = np.nan
        np.savez("gaps.npz", X=X, kind=houses["kind"].to_numpy(str))
        assert run("--drop-missing", "--samples", "s.csv", file="gaps.npz").exit_code == 0
        found = pd.read_csv("s.csv")
        assert found["label"].tolist() == houses["kind"].iloc[found["row"] - 1].tolist()

    def test_nothing_of_it_is_on_stdout(self, run, workplace):
        result = run("--json", "--samples", "s.csv", "--out", "out")
        document_of(result)
        assert (workplace / "s.csv").exists()
        told = json.loads((workplace / "out" / "verdict.json").read_text(encoding="utf-8"))
        assert told == json.loads(result.stdout)

    def test_a_dry_run_writes_none(self, run, workplace):
        assert run("--dry-run", "--samples", "s.csv").exit_code == 0
        assert not (workplace / "s.csv").exists()

    def test_an_earlier_file(self, run, refuse, workplace):
        (workplace / "s.csv").write_text("labels of a month")
        assert "--samples s.csv exists; choose a new file" in refuse("--samples", "s.csv")
        assert (workplace / "s.csv").read_text() == "labels of a month"
        assert run("--samples", "s.csv", "--overwrite").exit_code == 0
        assert (workplace / "s.csv").read_text().startswith("row,sample,rank,share,")
        left = {"houses.csv", "s.csv"}
        assert {path.name for path in workplace.iterdir()} == left

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (("--samples", "houses.csv", "--overwrite"), "would replace the data"),
            (("--samples", "./../{here}/houses.csv", "--overwrite"), "would replace the data"),
            (("--samples", "."), "is a directory"),
            (("--samples", "houses.csv/s.csv"), "cannot be made in"),
            (("--samples", "out/s.csv", "--out", "out"), "must not lie in --out out"),
            (("--samples", "out", "--out", "out"), "must not lie in --out out"),
        ],
    )
    def test_bad_places(self, words, said, refuse, workplace):
        words = [word.format(here=workplace.name) for word in words]
        before = (workplace / "houses.csv").read_bytes()
        assert said in refuse(*words)
        assert (workplace / "houses.csv").read_bytes() == before

    def test_a_full_disk_does_not_lose_the_result(self, run, workplace, monkeypatch):
        def full(*args):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("sufficiency.cli.reporting.write_file", full)
        result = run("--samples", "s.csv", "--out", "out")
        assert result.exit_code == 3
        assert "--samples s.csv could not be written" in result.stderr
        SufficiencyResult.load(workplace / "out")
        assert not (workplace / "s.csv").exists()

    def test_a_directory_that_fails_does_not_lose_the_samples(self, run, workplace, monkeypatch):
        def full(self, path):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(SufficiencyResult, "save", full)
        result = run("--samples", "s.csv", "--out", "out")
        assert result.exit_code == 3
        assert "--out out could not be written" in result.stderr
        assert "In s.csv: 240 samples" in result.stdout
