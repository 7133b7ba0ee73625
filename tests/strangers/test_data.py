"""Data that nobody prepared: each ends in an answer or in one clear sentence."""

import numpy as np
import pandas as pd
import polars
import pytest
import torch
from scipy import sparse
from sklearn.compose import make_column_transformer
from sklearn.exceptions import DataConversionWarning
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder
from skorch import NeuralNet
from torch import nn

from sufficiency import LandscapeSufficiencyEstimator, SufficiencyWarning
from sufficiency.fit.plan import plan_fit
from tests.helpers import Perceptron, classifier, labeled, measured, regressor

pytestmark = pytest.mark.filterwarnings("ignore::sufficiency.exceptions.SufficiencyWarning")

N = 60
X, CODES = labeled(N)
VALUES = measured(N)[1][:, 0]
BINARY = CODES > 0
NAMES = np.array(["a", "b", "c"])[CODES]


def estimator(net=None, **params):
    """Two small nets, and one to predict with."""
    settings = {"sizes": 2, "n_repeats": 1, "n_draws": 2, "min_steps": 0, "curve": "theory"}
    net = classifier(max_epochs=1) if net is None else net
    return LandscapeSufficiencyEstimator(net, random_state=0, **(settings | params))


def built_in(**params):
    est = estimator(**params)
    return est.set_params(net=None)


LABELS = {
    "booleans": (lambda: BINARY, [False, True]),
    "texts": (lambda: NAMES, ["a", "b", "c"]),
    "nullable booleans": (lambda: pd.Series(BINARY, dtype="boolean"), [False, True]),
    "Arrow booleans": (lambda: pd.Series(BINARY, dtype="bool[pyarrow]"), [False, True]),
    "nullable integers": (lambda: pd.Series(CODES, dtype="Int64"), [0, 1, 2]),
    "Arrow integers": (lambda: pd.Series(CODES, dtype="uint8[pyarrow]"), [0, 1, 2]),
    "texts of pandas": (lambda: pd.Series(NAMES), ["a", "b", "c"]),
    "Arrow texts": (lambda: pd.Series(NAMES, dtype="string[pyarrow]"), ["a", "b", "c"]),
    "categories": (lambda: pd.Series(NAMES, dtype="category"), ["a", "b", "c"]),
    "booleans of polars": (lambda: polars.Series(BINARY.tolist()), [False, True]),
    "texts of polars": (lambda: polars.Series(NAMES.tolist()), ["a", "b", "c"]),
}


@pytest.mark.parametrize("name", LABELS)
def test_labels_come_back_as_they_were_given(name):
    make, expected = LABELS[name]
    net = classifier(max_epochs=1, module__n_outputs=len(expected))
    codec = plan_fit(estimator(net), X, make()).settings.codec
    back = codec.decode(np.arange(len(expected))).tolist()
    assert [(label, type(label)) for label in back] == [(e, type(e)) for e in expected]


def test_predictions_are_labels_as_they_were_given():
    labels = LABELS["Arrow booleans"][0]()
    est = estimator(classifier(max_epochs=1, module__n_outputs=2)).fit(X, labels)
    assert est.predict(X).dtype == bool
    assert est.score(X, labels) == np.mean(est.predict(X) == BINARY)


def test_labels_in_a_frame_of_one_column_are_taken_with_a_single_warning():
    with pytest.warns(DataConversionWarning, match="column-vector y") as caught:
        est = estimator().fit(X, pd.DataFrame({"kind": NAMES}))
    assert sum(warning.category is DataConversionWarning for warning in caught) == 1
    assert est.predict(X).shape == (N,)


@pytest.mark.parametrize("shape", [(N,), (N, 1), (N, 2)])
def test_values_in_a_frame_come_back_in_its_shape(shape):
    y = pd.DataFrame(np.resize(VALUES[:, None], (N, shape[-1]))) if len(shape) > 1 else VALUES
    net = regressor(max_epochs=1, module__n_outputs=1 if len(shape) == 1 else shape[1])
    assert estimator(net).fit(X, y).predict(X).shape == shape


