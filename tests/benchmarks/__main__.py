"""Print one table of ratios, measured side by side in this run, and write them as JSON."""

import argparse
import json
import platform
from importlib.metadata import version
from pathlib import Path

import joblib
import torch

from tests.benchmarks import demo, ladder, precision, probe_stage, samples

PARTS = {
    "probe_stage": probe_stage,
    "precision": precision,
    "ladder": ladder,
    "demo": demo,
    "samples": samples,
}


def processor():
    """Its name where the system tells, which Python does not on every one."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    named = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor())


def environment():
    packages = ("torch", "skorch", "scikit-learn", "scipy", "numpy", "dataeval")
    return {
        "python": platform.python_version(),
        "system": platform.system(),
        "processor": processor(),
        "cores": joblib.cpu_count(),
        "threads": torch.get_num_threads(),
        **{name: version(name) for name in packages},
    }


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument(
        "parts", nargs="*", metavar="part", help=f"{', '.join(PARTS)} (default: all)"
    )
    parser.add_argument("--output", type=Path, help="write the table to this file, as JSON")
    parser.add_argument("--threads", type=int, default=1, help="torch threads (default: 1)")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    table = []
    print(f"{'measure':68}{'measured':>10}  target")
    for part in arguments.parts or PARTS:
        for name, value, target in PARTS[part].rows():
            print(f"{name:68}{value:>10.3g}  {target}", flush=True)
            table.append({"measure": name, "value": value, "target": target})
    if arguments.output:
        result = {"environment": environment(), "rows": table}
        arguments.output.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
