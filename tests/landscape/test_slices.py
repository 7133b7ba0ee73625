"""Slices: what they hold and refuse; whose weights, samples and grids they are measured with."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from sufficiency import LandscapeSufficiencyEstimator, per_sample_losses
from sufficiency.data.splits import make_splits
from sufficiency.landscape import (
    ChangeSlice,
    LandscapeSlice,
    LineSlices,
    RandomDirections,
    TopEigenvectors,
    change_slice,
    landscape_slice,
    line_slices,
    loss_line,
    loss_plane,
    width_measures,
)
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
GRIDS = np.linspace(-1, 1, 5), np.linspace(-0.5, 0.5, 3)
SMALL = {"grid": GRIDS}

ALPHAS = np.linspace(-1, 1, 5)
BETAS = np.array([-0.5, 0.0, 0.25, 2.0])
PLANE = np.add.outer(ALPHAS**2, BETAS)


def make(kind, alphas=ALPHAS, betas=BETAS, values=PLANE):
    if kind == "line":
        return LineSlices(alphas, values.T)
    if kind == "plane":
        return LandscapeSlice(alphas, betas, values)
    return ChangeSlice(alphas, betas, values, size=10)


@pytest.mark.parametrize("kind", ["plane", "change", "line"])
def test_grids_must_hold_the_center_and_shapes_must_match(kind):
    even = np.linspace(-1, 1, 6)
    with pytest.raises(ValueError, match="`alphas` must contain 0, the center that the figure"):
        make(kind, even, values=np.zeros((6, 4)))
    with pytest.raises(ValueError, match="`alphas` must be strictly increasing"):
        make(kind, ALPHAS[::-1])
    with pytest.raises(ValueError, match="must have shape"):
        make(kind, values=PLANE[:4])
    if kind != "line":
        with pytest.raises(ValueError, match=r"`betas` must contain 0.*np\.linspace\(-1, 1, 25\)"):
            make(kind, betas=BETAS + 0.1)


@pytest.mark.parametrize("kind", ["plane", "change", "line"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_the_center_must_be_finite_and_nothing_else(kind, bad):
    values = PLANE.copy()
    values[0, 3] = bad
    make(kind, values=values)
    values[2, 1] = bad
    with pytest.raises(ValueError, match=r"must be finite at the center.*training diverged"):
        make(kind, values=values)


def test_the_density_is_a_normal_distribution_of_the_coordinates():
    """A sum over a grid of spacing σ/4 that reaches to 8σ: exact to rounding for a Gaussian."""
    sigma = 0.2
    grid = sigma * np.linspace(-8, 8, 65)
    plane = ChangeSlice(grid, grid, np.zeros((65, 65)), size=5, sigma=sigma)
    step = grid[1] - grid[0]
    weights = plane.density * step**2
    assert weights.sum() == pytest.approx(1, rel=1e-12)
    assert (weights * grid[:, None] ** 2).sum() == pytest.approx(sigma**2, rel=1e-10)
    assert (weights * grid**2).sum() == pytest.approx(sigma**2, rel=1e-10)
    assert (weights * np.outer(grid, grid)).sum() == pytest.approx(0, abs=1e-12)


def test_squares_and_weights():
    plane = ChangeSlice(ALPHAS, BETAS, PLANE, size=10, sigma=0.5)
    for i, alpha in enumerate(ALPHAS):
        for j, beta in enumerate(BETAS):
            p = np.exp(-(alpha**2 + beta**2) / 0.5) / (np.pi * 0.5)
            value = PLANE[i, j]
            found = {
                (squared, weighted): plane.values(squared=squared, weighted=weighted)[i, j]
                for squared in (True, False)
                for weighted in (True, False)
            }
            assert found[False, False] == value
            assert found[True, False] == value**2
            assert found[False, True] == pytest.approx(value * p, rel=1e-13)
            assert found[True, True] == pytest.approx(value**2 * p, rel=1e-13)


def test_the_scale_of_the_density_is_positive():
    for sigma in (0.0, np.nan):
        with pytest.raises(ValueError, match="`sigma` must be finite and > 0"):
            ChangeSlice(ALPHAS, BETAS, PLANE, size=10, sigma=sigma)


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
    splits = make_splits(len(codes), sizes=2, n_repeats=1, n_candidates=0, root=seed, strata=codes)
    return splits.repeats[0].order


def test_of_an_estimator_with_labels_of_its_own(est, data):
    X, y = data
    codes = np.searchsorted(NAMES, y)
    found = landscape_slice(est, X.astype(np.float64), y, **SMALL)
    directions = RandomDirections().around(est)
    expected = loss_plane(est.net_, X, codes, directions.u, directions.v, *GRIDS)
    # means of the same single-precision losses in another order
    np.testing.assert_allclose(found.losses, expected, rtol=1e-6)
    assert found.size == 90
    assert found.center == "trained weights"
    np.testing.assert_array_equal(found.geometry.gram, directions.geometry.gram)


def test_a_size_is_a_nested_stratified_subset_in_the_order_of_a_fit(est, data):
    X, y = data
    codes = np.searchsorted(NAMES, y)
    found = landscape_slice(est, X, y, size=31, random_state=5, **SMALL)
    kept = order_of(codes, 5)[:31]
    directions = RandomDirections().around(est, random_state=5)
    expected = loss_plane(est.net_, X[kept], codes[kept], directions.u, directions.v, *GRIDS)
    np.testing.assert_allclose(found.losses, expected, rtol=1e-6)
    assert found.size == 31
    assert np.ptp(np.bincount(codes[kept])) <= 2


def test_all_sizes_share_the_center_and_the_directions(est, data):
    a, b = (landscape_slice(est, *data, size=size, **SMALL) for size in (10, 60))
    np.testing.assert_array_equal(a.geometry.gram, b.geometry.gram)
    assert not np.allclose(a.losses, b.losses, rtol=1e-3)


def test_without_shuffling_the_samples_are_taken_as_they_come(est, data):
    X, y = data
    found = landscape_slice(est, X, y, size=7, shuffle=False, **SMALL)
    center = found.losses[2, 1]
    codes = np.searchsorted(NAMES, y)
    assert center == pytest.approx(per_sample_losses(est.net_, X[:7], codes[:7]).mean(), rel=1e-6)


@pytest.mark.parametrize(("size", "grow"), [(30, 1), (30, 12), (89, 1), (None, 5)])
def test_the_change_is_that_between_two_sizes(size, grow, est, data):
    change = change_slice(est, *data, size=size, grow=grow, random_state=3, **SMALL)
    k = 90 - grow if size is None else size
    assert (change.size, change.grow) == (k, grow)
    before, after = (
        landscape_slice(est, *data, size=s, random_state=3, **SMALL) for s in (k, k + grow)
    )
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
        grid=grid,
        shuffle=False,
    )
    directions = RandomDirections().around(problem.net)
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
    curved = landscape_slice(est, *data, size=5, directions=TopEigenvectors())
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
    found = landscape_slice(est, *data, size=5, grid=ragged)
    assert found.alphas[10] == 0


def test_eigenvectors_are_of_all_samples_whatever_the_size(est, data):
    a, b = (landscape_slice(est, *data, size=s, directions=TopEigenvectors()) for s in (10, 60))
    np.testing.assert_allclose(a.geometry.eigenvalues, b.geometry.eigenvalues, rtol=1e-4)
    assert a.geometry.eigenvalues[0] > a.geometry.eigenvalues[1] > 0


def test_own_directions_and_their_norm(est, data):
    own = RandomDirections(normalize="tensor", perturb_1d=True).around(est, random_state=9)
    found = landscape_slice(est, *data, directions=own, **SMALL)
    assert found.geometry is own.geometry
    codes = np.searchsorted(NAMES, data[1])
    expected = loss_plane(est.net_, data[0], codes, own.u, own.v, *GRIDS)
    np.testing.assert_allclose(found.losses, expected, rtol=1e-6)
    scaled = landscape_slice(est, *data, directions=own.scaled(0.5), **SMALL)
    np.testing.assert_allclose(scaled.geometry.norms, 0.5, rtol=1e-6)
    assert np.ptp(scaled.losses) < np.ptp(found.losses)


def test_lines_along_many_directions(est, data):
    X, y = data
    codes = np.searchsorted(NAMES, y)
    grid = np.linspace(-1, 1, 5)
    how = RandomDirections(normalize="tensor")
    found = line_slices(
        est, X, y, n_directions=3, directions=how, grid=grid, size=40, random_state=2
    )
    kept = order_of(codes, 2)[:40]
    directions = how.around(est, n=3, random_state=2)
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
        landscape_slice(est, *data, directions=TopEigenvectors(), **SMALL)
    assert same_weights(before, weights_of(est.net_))
    assert a.losses.tobytes() == b.losses.tobytes()


def test_a_class_with_a_single_sample_is_no_error(est, data):
    X, y = data
    few = np.concatenate([np.flatnonzero(y == "ash")[:5], np.flatnonzero(y == "elm")[:1]])
    assert landscape_slice(est, X[few], y[few], **SMALL).size == 6
    assert landscape_slice(est, X[:1], y[:1], **SMALL).size == 1


BAD = [
    (landscape_slice, {"size": 91}, "`size` must be <= 90, the number of samples, got 91"),
    (landscape_slice, {"size": 0}, "`size` must be >= 1"),
    (landscape_slice, {"grid": [0.5, 1]}, "`grid` must contain 0"),
    (landscape_slice, {"grid": ([-1, 0, 1], [0])}, r"`grid\[1\]` must have at least 2 points"),
    (
        change_slice,
        {"size": 85, "grow": 6},
        "`size` must be <= 84, the number of samples less the 6 new ones",
    ),
    (change_slice, {"grow": 90}, "`grow` must be < 90, the number of samples, got 90"),
    (change_slice, {"grow": 0}, "`grow` must be >= 1"),
    (change_slice, {"sigma": 0.0}, "`sigma` must be finite and > 0"),
    (line_slices, {"n_directions": 0}, "`n_directions` must be >= 1"),
    (line_slices, {"grid": np.linspace(-1, 1, 10)}, "`grid` must contain 0"),
]


@pytest.mark.parametrize(("function", "params", "message"), BAD)
def test_what_is_refused(function, params, message, est, data):
    with pytest.raises(ValueError, match=message):
        function(est, *data, **params)


def test_directions_are_objects(est, data):
    with pytest.raises(TypeError, match="`directions` must be RandomDirections, TopEigenvectors,"):
        landscape_slice(est, *data, directions="eigenvectors")
    for function in (line_slices, width_measures):
        with pytest.raises(TypeError, match="`directions` must be RandomDirections or None"):
            function(est, *data, directions=TopEigenvectors())


def test_a_random_state_may_be_a_generator(est, data):
    states = [np.random.RandomState(5), np.random.RandomState(5)]
    a, b = (landscape_slice(est, *data, random_state=s, **SMALL).losses for s in states)
    again = landscape_slice(est, *data, random_state=states[0], **SMALL).losses
    np.testing.assert_array_equal(a, b)
    assert (a != again).any()


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
