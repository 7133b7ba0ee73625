"""Slices around estimators and nets: whose weights, which samples, which grids."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from sufficiency import LandscapeSufficiencyEstimator, per_sample_losses
from sufficiency.data.splits import make_splits
from sufficiency.landscape import (
    change_slice,
    landscape_slice,
    line_slices,
    loss_line,
    loss_plane,
    random_directions,
    width_measures,
)
from sufficiency.landscape.subject import Subject
from sufficiency.probes import RandomSubspace
from tests.helpers import (
    classifier,
    labeled,
    measured,
    regressor,
    same_weights,
    untouched_generators,
    weights_of,
)
from tests.landscape.nets import LeastSquares
from tests.oracles import gaussian_moment

pytestmark = pytest.mark.filterwarnings("ignore::sufficiency.exceptions.SufficiencyWarning")

NAMES = np.array(["ash", "elm", "oak"])
SMALL = {"alphas": np.linspace(-1, 1, 5), "betas": np.linspace(-0.5, 0.5, 3)}


def fitted(net, X, y, **params):
    settings = {"sizes": [20, 40], "n_repeats": 1, "n_draws": 2, "min_steps": 0, "curve": "theory"}
    return LandscapeSufficiencyEstimator(net, random_state=0, **(settings | params)).fit(X, y)


@pytest.fixture(scope="module")
def est():
    X, codes = labeled(90)
    return fitted(classifier(), X, NAMES[codes])


@pytest.fixture(scope="module")
def data():
    X, codes = labeled(90)
    return X, NAMES[codes]


def order_of(codes, seed):
    ladder = make_splits(len(codes), sizes=2, n_repeats=1, n_candidates=0, root=seed, strata=codes)
    return ladder.repeats[0].order


def test_of_an_estimator_with_labels_of_its_own(est, data):
    X, y = data
    codes = np.searchsorted(NAMES, y)
    found = landscape_slice(est, X.astype(np.float64), y, **SMALL)
    directions = random_directions(est)
    expected = loss_plane(est.net_, X, codes, directions.u, directions.v, *SMALL.values())
    # means of the same single-precision losses in another order
    np.testing.assert_allclose(found.losses, expected, rtol=1e-6)
    assert found.size == 90
    assert found.center == "trained weights"
    np.testing.assert_array_equal(found.frame.gram, directions.frame.gram)


def test_a_size_is_a_nested_stratified_subset_in_the_order_of_the_ladder(est, data):
    X, y = data
    codes = np.searchsorted(NAMES, y)
    found = landscape_slice(est, X, y, size=31, seed=5, **SMALL)
    kept = order_of(codes, 5)[:31]
    directions = random_directions(est, seed=5)
    expected = loss_plane(
        est.net_, X[kept], codes[kept], directions.u, directions.v, *SMALL.values()
    )
    np.testing.assert_allclose(found.losses, expected, rtol=1e-6)
    assert found.size == 31
    assert np.ptp(np.bincount(codes[kept])) <= 2


def test_all_sizes_share_the_center_and_the_directions(est, data):
    a, b = (landscape_slice(est, *data, size=size, **SMALL) for size in (10, 60))
    np.testing.assert_array_equal(a.frame.gram, b.frame.gram)
    assert not np.allclose(a.losses, b.losses, rtol=1e-3)


def test_without_shuffling_the_samples_are_taken_as_they_come(est, data):
    X, y = data
    found = landscape_slice(est, X, y, size=7, shuffle=False, **SMALL)
    center = found.losses[2, 1]
    codes = np.searchsorted(NAMES, y)
    assert center == pytest.approx(per_sample_losses(est.net_, X[:7], codes[:7]).mean(), rel=1e-6)


@pytest.mark.parametrize(("size", "grow"), [(30, 1), (30, 12), (89, 1), (None, 5)])
def test_the_change_is_that_between_two_sizes(size, grow, est, data):
    change = change_slice(est, *data, size=size, grow=grow, seed=3, **SMALL)
    k = 90 - grow if size is None else size
    assert (change.size, change.grow) == (k, grow)
    before, after = (landscape_slice(est, *data, size=s, seed=3, **SMALL) for s in (k, k + grow))
    # losses of some units in single precision
    np.testing.assert_allclose(change.change, after.losses - before.losses, atol=3e-6)


def test_the_integral_of_figure_6_is_delta_over_the_plane():
    """Quadrature over ±7σ in steps of σ/4 against the closed form of a quadratic."""
    problem, k, sigma = LeastSquares(), 25, 0.2
    grid = sigma * np.linspace(-7, 7, 57)
    found = change_slice(
        problem.net,
        problem.X,
        problem.y,
        size=k,
        sigma=sigma,
        alphas=grid,
        betas=grid,
        shuffle=False,
    )
    directions = random_directions(problem.net)
    D = np.stack([d["weight"].numpy()[0] for d in directions.vectors], axis=1)
    new, old = problem.derivatives([k]), problem.derivatives(slice(k))
    a, g, A = ((n - o) / (k + 1) for n, o in zip(new, old, strict=True))
    expected = gaussian_moment(a, D.T @ g, D.T @ A @ D, sigma)
    integrand = found.values(squared=True, weighted=True)
    assert integrand.sum() * (grid[1] - grid[0]) ** 2 == pytest.approx(expected, rel=1e-7)
    mean = found.values(weighted=True).sum() * (grid[1] - grid[0]) ** 2
    assert mean == pytest.approx(a + sigma**2 * np.trace(D.T @ A @ D) / 2, rel=1e-7)


def test_the_scale_of_p_is_the_probes():
    X, codes = labeled(90)
    est = fitted(classifier(), X, codes, probe=RandomSubspace(dim=2, sigma=0.3))
    found = change_slice(est, X, codes, size=50)
    assert found.sigma == 0.3
    assert found.alphas[-1] == pytest.approx(0.9)
    assert change_slice(est, X, codes, size=50, sigma=0.05).betas[0] == pytest.approx(-0.15)
    assert change_slice(est.net_, X, codes, size=50).sigma == RandomSubspace().sigma


@pytest.mark.parametrize("center", ["last", "best"])
def test_the_center_is_validation_optimal_if_that_is_asked_for(center):
    """At a high rate the validation loss goes up again after a few epochs."""
    X, codes = labeled(90, seed=2)
    X = X + np.random.default_rng(3).normal(scale=2, size=X.shape).astype(np.float32)
    est = fitted(classifier(lr=1.0, max_epochs=30, batch_size=8), X, codes, center=center)
    if center == "last":
        assert est.net_.train_split is None
        assert landscape_slice(est, X, codes, **SMALL).center == "trained weights"
        return
    valid = est.net_.train_split.keywords["valid_ds"]
    history = est.net_.history[:, "valid_loss"]
    assert history[-1] > 1.05 * min(history)
    found = landscape_slice(est, valid.X, valid.y, **SMALL)
    assert found.center == "validation-optimal weights"
    at_center = found.losses[2, 1]
    # skorch averages single-precision batches
    assert at_center == pytest.approx(min(history), rel=1e-5)
    assert line_slices(est, X, codes, n_directions=2).center == "validation-optimal weights"
    assert change_slice(est, X, codes).center == "validation-optimal weights"


def test_of_a_plain_net_and_of_the_default_one():
    X, y = measured(60)
    net = regressor().fit(X, y)
    found = landscape_slice(net, X.astype(np.float64), y.astype(np.float64), **SMALL)
    expected = per_sample_losses(net, X, y).mean()
    assert found.losses[2, 1] == pytest.approx(expected, rel=1e-6)
    est = fitted(None, X, y[:, 0])
    assert np.isfinite(landscape_slice(est, X, y[:, 0], **SMALL).losses).all()
    untrained = regressor().initialize()
    assert np.isfinite(landscape_slice(untrained, X, y, **SMALL).losses).all()


def test_default_grids(est, data):
    plane = landscape_slice(est, *data, size=5)
    for grid in (plane.alphas, plane.betas):
        np.testing.assert_allclose(grid, np.linspace(-1, 1, 25), atol=1e-15)
    curved = landscape_slice(est, *data, size=5, directions="eigenvectors")
    np.testing.assert_allclose(curved.alphas, np.linspace(-0.25, 0.25, 25), atol=1e-15)
    change = change_slice(est, *data)
    np.testing.assert_allclose(change.alphas, np.linspace(-0.3, 0.3, 25), atol=1e-15)
    lines = line_slices(est, *data, n_directions=1)
    np.testing.assert_allclose(lines.alphas, np.linspace(-1, 1, 25), atol=1e-15)
    for grid in (plane.alphas, curved.alphas, change.alphas, lines.alphas):
        assert (grid == 0).sum() == 1


def test_a_grid_that_misses_the_center_by_rounding_holds_it(est, data):
    ragged = np.arange(-1, 1.05, 0.1)
    assert not (ragged == 0).any()
    found = landscape_slice(est, *data, size=5, alphas=ragged, betas=ragged)
    assert found.alphas[10] == 0


def test_eigenvectors_are_of_all_samples_whatever_the_size(est, data):
    a, b = (landscape_slice(est, *data, size=s, directions="eigenvectors") for s in (10, 60))
    np.testing.assert_allclose(a.frame.eigenvalues, b.frame.eigenvalues, rtol=1e-4)
    assert a.frame.eigenvalues[0] > a.frame.eigenvalues[1] > 0


def test_own_directions_and_their_norm(est, data):
    own = random_directions(est, normalize="tensor", perturb_1d=True, seed=9)
    found = landscape_slice(est, *data, directions=own, **SMALL)
    assert found.frame is own.frame
    codes = np.searchsorted(NAMES, data[1])
    expected = loss_plane(est.net_, data[0], codes, own.u, own.v, *SMALL.values())
    np.testing.assert_allclose(found.losses, expected, rtol=1e-6)
    scaled = landscape_slice(est, *data, directions=own, norm=0.5, **SMALL)
    np.testing.assert_allclose(scaled.frame.norms, 0.5, rtol=1e-6)
    assert np.ptp(scaled.losses) < np.ptp(found.losses)


def test_lines_along_many_directions(est, data):
    X, y = data
    codes = np.searchsorted(NAMES, y)
    grid = np.linspace(-1, 1, 5)
    found = line_slices(est, X, y, n_directions=3, alphas=grid, size=40, normalize="tensor", seed=2)
    kept = order_of(codes, 2)[:40]
    directions = random_directions(est, 3, normalize="tensor", seed=2)
    assert found.losses.shape == (3, 5)
    for row, direction in zip(found.losses, directions.vectors, strict=True):
        expected = loss_line(est.net_, X[kept], codes[kept], direction, grid)
        np.testing.assert_allclose(row, expected, rtol=1e-6)
    assert (found.size, found.unit) == (40, "norm of w*, per tensor")
    assert np.ptp(found.losses[:, 2]) < 1e-6


def test_nothing_of_the_estimator_changes(est, data):
    before = weights_of(est.net_)
    with untouched_generators():
        a = landscape_slice(est, *data, **SMALL)
        b = landscape_slice(est, *data, **SMALL)
        change_slice(est, *data, **SMALL)
        line_slices(est, *data, n_directions=2)
        landscape_slice(est, *data, directions="eigenvectors", **SMALL)
    assert same_weights(before, weights_of(est.net_))
    assert a.losses.tobytes() == b.losses.tobytes()


def test_a_class_with_a_single_sample_is_no_reason_to_complain(est, data):
    X, y = data
    few = np.concatenate([np.flatnonzero(y == "ash")[:5], np.flatnonzero(y == "elm")[:1]])
    assert landscape_slice(est, X[few], y[few], **SMALL).size == 6
    assert landscape_slice(est, X[:1], y[:1], **SMALL).size == 1


BAD = [
    (landscape_slice, {"size": 91}, "`size` must be <= 90, the samples that were given, got 91"),
    (landscape_slice, {"size": 0}, "`size` must be >= 1"),
    (landscape_slice, {"alphas": [0.5, 1]}, "`alphas` must contain 0"),
    (landscape_slice, {"betas": [0]}, "`betas` must have at least 2 points"),
    (landscape_slice, {"directions": "eigenvector"}, "did you mean 'eigenvectors'"),
    (landscape_slice, {"normalize": "filters"}, "did you mean 'filter'"),
    (landscape_slice, {"norm": -1.0}, "`norm` must be finite and > 0"),
    (change_slice, {"size": 85, "grow": 6}, "given less the 6 new ones, got 85"),
    (change_slice, {"grow": 90}, "`size` must be <= 0, the samples that were given less the 90"),
    (change_slice, {"grow": 0}, "`grow` must be >= 1"),
    (change_slice, {"sigma": 0.0}, "`sigma` must be finite and > 0"),
    (line_slices, {"n_directions": 0}, "`n_directions` must be >= 1"),
    (line_slices, {"alphas": np.linspace(-1, 1, 10)}, "`alphas` must contain 0"),
]


@pytest.mark.parametrize(("function", "params", "message"), BAD)
def test_what_is_refused(function, params, message, est, data):
    with pytest.raises(ValueError, match=message):
        function(est, *data, **params)


def test_data_that_do_not_fit_the_estimator(est, data):
    X, y = data
    with pytest.raises(ValueError, match="`y` must hold labels that `y` of `fit` holds"):
        landscape_slice(est, X, np.full(90, "fir"))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        landscape_slice(est, X, y[:50])
    with pytest.raises(ValueError, match="features"):
        landscape_slice(est, X[:, :2], y)


def test_weights_that_are_not_finite_have_no_landscape():
    X, y = measured(20)
    net = regressor().initialize()
    net.module_.out.bias.data.fill_(np.inf)
    with pytest.raises(ValueError, match="`losses` must be finite at the center"):
        landscape_slice(net, X, y)


def test_what_is_not_fitted(data):
    with pytest.raises(NotFittedError, match="refit=False; fit it with refit=True"):
        landscape_slice(LandscapeSufficiencyEstimator(refit=False), *data)
    with pytest.raises(NotFittedError, match="not fitted"):
        landscape_slice(LandscapeSufficiencyEstimator(), *data)
    with pytest.raises(NotFittedError, match="call `fit`"):
        width_measures(classifier(), *data)


def test_samples_of_a_subject_are_in_their_nested_order(est, data):
    X, y = data
    subject = Subject.of(est, X, y, shuffle=True, seed=4)
    order = order_of(np.searchsorted(NAMES, y), 4)
    np.testing.assert_array_equal(subject.X, X[order])
    np.testing.assert_array_equal(NAMES[subject.y], y[order])
