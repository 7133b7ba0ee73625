"""Questions to hopeless runs, and hopeless questions: an answer in words that can be believed."""

import re

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.preprocessing import scale
from torch import nn

from sufficiency import LandscapeSufficiencyEstimator, NotIdentifiableError
from tests.helpers import classifier, make_result, regressor

pytestmark = pytest.mark.filterwarnings("ignore::sufficiency.exceptions.SufficiencyWarning")

SIZES = np.array([25, 50, 100, 200, 320])
N = 400
RNG = np.random.default_rng(0)
X, Y = (part[:N] for part in load_breast_cancer(return_X_y=True))
X = scale(X).astype(np.float32)
# Runs of which little or nothing can be learned, and one that is too easy: data, and the net's.
RUNS = {
    "random labels": ((X, RNG.permutation(Y)), {}),
    "untrained": ((X, Y), {"lr": 0.0}),
    "three positives": ((X, (np.arange(N) % 150 == 3).astype(int)), {}),
    "easy": ((np.c_[10.0 * Y - 5, X[:, 1:]].astype(np.float32), Y), {"lr": 0.05}),
    "a regression": (tuple(part[:N] for part in load_diabetes(return_X_y=True)), {}),
}


@pytest.fixture(scope="module", params=RUNS)
def run(request):
    """The result of a short run with two repeats, and its name."""
    (inputs, targets), settings = RUNS[request.param]
    shape = {"module__in_features": inputs.shape[1], "module__out_features": 2}
    net = classifier(nn.Linear, max_epochs=1, **(shape | settings))
    if request.param == "a regression":
        net = regressor(nn.Linear, max_epochs=1, **(shape | {"module__out_features": 1}))
    est = LandscapeSufficiencyEstimator(
        net, sizes=4, n_repeats=2, n_draws=2, min_steps=20, refit=False, random_state=0
    )
    return request.param, est.fit(inputs, targets).result_


def numbers_in(text):
    return [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*\d|\d", text)]


@pytest.mark.parametrize("exponent", [-300, -30, -6, 30])
def test_no_threshold_gets_a_number_beyond_a_thousand_times_the_data(run, exponent):
    name, result = run
    for options in ({}, {"prior": None}, {"growth": 0.1}):
        verdict = result.verdict(10.0**exponent, **options)
        horizon = 1000 * result.measurements.largest
        assert verdict.size is None or verdict.size <= horizon, name
        assert verdict.interval[0] <= horizon
        assert verdict.interval[1] <= horizon or verdict.interval[1] == np.inf
        assert max(numbers_in(str(verdict).partition("unseen loss")[2]), default=0) <= horizon
        if exponent >= 30:
            assert "times the unseen loss, which nearly any net and size meet" in str(verdict)
            assert not verdict.sure


@pytest.mark.parametrize("share", [1e-3, 0.1, 1.0, 21.0])
def test_a_share_of_the_loss_is_asked_of_every_run(run, share):
    name, result = run
    verdict = result.verdict(share, relative=True)
    assert verdict.relative_change == pytest.approx(share)
    lax = f"the threshold accepts a change of {share:.2g} times the unseen loss"
    assert (lax in str(verdict)) == (share >= 1)
    if name in ("random labels", "untrained", "three positives"):
        assert verdict.decision == "unknown"
        assert str(verdict).startswith("Unknown: ")


def decaying(noise, repeats=4, power=2.0):
    """Δ of 4/κ^power with repeats whose levels differ by `noise` on the log scale."""
    levels = np.linspace(-1, 1, repeats)[:, None] * noise
    return 4.0 * (SIZES + 1.0) ** -power * np.exp(levels)


def result_of(table, **changes):
    return make_result(table, SIZES, **({"n_samples": N, "n_candidates": 80} | changes))


def test_beyond_a_thousand_times_the_data_it_is_said_in_words():
    result = result_of(decaying(0.05))
    verdict = result.verdict(1e-30, prior=None)
    assert (verdict.size, verdict.status) == (None, "not_identifiable")
    assert (verdict.decision, verdict.interval) == ("more", (320_000, np.inf))
    said = "meets 1e-30 only beyond 1,000 times the 320 samples measured, too far for a number"
    assert said in str(verdict)
    assert "so at least 319,600 are missing" in str(verdict)
    assert verdict.n_missing == 319_600
    with pytest.raises(NotIdentifiableError, match=said):
        result.predict_sufficient_size(1e-30, prior=None)


def test_a_wide_interval_is_not_sure_and_says_how_many_repeats_would_narrow_it():
    """An interval of 20 to 14,294 at 400 samples was once enough, none missing."""
    result = result_of(decaying(1.0, repeats=2), n_candidates=100)
    verdict = result.verdict(4.0 / 101**2, prior=None)
    low, high = verdict.interval
    assert low < N < high
    assert (verdict.decision, verdict.n_missing) == ("unknown", None)
    assert "none are missing" not in str(verdict)
    wanted = verdict.repeats_needed
    settings = rf"\(`n_repeats={wanted}`, `n_candidates={N // wanted}`\)"
    assert re.search(rf"fit with about {wanted} repeats {settings}", str(verdict))


GROWTHS = [
    (None, "one more sample moves the loss landscape by at most"),
    (1, "one more sample moves the loss landscape by at most"),
    (1.0, "when the data grow to 2 times"),
    (10, "when 10 samples are added"),
    (10.0, "when the data grow to 11 times"),
    (0.1, "when the data grow by 10 %"),
]


@pytest.mark.parametrize(("growth", "words"), GROWTHS)
def test_ten_samples_and_ten_times_do_not_look_alike(growth, words):
    first, _, _ = str(result_of(decaying(0.05)).verdict(0.3, growth=growth)).partition(". ")
    assert words in first
    assert all(other in (words, "") or other not in first for _, other in GROWTHS)


def test_a_threshold_above_the_loss_is_called_lax():
    result = result_of(decaying(0.05))
    verdict = result.verdict(1.0, relative=True)
    assert verdict.headline == "Enough, probably"
    assert "the threshold accepts a change of 1 times the unseen loss" in str(verdict)
    strict = result.verdict(0.02, relative=True)
    assert strict.headline == "Enough"
    assert "accepts" not in str(strict)


@pytest.mark.parametrize(
    "arguments",
    [
        {"threshold": 10**400},
        {"threshold": 10**5000},
        {"threshold": 1e-3, "growth": 10**400},
        {"threshold": 1e-3, "growth": 10**5000},
        {"threshold": 1e-3, "confidence": 10**400},
    ],
)
def test_numbers_beyond_all_floats_are_refused_in_few_words(arguments):
    result = result_of(decaying(0.05))
    for ask in (result.verdict, result.predict_sufficient_size):
        if "confidence" in arguments and ask == result.predict_sufficient_size:
            continue
        with pytest.raises(ValueError, match="got an integer of more than 300 digits") as caught:
            ask(**arguments)
        assert len(str(caught.value)) < 200


def test_two_repeats_of_noise_have_no_upper_end_that_anyone_could_quote():
    """20 to 1,070,764,905 once."""
    verdict = result_of(decaying(3.0, repeats=2)).verdict(4.0 / 101**2, prior=None)
    assert verdict.interval == (25, np.inf)
    assert "25 upwards" in str(verdict)
    assert "fit with about" in str(verdict)
