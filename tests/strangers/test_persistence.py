"""What scikit-learn's users do with a fitted estimator: keep it, show it, put it into pipelines."""

import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sufficiency import LandscapeSufficiencyEstimator, SufficiencyResult

pytestmark = pytest.mark.filterwarnings("ignore::sufficiency.exceptions.SufficiencyWarning")
CHEAP = {"sizes": 3, "n_repeats": 2, "n_draws": 3, "min_steps": 20, "curve": "theory"}


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True, as_frame=True)
    return X, y.map({0: "setosa", 1: "versicolor", 2: "virginica"})


@pytest.fixture(scope="module")
def fitted(iris):
    return LandscapeSufficiencyEstimator(**CHEAP, random_state=0).fit(*iris)


def through_joblib(estimator, tmp_path):
    joblib.dump(estimator, tmp_path / "estimator.joblib", compress=3)
    return joblib.load(tmp_path / "estimator.joblib")  # noqa: TID251 - of our own making


def through_pickle(estimator, tmp_path):
    return pickle.loads(pickle.dumps(estimator))  # noqa: S301


@pytest.mark.parametrize("keep", [through_joblib, through_pickle])
def test_a_kept_estimator_answers_predicts_and_is_shown_as_before(fitted, iris, keep, tmp_path):
    again = keep(fitted, tmp_path)
    X, y = iris
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))
    np.testing.assert_array_equal(again.predict_proba(X), fitted.predict_proba(X))
    assert again.score(X, y) == fitted.score(X, y)
    assert str(again.verdict(1e-3)) == str(fitted.verdict(1e-3))
    pd.testing.assert_frame_equal(again.result_.samples(), fitted.result_.samples())
    np.testing.assert_array_equal(again.feature_names_in_, X.columns)
    assert ">SufficiencyResult<" in again._repr_html_()
    assert "Not fitted" in clone(again)._repr_html_()
    with pytest.raises(NotFittedError):
        clone(again).verdict(1e-3)


def test_parts_are_kept_alone(fitted, tmp_path):
    verdict, result = fitted.verdict(1e-3), fitted.result_
    assert str(through_pickle(verdict, tmp_path)) == str(verdict)
    again = through_joblib(result, tmp_path)
    assert isinstance(again, SufficiencyResult)
    np.testing.assert_array_equal(again.deltas, result.deltas)


def test_the_html_view_has_the_parameters_and_what_was_fitted(fitted):
    html = fitted._repr_html_()
    assert "<span>Fitted</span>" in html
    for name in ("n_repeats", "min_steps", "result_", "deltas_", "classes_"):
        assert name in html
    data = fitted._repr_mimebundle_()
    assert set(data) == {"text/plain", "text/html"}
    with sklearn.config_context(display="text"):
        assert not hasattr(fitted, "_repr_html_")
        assert set(fitted._repr_mimebundle_()) == {"text/plain"}


def test_frames_between_the_steps_of_a_pipeline(iris):
    """`set_output`, of steps before the estimator and of those inside it."""
    X, y = iris
    outside = make_pipeline(
        StandardScaler(), LandscapeSufficiencyEstimator(**CHEAP, random_state=0)
    )
    plain = outside.fit(X, y).predict(X)
    framed = clone(outside).set_output(transform="pandas").fit(X, y)
    np.testing.assert_array_equal(framed.predict(X), plain)
    assert list(framed[-1].feature_names_in_) == list(X.columns)
    np.testing.assert_array_equal(framed[-1].deltas_, outside[-1].deltas_)
