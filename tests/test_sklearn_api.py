"""scikit-learn's own checks, cloning, pipelines, delegation."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import ClassifierMixin, RegressorMixin, clone, is_classifier, is_regressor
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator
from skorch import NeuralNet, NeuralNetClassifier, NeuralNetRegressor
from torch import nn

from sufficiency import LandscapeSufficiencyEstimator, SufficiencyWarning
from tests.oracles import MLP

CHEAP = {"sizes": 2, "n_repeats": 1, "n_draws": 4, "min_steps": 5, "random_state": 0}


class AsClassifier(ClassifierMixin, LandscapeSufficiencyEstimator):
    """With net=None the kind follows from y; said to be a classifier, it gets their checks."""


class AsRegressor(RegressorMixin, LandscapeSufficiencyEstimator):
    """The same for a regressor's checks."""


EXPECTED_FAILURES = {
    "check_classifiers_regression_target": "net=None regresses on continuous targets; that "
    "a classifier net refuses them is tested in test_estimator.py"
}


def checks():
    """All checks once: those of classifiers and regressors, and those of every estimator."""
    seen = set()
    for kind in (LandscapeSufficiencyEstimator, AsClassifier, AsRegressor):
        for estimator, check in estimator_checks_generator(kind(**CHEAP)):
            name, given = check.func.__name__, check.keywords
            if (name, str(given)) not in seen:
                seen.add((name, str(given)))
                why = EXPECTED_FAILURES.get(name)
                marks = [pytest.mark.xfail(reason=why, strict=True)] if why else []
                label = "-".join([kind.__name__, name, *map(str, given)])
                yield pytest.param(estimator, check, id=label, marks=marks)


@pytest.mark.filterwarnings("ignore::sufficiency.exceptions.SufficiencyWarning")
@pytest.mark.parametrize(("estimator", "check"), list(checks()))
def test_scikit_learns_checks(estimator, check):
    # a training of a few steps on a few samples is never settled, and says so
    check(estimator)


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    return X, np.array(["setosa", "versicolor", "virginica"])[y]


def classifier(**kwargs):
    return NeuralNetClassifier(
        MLP,
        module__n_inputs=4,
        criterion=nn.CrossEntropyLoss,
        lr=0.1,
        max_epochs=20,
        iterator_train__shuffle=True,
        **kwargs,
    )


@pytest.fixture(scope="module")
def fitted(iris):
    estimator = LandscapeSufficiencyEstimator(
        classifier(), sizes=3, n_repeats=2, n_draws=4, curve="theory", random_state=0
    )
    with pytest.warns(SufficiencyWarning):
        return estimator.fit(*iris)


def test_parameters_and_clones():
    net = classifier()
    estimator = LandscapeSufficiencyEstimator(net, sizes=[0.5, 1.0], sigma=0.3)
    twin = clone(estimator)
    assert twin.net is not net
    assert twin.get_params()["sizes"] == [0.5, 1.0]
    assert estimator.set_params(net__lr=0.5, n_draws=7).net.lr == 0.5
    assert estimator.n_draws == 7


@pytest.mark.filterwarnings("ignore::sufficiency.exceptions.SufficiencyWarning")
def test_at_the_end_of_a_pipeline(iris):
    estimator = LandscapeSufficiencyEstimator(
        classifier(), sizes=3, n_repeats=2, n_draws=4, curve="theory", random_state=0
    )
    X, y = iris
    pipeline = make_pipeline(StandardScaler(), estimator).fit(X, y)
    assert isinstance(pipeline[-1].predict_sufficient_size(1e-5), int)
    assert pipeline.score(X, y) > 0.9
    assert set(pipeline.predict(X)) <= set(y)
    assert is_classifier(pipeline)


def test_delegation(fitted, iris):
    X, y = iris
    assert list(fitted.classes_) == ["setosa", "versicolor", "virginica"]
    probabilities = fitted.predict_proba(X)
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-5)
    np.testing.assert_array_equal(fitted.predict(X), fitted.classes_[probabilities.argmax(1)])
    assert fitted.score(X, y) == np.mean(fitted.predict(X) == y)


@pytest.mark.filterwarnings("ignore::sufficiency.exceptions.SufficiencyWarning")
def test_scoring_is_used_for_the_curve_and_the_score(iris):
    X, y = iris
    estimator = LandscapeSufficiencyEstimator(
        classifier(),
        sizes=3,
        n_repeats=2,
        n_draws=4,
        curve="theory",
        scoring="neg_log_loss",
        random_state=0,
    ).fit(X, y)
    assert estimator.score(X, y) == pytest.approx(-log_loss(y, estimator.predict_proba(X)))
    # cross-entropy is the criterion, too; scikit-learn clips and renormalises float32
    table = estimator.result_.table
    np.testing.assert_allclose(table("unseen_score"), -table("unseen_loss"), rtol=1e-4)


def test_tags_follow_the_net():
    assert is_classifier(LandscapeSufficiencyEstimator(classifier()))
    assert is_regressor(LandscapeSufficiencyEstimator(NeuralNetRegressor(MLP)))
    neither = LandscapeSufficiencyEstimator(NeuralNet(MLP, criterion=nn.MSELoss))
    assert not is_classifier(neither)
    assert not is_regressor(neither)


def test_methods_exist_only_where_they_work(iris):
    regressor = LandscapeSufficiencyEstimator(NeuralNetRegressor(MLP))
    assert not hasattr(regressor, "predict_proba")
    assert hasattr(regressor, "predict")
    plain = LandscapeSufficiencyEstimator(NeuralNet(MLP, criterion=nn.MSELoss))
    assert not hasattr(plain, "score")
    without = LandscapeSufficiencyEstimator(refit=False)
    for method in ("predict", "predict_proba", "score"):
        assert not hasattr(without, method)
    with pytest.raises(AttributeError, match="predict"):
        without.predict(iris[0])


@pytest.mark.parametrize(
    "ask",
    [
        lambda e, X, y: e.predict_sufficient_size(1e-6),
        lambda e, X, y: e.plot_delta(),
        lambda e, X, y: e.predict(X),
        lambda e, X, y: e.score(X, y),
    ],
)
def test_nothing_answers_before_fit(ask, iris):
    with pytest.raises(NotFittedError):
        ask(LandscapeSufficiencyEstimator(classifier()), *iris)


@pytest.mark.filterwarnings("ignore::sufficiency.exceptions.SufficiencyWarning")
def test_names_of_features(iris):
    frame = pd.DataFrame(iris[0], columns=list("abcd"))
    estimator = LandscapeSufficiencyEstimator(**CHEAP).fit(frame, iris[1])
    assert list(estimator.feature_names_in_) == list("abcd")
    assert estimator.n_features_in_ == 4
    with pytest.raises(ValueError, match="feature names should match"):
        estimator.predict(frame[list("dcba")])
