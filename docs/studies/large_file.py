"""
A Parquet file of 3 million rows on the command line: time, and memory above that of a small file.

The flights of large_data.py, as they are: the two airports are encoded as 457 categories, which
makes 458 columns of 3 million rows, in a temporary file. A perceptron predicts the delay at three
sizes. The same command is run on the first 10 000 rows, and what is compared is the largest
anonymous memory of the process, which mapped pages of the file do not count to.

    python docs/studies/large_file.py

writes docs/studies/results/large_file.json. It needs npm and pyarrow. The time of the processor is
noted beside that of the clock, which other work on the machine lengthens more.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow.parquet as pq
import record
from large_data import flights

N_SMALL = 10_000
NET = """
import torch
from skorch import NeuralNetRegressor


class Perceptron(torch.nn.Module):
    def __init__(self, n_features):
        super().__init__()
        first, relu = torch.nn.Linear(n_features, 64), torch.nn.ReLU()
        self.layers = torch.nn.Sequential(
            first, relu, torch.nn.Linear(64, 64), relu, torch.nn.Linear(64, 1)
        )

    def forward(self, X):
        # the distance comes after the categories, in miles; delays are in minutes
        scaled = torch.cat([X[..., :-1], X[..., -1:] / 1000], -1)
        return 30 * self.layers(scaled)


def make(n_features):
    return NeuralNetRegressor(
        Perceptron(n_features),
        optimizer=torch.optim.Adam,
        lr=1e-3,
        batch_size=256,
        max_epochs=1,
        iterator_train__shuffle=True,
    )
"""
WORDS = "--target delay --drop date --task regression --net flight_net:make --seed 0 --json"
LADDER = "--sizes 3 --n-repeats 2"


def processor_seconds() -> float:
    """That all commands so far have used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measured(path: Path, folder: Path) -> dict:
    """Run the command: its time, its largest anonymous memory in MB, and what it found."""
    command = [sys.executable, "-m", "sufficiency", "run", str(path), *WORDS.split()]
    before, start, most = processor_seconds(), time.perf_counter(), 0.0
    process = subprocess.Popen(
        [*command, *LADDER.split()],
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1", "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    mapped = 0
    while process.poll() is None:
        lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
        anonymous = [line.split()[1] for line in lines if line.startswith("RssAnon")]
        most = max([most, *(int(kilobytes) / 1024 for kilobytes in anonymous)])
        files = folder.glob("sufficiency-*/features")
        mapped = max([mapped, *(file.stat().st_size for file in files)])
        time.sleep(0.05)
    seconds = time.perf_counter() - start
    stdout, stderr = process.communicate()
    if process.returncode:
        raise RuntimeError(stderr)
    document = json.loads(stdout)
    return {
        "rows": document["n_available"],
        "columns": document["data"]["n_features"],
        "seconds": seconds,
        "processor_seconds": processor_seconds() - before,
        "megabytes": most,
        "megabytes_mapped": mapped / 2**20,
        "ladder": document["ladder"],
        "warnings": document["warnings"],
    }


def main() -> None:
    """Fetch, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parquet", type=Path, help="the file, if it is there already")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "flight_net.py").write_text(NET)
        whole = (arguments.parquet or flights(folder)).resolve()
        few = pq.ParquetFile(whole).read_row_group(0).slice(0, N_SMALL)
        pq.write_table(few, folder / "few.parquet")
        small, large = measured(folder / "few.parquet", folder), measured(whole, folder)
    path = record.write(
        "large_file",
        "python docs/studies/large_file.py",
        {
            "call": f"sufficiency run flights-3m.parquet {WORDS} {LADDER}",
            "small": small,
            "large": large,
            "megabytes_above": large["megabytes"] - small["megabytes"],
        },
        "pyarrow",
        "pandas",
    )
    print(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
