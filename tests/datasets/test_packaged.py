import csv
import sys
from pathlib import Path
from pydoc_data.topics import topics

import numpy as np
import pytest
import sklearn.datasets
import statsmodels.datasets.randhie
from mnist1d.data import get_dataset_args, make_dataset

from sufficiency._random import isolated_rng
from sufficiency.datasets import load_digits, load_randhie, load_text, make_mnist1d
from tests.helpers import untouched_generators


def test_digits_are_scikit_learns_divided_by_16():
    file = Path(sklearn.datasets.__file__).parent / "data" / "digits.csv.gz"
    table = np.loadtxt(file, delimiter=",")
    X, y = load_digits(flat=True)
    assert X.dtype == np.float32
    assert y.dtype == np.int64
    # sixteenths are exact
    np.testing.assert_array_equal(X * 16, table[:, :-1])
    np.testing.assert_array_equal(y, table[:, -1])


def test_digits_as_images():
    X, y = load_digits()
    flat, labels = load_digits(flat=True)
    assert X.shape == (1797, 1, 8, 8)
    np.testing.assert_array_equal(X[:, 0, 2, 3], flat[:, 2 * 8 + 3])
    np.testing.assert_array_equal(y, labels)


@pytest.fixture(scope="module")
def randhie_file():
    """Names and numbers of the file that statsmodels brings, read by hand."""
    file = Path(statsmodels.datasets.randhie.__file__).parent / "randhie.csv"
    with file.open(newline="") as lines:
        names, *rows = csv.reader(lines)
    return names, np.array(rows, dtype=np.float64)


def test_randhie_is_the_file(randhie_file):
    names, table = randhie_file
    X, y = load_randhie(log=False)
    assert X.shape == (20190, 9)
    assert X.dtype == y.dtype == np.float32
    assert names[0] == "mdvis"
    np.testing.assert_array_equal(X, table[:, 1:].astype(np.float32))
    np.testing.assert_array_equal(y, table[:, 0])
    assert np.isfinite(X).all()


def test_randhies_logarithm(randhie_file):
    visits = randhie_file[1][:, 0]
    np.testing.assert_array_equal(load_randhie()[1], np.log(1 + visits).astype(np.float32))


@pytest.mark.parametrize(("log", "name"), [(True, "log1p_mdvis"), (False, "mdvis")])
def test_randhie_as_frame(randhie_file, log, name):
    X, y = load_randhie(log=log, as_frame=True)
    assert list(X.columns) == randhie_file[0][1:]
    for column in X.columns:
        assert column in load_randhie.__doc__
    assert y.name == name
    arrays = load_randhie(log=log)
    np.testing.assert_array_equal(X, arrays[0])
    np.testing.assert_array_equal(y, arrays[1])


def test_what_the_docstring_says_of_randhies_columns(randhie_file):
    names, table = randhie_file
    column = dict(zip(names, table.T, strict=True))
    assert column["mdvis"].max() == 77
    assert round(column["mdvis"].mean(), 1) == 2.9
    for name in ("idp", "hlthg", "hlthf", "hlthp"):
        assert set(column[name]) == {0, 1}
    assert column["lncoins"].max() == pytest.approx(np.log(101), abs=1e-5)  # five decimals
    assert column["lpi"].min() == column["fmde"].min() == column["disea"].min() == 0
    assert round(column["fmde"].max(), 1) == 8.3
    assert round(column["disea"].max(), 1) == 58.6
    assert (column["fmde"][column["idp"] == 1] > 0).any()
    assert column["physlm"].min() == 0
    assert column["physlm"].max() == 1
    assert (column["physlm"] % 1 != 0).any()
    assert (column["disea"] % 1 != 0).any()
    assert (column["hlthg"] + column["hlthf"] + column["hlthp"]).max() == 1


def test_randhie_is_flat_after_a_thousand_samples(rng):
    """Least squares with p = 10 coefficients: the unseen error is (1 + p/n) times its floor."""
    X, y = (a.astype(float) for a in load_randhie())
    X = np.column_stack([np.ones(len(X)), (X - X.mean(0)) / X.std(0)])
    errors = {100: [], 1000: [], 15000: []}
    for _ in range(20):
        order = rng.permutation(len(y))
        unseen = order[-5000:]
        for n, found in errors.items():
            w = np.linalg.lstsq(X[order[:n]], y[order[:n]])[0]
            found.append(np.mean((X[unseen] @ w - y[unseen]) ** 2))
    few, thousand, many = (np.mean(found) for found in errors.values())
    # 1.1, 1.01 and 1.001 times the floor, the first more for the rare columns; means over 20
    # orders that share the samples of the error, so the ratios are known to about a tenth of them
    assert few / many > 1.05
    assert thousand / many < 1.02
    assert 0.85 < many / y.var() < 0.95  # a tenth is explained


def decoded(codes, vocabulary):
    return "".join(vocabulary[code] for code in codes)


@pytest.fixture(scope="module")
def text():
    return "\n\n".join(topics[name].strip() for name in sorted(topics))


@pytest.mark.parametrize(("context", "step"), [(64, None), (16, 16), (10, 7), (5, 20)])
def test_windows_are_slices_of_the_text(text, context, step):
    X, y, vocabulary = load_text(context, step=step)
    stride = step or context
    # as many as have a character after their last one
    starts = [i for i in range(0, len(text), stride) if i + context + 1 <= len(text)]
    assert X.shape == y.shape == (len(starts), context)
    assert X.dtype == y.dtype == np.int64
    for row in (0, 1, len(X) // 2, len(X) - 1):
        start = starts[row]
        assert decoded(X[row], vocabulary) == text[start : start + context]
        assert decoded(y[row], vocabulary) == text[start + 1 : start + context + 1]


def test_nothing_is_predicted_twice_by_default(text):
    X, y, vocabulary = load_text(32)
    assert decoded(X.ravel(), vocabulary) == text[: X.size]
    assert decoded(y.ravel(), vocabulary) == text[1 : y.size + 1]


def test_vocabulary_is_what_occurs(text):
    X, _, vocabulary = load_text(1)
    assert vocabulary == "".join(sorted(set(text)))
    assert X.min() == 0
    assert X.max() == len(vocabulary) - 1


def test_arrays_share_no_memory():
    X, y, _ = load_text(8)
    X[:] = 0
    assert y.any()


def test_wrong_arguments_of_the_text():
    with pytest.raises(ValueError, match="`context` must be >= 1, got 0"):
        load_text(0)
    with pytest.raises(ValueError, match="`step` must be >= 1, got 0"):
        load_text(step=0)
    with pytest.raises(ValueError, match=r"`context` must be < \d+, the length of the whole text"):
        load_text(10**9)


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
def test_wrong_arguments_of_mnist1d(arguments, error, message):
    with pytest.raises(error, match=message):
        make_mnist1d(**arguments)


@pytest.mark.parametrize(
    ("loader", "module"), [(make_mnist1d, "mnist1d"), (load_randhie, "statsmodels")]
)
def test_a_missing_library_is_named_with_the_remedy(loader, module, monkeypatch):
    for name in [n for n in sys.modules if n.partition(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError) as caught:
        loader()
    message = str(caught.value)
    assert message.startswith(f"`{loader.__name__}` needs a library that cannot be imported")
    assert module in message
    assert 'pip install "sufficiency[datasets]"' in message
    assert caught.value.name.partition(".")[0] == module
