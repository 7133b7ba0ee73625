"""
Draw the figures of the page "How far to trust it" from docs/studies/results.

    python docs/studies/figures.py
"""

from pathlib import Path

import matplotlib
import numpy as np
import record
from bank.data import read_bank

matplotlib.use("Agg")
import matplotlib.pyplot as plt

FOLDER = Path(__file__).resolve().parent / "figures"
METHODS = {
    "sufficiency": ("C0", "o"),
    "power law": ("C1", "s"),
    "dataeval": ("C2", "^"),
}
NAMES = {"delta": "Δ (loss²)", "loss": "unseen loss", "score": "accuracy"}
STYLE = {
    "svg.hashsalt": "sufficiency",
    "svg.fonttype": "none",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def save(figure, name: str) -> None:
    """As SVG that is the same in every run."""
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{name}.svg"
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    plt.close(figure)
    print(path)


def drawn(part: dict) -> list[tuple[str, list[dict]]]:
    """Runs of the methods that have a mark."""
    return [(method, runs) for method, runs in part["runs"].items() if method in METHODS]


def draw_stability(study: dict) -> None:
    """Intervals of eight seeds at both thresholds."""
    figure, axes = plt.subplots(1, 2, figsize=(8, 2.8), layout="constrained")
    for axis, (name, size) in zip(axes, {"n/2": 0.5, "2n": 2.0}.items(), strict=True):
        part = study[name]
        rows = np.arange(len(part["sizes"]))
        low, high = np.array(part["intervals"], dtype=float).T
        axis.hlines(rows, low, high, color="C0")
        axis.plot(part["sizes"], rows, "o", color="C0", label="answer and 95 % interval")
        axis.axvline(size * study["n"], color="0.5", linestyle=":", label=f"{name} of the first")
        axis.axvline(study["largest"], color="C3", linewidth=0.8, label="largest measured size")
        axis.set(xscale="log", xlabel="sufficient size (samples)", yticks=rows)
        axis.set_title(f"threshold at {name}: largest/smallest = {part['ratio']:.2f}")
        axis.xaxis.set_major_formatter("{x:,.0f}")
        axis.xaxis.set_minor_formatter("")
        axis.invert_yaxis()
    axes[0].set_ylabel("random_state")
    axes[0].set_xticks([500, 1000, 1500])
    axes[1].set_xticks([1000, 2000, 5000, 10_000])
    handles, labels = axes[1].get_legend_handles_labels()
    figure.legend(handles, ["answer and 95 % interval", "asked for by the first", labels[-1]],
                  loc="outside lower center", ncols=3, frameon=False)  # fmt: skip
    save(figure, "stability")


def draw_predictions(data: dict) -> None:
    """Measured curves, the part that was shown, and the predictions at n."""
    figure, axes = plt.subplots(2, 3, figsize=(9, 5.2), layout="constrained")
    for row, (name, study) in zip(axes, data.items(), strict=True):
        for axis, kind in zip(row, NAMES, strict=True):
            part = study[kind]
            axis.plot(study["sizes"], part["measured"], ".-", color="0.3", label="measured")
            axis.axvspan(study["sizes"][0], study["shown"][-1], color="0.92", label="shown")
            at = dict(zip(METHODS, (0.88, 1.0, 1.12), strict=True))
            for method, runs in drawn(part):
                color, marker = METHODS[method]
                values = [run["value"] for run in runs]
                axis.plot(
                    np.full(len(values), at[method] * study["n"]),
                    values,
                    marker,
                    color=color,
                    markersize=4,
                    alpha=0.7,
                    label=f"predicted by {method}",
                )
            axis.set(xscale="log", title=f"{name}: {NAMES[kind]}")
            if kind != "score":
                axis.set_yscale("log")
            axis.minorticks_off()
        row[0].set_ylabel(name)
    for axis in axes[-1]:
        axis.set_xlabel("training size (samples)")
    # Only the panels of the loss and the score have all methods.
    figure.legend(*axes[0, 1].get_legend_handles_labels(), loc="outside lower center", ncols=5,
                  frameon=False)  # fmt: skip
    save(figure, "extrapolation")


def draw_intervals(data: dict) -> None:
    """Where each run says that the values at n are met."""
    figure, axes = plt.subplots(2, 3, figsize=(9, 4.6), layout="constrained", sharex=True)
    far = 1e3
    for row, (name, study) in zip(axes, data.items(), strict=True):
        for axis, kind in zip(row, NAMES, strict=True):
            part = study[kind]
            n = study["n"]
            for i, run in enumerate(part["runs"]["sufficiency"]):
                if run["low"] is not None:
                    axis.hlines(
                        i, run["low"] / n, min((run["high"] or np.inf) / n, far), color="C0"
                    )
            for method, runs in drawn(part):
                color, marker = METHODS[method]
                met = [
                    (run["size"] / n, i) for i, run in enumerate(runs) if run["size"] is not None
                ]
                if met:
                    x, y = np.array(met).T
                    axis.plot(
                        np.minimum(x, far), y, marker, color=color, markersize=4, label=method
                    )
            axis.axvline(1, color="0.4", linestyle=":")
            axis.axvline(1 / 8, color="C3", linewidth=0.8)
            axis.set(xscale="log", xlim=(0.03, far), title=f"{name}: {NAMES[kind]}")
            axis.invert_yaxis()
        row[0].set_ylabel("run")
    for axis in axes[-1]:
        axis.set_xlabel("answered size / n")
    figure.legend(*axes[0, 2].get_legend_handles_labels(), loc="outside lower center", ncols=3,
                  frameon=False)  # fmt: skip
    save(figure, "intervals")


def draw_label_errors(study: dict) -> None:
    """Average precision of both rankings, row by row."""
    sets = [name for name in ("digits", "letter", "mnist") if name in study]
    figure, axes = plt.subplots(
        1, len(sets), figsize=(9, 2.9), layout="constrained", sharex=True, sharey=True
    )
    for axis, name in zip(axes, sets, strict=True):
        data = study[name]
        rows = np.arange(len(data["rows"]))
        ours = [row["precision"] for row in data["rows"]]
        theirs = [row["cleanlab"] for row in data["rows"]]
        axis.hlines(rows, ours, theirs, color="0.8", zorder=0)
        axis.plot(ours, rows, "o", color="C0", label="sufficiency")
        axis.plot(theirs, rows, "s", color="C1", label="cleanlab", markersize=5)
        axis.set_title(f"{name}: {data['n']:,} samples, {data['n_classes']} classes", fontsize=9)
        axis.set(xlabel="average precision", xlim=(0.4, 1.02))
        names = [f"{row['kind']}, {100 * row['share']:.0f} %" for row in data["rows"]]
        axis.set_yticks(rows, names)
    axes[0].invert_yaxis()
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2,
                  frameon=False)  # fmt: skip
    save(figure, "label_errors")


