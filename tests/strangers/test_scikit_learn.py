"""scikit-learn's tools around the estimator, and around its net."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import is_classifier, is_regressor
from sklearn.ensemble import VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import get_scorer
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sufficiency import LandscapeSufficiencyEstimator
from tests.helpers import classifier, labeled

pytestmark = pytest.mark.filterwarnings("ignore::sufficiency.exceptions.SufficiencyWarning")

N = 60
X, CODES = labeled(N)
BINARY = (CODES > 0).astype(int)
FRAME = pd.DataFrame(X, columns=list("abc"))


def small(n_outputs=3):
    """A net of its own, trained for an epoch."""
    return classifier(max_epochs=1, module__n_outputs=n_outputs)


def estimator(net):
    """A fit of two small nets and one to predict with."""
    return LandscapeSufficiencyEstimator(
        net, sizes=2, n_repeats=1, n_draws=2, min_steps=0, curve="theory", random_state=0
    )


@cache
def built_in(kind):
    """The fitted built-in net of a kind."""
    return estimator(kind).fit(X, BINARY)


@pytest.mark.parametrize(
    ("net", "before", "after"),
    [
        (None, (False, False), (True, False)),
        ("classifier", (True, False), (True, False)),
        ("regressor", (False, True), (False, True)),
    ],
)
def test_the_kind_is_that_of_the_net_or_what_the_fit_has_found(net, before, after):
    est = estimator(net)
    assert (is_classifier(est), is_regressor(est)) == before
    est = built_in(net)
    assert (is_classifier(est), is_regressor(est)) == after
    assert hasattr(est, "predict_proba") == hasattr(est, "classes_") == after[0]


def test_the_built_in_net_by_its_kind_gives_the_numbers_of_none():
    np.testing.assert_array_equal(built_in(None).deltas_, built_in("classifier").deltas_)


def test_a_misspelled_kind_is_refused():
    with pytest.raises(TypeError, match="got 'clasifier'; 'classifier' and 'regressor' stand for"):
        estimator("clasifier").fit(X, CODES)


def test_scores_that_need_probabilities_work_without_a_net():
    """The scorer looks at the fitted estimator, whose kind is known."""
    assert 0.0 <= get_scorer("roc_auc")(built_in(None), X, BINARY) <= 1.0


def test_cross_validation_is_stratified_where_the_kind_is_known_before():
    # sorted: unstratified folds would hold a single class, and have no ROC curve
    order = np.argsort(BINARY)
    scores = cross_val_score(
        estimator("classifier"), X[order], BINARY[order], scoring="roc_auc", cv=2
    )
    assert ((scores >= 0) & (scores <= 1)).all()


def test_a_vote_takes_it_by_its_kind_and_refuses_the_unknown_one():
    nets = [("net", estimator(small())), ("linear", LogisticRegression())]
    assert set(VotingClassifier(nets, voting="soft").fit(X, CODES).predict(X)) <= {0, 1, 2}
    with pytest.raises(ValueError, match="should be a classifier"):
        VotingClassifier([("net", estimator(None))]).fit(X, CODES)


def test_a_grid_search_over_net_and_measurement():
    search = GridSearchCV(estimator(small()), {"net__lr": [0.1], "sigma": [0.2]}, cv=2)
    search.fit(X, CODES)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_estimator_.predict_sufficient_size(1.0) > 0
    assert search.predict(X).shape == (N,)


def test_metadata_are_routed_to_the_fit():
    """Without groups, half of each pair would be a candidate while the other trains."""
    groups = np.arange(N) // 2
    with config_context(enable_metadata_routing=True):
        est = estimator(small()).set_fit_request(groups=True)
        scores = cross_val_score(est, X, CODES, cv=GroupKFold(2), params={"groups": groups})
        pipeline = make_pipeline(StandardScaler(), est).fit(X, CODES, groups=groups)
    assert np.isfinite(scores).all()
    candidates = groups[pipeline[-1].result_.cells[0].unseen.candidates]
    assert (np.bincount(candidates)[candidates] == 2).all()


@pytest.mark.parametrize("output", ["default", "pandas", "polars"])
def test_steps_before_it_may_put_out_frames(output):
    scaler = StandardScaler().set_output(transform=output)
    before = make_pipeline(scaler, estimator(small())).fit(FRAME, CODES)
    if output == "pandas":
        assert before[-1].feature_names_in_.tolist() == ["a", "b", "c"]
    assert before.set_output(transform=output).predict(FRAME).shape == (N,)
    inside = estimator(make_pipeline(scaler, small())).fit(FRAME, CODES)
    assert inside.predict(FRAME).shape == (N,)


def test_a_frozen_estimator_is_not_fitted_again():
    est = built_in("classifier")
    frozen = FrozenEstimator(est).fit(X[:4], CODES[:4])
    np.testing.assert_array_equal(frozen.predict(X), est.predict(X))
    assert is_classifier(frozen)
    assert frozen.result_ is est.result_


def test_frozen_transformers_stay_as_they_are():
    scaler = StandardScaler().fit(X + 5)
    est = estimator(make_pipeline(FrozenEstimator(scaler), small())).fit(X, CODES)
    np.testing.assert_array_equal(est.net_[0].transform(X), scaler.transform(X))
