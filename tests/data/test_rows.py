"""Memory maps: the numbers of arrays, and never a copy of the whole."""

import tracemalloc
import warnings

import numpy as np
import pytest
import torch
from skorch import NeuralNetClassifier
from skorch.dataset import Dataset
from torch import nn

from sufficiency import LandscapeSufficiencyEstimator
from sufficiency.data.memory_maps import Rows, row_blocks
from sufficiency.nets.targets import warn_of_lost_digits
from tests.oracles import MLP

pytestmark = pytest.mark.filterwarnings("ignore::sufficiency.exceptions.SufficiencyWarning")

NUMBERS = ("delta", "stderr", "train_loss", "unseen_loss", "unseen_score", "grad_norm")


@pytest.fixture
def in_file(tmp_path):
    def write(values):
        path = tmp_path / "X.npy"
        np.save(path, values)
        return np.load(path, mmap_mode="r")

    return write


@pytest.fixture
def values(rng):
    return rng.normal(size=(30, 2, 3))


def test_rows_are_those_of_the_array(values, in_file):
    rows = Rows(in_file(values)).take(np.arange(29, -1, -2)).take(slice(2, 9))
    expected = values[::-1][::2][2:9]
    assert (len(rows), rows.shape, rows.ndim, rows.dtype) == (7, (7, 2, 3), 3, np.float64)
    assert rows.nbytes == expected.nbytes
    np.testing.assert_array_equal(np.asarray(rows), expected)
    np.testing.assert_array_equal(rows[2:4], expected[2:4])
    np.testing.assert_array_equal(rows[[3, 1]], expected[[3, 1]])
    np.testing.assert_array_equal(rows[5], expected[5])
    single = rows.astype("float32")
    np.testing.assert_array_equal(single[:], expected.astype("float32"))
    assert single.nbytes == expected.nbytes / 2


def test_what_is_read_may_be_written_to(values, in_file):
    read = Rows(in_file(values))[:3]
    read += 1
    np.testing.assert_array_equal(Rows(in_file(values))[:3], values[:3])


def test_blocks_are_seamless(values, in_file, monkeypatch):
    monkeypatch.setattr("sufficiency.data.memory_maps._BLOCK_BYTES", 200)
    for whole in (values, Rows(in_file(values))):
        blocks = list(row_blocks(whole))
        assert len(blocks) == 8
        np.testing.assert_array_equal(np.concatenate(blocks), values)


class OwnDataset(Dataset):
    """A data set of the user's, which is fed sample by sample."""


def classifier(**kwargs):
    settings = {"criterion": nn.CrossEntropyLoss, "max_epochs": 2, "lr": 0.1, "verbose": 0}
    return NeuralNetClassifier(MLP, iterator_train__shuffle=True, **(settings | kwargs))


def estimator(net, **kwargs):
    settings = {"sizes": [20, 40], "n_repeats": 2, "n_draws": 3, "min_steps": 0}
    settings |= {"curve": "theory", "random_state": 0}
    return LandscapeSufficiencyEstimator(net, **(settings | kwargs))


CASES = {
    "float32": (classifier, "float32", {}),
    "cast from float64": (classifier, "float64", {}),
    "own data set": (lambda: classifier(dataset=OwnDataset), "float32", {}),
    "integers, default net": (lambda: None, "uint8", {"min_steps": 20}),
    "one net for all sizes": (classifier, "float32", {"train": "once"}),
    "closed form": (classifier, "float32", {"method": "gaussian_moment"}),
    "two workers": (classifier, "float32", {"n_jobs": 2}),
}


@pytest.mark.parametrize("case", CASES)
def test_a_fit_has_the_numbers_of_arrays(case, in_file, rng):
    make_net, dtype, kwargs = CASES[case]
    X = (10 * rng.normal(size=(80, 5)) + 100).astype(dtype)
    y = rng.integers(0, 3, 80)
    plain = estimator(make_net(), **kwargs).fit(X, y)
    mapped = estimator(make_net(), **kwargs).fit(in_file(X), y)
    for name in NUMBERS:
        expected = plain.result_.table(name)
        # the default net's scales are summed block by block, which rounds in another order
        rtol = 1e-3 if "default" in case else 0
        np.testing.assert_allclose(mapped.result_.table(name), expected, rtol=rtol, err_msg=name)
    np.testing.assert_array_equal(mapped.predict(in_file(X)), plain.predict(X))


def test_own_candidates_may_be_in_a_file(in_file, rng):
    X, y = rng.normal(size=(80, 5)).astype("float32"), rng.integers(0, 3, 80)
    unseen = {"X_unseen": X[40:], "y_unseen": y[40:]}
    plain = estimator(classifier()).fit(X[:40], y[:40], **unseen).result_
    mapped = estimator(classifier()).fit(
        in_file(X)[:40], y[:40], X_unseen=in_file(X)[40:], y_unseen=y[40:]
    )
    np.testing.assert_array_equal(mapped.result_.table("delta"), plain.table("delta"))


def test_the_store_knows_a_map_by_its_content(in_file, rng, tmp_path):
    X, y = rng.normal(size=(80, 5)).astype("float32"), rng.integers(0, 3, 80)
    estimator(classifier(), store=tmp_path / "store").fit(X, y)
    found = estimator(classifier(), store=tmp_path / "store").finished_result(in_file(X), y)
    assert not any(cell.failure for cell in found.cells)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_digits_that_the_net_cannot_hold_are_pointed_out(dtype, in_file, rng):
    X = 1 + rng.random((5000, 3))
    # a constant, whose mean is rounded, and seconds since 1970, of which float32 knows every 128th
    X[:, 1], X[:, 2] = 0.1, 1.7e9 + 100 * rng.random(5000)
    kinds = [np.asarray, lambda values: Rows(in_file(values.astype(dtype)))]
    for kind in kinds:
        with pytest.warns(UserWarning, match=r"columns \[2\]"):
            warn_of_lost_digits(kind(X), torch.float32)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warn_of_lost_digits(kind(X[:, :2]), torch.float32)


def test_nan_in_a_file_is_found(in_file, rng):
    X = rng.normal(size=(80, 5))
    X[70, 3] = np.nan
    with pytest.raises(ValueError, match="contains NaN"):
        estimator(classifier()).fit(in_file(X), rng.integers(0, 3, 80))


@pytest.mark.slow
def test_images_of_the_size_of_mnist_are_never_in_memory_at_once(tmp_path, rng):
    """60 000 × 784 float32 are 188 MB; two blocks of 16 MiB, candidates and indices are 40."""
    path = tmp_path / "X.npy"
    X = np.lib.format.open_memmap(path, "w+", "float32", (60_000, 784))
    for start in range(0, 60_000, 6000):
        X[start : start + 6000] = rng.normal(size=(6000, 784))
    X.flush()
    y = rng.integers(0, 3, 60_000)
    net = classifier(module__n_inputs=784, max_epochs=1, batch_size=1000)
    fitted = estimator(net, sizes=[0.5, 1.0], n_repeats=1, n_draws=2)
    X = np.load(path, mmap_mode="r")
    tracemalloc.start()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fitted.fit(X, y)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 60e6
    assert list(fitted.sizes_) == [29_500, 59_000]