def draw_slices(study: dict) -> None:
    """Coverage of the slices' intervals, and how often a slice is named."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.1), layout="constrained")
    rows = np.arange(len(study["coverage"]))
    shares = np.array([row["coverage"] for row in study["coverage"]])
    errors = [np.sqrt(c * (1 - c) / row["sets"])
              for c, row in zip(shares, study["coverage"], strict=True)]  # fmt: skip
    left.axvspan(93, 97, color="0.92")
    left.axvline(95, color="0.5", linestyle=":")
    left.errorbar(100 * shares, rows, xerr=100 * np.array(errors), fmt="o", color="C0")
    names = [
        f"{100 * row['share']:.0f} % of the samples, noise {row['noise']:g},\n"
        f"true size {row['size']:,}"
        for row in study["coverage"]
    ]
    left.set_yticks(rows, names)
    left.set(xlim=(90, 100), ylim=(len(rows) - 0.5, -0.5), xlabel="intervals that hold (%)")
    for n_slices, marker in (("2", "o"), ("10", "s")):
        points = study["true"][n_slices]
        right.plot(
            [point["noise"] for point in points],
            [100 * point["named"] / point["runs"] for point in points],
            f"{marker}-",
            label=f"one of {n_slices} slices",
        )
    right.axhline(5, color="0.5", linestyle=":", label="5 %")
    right.set(xlabel="its noise, that of the others being 1", ylabel="runs that name it (%)")
    right.set_ylim(-3, 103)
    right.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 0.08))
    left.set_title("shaded: 93 to 97 %; bars: ± 1 standard error", fontsize=9)
    right.set_title("a slice of a tenth of the samples", fontsize=9)
    save(figure, "slices")


REPLAYED = {"delta": "Δ", "loss": "unseen loss", "score": "score"}
POLICIES = {
    "plan, prior='bank'": ("C0", "o"),
    "plan, prior=None": ("C9", "o"),
    "power law, refitted": ("C1", "s"),
    "power law with Mahmood's correction": ("C3", "s"),
    "half as much again": ("0.5", "^"),
    "twice as much": ("0.3", "v"),
}


def draw_replay(study: dict, rounds: int = 3) -> None:
    """Short campaigns against samples bought, of every policy with three rounds."""
    figure, axes = plt.subplots(1, 3, figsize=(9, 3.4), layout="constrained", sharey=True)
    for axis, (quantity, name) in zip(axes, REPLAYED.items(), strict=True):
        aim = plt.Rectangle((0, 1), 5, 0.15, color="C2", alpha=0.25, linewidth=0, label="aimed at")
        axis.add_patch(aim)
        for policy, (color, marker) in POLICIES.items():
            numbers = study[quantity][f"{policy}, {rounds}"]
            x, y = 100 * numbers["short"], numbers["bought_median"]
            axis.plot(x, y, marker, color=color, label=policy)
        axis.set(title=name, xlabel="campaigns that end short (%)", xlim=(-3, 70))
    axes[0].set(ylabel="bought / needed, median", ylim=(0.6, 3.2))
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    save(figure, "replay")


def local_exponents(sizes, numerator, stderr) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Between neighbors, from κ²Δ: geometric middles of k, −d log Δ/d log κ, standard errors."""
    logs, steps = np.log(np.array(sizes) + 1.0), np.diff(np.log(np.array(sizes) + 1.0))
    relative = np.array(stderr) / np.array(numerator)
    errors = np.sqrt(relative[1:] ** 2 + relative[:-1] ** 2) / steps
    middles = np.exp((logs[1:] + logs[:-1]) / 2)
    return middles, 2 - np.diff(np.log(numerator)) / steps, errors


