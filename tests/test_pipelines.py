"""A pipeline that ends in a net: transformers see what their cell trains on, and nothing else."""

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from scipy import sparse
from sklearn import config_context
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler, TargetEncoder
from sklearn.svm import SVC

from sufficiency import LandscapeSufficiencyEstimator
from sufficiency.fit.plan import plan_fit
from tests.helpers import classifier, labeled, regressor, untouched_generators

pytestmark = pytest.mark.filterwarnings("ignore::sufficiency.exceptions.SufficiencyWarning")

N = 60
SEEN: list = []


class Witness(TransformerMixin, BaseEstimator):
    """Notes the rows, and the labels, that it is fitted on."""

    def fit(self, X, y):
        SEEN.append((X[:, 0].copy(), np.asarray(y)))
        self.fitted_ = True
        return self

    def transform(self, X):
        return X


class Rescaled(TransformerMixin, BaseEstimator):
    """Multiplies by a random number that the global generator gives."""

    def fit(self, X, y=None):
        self.factor_ = 1 + np.random.random()  # noqa: NPY002
        return self

    def transform(self, X):
        return X * self.factor_


class Stacked(TransformerMixin, BaseEstimator):
    """One array of a dict of them."""

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def transform(self, X):
        return np.hstack([X["a"], X["b"]])


class Jittered(TransformerMixin, BaseEstimator):
    """Adds random numbers whenever it is applied."""

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def transform(self, X):
        return X + np.random.normal(size=X.shape)  # noqa: NPY002


def estimator(net, **params):
    settings = {"sizes": 2, "n_repeats": 1, "n_draws": 4, "min_steps": 0, "curve": "theory"}
    return LandscapeSufficiencyEstimator(net, **(settings | {"random_state": 0} | params))


def wide(n_inputs):
    import torch
    from torch import nn

    def module():
        return nn.Sequential(nn.Linear(n_inputs, 4), nn.Tanh(), nn.Linear(4, 3))

    return classifier(module, optimizer=torch.optim.SGD)


def dense():
    return FunctionTransformer(lambda matrix: matrix.toarray(), accept_sparse=True)


def test_steps_that_do_nothing_change_no_bit():
    X, y = labeled(N)
    plain = estimator(classifier()).fit(X, y)
    for steps in ([FunctionTransformer()], ["passthrough"], []):
        piped = estimator(make_pipeline(*steps, classifier())).fit(X, y)
        np.testing.assert_array_equal(piped.deltas_, plain.deltas_)
        np.testing.assert_array_equal(piped.predict_proba(X), plain.predict_proba(X))
        assert isinstance(piped.net_, Pipeline)
        assert piped.n_features_in_ == 3


@pytest.mark.parametrize("train", ["each_size", "once"])
def test_transformers_see_what_the_cell_trains_on(train):
    X, y = labeled(N)
    X[:, 0] = np.arange(N)
    labels = np.array(["a", "b", "c"])[y]
    SEEN.clear()
    net = make_pipeline(Witness(), classifier())
    est = estimator(net, train=train, n_candidates=10, n_repeats=2)
    est.fit(X, labels)
    # trial fits, then the cells in order of size, then the refit
    sizes = [25, 25, 50, 50] if train == "each_size" else [50, 50]
    fits = [(rows, of) for rows, of in SEEN[-len(sizes) - 1 :]]
    assert sorted(len(rows) for rows, _ in fits) == [*sizes, N]
    for rows, of in fits:
        np.testing.assert_array_equal(of, labels[rows.astype(int)])
    largest = [set(rows) for rows, _ in fits if len(rows) == 50]
    # ten candidates of each repeat were never seen in it, and they are disjoint
    assert len(largest[0] | largest[1]) == N
    assert not vars(est.net[0])


def test_a_cell_is_what_scaling_by_hand_gives():
    X, y = labeled(N)
    X *= np.float32([1, 10, 100])
    est = estimator(make_pipeline(StandardScaler(), classifier())).fit(X, y)
    splits = plan_fit(est, X, y).splits
    for repeat, split in enumerate(splits.repeats):
        for i, size in enumerate(splits.sizes):
            subset = X[split.order[:size]].astype(float)
            scaled = ((X - subset.mean(0)) / subset.std(0)).astype(np.float32)
            by_hand = estimator(classifier()).fit(scaled, y).result_
            for column in ("delta", "unseen_loss", "train_loss", "unseen_score"):
                # the scaler's own moments are rounded to float32
                np.testing.assert_allclose(
                    est.result_.table(column)[repeat, i],
                    by_hand.table(column)[repeat, i],
                    rtol=1e-4,
                )


