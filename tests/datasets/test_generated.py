import numpy as np
import pytest
from mnist1d.data import get_dataset_args, make_dataset

from sufficiency._random import isolated_rng
from sufficiency.datasets import make_mnist1d
from tests.helpers import untouched_generators


@pytest.mark.parametrize("n_samples", [1, 9, 10, 123])
def test_any_number_of_samples(n_samples):
    X, y = make_mnist1d(n_samples)
    assert X.shape == (n_samples, 40)
    assert X.dtype == np.float32
    assert y.shape == (n_samples,)
    assert y.dtype == np.int64


def test_classes_are_balanced_and_numbers_standardized():
    X, y = make_mnist1d(200)
    assert np.bincount(y).tolist() == [20] * 10
    # 8 000 numbers, each rounded to float32 after float64 had made mean and variance exact
    assert abs(X.mean(dtype=float)) < 2**-23
    assert X.std(dtype=float) == pytest.approx(1, abs=2**-23)


def test_it_is_the_packages_own_data():
    settings = get_dataset_args()
    settings.num_samples, settings.seed = 5000, 42
    with isolated_rng(0):
        data = make_dataset(settings)
    X, y = make_mnist1d(5000, random_state=42)
    np.testing.assert_array_equal(X, np.concatenate([data["x"], data["x_test"]]).astype("float32"))
    np.testing.assert_array_equal(y, np.concatenate([data["y"], data["y_test"]]))


def test_the_seed_decides_and_the_global_generators_stay():
    with untouched_generators():
        X, y = make_mnist1d(50, random_state=3)
    with isolated_rng(99):
        again, labels = make_mnist1d(50, random_state=3)
    assert X.tobytes() == again.tobytes()
    assert y.tobytes() == labels.tobytes()
    assert X.tobytes() != make_mnist1d(50, random_state=4)[0].tobytes()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"n_samples": 0}, ValueError, "`n_samples` must be >= 1, got 0"),
        ({"n_samples": 10.0}, TypeError, "`n_samples` must be an integer >= 1, got 10.0"),
        ({"random_state": -1}, ValueError, r"Seed must be between 0 and 2\*\*32 - 1"),
        ({"random_state": "a"}, ValueError, "'a' cannot be used to seed"),
    ],
)
def test_wrong_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        make_mnist1d(**arguments)