def mixed(kind):
    """A frame of numbers with gaps, texts, categories and dates."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "income": np.where(rng.random(N) < 0.2, np.nan, X[:, 0]),
            "city": rng.permutation(["Oslo", "Rome", "Lima"] * (N // 3)),
            "when": pd.Timestamp("2020-01-01") + pd.to_timedelta(np.arange(N), unit="D"),
        }
    )
    if kind == "polars":
        return polars.from_pandas(frame)
    if kind == "categories":
        return frame.astype({"city": "category"})
    return frame if kind == "pandas" else frame.convert_dtypes(dtype_backend=kind)


def _days(table):
    return np.asarray(table).astype("datetime64[D]").astype(float)


@pytest.mark.parametrize("kind", ["pandas", "categories", "numpy_nullable", "pyarrow", "polars"])
def test_frames_of_every_kind_go_through_a_pipeline(kind):
    encode = make_column_transformer(
        (SimpleImputer(), ["income"]),
        (OneHotEncoder(categories=[["Lima", "Oslo", "Rome"]], sparse_output=False), ["city"]),
        (FunctionTransformer(_days), ["when"]),
    )
    net = classifier(nn.Linear, module__in_features=5, module__out_features=3, max_epochs=1)
    est = estimator(make_pipeline(encode, net)).fit(mixed(kind), NAMES)
    assert set(est.predict(mixed(kind))) <= {"a", "b", "c"}


FRAME = pd.DataFrame(X, columns=list("abc"))
DATES = pd.date_range("2020", periods=N)
COMMAS = np.array([[f"{value:.3f}".replace(".", ",") for value in row] for row in X])
SOME = np.arange(N) % 7 == 0
REFUSED = {
    "texts and dates in a frame": (
        lambda: (FRAME.assign(city="Oslo", when=DATES), CODES),
        r"numbers, got something else in 2 of 5 columns: 'city' \('Oslo'\), 'when' \('2020-01-01.*"
        "encode them in a pipeline that ends in the net, and pass that as `net`",
    ),
    "categories": (
        lambda: (FRAME.assign(kind=pd.Categorical(NAMES)), CODES),
        r"in 1 of 4 columns: 'kind' \('.'\); encode",
    ),
    "texts of polars": (
        lambda: (polars.DataFrame({"a": X[:, 0].tolist(), "t": NAMES.tolist()}), CODES),
        r"in 1 of 2 columns: 't' \('.'\); encode",
    ),
    "dates alone": (lambda: (DATES.to_numpy()[:, None], CODES), r"columns: 0 \('2020-01-01"),
    "missing values": (lambda: (FRAME.where(FRAME < 2), CODES), "Input X contains NaN"),
    "nullable gaps": (
        lambda: (FRAME.where(FRAME < 2).convert_dtypes(), CODES),
        "Input X contains NaN",
    ),
    "Arrow gaps": (
        lambda: (FRAME.astype("float32[pyarrow]").where(FRAME < 2), CODES),
        "Input X contains NaN",
    ),
    "gaps among objects": (
        lambda: (FRAME.astype(object).where(FRAME < 2, pd.NA), CODES),
        "'<NA>'.*impute them in a pipeline, as `net`",
    ),
    "sparse": (lambda: (sparse.csr_array(X), CODES), r"dense data is required\. Use '.toarray"),
    "decimal commas": (
        lambda: (COMMAS, CODES),
        r"in 3 of 3 columns: 0 \('.,...'\).*write decimal points for commas .*decimal=','",
    ),
    "decimal commas in y": (
        lambda: (X, COMMAS[:, 0]),
        "`y` must hold numbers or labels, got numbers with decimal commas, such as '.,...'; write",
    ),
    "None among labels": (
        lambda: (X, np.where(SOME, None, NAMES)),
        "`y` must have no missing values, got 9 of 60; leave these samples out, or give them a",
    ),
    "missing nullable labels": (
        lambda: (X, pd.Series(BINARY, dtype="boolean").where(~SOME)),
        "`y` must have no missing values, got 9 of 60",
    ),
    "texts among numbers": (
        lambda: (X, np.array([1, "a"] * (N // 2), dtype=object)),
        "`y` must have values of one type, got int, str; convert them to one",
    ),
    "several labels": (
        lambda: (X, np.stack([BINARY, ~BINARY], axis=1).astype(int)),
        "for several labels use skorch's NeuralNet with BCEWithLogitsLoss",
    ),
    "one group only": (
        lambda: (X, CODES, np.full(N, "all")),
        "`groups` must be two or more, got 'all' for all samples.*; leave `groups` out, or pass",
    ),
    "groups with gaps": (
        lambda: (X, CODES, np.where(SOME, None, NAMES)),
        "`groups` must have no missing values, got 9 of 60",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_used_is_refused_with_cause_and_remedy(name):
    make, match = REFUSED[name]
    with pytest.raises((TypeError, ValueError), match=match):
        built_in().fit(*make())


def test_nets_of_one_label_refuse_several_and_other_nets_take_them():
    several = np.stack([BINARY, ~BINARY], axis=1).astype(np.float32)
    with pytest.raises(
        ValueError, match=r"one label for each sample with NeuralNetClassifier, got"
    ):
        estimator().fit(X, several)
    net = NeuralNet(
        Perceptron,
        criterion=nn.BCEWithLogitsLoss,
        predict_nonlinearity=torch.sigmoid,
        module__n_outputs=2,
        max_epochs=1,
        verbose=0,
    )
    assert estimator(net).fit(X, several).predict(X).shape == (N, 2)


def test_texts_of_numbers_are_refused_by_a_regressor():
    with pytest.raises(ValueError, match="numbers with decimal commas"):
        estimator("regressor").fit(X, COMMAS[:, 0])


HALF = np.arange(N) // 2
LEAKS = {
    # samples, what else fit is given, copies among the candidates of a repeat, column, words
    "own unseen data are the training data": (
        lambda: (X, VALUES),
        {"X_unseen": X, "y_unseen": VALUES},
        (N, ""),
        "60 of 60 samples of `X_unseen` are also in `X` .*pass `groups` in its place",
    ),
    "a third of the own unseen data": (
        lambda: (X, VALUES),
        {"X_unseen": np.vstack([X[:20], X[:40] + 9]), "y_unseen": VALUES},
        (20, ""),
        "20 of 60 samples of `X_unseen` are also in `X`",
    ),
    "every row five times": (
        lambda: (np.repeat(X[:12], 5, axis=0), np.repeat(VALUES[:12], 5)),
        {},
        (12, ""),
        "12 of 12 candidates of a repeat also occur.*keep them together with `groups`",
    ),
    "every row five times, in groups": (
        lambda: (np.repeat(X[:12], 5, axis=0), np.repeat(VALUES[:12], 5)),
        {"groups": np.repeat(np.arange(12), 5)},
        (0, ""),
        "",
    ),
    "one pair that is alike, as in iris": (
        lambda: (X[np.maximum(np.arange(N), 1)], VALUES[np.maximum(np.arange(N), 1)]),
        {},
        (None, ""),
        "",
    ),
    "a column equal to the target": (
        lambda: (np.column_stack([X, VALUES]), VALUES),
        {},
        (0, "3"),
        "column 3 of `X` is the target itself",
    ),
    "a column that names the classes otherwise": (
        lambda: (FRAME.assign(kind=2 - CODES), NAMES),
        {},
        (0, "'kind'"),
        "column 'kind' of `X` is the target itself",
    ),
    "sorted by class": (lambda: (X[np.argsort(CODES)], np.sort(CODES)), {}, (0, ""), ""),
    "a constant column": (lambda: (np.column_stack([X, np.ones(N)]), VALUES), {}, (0, ""), ""),
}


@pytest.mark.filterwarnings("error::sufficiency.exceptions.SufficiencyWarning")
@pytest.mark.parametrize("name", LEAKS)
def test_what_gives_targets_away_is_named_before_any_training(name):
    make, more, (copies, column), words = LEAKS[name]
    est = built_in(n_repeats=2)
    if words:
        with pytest.warns(SufficiencyWarning, match=words):
            plan = plan_fit(est, *make(), **more)
    else:
        plan = plan_fit(est, *make(), **more)
    assert plan.target_column == column
    assert copies in (None, plan.n_copies)


def test_a_verdict_remembers_what_gave_targets_away(tmp_path):
    est = built_in(n_repeats=2, refit=False).fit(X, VALUES, X_unseen=X, y_unseen=VALUES)
    est.result_.save(tmp_path / "result")
    for result in (est.result_, type(est.result_).load(tmp_path / "result")):
        verdict = result.verdict(1e-3)
        assert verdict.decision == "unknown"
        assert "60 of 60 samples of `X_unseen` are also in `X`" in str(verdict)


def rare(count):
    return np.random.default_rng(0).permutation(np.arange(501) < count).astype(int)


ANSWERED = {
    "30 samples": lambda: (X[:30], CODES[:30]),
    "30 values": lambda: (X[:30], VALUES[:30]),
    "sorted": lambda: (X[np.argsort(CODES)], np.sort(CODES)),
    "a constant column": lambda: (np.column_stack([X, np.ones(N)]), CODES),
    "two groups": lambda: (X, CODES, np.arange(N) % 2),
    "classes 1 to 500": lambda: (np.resize(X, (501, 3)) + np.arange(501)[:, None], rare(2)),
    "a frame of polars": lambda: (polars.DataFrame(X, list("abc")), CODES),
}


@pytest.mark.parametrize("name", ANSWERED)
def test_odd_data_are_answered(name):
    X, y, *groups = ANSWERED[name]()
    outputs = {"module__in_features": X.shape[1], "module__out_features": len(np.unique(y))}
    net = classifier(nn.Linear, max_epochs=1, **outputs)
    if np.asarray(y).dtype.kind == "f":
        net = regressor(nn.Linear, max_epochs=1, **(outputs | {"module__out_features": 1}))
    est = estimator(net, n_repeats=2, refit=False).fit(X, y, *groups)
    assert est.verdict(float(est.deltas_[-1])).decision in {"enough", "more", "unknown"}


def test_a_class_with_one_sample_is_named_and_answered():
    with pytest.warns(UserWarning, match="1 of 4 classes have a single sample.*merge rare classes"):
        est = estimator(classifier(max_epochs=1, module__n_outputs=4)).fit(X, np.r_[9, CODES[1:]])
    assert est.classes_.tolist() == [0, 1, 2, 9]


def test_a_time_series_is_split_by_time_on_request():
    past = slice(0, 45)
    later = {"X_unseen": X[45:], "y_unseen": VALUES[45:]}
    plan = plan_fit(built_in(n_repeats=2), X[past], VALUES[past], **later)
    np.testing.assert_array_equal(plan.unseen.y, VALUES[45:])
    assert plan.splits.sizes[-1] == 45
    assert all(len(split.candidates) == 0 for split in plan.splits.repeats)
