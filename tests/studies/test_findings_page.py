"""The page of findings shows what the studies of MNIST and of local exponents wrote."""

import json
from pathlib import Path

import numpy as np

from tests.docs_pages.pages import section_of, tables_of

DOCS = Path(__file__).resolve().parents[2] / "docs"
DECADES = ("100", "1000", "10000")
SIGMAS = ("MLP, sigma 0.02", "MLP, sigma 0.05", "MLP, sigma 0.1", "MLP", "MLP, sigma 0.4")


def study(name):
    return json.loads((DOCS / "studies" / "results" / f"{name}.json").read_text("utf-8"))


def with_interval(found):
    low, high = found["interval"]
    return f"{found['mean']:.2f} ({low:.2f} to {high:.2f})"


def rms(values):
    return float(np.sqrt(np.mean(np.square(values))))


def exponents_by_network(parts):
    """A row for each network and center."""
    rows = []
    for name, part in parts.items():
        if "sigma" in name:
            continue
        found = part["exponent"]
        decades = [found["decades"].get(decade) for decade in DECADES]
        losses, k = np.mean(part["tables"]["unseen_loss"], axis=0), np.array(part["sizes"]) + 1.0
        fall = np.log(losses[-2] / losses[-1]) / np.log(k[-1] / k[-2])
        rows.append([
            name.removesuffix(", best"),
            part["center"],
            with_interval(found["all"]),
            *("–" if decade is None else with_interval(decade) for decade in decades),
            f"{fall:.2f}",
        ])  # fmt: skip
    return rows


def numerators(parts, names):
    """κ²Δ of each part."""
    return [
        [name, *(f"{value:.3g}" for value in parts[name]["numerator"])]
        for name in names
    ]  # fmt: skip


def by_sigma(parts):
    """κ²Δ, and the deviation of log Δ over repeats, with σ."""
    rows = [["0 (the center)", *center_row(parts["MLP"])]]
    for name in SIGMAS:
        part = parts[name]
        sigma = name.removeprefix("MLP, sigma ") if "sigma" in name else "0.2"
        values = [f"{part['numerator'][i]:.3g}" for i in (0, 4, 8)]
        rows.append([sigma, *values, f"{rms(part['spread_of_log']['delta']):.3f}"])
    return rows


def center_row(part):
    """The same at the center itself."""
    k = np.array(part["sizes"]) + 1.0
    numerator = np.mean(part["tables"]["delta_point"], axis=0) * k**2
    spread = rms(part["spread_of_log"]["delta_point"])
    return [*(f"{numerator[i]:.3g}" for i in (0, 4, 8)), f"{spread:.3f}"]


def by_loss(rows):
    """Exponents of Δ where the loss falls so fast."""

    def span(row):
        low, high = row["loss_from"], row["loss_to"]
        if low is None:
            return f"below {high:g}"
        return f"above {low:g}" if high is None else f"{low:g} to {high:g}"

    return [
        [
            span(row).replace("-", "−"),
            f"{row['windows']} of {row['data_sets']}",
            f"{row['delta'][1]:.2f} ({row['delta'][0]:.2f} to {row['delta'][2]:.2f})",
        ]
        for row in rows
    ]


WAYS = {
    "theory": "C/κ²",
    "power_law": "power law",
    "transient": "transient",
    "κ²Δ frozen": "κ²Δ stays",
    "κ²Δ falls by 0.5 of the loss's": "κ²Δ falls with half of the loss's exponent",
    "κ²Δ falls by 0.75 of the loss's": "κ²Δ falls with 3/4 of the loss's exponent",
    "κ²Δ falls by 0.5 of its own exponent": "κ²Δ falls with half of its own exponent",
    "bank": 'the package, `prior="bank"`',
    "bank with the loss": "the same with the slopes of the loss",
}


def forecasts(found):
    """Median and 90 % of the factor by which each way is wrong."""
    return [
        [said, *(
            f"{np.exp(found[reach][way][key]):.2f}"
            for reach in ("4 times", "8 times") for key in ("median_size", "size_of_90")
        )]
        for way, said in WAYS.items()
    ]  # fmt: skip


def saved_by_doubling(part):
    """Sizes for thresholds and what twice as many samples save."""
    cells = []
    for found in part["thresholds"].values():
        [size] = found["sizes"]
        saved = found["loss_saved_by_doubling"]
        cells.append(f"{size}; {100 * saved[0]:.0f} %" if saved else f"{size}; not measured")
    return cells


def test_mnist():
    parts = study("mnist")["parts"]
    page = section_of((DOCS / "findings.md").read_text("utf-8"), "MNIST at full size")
    networks, numerator, widths = tables_of(page)
    assert networks[1:] == exponents_by_network(parts)
    assert numerator[1:] == numerators(parts, [row[0] for row in numerator[1:]])
    assert [int(k.replace(" ", "")) for k in numerator[0][1:]] == parts["MLP"]["sizes"]
    assert widths[1:] == by_sigma(parts)


def test_what_is_said_of_mnist():
    """The ranges in the prose, from the committed numbers."""
    parts = {n: p for n, p in study("mnist")["parts"].items() if "sigma" not in n}
    page = (DOCS / "findings.md").read_text("utf-8").replace("\n  ", " ").replace("\n", " ")
    whole = [part["exponent"]["all"]["mean"] for part in parts.values()]
    assert f"the exponents lie between {min(whole):.2f} and {max(whole):.2f}" in page
    largest = [part["exponent"]["decades"]["10000"] for part in parts.values()]
    assert all(found["interval"][0] > 2 for found in largest)
    means = [found["mean"] for found in largest]
    assert f"from 12 000 on {min(means):.2f} to {max(means):.2f}" in page
    larger = [p["exponent_point"]["all"]["mean"] - p["exponent"]["all"]["mean"]
              for p in parts.values()]  # fmt: skip
    assert f"larger by {min(larger):.3f} to {max(larger):.3f}" in page
    spreads = [part["spread_of_log"] for part in parts.values()]
    ratios = [rms(each["delta"]) / rms(each["delta_point"]) for each in spreads]
    low, middle, high = min(ratios), np.median(ratios), max(ratios)
    assert f"{low:.2f} to {high:.2f} times, with a median of {middle:.2f}" in page
    at = [part["thresholds"]["0.001"] for part in parts.values()]
    sizes = [found["sizes"][0] for found in at]
    said = f"from {min(sizes):,} to {max(sizes):,} images on".replace(",", " ")
    assert said in page
    saved = [100 * found["loss_saved_by_doubling"][0] for found in at]
    assert f"still save {min(saved):.0f} to {max(saved):.0f} %" in page


def test_thresholds_on_mnist():
    page = section_of((DOCS / "findings.md").read_text("utf-8"), "Sufficient by a threshold")
    [table] = tables_of(page)
    assert [row[-1] for row in table[1:]] == saved_by_doubling(study("mnist")["parts"]["MLP"])


def test_the_law():
    found = study("exponents")
    page = section_of((DOCS / "findings.md").read_text("utf-8"), "Does the exponent go to 2?")
    windows, ways = tables_of(page)
    assert windows[1:] == by_loss(found["by_loss"])
    assert ways[1:] == forecasts(found["forecasts"])
