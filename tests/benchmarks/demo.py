"""The fit of `make demo`, two workers, against the commit before nets were trained together."""

import io
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BEFORE = "5603779"
FIT = """
import time, warnings
from sklearn.datasets import load_digits
from sufficiency import LandscapeSufficiencyEstimator
warnings.simplefilter("ignore")
X, y = load_digits(return_X_y=True)
for _ in range(2):
    start = time.perf_counter()
    LandscapeSufficiencyEstimator(random_state=0, n_jobs=2).fit(X, y)
    print(time.perf_counter() - start)
"""


def earlier_package(folder):
    """The package as it was; in a shallow clone git says that it has no such commit."""
    command = ["git", "archive", BEFORE, "sufficiency"]
    packed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")


def fits(folder):
    """Seconds of the first and of the second fit of a new process."""
    environment = os.environ | {"PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", FIT]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    return [float(line) for line in done.stdout.split()]


def rows(rounds=3):
    with tempfile.TemporaryDirectory() as name:
        earlier_package(name)
        pairs = [(fits(ROOT), fits(name)) for _ in range(rounds)]
    cold, warm = (statistics.median(now[i] / then[i] for now, then in pairs) for i in (0, 1))
    yield f"fit of make demo, n_jobs=2, new process: ours / commit {BEFORE}", cold, "≤ 0.45"
    yield "the same, its workers running", warm, "≤ 0.45"
