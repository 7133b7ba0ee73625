"""
Data larger than memory: a ladder to 2.4 million of 3 million flights, from a memory map.

The flights (`flights-3m.parquet` of the npm package vega-datasets) become a table of float32 in a
file: time of day and of the year, weekday, distance, and the most frequent airports. A perceptron
predicts the delay. What is measured is the anonymous memory that a fit adds, which mapped pages of
the file do not count to, and what a cell of each size costs.

    python docs/studies/large_data.py

writes docs/studies/results/large_data.json. It needs npm and pyarrow.
"""

import argparse
import subprocess
import tarfile
import tempfile
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import record
import torch
from skorch import NeuralNetRegressor

from sufficiency import LandscapeSufficiencyEstimator

SIZES = np.geomspace(10_000, 2_400_000, 8).astype(int).tolist()
N_AIRPORTS = 20


def flights(folder: Path) -> Path:
    """The Parquet file, fetched with npm."""
    command = ["npm", "pack", "--silent", "vega-datasets"]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    with tarfile.open(folder / done.stdout.strip()) as package:
        package.extract("package/data/flights-3m.parquet", folder, filter="data")
    return folder / "package" / "data" / "flights-3m.parquet"


def table(source: Path, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Features as a memory map of float32, and delays in hours, read one row group at a time."""
    file = pq.ParquetFile(source)
    frequent = {}
    for name in ("origin", "destination"):
        counts = file.read(columns=[name])[name].value_counts().to_pylist()
        counts.sort(key=lambda row: -row["counts"])
        frequent[name] = [row["values"] for row in counts[:N_AIRPORTS]]
    width = 6 + 2 * N_AIRPORTS
    n = file.metadata.num_rows
    X = np.lib.format.open_memmap(folder / "X.npy", "w+", "float32", (n, width))
    y, start = np.empty(n, dtype="float32"), 0
    for group in range(file.num_row_groups):
        rows = file.read_row_group(group).to_pandas()
        date, part = rows["date"].dt, slice(start, start + len(rows))
        day = 2 * np.pi * (date.hour + date.minute / 60) / 24
        year = 2 * np.pi * date.day_of_year / 365
        columns = [np.sin(day), np.cos(day), np.sin(year), np.cos(year)]
        columns += [date.day_of_week >= 5, rows["distance"] / 1000]
        columns += [rows[name] == code for name, codes in frequent.items() for code in codes]
        X[part] = np.column_stack(columns)
        y[part] = rows["delay"].clip(-60, 300) / 60
        start = part.stop
    X.flush()
    return np.load(folder / "X.npy", mmap_mode="r"), y


class Peak:
    """The largest anonymous memory of this process within a context, above that before, in MB."""

    def __enter__(self):
        self.before, self.most, self.over = self.now(), 0.0, threading.Event()
        self.watcher = threading.Thread(target=self.watch)
        self.watcher.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.watcher.join()
        self.above = self.most - self.before

    def watch(self):
        """Look a hundred times a second."""
        while not self.over.wait(0.01):
            self.most = max(self.most, self.now())

    @staticmethod
    def now() -> float:
        """RssAnon, in MB."""
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(x.split()[1]) for x in lines if x.startswith("RssAnon")) / 1024


def perceptron(n_inputs):
    """Two layers of 64 units."""
    layers = torch.nn.Linear(n_inputs, 64), torch.nn.ReLU(), torch.nn.Linear(64, 64)
    return torch.nn.Sequential(*layers, torch.nn.ReLU(), torch.nn.Linear(64, 1))


def main() -> None:
    """Fetch, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parquet", type=Path, help="the file, if it is there already")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        X, y = table(arguments.parquet or flights(folder), folder)
        net = NeuralNetRegressor(
            perceptron(X.shape[1]),
            optimizer=torch.optim.Adam,
            lr=1e-3,
            batch_size=256,
            max_epochs=1,
            iterator_train__shuffle=True,
            verbose=0,
        )
        est = LandscapeSufficiencyEstimator(
            net, sizes=SIZES, n_repeats=2, min_steps=500, refit=False, random_state=0
        )
        start = time.perf_counter()
        with Peak() as peak, warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            est.fit(X, y)
        seconds = time.perf_counter() - start
        frame = est.result_.to_frame().groupby("size").mean(numeric_only=True)
        cost = frame["fit_seconds"] + frame["probe_seconds"]
        # from the first size whose epochs `min_steps` does not raise
        long = cost[cost.index >= 500 * 256]
        slope = np.polyfit(np.log(long.index), np.log(long), 1)[0]
        path = record.write(
            "large_data",
            "python docs/studies/large_data.py",
            {
                "rows": len(y),
                "columns": X.shape[1],
                "megabytes_mapped": X.nbytes / 2**20,
                "seconds": seconds,
                "megabytes_above": peak.above,
                "training": est.result_.settings["training"],
                "seconds_of_a_cell": {str(size): value for size, value in cost.items()},
                "slope": slope,
                "delta": {str(size): value for size, value in frame["delta"].items()},
                "unseen_loss": {str(size): value for size, value in frame["unseen_loss"].items()},
                "warnings": [str(warning.message) for warning in caught],
            },
            "pyarrow",
            "pandas",
        )
    print(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