def bank_exponents(edges: np.ndarray) -> np.ndarray:
    """Quantiles 10, 50, 90 % of the bank's local exponents over a factor of two, by bins of k."""
    middles, exponents = [], []
    for ladder in read_bank():
        logs = np.log(ladder.sizes + 1.0)
        means = np.log(ladder.tables["delta"].mean(axis=0))
        middles.append((logs[2:] + logs[:-2]) / 2)
        exponents.append((means[:-2] - means[2:]) / (logs[2:] - logs[:-2]))
    k, values = np.exp(np.concatenate(middles)), np.concatenate(exponents)
    bins = np.digitize(k, edges)
    return np.array([
        np.quantile(values[bins == i], (0.1, 0.5, 0.9)) for i in range(1, len(edges))
    ])  # fmt: skip


COLORS = {"digits": "C0", "mnist1d": "C1", "randhie": "C2", "MNIST": "C3"}


def draw_exponents(mnist: dict, others: dict, bank: dict) -> None:
    """The local exponent of Δ against k, and against that of the loss, on all data sets."""
    figure, axes = plt.subplots(1, 3, figsize=(10.5, 3.8), layout="constrained", sharey=True)
    edges = np.geomspace(60, 8000, 8)
    low, middle, high = bank_exponents(edges).T
    band = {"color": "0.9", "linewidth": 0, "label": "125 ladders, 80 %"}
    for axis in axes[:2]:
        centers = np.sqrt(edges[1:] * edges[:-1])
        axis.fill_between(centers, low, high, **band)
        axis.plot(centers, middle, color="0.6", label="125 ladders, median")
        axis.set(xscale="log", xlabel="k (samples)", xlim=(60, 60_000))
    of_loss = [row["loss_median"] for row in bank["by_loss"]]
    low, middle, high = np.array([row["delta"] for row in bank["by_loss"]]).T
    axes[2].fill_between(of_loss, low, high, **band)
    axes[2].plot(of_loss, middle, color="0.6")
    axes[2].set(xlabel="local exponent of the unseen loss", xlim=(-0.25, 1.35))
    curves = {
        (name, kind): (each, each["unseen_loss"])
        for name, task in others.items() for kind, each in task["each_size"].items()
    }  # fmt: skip
    for kind, part in (("last", "MLP"), ("best", "MLP, best")):
        found = mnist["parts"][part]
        curves["MNIST", kind] = found, np.mean(found["tables"]["unseen_loss"], axis=0)
    for (data, kind), (part, losses) in curves.items():
        k, exponent, error = local_exponents(
            part["sizes"], part["numerator"], part["numerator_stderr"]
        )
        style = {"yerr": error, "ms": 4, "elinewidth": 0.8, "color": COLORS[data]}
        axis = axes[0] if kind == "last" else axes[1]
        axis.errorbar(k, exponent, fmt="o-", label=data, **style)
        falls = -np.diff(np.log(losses)) / np.diff(np.log(np.array(part["sizes"]) + 1.0))
        filled = {} if kind == "last" else {"mfc": "white"}
        axes[2].errorbar(falls, exponent, fmt="o", **style, **filled)
    for axis in axes:
        axis.axhline(2, color="0.4", linestyle=":")
        axis.set_ylim(0, 6)
    axes[0].set(title="weights of the last step", ylabel="local exponent of Δ")
    axes[1].set(title="validation-optimal weights")
    axes[2].set(title="both; open: validation-optimal")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=6,
                  frameon=False)  # fmt: skip
    save(figure, "exponents")


def main() -> None:
    """Draw all of them."""
    with plt.rc_context(STYLE):
        draw_stability(record.read("stability"))
        data = record.read("extrapolation")["data"]
        draw_predictions(data)
        draw_intervals(data)
        draw_label_errors(record.read("label_errors"))
        draw_slices(record.read("slices"))
        draw_replay(record.read("replay"))
        if (record.RESULTS / "mnist.json").exists():  # takes hours to measure
            others = record.read("findings_delta")["tasks"]
            draw_exponents(record.read("mnist"), others, record.read("exponents"))


if __name__ == "__main__":
    main()
