"""The real program in a process of its own: its start, its signals."""

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.cli.conftest import TINY

PROGRAM = [sys.executable, "-m", "sufficiency"]
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "error"}


def program(*words: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [*PROGRAM, *words], env=ENVIRONMENT, capture_output=True, text=True, check=False
    )


def test_help_needs_no_torch():
    """What is imported for the help, and for completion, is imported in no time."""
    code = (
        "import sys\n"
        "from sufficiency.cli import main\n"
        "for words in (['--help'], ['run', '--help'], ['--version']):\n"
        "    main(words, standalone_mode=False)\n"
        "print(sorted({'torch', 'sklearn', 'pandas', 'numpy', 'matplotlib'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.slow
def test_a_run(csv):
    done = program("run", csv, "--target", "kind", *TINY, "--threshold", "1e-3")
    assert done.returncode == 0, done.stderr
    assert "Threshold 0.001: " in done.stdout
    assert "Traceback" not in done.stderr


def test_an_error(csv):
    done = program("run", csv, "--target", "kinds")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: --target kinds: ")


def test_usage(csv):
    assert program().returncode == 2
    assert "Usage: sufficiency" in program("--help").stdout
    assert program("--version").stdout.startswith("sufficiency, version ")
    done = program("run")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "Error: Missing argument 'DATA'. (see `sufficiency run --help`)"
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "n_jobs"), [(signal.SIGINT, "2"), (signal.SIGTERM, "1")], ids=["int", "term"]
)
def test_interrupt_and_go_on(number, n_jobs, csv, call, workplace, interrupts):
    sizes = ("--sizes", "10,20,30,40,48", "--n-repeats", "4", "--n-draws", "2", "--seed", "0")
    sizes += ("--min-steps", "100")
    words = ("run", csv, "--target", "kind", *sizes, "--store", "kept")
    process = subprocess.Popen(
        [*PROGRAM, *words, "--n-jobs", n_jobs],
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while not list(workplace.glob("kept/cells/*")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert "Traceback" not in stderr
    assert "of 20 cells are finished and kept in" in stderr
    assert stderr.splitlines()[-1] == ("Error: interrupted; run the same command again to go on")
    done = call(*words, "--debug")
    assert done.exit_code == 0, done.stderr
    assert "(from the store)" in done.stderr
