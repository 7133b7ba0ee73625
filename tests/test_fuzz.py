"""Any arguments: a result whose numbers make sense, or an exception that the docs name."""

import math
import os
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetClassifier, NeuralNetRegressor
from torch import nn
from torch.utils.data import Dataset

from sufficiency import LandscapeSufficiencyEstimator
from sufficiency.probes import PointMass, StudentT, UniformSphere
from tests.oracles import MLP

# `make fuzz` asks for ten thousand.
N_EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "150"))
FUZZ = settings(
    max_examples=N_EXAMPLES,
    deadline=None,
    derandomize=N_EXAMPLES <= 150,  # the same cases in every run of CI
    suppress_health_check=list(HealthCheck),
)
# What bad input may raise; LinAlgError, KeyError, IndexError and their kin may not.
DOCUMENTED = (ValueError, TypeError)

N_FEATURES = 5


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.floats(),
    st.text(max_size=5),
    st.just([]),
    st.just({}),
    st.just(np.array([1.0, np.nan])),
    st.just(object),
)


def net(kind):
    shared = {"max_epochs": 1, "verbose": 0, "train_split": None, "lr": 0.1, "batch_size": 16}
    if kind == "regressor":
        return NeuralNetRegressor(MLP, module__n_outputs=1, **shared)
    return NeuralNetClassifier(MLP, criterion=nn.CrossEntropyLoss, **shared)


ARGUMENTS = {
    "sizes": st.one_of(
        st.integers(2, 4),
        st.lists(st.integers(1, 60), min_size=1, max_size=4, unique=True).map(sorted),
        st.lists(st.floats(0.01, 1.0), min_size=1, max_size=4).map(sorted),
    ),
    "n_repeats": st.integers(1, 2),
    "n_draws": st.sampled_from([1, 2, 3, 4, "auto"]),
    "n_eval": st.sampled_from([None, None, None, 2, 10, 30]),
    "n_candidates": st.one_of(st.none(), st.integers(1, 20)),
    "probe": st.sampled_from(
        ["isotropic", "random_subspace", StudentT(), UniformSphere(), PointMass()]
    ),
    "sigma": st.one_of(st.none(), st.floats(0.0, 2.0)),
    "order": st.sampled_from([1, 2, 2, 2]),
    "method": st.just("monte_carlo"),
    "train": st.sampled_from(["each_size", "each_size", "each_size", "once"]),
    "center": st.sampled_from(["last", "best"]),
    "min_steps": st.integers(0, 3),
    "curve": st.sampled_from(["auto", "theory", "power_law", "transient"]),
    "scoring": st.sampled_from([None, "accuracy", "neg_mean_squared_error"]),
    "refit": st.booleans(),
    "random_state": st.integers(0, 99),
}


@st.composite
def data(draw):
    n = draw(st.sampled_from([1, 2, 5, 12, 30, 41, 50, 60, 64, 75, 80, 90]))
    rng = np.random.default_rng(draw(st.integers(0, 9)))
    X = rng.normal(size=(n, N_FEATURES)).astype(
        draw(st.sampled_from(["float32", "float64"] * 5 + ["int64"]))
    )
    kind = draw(st.sampled_from(["classifier", "regressor"]))
    y = rng.normal(size=n)
    if kind == "classifier":
        y = rng.integers(0, draw(st.sampled_from([1, 3, 3, 3, 3, 3])), n)
        if draw(st.booleans()):
            y = np.array(["no", "yes", "maybe"])[y]
    fault = draw(st.sampled_from([None] * 20 + ["nan", "inf", "huge", "short", "empty"]))
    if fault in ("nan", "inf", "huge") and X.dtype.kind == "f":
        X[0, 0] = {"nan": np.nan, "inf": np.inf, "huge": 1e30}[fault]
    elif fault == "short":
        y = y[:-1]
    elif fault == "empty":
        X, y = X[:0], y[:0]
    form = draw(st.sampled_from(["array", "array", "array", "frame", "dataset", "pipeline"]))
    return kind, form, X, y


class Items(Dataset):
    def __init__(self, X, y):
        self.X, self.y = X, y

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.X[i], self.y[i]


def in_form(form, net, X, y):
    """The same samples as somebody else would have them."""
    if form == "frame":
        return net, (pd.DataFrame(X), pd.Series(y))
    if form == "dataset":
        return net, (Items(X, y),)
    return make_pipeline(StandardScaler(), net) if form == "pipeline" else net, (X, y)


def check(result):
    """What a result says is finite, and consistent with itself."""
    assert (result.sizes > 0).all()
    assert (np.diff(result.sizes) > 0).all()
    # a size all of whose cells failed has no number
    measured = result.deltas[~np.isnan(result.deltas)]
    assert len(measured) >= 2
    assert np.isfinite(measured).all()
    assert (measured > 0).all()
    for threshold in (float(measured[-1]), 1e-12, 1e3):
        verdict = result.verdict(threshold)
        assert str(verdict)
        if verdict.size is not None:
            assert verdict.size >= 1
        low, high = verdict.interval or (math.nan, math.nan)
        assert not low > high


@pytest.mark.slow
@FUZZ
@given(
    arguments=st.fixed_dictionaries({}, optional=ARGUMENTS),
    odd=st.one_of(
        st.just({}), st.just({}), st.dictionaries(st.sampled_from(list(ARGUMENTS)), ODD, max_size=2)
    ),
    samples=data(),
)
def test_any_arguments(arguments, odd, samples):
    kind, form, *arrays = samples
    model, given_data = in_form(form, net(kind), *arrays)
    cheap = {"sizes": 2, "n_repeats": 1, "n_draws": 2, "min_steps": 0, "random_state": 0}
    estimator = LandscapeSufficiencyEstimator(model, **(cheap | arguments | odd))
    before = repr(estimator)
    refusal, result = "", None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            result = estimator.fit(*given_data).result_
        except DOCUMENTED as error:
            refusal = str(error)
        if result is not None:
            check(result)
    assert refusal or result
    assert repr(estimator) == before
