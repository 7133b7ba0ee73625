"""The page of trust shows what the studies of label errors and of slices wrote."""

import json
import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "trust.md").read_text("utf-8")


def study(name):
    return json.loads((DOCS / "studies" / "results" / f"{name}.json").read_text("utf-8"))


def test_average_precision_of_both_rankings():
    found = study("label_errors")
    expected = [
        (
            name,
            row["kind"],
            f"{100 * row['share']:.0f} %",
            f"{row['precision']:.3f}",
            f"{row['cleanlab']:.3f}",
            f"{row['seconds']:.0f} s",
            f"{row['cleanlab_seconds']:.0f} s",
        )
        for name in ("digits", "letter", "mnist")
        for row in found[name]["rows"]
    ]
    cell = r" ([^|]+?) \|"
    rows = re.findall(rf"^\| (digits|letter|mnist) \|{6 * cell}$", PAGE, re.MULTILINE)
    assert [row for row in rows if row[1] in ("random", "confusion", "slice")] == expected


def test_no_ranking_is_far_below():
    """The target of 0.02 is met everywhere; on digits and MNIST the ranking is better."""
    found = study("label_errors")
    rows = {name: found[name]["rows"] for name in ("digits", "letter", "mnist")}
    assert all(row["ranked"] == 1.0 for part in rows.values() for row in part)
    above = {n: [r["precision"] - r["cleanlab"] for r in part] for n, part in rows.items()}
    assert min(above["letter"]) > -0.02
    assert min(above["digits"] + above["mnist"]) > 0


def test_coverage_and_names():
    found = study("slices")
    for row in found["coverage"]:
        text = f"| {100 * row['share']:.0f} % | {row['noise']:g} | {row['size']:,} | "
        assert f"{text}{100 * row['coverage']:.1f} % | {row['high/low']:.2f} |" in PAGE
    words = PAGE.replace("\n", " ")
    false = found["false"]
    assert f"named in {false['named']} of {false['runs']} runs" in words
    assert f"in {false['above without regard to the choice']} of {false['runs']}." in words
    assert false["named"] <= 0.05 * false["runs"]
    for n_slices, points in found["true"].items():
        assert all(point["another"] <= 5 for point in points)
        twice = points[-1]
        assert twice["noise"] == 2.0
        assert f"{twice['named']} of {twice['runs']} runs among {n_slices} slices" in words
        assert twice["named"] >= 95
    assert all(0.93 <= row["coverage"] <= 0.97 for row in found["coverage"])
