"""The performance page shows what the benchmarks wrote."""

import json
import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_table_is_that_of_the_committed_run():
    run = json.loads((DOCS / "studies" / "results" / "benchmarks.json").read_text("utf-8"))
    page = (DOCS / "performance.md").read_text("utf-8")
    expected = [
        (row["measure"], f"{row['value']:.3g}", row["target"] or "–") for row in run["rows"]
    ]
    rows = re.findall(r"^\| (.+?) \| \**([\d.]+(?:e-\d+)?)\** \| (.+?) \|$", page, re.MULTILINE)
    assert rows == expected
    for name in ("torch", "skorch", "scikit-learn"):
        assert f"{name} {run['environment'][name]}" in page.replace("\n", " ")


def test_what_misses_its_target_is_in_bold_and_nothing_else():
    run = json.loads((DOCS / "studies" / "results" / "benchmarks.json").read_text("utf-8"))
    page = (DOCS / "performance.md").read_text("utf-8")
    for row in run["rows"]:
        bold = f"| {row['measure']} | **" in page
        if not row["target"]:
            assert not bold
            continue
        relation, limit = row["target"].split()
        met = row["value"] >= float(limit) if relation == "≥" else row["value"] <= float(limit)
        assert bold == (not met), row["measure"]


def test_the_figures_of_large_data_are_those_of_the_committed_run():
    run = json.loads((DOCS / "studies" / "results" / "large_data.json").read_text("utf-8"))
    page = (DOCS / "performance.md").read_text("utf-8").replace("\n", " ")
    cells = run["seconds_of_a_cell"]
    for said in (
        f"{run['columns']} columns of float32, {run['megabytes_mapped']:.0f} MB",
        f"took {run['seconds']:.0f} s and added at most {run['megabytes_above']:.0f} MB",
        f"2.4 million took {cells['2400000']:.1f} s",
        f"{cells['10000']:.2f} s; from 104 734",
        f"the cost is {run['slope']:.2f}",
    ):
        assert said in page, said


def test_the_figures_of_the_large_file_are_those_of_the_committed_run():
    run = json.loads((DOCS / "studies" / "results" / "large_file.json").read_text("utf-8"))
    page = (DOCS / "performance.md").read_text("utf-8").replace("\n", " ")
    large = run["large"]
    for said in (
        f"{large['columns']} columns, {large['megabytes_mapped'] / 1000:.1f} GB",
        f"to {large['ladder'][-1]['size']:,} samples".replace(",", " "),
        f"took {large['seconds']:.0f} s, {large['processor_seconds']:.0f} s of them",
        f"grew to {large['megabytes']:.0f} MB, which is {run['megabytes_above']:.0f} MB more",
    ):
        assert said in page, said
