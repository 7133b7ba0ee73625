import csv
from pathlib import Path

import numpy as np
import pytest
import sklearn.datasets
import statsmodels.datasets.randhie

from sufficiency.datasets import load_digits, load_randhie


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
