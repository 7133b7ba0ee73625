"""What every test can rely on: no window, one thread, its own random numbers."""

import importlib
import multiprocessing
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from multiprocessing import forkserver
from pathlib import Path
from types import ModuleType
from typing import NoReturn

import matplotlib
import numpy as np
import pytest
import torch
from joblib.externals.loky.backend import context

matplotlib.use("Agg")
# One thread gives the same bits on every machine, and lets parallel workers share the cores.
torch.set_num_threads(1)

# joblib's workers are forked from a process that has imported torch, which takes each of them eight
# seconds otherwise.
multiprocessing.set_forkserver_preload(["sufficiency.estimator", "torch._dynamo"])
START_METHOD = None if sys.platform == "win32" else "forkserver"
context.set_start_method(START_METHOD)

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20240817)


@pytest.fixture
def require_tool() -> Callable[[str], str]:
    """Path of a program; without it the test is left out, except in CI, where it fails."""

    def find(name: str) -> str:
        return shutil.which(name) or _missing(name)

    return find


@pytest.fixture(scope="session")
def require_module() -> Callable[[str], ModuleType]:
    """A module of a package that only some tests need, on the same terms."""

    def find(name: str) -> ModuleType:
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError:
            _missing(name)

    return find


@pytest.fixture(scope="session")
def mnist_files() -> Path:
    """The folder of MNIST's original files, on the same terms."""
    root = Path(os.environ.get("SUFFICIENCY_DATA", "~/sufficiency_data")).expanduser()
    folder = root / "MNIST" / "raw"
    if not (folder / "train-images-idx3-ubyte").is_file():
        _leave_out(f"there is no MNIST in {folder}; `make data` fetches it")
    return folder


def _missing(name: str) -> NoReturn:
    _leave_out(f"`{name}` is not installed")


def _leave_out(reason: str) -> NoReturn:
    if os.environ.get("CI", "").lower() in {"1", "true"}:
        pytest.fail(f"{reason}, and CI must have it")
    pytest.skip(reason)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Numbers that a test has recorded as "figures" close the log, also with several workers."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name == "figures":
                terminalreporter.write_line(f"{report.nodeid}: {value}")


@pytest.fixture(scope="module")
def chromium(require_module):
    """A browser for all tests of a file."""
    playwright = require_module("playwright.sync_api")
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        _leave_out("there is no Chromium; install it with the system's packages")
    # Chromium's sandbox is not for root, as whom containers often run
    rootless = [] if not hasattr(os, "geteuid") or os.geteuid() else ["--no-sandbox"]
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=found, args=rootless)
        yield browser
        browser.close()


@pytest.fixture
def new_workers() -> Iterator[None]:
    """Workers of joblib start as they do for a user, from nothing."""
    context.set_start_method(None, force=True)
    yield
    context.set_start_method(START_METHOD, force=True)


@pytest.fixture
def forked_dask_workers() -> Iterator[None]:
    """Those of dask are forked from the same process."""
    if find_spec("distributed") is None:
        yield
        return
    import dask
    import distributed  # noqa: F401 - its defaults come first

    # before dask says what its own would import
    forkserver.ensure_running()
    with dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"}):
        yield


@pytest.fixture
def interrupts() -> Iterator[None]:
    """SIGINT is an interrupt, also where a shell in the background has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True)
def close_figures() -> Iterator[None]:
    yield
    # Only a test that drew something has imported pyplot.
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
