"""The page of allowed combinations, line by line: "yes" works, "no" raises for its reason."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from skorch import NeuralNetBinaryClassifier, NeuralNetClassifier

from sufficiency import LandscapeSufficiencyEstimator, SufficiencyResult, probes
from sufficiency.curves.families import FAMILIES
from sufficiency.fit.parameter_checks import check_parameters
from tests.docs_pages.pages import ROOT, section_of, tables_of

PAGE = (ROOT / "docs" / "how-to" / "refused.md").read_text(encoding="utf-8")
pytestmark = [
    pytest.mark.filterwarnings("ignore::sufficiency.SufficiencyWarning"),
]

rng = np.random.default_rng(0)
X = rng.normal(size=(120, 3)).astype(np.float32)
y = (X[:, 0] + 0.5 * rng.normal(size=120) > 0).astype(np.int64)
OWN = {"X_unseen": X[:30], "y_unseen": y[:30]}
GAUSSIAN = [
    probes.PointMass(),
    probes.IsotropicGaussian(),
    probes.DiagonalGaussian(std={"weight": np.ones((2, 3))}),
    probes.LowRankGaussian(factor={"weight": np.ones((1, 2, 3))}),
    probes.RandomSubspace(dim=2),
    probes.CurvatureSubspace(dim=2),
]
OTHERS = [probes.StudentT(), probes.UniformSphere()]


def estimator(**changes: Any) -> LandscapeSufficiencyEstimator:
    net = NeuralNetClassifier(
        torch.nn.Linear,
        module__in_features=3,
        module__out_features=2,
        criterion=torch.nn.CrossEntropyLoss,
        lr=0.1,
        max_epochs=2,
    )
    settings = {
        "net": net,
        "sizes": [20, 40, 80],
        "n_repeats": 2,
        "n_draws": 2,
        "n_candidates": 20,
        "min_steps": 10,
        "refit": False,
        "random_state": 0,
    }
    return LandscapeSufficiencyEstimator(**(settings | changes))


def fitted(changes: dict[str, Any], **data: Any) -> LandscapeSufficiencyEstimator:
    return estimator(**changes).fit(X, y, **data)


@cache
def _fitted_once(changes: frozenset[tuple[str, Any]]) -> LandscapeSufficiencyEstimator:
    return fitted(dict(changes))


def shared(changes: dict[str, Any]) -> LandscapeSufficiencyEstimator:
    """One fit for all questions to the same configuration; questions change nothing."""
    return _fitted_once(frozenset(changes.items()))


def plain(reason: str) -> str:
    """Without marks of Markdown and quotation marks, in small letters."""
    return " ".join(reason.replace("`", "").replace("*", "").split()).lower()


# Head of a column, and how the fit differs from the defaults there.
COLUMNS = {
    "defaults": {},
    "`order=1`": {"order": 1},
    "once": {"train": "once"},
    "moment": {"method": "gaussian_moment"},
}

Column = dict[str, Any]


def each(name: str, values: list[Any]) -> Callable[[Column], Iterator[Any]]:
    """One fit for every value."""
    return lambda column: [fitted(column | {name: value}) for value in values]


# First cell of a row, and what is done in addition.
ROWS: dict[str, Callable[[Column], Any]] = {
    "`order=1`": each("order", [1]),
    '`train="once"`': each("train", ["once"]),
    '`method="gaussian_moment"`': each("method", ["gaussian_moment"]),
    "a Gaussian probe": each("probe", GAUSSIAN),
    "a probe that is not Gaussian": each("probe", OTHERS),
    '`n_draws="auto"`': each("n_draws", ["auto"]),
    "`n_eval=…`": each("n_eval", [10]),
    "`n_candidates=1`": each("n_candidates", [1]),
    "`X_unseen` and `y_unseen`": lambda c: fitted(c | {"n_candidates": None}, **OWN),
    "`groups`": lambda c: fitted(c, groups=np.arange(120) // 3),
    '`center="best"`': each("center", ["best"]),
    "any `curve`": each("curve", ["auto", *FAMILIES]),
    "asking with `relative=True`": lambda c: shared(c).verdict(0.01, relative=True),
    "asking with `growth`": lambda c: shared(c).verdict(1e-3, growth=0.1),
    "intervals, from two repeats on": lambda c: shared(c).sufficient_size_interval(1e-3),
    "`show_bound=True`": lambda c: fitted(c | {"refit": True}).plot_delta(show_bound=True),
}

(TABLE,) = tables_of(section_of(PAGE, "The table"))
CELLS = [
    pytest.param(row[0], column, entry, id=f"{row[0]}, {column}".replace("`", ""))
    for row in TABLE[1:]
    for column, entry in zip(TABLE[0][1:], row[1:], strict=True)
]


def test_table_is_whole():
    assert TABLE[0][1:] == list(COLUMNS)
    assert [row[0] for row in TABLE[1:]] == list(ROWS)


@pytest.mark.parametrize(("row", "column", "entry"), CELLS)
def test_cell_of_the_table(row, column, entry):
    if entry == "yes":
        ROWS[row](COLUMNS[column])
        return
    assert entry == "no"
    with pytest.raises((ValueError, TypeError)) as caught:
        ROWS[row](COLUMNS[column])
    reason = plain(str(caught.value))
    assert any(plain(words) in reason for words, _ in (REFUSED | QUESTIONS).values())


def test_what_check_parameters_says_of_the_table():
    """The lines that need no data: the same answers from the check alone."""
    given = {
        "order": [1],
        "train": ["once"],
        "method": ["gaussian_moment"],
        "n_draws": ["auto"],
        "n_eval": [10],
        "center": ["best"],
        "probe": GAUSSIAN,
        "curve": ["auto", *FAMILIES],
    }
    for label, cells in ((row[0], row[1:]) for row in TABLE[1:]):
        name = label.replace("`", "").split("=")[0].removeprefix("any ")
        name = "probe" if label.startswith("a Gaussian probe") else name
        for column, entry in zip(COLUMNS.values(), cells, strict=True):
            for value in given.get(name, []):
                parameters = estimator(**(column | {name: value})).get_params(deep=False)
                if entry == "yes":
                    check_parameters(parameters)
                else:
                    with pytest.raises(ValueError, match=r"must"):
                        check_parameters(parameters)


def only(**changes: Any) -> Callable[[], Any]:
    return lambda: fitted(changes)


def asked(question: Callable[[SufficiencyResult], Any], **changes: Any) -> Callable[[], Any]:
    return lambda: question(shared(changes).result_)


def one_of_two() -> Any:
    return estimator(n_candidates=None).fit(X, y, X_unseen=X)


def binary_net() -> Any:
    net = NeuralNetBinaryClassifier(torch.nn.Linear, module__in_features=3, module__out_features=1)
    return estimator(net=net).fit(X, np.arange(120) % 3)


def unknown_label() -> Any:
    return estimator(n_candidates=None).fit(X, y, X_unseen=X, y_unseen=y + 1)


def worthless_loss() -> Any:
    """A log density may have a negative loss."""
    result = shared({}).result_
    cells = tuple(replace(cell, unseen_loss=-1.0) for cell in result.cells)
    return replace(result, cells=cells).verdict(0.01, relative=True)


def bound(**changes: Any) -> Any:
    return fitted({"refit": True} | changes).plot_delta(show_bound=True)


def off_center() -> Any:
    ones = {"weight": np.ones((2, 3))}
    return bound(probe=probes.DiagonalGaussian(std=ones, mean=ones))


MOMENT = {"method": "gaussian_moment"}
BOTH_DRAWS = [only(n_draws="auto", **MOMENT), only(n_draws="auto", train="once")]
ALL_EVAL = [
    only(n_eval=10, order=1),
    only(n_eval=10, **MOMENT),
    only(n_eval=10, train="once"),
]

# First cell of a row: the words that its reason and the error's message share, and what raises it.
REFUSED = {
    '`order=1` with `method="gaussian_moment"`': (
        "mean absolute value has no closed form",
        [only(order=1, **MOMENT)],
    ),
    '`order=1` with `train="once"`': (
        "over orders of the data has no closed form",
        [only(order=1, train="once")],
    ),
    '`method="gaussian_moment"` with `train="once"`': (
        "the variance over samples is taken at weight draws",
        [only(train="once", **MOMENT)],
    ),
    '`method="gaussian_moment"` with a probe that is not Gaussian': (
        "probe must be Gaussian for",
        [only(probe=probe, **MOMENT) for probe in OTHERS],
    ),
    '`train="once"` with `n_candidates=1`': (
        "the variance over candidates is what it measures",
        [only(train="once", n_candidates=1)],
    ),
    '`n_draws="auto"` with `method="gaussian_moment"` or `train="once"`': (
        "it is about the draws of a Monte Carlo mean at every size",
        BOTH_DRAWS,
    ),
    '`n_eval` with `order=1`, `method="gaussian_moment"` or `train="once"`': (
        "only the Monte Carlo mean square has an exact correction for",
        ALL_EVAL,
    ),
    "`sigma` with a probe object": (
        "carries its own scale",
        [only(probe=probe, sigma=0.1) for probe in GAUSSIAN],
    ),
    "`sigma` below 0": ("must be finite and >= 0", [only(sigma=-0.1)]),
    "`n_candidates` with `X_unseen`": ("serve as candidates", [lambda: fitted({}, **OWN)]),
    "only one of `X_unseen` and `y_unseen`": ("must be given together", [one_of_two]),
    "fewer than two `sizes`": (
        "must hold at least 2 sizes",
        [only(sizes=[20], curve=curve) for curve in ("auto", *FAMILIES)],
    ),
    '`curve="transient"` with two sizes': (
        "needs at least 3 sizes",
        [only(sizes=[20, 40], curve="transient")],
    ),
    "`sizes` that are not increasing, or occur twice": (
        "must be strictly increasing",
        [only(sizes=[40, 20]), only(sizes=[20, 20])],
    ),
    "`sizes` that exceed what is left for training": (
        "must lie between 1 and",
        [only(sizes=[40, 101]), only(n_candidates=110)],
    ),
    "`parameters=` of a probe that match no parameter of the net": (
        "must match some",
        [only(probe=probes.IsotropicGaussian(parameters="none"))],
    ),
    "a classifier and fewer than two classes in `y`": (
        "with one class there is nothing to learn",
        [lambda: estimator().fit(X, 0 * y)],
    ),
    "a regressor and one value for all of `y`": (
        "with one value there is nothing to learn",
        [lambda: estimator(net=None).fit(X, np.full(120, 0.5))],
    ),
    "`sample_weight`": (
        "in which every sample counts once",
        [lambda: fitted({}, sample_weight=np.ones(120))],
    ),
    "a binary net and more than two classes in `y`": (
        "only binary classification is supported by it",
        [binary_net],
    ),
    "labels in `y_unseen` that `y` does not hold": ("labels that y", [unknown_label]),
    "NaN or infinity in `X` or `y`": (
        "contains NaN",
        [lambda: estimator().fit(np.where(X > 1, np.nan, X), y)],
    ),
    "sparse `X`": ("sparse", [lambda: estimator().fit(csr_array(X), y)]),
}

QUESTIONS = {
    "a threshold that is not a positive number": (
        "must be finite and > 0",
        [asked(lambda r: r.predict_sufficient_size(0)), asked(lambda r: r.verdict(-1.0))],
    ),
    "`growth` with `order=1`": (
        "from gap and spread",
        [asked(lambda r: r.verdict(1e-3, growth=0.1), order=1)],
    ),
    "`growth` with `n_candidates=1`": (
        "one candidate cannot tell gap from spread",
        [asked(lambda r: r.verdict(1e-3, growth=0.1), n_candidates=1)],
    ),
    "`growth` that is not a number > 0": (
        "must be finite and > 0",
        [asked(lambda r: r.verdict(1e-3, growth=0))],
    ),
    "an interval with `n_repeats=1`": (
        "one training says nothing of how trainings differ",
        [
            asked(lambda r: r.sufficient_size_interval(1e-3), n_repeats=1),
            asked(lambda r: r.parameter_intervals(), n_repeats=1),
            asked(lambda r: r.delta_interval([50]), n_repeats=1),
        ],
    ),
    "`confidence` outside of 0 to 1": (
        "must be in (0, 1)",
        [asked(lambda r: r.verdict(1e-3, confidence=1.0))],
    ),
    "a loss or score that is better than any can be": (
        "there can be",
        [
            asked(lambda r: r.predict_size_for_score(1.5)),
            asked(lambda r: r.predict_size_for_loss(-1.0)),
        ],
    ),
    "a learning curve from two sizes": (
        "at least 3 sizes",
        [asked(lambda r: r.predict_size_for_loss(0.3), sizes=(20, 40))],
    ),
    "`relative=True` where the unseen loss is zero or negative": (
        "positive unseen loss",
        [worthless_loss],
    ),
    "`plot_delta(show_bound=True)` with `order=1`": (
        "the bounds are about squares",
        [lambda: bound(order=1)],
    ),
    "`plot_delta(show_bound=True)` with a probe that is not Gaussian, or not centered": (
        "the bounds are about N(w*, Σ)",
        [lambda: bound(probe=OTHERS[0]), off_center],
    ),
    "`plot_delta(show_bound=True)` with `refit=False`": (
        "is not fitted",
        [lambda: bound(refit=False)],
    ),
}


@pytest.mark.parametrize(
    ("heading", "expected"),
    [("Refused before any training", REFUSED), ("Questions that are refused", QUESTIONS)],
)
def test_reasons_are_all_tried(heading, expected):
    (table,) = tables_of(section_of(PAGE, heading))
    assert [row[0] for row in table[1:]] == list(expected)
    for label, why in table[1:]:
        assert plain(expected[label][0]) in plain(why), label


CASES = [
    pytest.param(reason, act, id=f"{label}, {i}".replace("`", ""))
    for label, (reason, acts) in (REFUSED | QUESTIONS).items()
    for i, act in enumerate(acts)
]


@pytest.mark.parametrize(("reason", "act"), CASES)
def test_refused_with_its_reason(reason, act):
    with pytest.raises((ValueError, TypeError)) as caught:
        act()
    assert plain(reason) in plain(str(caught.value))
