"""
How well n/8 samples predict Δ, loss and score at n.

Every run measures one ladder: eight sizes from n/64 to n/8, and n/4, n/2 and n. Only the eight are
shown to the methods; the mean at n over all runs of a data set is the truth they are held against.

    python docs/studies/extrapolation.py --keep FOLDER

Answers are those of the measured curve alone, ``prior=None``; docs/studies/bank has the others. It
writes docs/studies/results/extrapolation.json. Ladders are kept in FOLDER and reused. With dataeval
installed it is given the same losses and scores; without, it is left out.
"""

import argparse
import dataclasses
import warnings
from pathlib import Path

import numpy as np
import record
import torch
from mnist1d.data import get_dataset_args, make_dataset
from scipy.optimize import curve_fit
from sklearn.datasets import load_digits

from sufficiency import LandscapeSufficiencyEstimator, SufficiencyResult
from sufficiency.sizing.performance import fit_performance

KINDS = ("delta", "loss", "score")
COLUMNS = {"delta": "delta", "loss": "unseen_loss", "score": "unseen_score"}


def digits(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The same 1 797 digits for every seed."""
    return load_digits(return_X_y=True)


def mnist1d(seed: int, n_samples: int = 10_000) -> tuple[np.ndarray, np.ndarray]:
    """A new sample for every seed: the data are procedural."""
    args = get_dataset_args()
    args.num_samples, args.train_split, args.seed = n_samples, 1.0, seed
    data = make_dataset(args)
    return data["x"], data["y"]


DATA = {"digits": digits, "mnist1d": mnist1d}
RUNS = {"digits": 8, "mnist1d": 6}


def ladder(n_fit: int, n_small: int = 8) -> list[int]:
    """Geometric to n/8, then n/4, n/2 and n."""
    small = np.geomspace(n_fit / 64, n_fit // 8, n_small).round().astype(int)
    return [*np.unique(small).tolist(), n_fit // 4, n_fit // 2, n_fit]


def measure(X, y, seed: int, **settings) -> SufficiencyResult:
    """One full ladder with the default estimator."""
    n_candidates = settings.pop("n_candidates", min(1000, len(y) // 5))
    sizes = ladder(len(y) - n_candidates, settings.pop("n_small", 8))
    est = LandscapeSufficiencyEstimator(
        sizes=sizes, n_candidates=n_candidates, refit=False, random_state=seed, **settings
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return est.fit(X, y).result_


def small_part(result: SufficiencyResult) -> SufficiencyResult:
    """What n/8 samples show."""
    kept = tuple(cell for cell in result.cells if cell.size <= result.sizes[-1] // 8)
    return dataclasses.replace(result, cells=kept)


def means(result: SufficiencyResult, kind: str) -> np.ndarray:
    """Over repeats, for each size."""
    return np.nanmean(result.table(COLUMNS[kind]), axis=0)


def ours(part: SufficiencyResult, kind: str, n: int, truth: float) -> dict:
    """Prediction at n, and where the truth at n is said to be met."""
    if kind == "delta":
        value = float(part.curve.predict(n)[0])
        answer = part.verdict(truth, prior=None)
    else:
        value = float(fit_performance(part.measurements, kind).curve.predict(n)[0])
        answer = part.estimate_for_target(truth, kind, prior=None)
    found = {"value": value, "size": answer.size, "status": answer.status}
    low, high = answer.interval or (None, None)
    found |= {"low": low, "high": None if high == np.inf else high}
    if kind == "delta":
        found["value_low"], found["value_high"] = part.delta_interval([n], prior=None)[
            :, 0
        ].tolist()
        found["fit_at_last_shown"] = float(
            part.curve.predict(part.sizes[-1])[0] / means(part, kind)[-1]
        )
    return found


def power_law(part: SufficiencyResult, kind: str, n: int, truth: float) -> dict:
    """A·k^(−b) to Δ, the loss or 1 − score, least squares on the logarithm with SciPy."""
    sizes, values = part.sizes, means(part, kind)
    if kind == "score":
        values, truth = 1 - values, 1 - truth

    def log_law(log_k, log_a, b):
        return log_a - b * log_k

    (log_a, b), _ = curve_fit(log_law, np.log(sizes), np.log(values))
    value = float(np.exp(log_law(np.log(n), log_a, b)))
    size = float(np.exp((log_a - np.log(truth)) / b)) if b > 0 else None
    return {"value": 1 - value if kind == "score" else value, "size": size}


def dataeval(part: SufficiencyResult, kind: str, n: int, truth: float) -> dict | None:
    """Its Sufficiency, as documented: a score in the unit interval, a loss outside of it."""
    if kind == "delta":
        return None
    return _dataeval(part.sizes, part.table(COLUMNS[kind]), n, truth, kind == "score")


def dataeval_turned(part: SufficiencyResult, kind: str, n: int, truth: float) -> dict | None:
    """The same with 1 − loss as if that were a score, whose fit is bounded and converges here."""
    if kind != "loss":
        return None
    found = _dataeval(part.sizes, 1 - part.table(COLUMNS[kind]), n, 1 - truth, True)
    return found and found | {"value": 1 - found["value"]}


def _dataeval(sizes, table, n: int, truth: float, unit_interval: bool) -> dict | None:
    """Its training and evaluation hand it the numbers measured here; None if not installed."""
    try:
        from dataeval.performance import Sufficiency
    except ImportError:
        return None

    class Training:
        """Notes how many samples came."""

        def train(self, model, dataset, indices):
            model["size"] = len(indices)

    class Evaluation:
        """Looks the measured number up; a run begins with the smallest size."""

        repeat = -1

        def evaluate(self, model, dataset):
            at = sizes.tolist().index(model["size"])
            self.repeat += at == 0
            return {"measure": float(table[self.repeat, at])}

    np.random.seed(0)  # noqa: NPY002 (its basin hopping draws from the global generator)
    output = Sufficiency(
        model={},
        training_strategy=Training(),
        evaluation_strategy=Evaluation(),
        runs=len(table),
        unit_interval=unit_interval,
    ).evaluate(range(int(sizes[-1])), range(1), schedule=sizes.tolist())
    value = float(output.project([n])["measure"][0])
    size = int(output.inv_project({"measure": np.array([truth])})["measure"][0])
    return {"value": value, "size": size if size >= 0 else None}


METHODS = {
    "sufficiency": ours,
    "power law": power_law,
    "dataeval": dataeval,
    "dataeval, 1 − loss": dataeval_turned,
}


def compare(results: list[SufficiencyResult], methods: dict = METHODS) -> dict:
    """The methods on all runs of a data set."""
    n = int(results[0].sizes[-1])
    study = {"n": n, "shown": small_part(results[0]).sizes.tolist()}
    for kind in KINDS:
        table = np.array([means(result, kind) for result in results])
        truth = float(table[:, -1].mean())
        runs = {}
        for name, method in methods.items():
            found = [method(small_part(result), kind, n, truth) for result in results]
            if found[0] is not None:
                runs[name] = found
        study[kind] = {
            "truth": truth,
            "truth_stderr": float(table[:, -1].std(ddof=1) / np.sqrt(len(table))),
            "measured": table.mean(axis=0).tolist(),
            "runs": runs,
            "summary": {name: summary(found, n, truth) for name, found in runs.items()},
        }
    study["sizes"] = results[0].sizes.tolist()
    return study


def summary(found: list[dict], n: int, truth: float) -> dict:
    """Ratios of prediction to truth, answered sizes, and how often the intervals hold."""
    ratios = np.array([run["value"] for run in found]) / truth
    sizes = np.array([np.nan if run["size"] is None else run["size"] / n for run in found])
    answered = sizes[np.isfinite(sizes)]
    told = {
        "value_ratio": [float(r) for r in (np.median(ratios), ratios.min(), ratios.max())],
        "size_ratio": [float(r) for r in (np.median(answered), answered.min(), answered.max())]
        if len(answered)
        else None,
        "no_size": int(np.isnan(sizes).sum()),
    }
    if "low" in found[0]:
        known = [run for run in found if run["low"] is not None]
        told["intervals"] = len(known)
        told["covered"] = sum(
            run["low"] <= n and (run["high"] is None or n <= run["high"]) for run in known
        )
        told["open"] = sum(run["high"] is None for run in known)
        widths = [run["high"] / run["low"] for run in known if run["high"] is not None]
        told["width"] = float(np.median(widths)) if widths else None
        statuses = [run["status"] for run in found]
        told["statuses"] = {each: statuses.count(each) for each in sorted(set(statuses))}
    if "value_low" in found[0]:
        told["value_covered"] = sum(r["value_low"] <= truth <= r["value_high"] for r in found)
    return told


def kept(folder: Path, name: str, seed: int) -> SufficiencyResult:
    """A run from the folder, or a new one into it."""
    path = folder / f"{name}_{seed}"
    if not path.exists():
        measure(*DATA[name](seed), seed).save(path)
        print(name, seed, "measured", flush=True)
    return SufficiencyResult.load(path)


def main() -> None:
    """Measure what is not there yet, compare, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--keep", type=Path, required=True, help="folder for measured ladders")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    studies = {}
    for name in DATA:
        results = [kept(arguments.keep, name, seed) for seed in range(RUNS[name])]
        studies[name] = compare(results)
    command = "python docs/studies/extrapolation.py --keep FOLDER"
    print(record.write("extrapolation", command, {"data": studies}, "dataeval"))


if __name__ == "__main__":
    main()