def test_supervised_transformers_do_not_leak():
    # a target encoder of noise: fitted on everything, it would tell the candidates' labels
    rng = np.random.default_rng(0)
    n = 200
    X = pd.DataFrame({"id": rng.integers(0, 100, n).astype(str)})
    y = rng.integers(0, 2, n)
    net = make_pipeline(TargetEncoder(smooth=0.1), _one_input())
    inside = estimator(net, n_repeats=2, min_steps=200).fit(X, y)
    encoded = TargetEncoder(smooth=0.1).fit(X, y).transform(X).astype(np.float32)
    outside = estimator(_one_input(), n_repeats=2, min_steps=200).fit(encoded, y)
    honest = inside.result_.to_frame()["unseen_score"].mean()
    leaky = outside.result_.to_frame()["unseen_score"].mean()
    # 160 candidates in all: a standard error of 0.04 around one half
    assert abs(honest - 0.5) < 4 * 0.04
    assert leaky > 0.5 + 4 * 0.04


def _one_input():
    from torch import nn

    def module():
        return nn.Sequential(nn.Linear(1, 4), nn.Tanh(), nn.Linear(4, 2))

    return classifier(module)


def test_a_table_with_categories_and_holes():
    X, y = labeled(N)
    table = pd.DataFrame(X, columns=["a", "b", "c"])
    table["color"] = np.where(X[:, 0] > 0, "red", "blue")
    table.loc[::7, "a"] = np.nan
    encoder = make_column_transformer(
        (SimpleImputer(), ["a", "b", "c"]),
        (OneHotEncoder(categories=[["blue", "red"]], sparse_output=False), ["color"]),
    )
    est = estimator(make_pipeline(encoder, wide(5))).fit(table, y)
    assert est.feature_names_in_.tolist() == ["a", "b", "c", "color"]
    assert est.n_features_in_ == 4
    assert set(est.predict(table)) <= {0, 1, 2}
    assert est.score(table, y) == np.mean(est.predict(table) == y)
    np.testing.assert_array_equal(est.net_.predict(table), est.predict(table))
    with pytest.raises(ValueError, match="feature names should match"):
        est.predict(table.rename(columns={"a": "z"}))


def test_texts():
    words = np.array(["spam spam ham", "ham eggs", "eggs toast toast"])
    y = np.arange(N) % 3
    net = make_pipeline(
        HashingVectorizer(n_features=16),
        FunctionTransformer(lambda matrix: matrix.toarray()),
        wide(16),
    )
    est = estimator(classifier()).fit(*labeled(N)).set_params(net=net)
    for texts in (words[y].tolist(), words[y].astype(object), pd.Series(words[y])):
        assert est.fit(texts, y).predict(texts).shape == (N,)
    # what the table had is forgotten
    assert not hasattr(est, "n_features_in_")


def test_lists_whose_entries_stay_what_they_are():
    X, y = labeled(N)
    words = [["spam"] * (1 + i) + ["ham"] for i in y]
    counter = CountVectorizer(analyzer=list, vocabulary=["spam", "ham"], dtype=np.float32)
    est = estimator(make_pipeline(counter, dense(), wide(2))).fit(words, y)
    assert est.predict(words).shape == (N,)
    rows = [[float(row[0]), "a" if row[1] > 0 else "b"] for row in X]
    encoder = OneHotEncoder(categories=[["a", "b"]], sparse_output=False)
    columns = make_column_transformer((StandardScaler(), [0]), (encoder, [1]))
    listed = estimator(make_pipeline(columns, wide(3))).fit(rows, y)
    table = estimator(make_pipeline(columns, wide(3))).fit(pd.DataFrame(rows), y)
    np.testing.assert_array_equal(listed.deltas_, table.deltas_)


def test_a_dict_that_the_transformers_make_one_array_of():
    X, y = labeled(N)
    inputs = {"a": X[:, :1], "b": X[:, 1:]}
    est = estimator(make_pipeline(Stacked(), classifier())).fit(inputs, y)
    plain = estimator(classifier()).fit(X, y)
    np.testing.assert_array_equal(est.deltas_, plain.deltas_)
    np.testing.assert_array_equal(est.predict(inputs), plain.predict(X))


@pytest.mark.parametrize("output", ["default", "pandas"])
@pytest.mark.parametrize(
    "last", [StandardScaler(), FunctionTransformer(np.ndarray.tolist), FunctionTransformer(dict)]
)
def test_the_fitted_pipeline_works_alone(last, output):
    X, y = labeled(N)
    X, net = X.astype(float), classifier()
    if last.get_params().get("func") is dict:
        last = FunctionTransformer(lambda values: {"X": values})
    with config_context(transform_output=output if isinstance(last, StandardScaler) else "default"):
        est = estimator(Pipeline([("cast", last), ("net", net)])).fit(X, y)
        np.testing.assert_array_equal(est.net_.predict_proba(X), est.predict_proba(X))
    assert [name for name, _ in clone(est.net_).steps] == ["cast", "cast_", "net"]


