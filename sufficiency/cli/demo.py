"""The demonstration: scikit-learn's digits and the built-in net."""

from pathlib import Path
from typing import Any

from sklearn.datasets import load_digits

from sufficiency.cli.columns import Data
from sufficiency.cli.nets import builtin_net
from sufficiency.cli.notices import Notices
from sufficiency.cli.output import check_directory
from sufficiency.cli.questions import Asked
from sufficiency.cli.reading import Source
from sufficiency.cli.running import Delivery, Job, run_job
from sufficiency.cli.summary import DataSummary

__all__ = ["SETTINGS", "THRESHOLD", "measure_digits"]

# As in examples/plot_digits.py.
THRESHOLD = 1e-6
SETTINGS: dict[str, Any] = {"random_state": 0}


def measure_digits(delivery: Delivery, n_jobs: int, debug: bool) -> int:
    """Measure the digits with the defaults."""
    if delivery.out is not None:
        check_directory(delivery.out, overwrite=delivery.overwrite)
    X, y = load_digits(return_X_y=True)
    data = Data(Source(Path("digits"), X, y, "digit"), X, y, None, {}, 0)
    net = builtin_net(X, y, "auto")
    job = Job(
        data,
        net,
        DataSummary(data, net),
        {"n_jobs": n_jobs, **SETTINGS},
        Asked.from_options((THRESHOLD,)),
        delivery,
    )
    with Notices(debug).listening() as notices:
        return run_job(job, notices)
