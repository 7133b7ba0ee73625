"""
Numbers that training and probing give today.

A store holds numbers of earlier versions and gives them back as if they were new. So when one of
these tests fails because training or probing was changed on purpose, `TRAINING_FORMAT` or
`PROBE_FORMAT` in sufficiency/store/keys.py is to be raised together with the numbers here.
"""

import numpy as np
import pytest

from sufficiency.store import keys
from sufficiency.training.centers import centers
from tests.helpers import center_task, measure_cell
from tests.store.fits import SPLITS, changed, fit

# Double precision, so that releases and machines agree to far more digits than these; only a
# release that draws other random numbers disagrees, and that is part of every key.
RTOL = 1e-6

TRAINING, PROBING = 2, 3
WEIGHT_NORMS = {
    "hidden.weight": 1.53289458668, "hidden.bias": 0.918838792237,
    "norm.weight": 2.31790291731, "norm.bias": 0.101641331519,
    "norm.running_mean": 1.63965688084, "norm.running_var": 1.46716625648,
    "out.weight": 1.42530884947, "out.bias": 0.307112666349,
}  # fmt: skip
AT_THE_CENTER = {
    "delta_point": 0.000595213443167, "train_loss": 0.663387691223, "unseen_loss": 1.04185096174,
    "unseen_score": 0.5, "grad_norm": 0.234356607424, "loss_drift": 0.0134469152481,
    "n_draws": 8.0,
}  # fmt: skip
AROUND_IT = {
    "monte_carlo": {
        "delta": 0.000636126235737, "stderr": 0.000373202492549, "gap_sq": 0.103492808508,
        "spread": 0.507824504036, "top1pct_share": 0.465633789882,
        "delta_mean_sq": 0.00056827759942, "delta_variance": 6.78486363168e-05, "n_eval": 30.0,
    },
    "gaussian_moment": {
        "delta": 0.000537696135486, "stderr": 0.000293932731518, "gap_sq": 0.0796309958745,
        "spread": 0.437094990328, "top1pct_share": 0.445156746615,
        "delta_mean_sq": 0.000492519171181, "delta_variance": 4.51769643052e-05,
        "quadratic_error": 0.0550705104685,
    },
}  # fmt: skip


def test_the_numbers_belong_to_the_formats():
    assert (keys.TRAINING_FORMAT, keys.PROBE_FORMAT) == (TRAINING, PROBING)


@pytest.fixture(scope="module")
def whole():
    return fit(min_steps=40, n_draws=8)


def test_trainings_are_those_of_the_format(whole):
    settings, samples = whole
    task = changed(center_task(settings, SPLITS[0], 0, 30), seed=5)
    [(_, trained)] = centers([task], samples)
    found = {n: float(t.norm()) for n, t in trained.net.module_.state_dict().items() if t.ndim}
    assert found == pytest.approx(WEIGHT_NORMS, rel=RTOL)


@pytest.mark.parametrize("method", ["monte_carlo", "gaussian_moment"])
def test_cells_are_those_of_the_formats(method, whole):
    settings, samples = whole
    settings = changed(settings, method=method)
    cell = measure_cell(settings, samples, None, SPLITS[0], 0, 30)
    found = {
        name: value
        for name, value in vars(cell).items()
        if isinstance(value, float) and np.isfinite(value) and not name.endswith("_seconds")
    }
    assert found == pytest.approx(AT_THE_CENTER | AROUND_IT[method], rel=RTOL)