def test_regression_with_dropped_columns():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, 5))
    y = X[:, 0] + 0.1 * rng.normal(size=N)
    net = make_pipeline(StandardScaler(), PCA(3, random_state=0), regressor())
    est = estimator(net).fit(X, y)
    assert est.predict(X).shape == (N,)
    assert est.score(X, y) < 1


@pytest.mark.parametrize("transformer", [Rescaled(), Jittered()])
def test_random_transformers_follow_the_seed(transformer):
    X, y = labeled(N)
    net = make_pipeline(transformer, classifier())
    with untouched_generators():
        first = estimator(net).fit(X, y)
    np.random.seed(7)  # noqa: NPY002
    second = estimator(net).fit(X, y)
    np.testing.assert_array_equal(first.deltas_, second.deltas_)
    same = StandardScaler().fit_transform(X).astype(np.float32)
    np.testing.assert_array_equal(
        first.net_[-1].predict_proba(same), second.net_[-1].predict_proba(same)
    )
    with parallel_config(backend="threading", n_jobs=2):
        parallel = estimator(net).fit(X, y)
    np.testing.assert_array_equal(first.deltas_, parallel.deltas_)


def test_a_store_tells_transformers_apart(tmp_path):
    X, y = labeled(N)
    params = {"store": tmp_path / "store", "random_state": None}
    net = make_pipeline(StandardScaler(), classifier())
    first = estimator(net, **params).fit(X, y)
    kept = estimator(net, **params).fit(X, y)
    np.testing.assert_array_equal(
        kept.result_.table("fit_seconds"), first.result_.table("fit_seconds")
    )
    np.testing.assert_array_equal(kept.predict_proba(X), first.predict_proba(X))
    unscaled = clone(net).set_params(standardscaler__with_std=False)
    other = estimator(unscaled, **params).fit(X, y)
    assert not np.array_equal(other.deltas_, first.deltas_)
    wider = estimator(net, sigma=0.3, **params).fit(X, y)
    np.testing.assert_array_equal(
        wider.result_.table("fit_seconds"), first.result_.table("fit_seconds")
    )


@pytest.mark.parametrize("index", [None, np.arange(N)[::-1]])
def test_a_store_reads_tables(tmp_path, index):
    X, y = labeled(N)
    table = pd.DataFrame(X, columns=["a", "b", "c"], index=index).assign(d=["x", None] * 30)
    encoder = make_column_transformer((StandardScaler(), ["a", "b", "c"]))
    params = {"store": tmp_path / "store"}
    net = make_pipeline(encoder, classifier())
    first = estimator(net, **params).fit(table, y)
    again = estimator(net, **params).fit(table.reset_index(drop=True), y)
    np.testing.assert_array_equal(
        again.result_.table("fit_seconds"), first.result_.table("fit_seconds")
    )
    changed = estimator(net, **params).fit(table.assign(a=table["a"] + 1e-3), y)
    assert (changed.result_.table("fit_seconds") != first.result_.table("fit_seconds")).any()


def test_a_store_knows_the_order_of_categories(tmp_path):
    X, y = labeled(N)
    letters = np.where(X[:, 0] > 0, "a", "b")
    codes = FunctionTransformer(lambda table: table["a"].cat.codes.to_numpy(np.float32)[:, None])
    net = make_pipeline(codes, wide(1))
    for order in (["a", "b"], ["b", "a"], ["c", "a", "b"]):
        table = pd.DataFrame({"a": pd.Categorical(letters, order)})
        kept = estimator(net, store=tmp_path / "store").fit(table, y)
        np.testing.assert_array_equal(kept.deltas_, estimator(net).fit(table, y).deltas_)


def test_a_store_reads_numbers_of_numpy_among_objects(tmp_path):
    X, y = labeled(N)
    rows = np.empty(X.shape, dtype=object)
    rows[:] = [[np.int64(10 * a), np.float32(b), np.bool_(c > 0)] for a, b, c in X]
    net = make_pipeline(StandardScaler(), classifier())
    kept = estimator(net, store=tmp_path / "store").fit(rows, y)
    np.testing.assert_array_equal(kept.deltas_, estimator(net).fit(rows, y).deltas_)


def test_sparse_input_and_sparse_store(tmp_path):
    X, y = labeled(N)
    plain = estimator(classifier()).fit(X, y)
    for form in ("csr", "csc", "coo", "dok", "lil", "dia", "bsr"):
        est = estimator(make_pipeline(dense(), classifier()), store=tmp_path / form, refit=False)
        first, again = (est.fit(sparse.csr_matrix(X).asformat(form), y).result_ for _ in range(2))
        np.testing.assert_array_equal(first.deltas, plain.deltas_, err_msg=form)
        seconds = first.table("fit_seconds")
        np.testing.assert_array_equal(again.table("fit_seconds"), seconds, err_msg=form)
    other = est.fit(sparse.csr_matrix(2 * X).asformat(form), y).result_
    assert (other.table("fit_seconds") != seconds).all()


