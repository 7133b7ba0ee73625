"""A regression in any unit: y → a·y + b changes the unit of the answers, and nothing else."""

import functools

import numpy as np
import pytest
from sklearn.metrics import r2_score

from sufficiency import LandscapeSufficiencyEstimator, per_sample_losses
from sufficiency.fit.plan import plan_fit
from sufficiency.nets.default_net import default_net
from tests.helpers import regressor

pytestmark = pytest.mark.filterwarnings("ignore::sufficiency.exceptions.SufficiencyWarning")

N = 60
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 3))
Y = X[:, 0] + 0.3 * RNG.normal(size=N)
SITES = np.arange(N) % 2
EPS = np.finfo(np.float64).eps

UNITS = [(a, b) for a in (1e-6, 1.0, 1e6) for b in (0.0, 1e7)] + [(1e-25, 0.0), (1e15, 0.0)]
# Powers of the unit of the loss; what Δ is made of has the power `order`, and shares have none.
OF_LOSS = {"train_loss": 1, "unseen_loss": 1, "grad_norm": 1, "loss_drift": 1,
           "gap_sq": 2, "spread": 2, "delta_mean_sq": 2, "delta_variance": 2}  # fmt: skip
OF_DELTA = ("delta", "stderr", "delta_point", "delta_in_sample")
WITHOUT = ("top1pct_share", "quadratic_error", "n_draws", "n_eval")


def estimator(net=None, **changes):
    settings = {"sizes": [12, 24, 48], "n_repeats": 2, "n_draws": 2, "n_candidates": 10}
    settings |= {"min_steps": 5, "curve": "power_law", "random_state": 0}
    return LandscapeSufficiencyEstimator(net, **(settings | changes))


def fitted(y, slices=None, **changes):
    """A fit of the default net, with few epochs."""
    net = default_net(X, y).set_params(max_epochs=5)
    return estimator(net, **changes).fit(X, y, slices=slices)


@functools.cache
def in_unit(a, b):
    return fitted(a * Y + b)


def assert_in_unit(columns, of_ones, unit, order):
    """Encoded targets agree to the last bit, so that only products are rounded, in float64."""
    powers = OF_LOSS | dict.fromkeys(OF_DELTA, order) | dict.fromkeys(WITHOUT, 0)
    for name, power in powers.items():
        if name in columns:
            expected = np.asarray(of_ones[name]) * unit**power
            np.testing.assert_allclose(columns[name], expected, rtol=1e-12, err_msg=name)


@pytest.mark.parametrize(("a", "b"), UNITS)
def test_the_whole_answer_follows_the_unit(a, b):
    y = a * Y + b
    plain = in_unit(1.0, 0.0)
    if EPS * b / a > 1e-3 * np.finfo(np.float32).eps:
        # what y is after its own rounding, in plain units: the difference is exact
        plain = fitted((y - b) / a)
    est, unit = in_unit(a, b), a**2
    result, expected = est.result_, plain.result_
    assert_in_unit(result.to_frame(), expected.to_frame(), unit, order=2)
    assert result.constant_loss == pytest.approx(expected.constant_loss * unit, rel=1e-12)
    # predictions are rounded as y is, a few times
    rounding = 8 * EPS * (np.abs(y).max() + a)
    scores = result.table("unseen_score"), expected.table("unseen_score")
    np.testing.assert_allclose(*scores, rtol=0, atol=100 * rounding / a)
    np.testing.assert_allclose(est.predict(X), a * plain.predict(X) + b, rtol=0, atol=rounding)
    assert est.score(X, y) == pytest.approx(r2_score(y, est.predict(X)), rel=1e-12)
    assert_answers_in_unit(result, expected, unit)


def assert_answers_in_unit(result, of_ones, unit):
    """Sizes are counts, rounded from numbers that agree to many digits."""
    threshold, target = float(of_ones.deltas[1]), float(of_ones.table("unseen_loss").mean())
    questions = [
        lambda r, u: r.verdict(threshold * u**2),
        lambda r, u: r.verdict(threshold * u**2, growth=0.5),
        lambda r, u: r.verdict(0.01, relative=True),
        lambda r, u: r.verdict_for_target(target * u, "loss"),
    ]
    for ask in questions:
        answer, expected = ask(result, unit), ask(of_ones, 1.0)
        assert (answer.status, answer.decision) == (expected.status, expected.decision)
        assert answer.size == pytest.approx(expected.size, rel=1e-6, abs=1)
        assert answer.interval == pytest.approx(expected.interval, rel=1e-6, abs=1)
    share, other = (r.samples().sort_index()["share"] for r in (result, of_ones))
    np.testing.assert_allclose(share, other, rtol=1e-6)  # kept in single precision