def test_parameters_of_the_net_are_searched_as_ever():
    X, y = labeled(N)
    est = estimator(make_pipeline(StandardScaler(), classifier()))
    search = GridSearchCV(est, {"net__neuralnetclassifier__lr": [0.1, 0.2]}, cv=2)
    search.fit(X, y)
    assert search.best_estimator_.net_[-1].lr in (0.1, 0.2)


def test_bounds_cost_and_landscapes_know_the_net_inside():
    from sufficiency import LandscapeDisplay

    X, y = labeled(N)
    est = estimator(make_pipeline(StandardScaler(), classifier())).fit(X, y)
    assert est.bound_constants().hessian_norm > 0
    assert est.result_.settings["net"] == "StandardScaler → NeuralNetClassifier"
    tags = est.__sklearn_tags__()
    assert tags.estimator_type == "classifier"
    assert tags.input_tags.sparse == est.net.__sklearn_tags__().input_tags.sparse
    assert est.estimate_cost(X, y).n_cells == 2
    display = LandscapeDisplay.from_estimator(est, X, y, grid=[-1, 0, 1])
    assert np.isfinite(display.plane.losses).all()


@pytest.mark.parametrize(
    ("net", "error", "match"),
    [
        (make_pipeline(StandardScaler(), SVC()), TypeError, "must end in a skorch net"),
        (Pipeline([]), TypeError, "ends in 'nothing'"),
        (make_pipeline(OneHotEncoder(), classifier()), TypeError, "sparse_output=False"),
        (
            make_pipeline(OneHotEncoder(sparse_output=False, handle_unknown="ignore"), wide(20)),
            ValueError,
            "a net takes one shape only",
        ),
        (
            make_pipeline(FunctionTransformer(lambda X: X[::2]), classifier()),
            ValueError,
            "samples of",
        ),
        (
            make_pipeline(FunctionTransformer(lambda X: X.astype(str)), classifier()),
            ValueError,
            "encode them",
        ),
        (
            make_pipeline(FunctionTransformer(lambda X: X * np.nan), classifier()),
            ValueError,
            "add an imputer",
        ),
        (make_pipeline(PCA(2), classifier()), ValueError, "cannot compute losses"),
        (make_pipeline(TfidfVectorizer(), classifier()), AttributeError, "lower"),
    ],
)
def test_what_cannot_work_is_refused_before_any_training(net, error, match):
    X, y = labeled(N)
    with pytest.raises(error, match=match):
        estimator(net).fit(np.round(X), y)


def test_supervised_transformers_see_the_labels_that_the_store_knows(tmp_path):
    X, y = labeled(N)
    X = np.hstack([X, X**2])
    net = make_pipeline(SelectKBest(f_regression, k=3), classifier())
    fits = [
        estimator(net, store=store).fit(X, np.array([0, 100, 101])[y])
        for store in (tmp_path / "shared", tmp_path / "own")
    ]
    # the same codes, other numbers, hence other columns
    estimator(net, store=tmp_path / "new").fit(X, y)
    again = estimator(net, store=tmp_path / "new").fit(X, np.array([0, 100, 101])[y])
    for fit in fits:
        np.testing.assert_array_equal(again.deltas_, fit.deltas_)


def test_every_repeat_and_the_refit_must_have_one_shape():
    X, y = labeled(N)
    rare = np.round(X[:, :1])
    rare[17] = 9.0  # one sample has a category of its own, which the subsets of one repeat lack
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    width = encoder.fit(rare).categories_[0].size
    with pytest.raises(ValueError, match="a net takes one shape only"):
        estimator(make_pipeline(encoder, wide(width)), n_repeats=4, sizes=[44, 48]).fit(rare, y)


def test_a_cache_gives_no_cell_the_numbers_of_another(tmp_path):
    X, y = labeled(N)
    plain = estimator(make_pipeline(Rescaled(), classifier())).fit(X, y)
    for _ in range(2):
        cached = make_pipeline(Rescaled(), classifier(), memory=str(tmp_path / "cache"))
        np.testing.assert_array_equal(estimator(cached).fit(X, y).deltas_, plain.deltas_)
    assert not list(tmp_path.glob("cache/*"))


def test_where_a_transformer_failed_is_said():
    X, y = labeled(N)
    with pytest.raises(ValueError, match="n_components") as caught:
        estimator(make_pipeline(PCA(30), classifier()), sizes=[20, 40]).fit(X, y)
    assert "fitted on 48 samples" in str(caught.value.__notes__)