@pytest.mark.parametrize(
    "changes", [{"order": 1}, {"method": "gaussian_moment"}, {"train": "once"}], ids=str
)
def test_every_method_follows_the_unit(changes):
    est, plain = (fitted(a * Y, SITES, refit=False, **changes) for a in (1e6, 1.0))
    order = est.order
    assert_in_unit(est.result_.to_frame(), plain.result_.to_frame(), 1e12, order)
    for cell, of_ones in zip(est.result_.cells, plain.result_.cells, strict=True):
        assert set(cell.slices) == {"slice=0", "slice=1"}
        for name, columns in cell.slices.items():
            assert_in_unit(columns, of_ones.slices[name], 1e12, order)


def test_the_constants_of_bounds_follow_the_unit_as_far_as_gradients_do():
    found, of_ones = in_unit(1e6, 0.0).bound_constants(), in_unit(1.0, 0.0).bound_constants()
    for name in ("max_loss", "gradient_norm", "hessian_norm"):
        # in float32, whose iteration for the largest eigenvalue stops at eps^(2/3) = 2e-5
        assert getattr(found, name) == pytest.approx(getattr(of_ones, name) * 1e12, rel=1e-3)
    with pytest.raises(ValueError, match=r"its dtype does not hold them.*y in another unit"):
        in_unit(1e-25, 0.0).bound_constants()


def test_the_fitted_net_itself_is_in_the_users_unit():
    """The target of the first hour: 10⁷ and half of the first feature."""
    y = 1e7 + 0.5 * X[:, 0]
    est = estimator(sizes=[12, 24], curve="theory", min_steps=200).fit(X, y)
    assert est.score(X, y) == r2_score(y, est.predict(X))
    assert est.score(X, y) > 0.9
    inputs = X.astype("float32")
    np.testing.assert_array_equal(est.net_.predict(inputs)[:, 0], est.predict(X))
    losses = per_sample_losses(est.net_, inputs, y[:, None])
    # outputs in float32 of about one standard deviation, in blocks of another size
    rounding = 50 * 2**-23 * y.std()
    errors = est.predict(X) - y
    np.testing.assert_allclose(losses, errors**2, rtol=0, atol=rounding * (abs(errors).max() * 2))
    assert est.result_.constant_loss == pytest.approx(y.var(), rel=1e-5)


def test_several_targets_keep_their_own_units():
    """One unit for all of them: the loss is the mean over targets of the user's squares."""
    y = np.column_stack([1e6 * Y + 1e9, 1e3 * X[:, 1]])
    est = estimator(sizes=[12, 24], curve="theory", n_repeats=1, min_steps=200).fit(X, y)
    assert est.predict(X).shape == y.shape
    assert r2_score(y, est.predict(X), multioutput="raw_values").min() > 0.5
    assert est.result_.constant_loss == pytest.approx(y.var(axis=0).mean(), rel=1e-5)


@pytest.mark.parametrize(
    ("y", "told"),
    [
        (1e-25 * Y, "must have squares that the net's float32 holds, got .* divide y"),
        (1e25 * Y, "must have squares that the net's float32 holds"),
    ],
)
def test_an_own_net_refuses_what_its_squares_cannot_hold(y, told):
    with pytest.raises(ValueError, match=told):
        plan_fit(estimator(regressor()), X, y)


def test_an_own_net_warns_of_targets_that_it_rounds():
    with pytest.warns(UserWarning, match=r"`y` has a standard deviation of .*; subtract a const"):
        plan_fit(estimator(regressor()), X, 1e7 + 0.5 * X[:, 0])


def test_a_unit_beyond_all_is_refused():
    with pytest.raises(ValueError, match=r"must have a standard deviation between 1e-60 and 1e.60"):
        plan_fit(estimator(), X, 1e-80 * Y)
