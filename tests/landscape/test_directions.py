"""Directions through given points: their losses stand where their coordinates say."""

import numpy as np
import pytest

from sufficiency import per_sample_losses
from sufficiency.landscape import directions_through, landscape_slice, loss_plane
from tests.landscape.nets import LeastSquares, double_classifier
from tests.nets.test_losses import classes
from tests.oracles import MLP


def weights(net):
    return {name: p.detach().numpy().copy() for name, p in net.module_.named_parameters()}


@pytest.fixture
def nets():
    return [double_classifier(MLP) for _ in range(3)]


@pytest.mark.parametrize("as_nets", [True, False])
def test_the_losses_of_the_points_are_met(as_nets, nets, rng):
    X, y = classes(rng)
    points = nets[1:] if as_nets else [weights(net) for net in nets[1:]]
    found = directions_through(nets[0], *points)
    np.testing.assert_allclose(found.geometry.gram, np.eye(2), atol=1e-12)
    for point, net in zip(found.geometry.points, nets[1:], strict=True):
        alphas, betas = ([min(c, 0) - 1, c] for c in point)
        plane = loss_plane(nets[0], X, y, found.u, found.v, alphas, betas)
        assert plane[1, 1] == pytest.approx(per_sample_losses(net, X, y).mean(), rel=1e-11)


def test_distances_in_the_plane_are_distances_of_weights(nets):
    flat = [np.concatenate([w.ravel() for w in weights(net).values()]) for net in nets]
    found = directions_through(nets[0], *nets[1:])
    points = np.vstack([[0.0, 0.0], found.geometry.points])
    for i in range(3):
        for j in range(i):
            expected = np.linalg.norm(flat[i] - flat[j])
            assert np.linalg.norm(points[i] - points[j]) == pytest.approx(expected, rel=1e-12)
    assert points[1, 1] == 0
    assert points[2, 1] > 0
    scaled = found.scaled(2.0)
    np.testing.assert_allclose(scaled.geometry.points, found.geometry.points / 2, rtol=1e-12)


def test_the_default_grid_covers_the_points_and_the_center(nets, rng):
    found = directions_through(nets[0], *nets[1:])
    plane = landscape_slice(nets[0], *classes(rng), directions=found)
    for grid, coordinates in zip((plane.alphas, plane.betas), found.geometry.points.T, strict=True):
        low, high = min(0, *coordinates), max(0, *coordinates)
        assert grid[0] == pytest.approx(low - 0.25 * (high - low))
        assert grid[-1] == pytest.approx(high + 0.25 * (high - low))
        assert 0 in grid
    assert plane.geometry is found.geometry


def test_a_single_point_gives_a_line():
    problem = LeastSquares()
    other = {"weight": problem.w[None] + np.array([[3.0, 0.0, -4.0]])}
    found = directions_through(problem.net, other)
    assert found.geometry.points == pytest.approx(np.array([[5.0]]))
    np.testing.assert_allclose(found.u["weight"], [[0.6, 0.0, -0.8]], atol=1e-15)
    with pytest.raises(ValueError, match="`directions` must be two for a plane, got 1"):
        landscape_slice(problem.net, problem.X, problem.y, directions=found)


def test_what_spans_no_plane():
    problem = LeastSquares()
    near, far = ({"weight": problem.w[None] + c * np.ones((1, 3))} for c in (1.0, -2.0))
    with pytest.raises(ValueError, match="span a line or a plane with w\\*, got points on one"):
        directions_through(problem.net, near, far)
    with pytest.raises(ValueError, match="got w\\* itself as point 1"):
        directions_through(problem.net, problem.net, near)
    with pytest.raises(ValueError, match="got w\\* itself as point 2"):
        directions_through(problem.net, near, problem.net)


def test_what_is_refused(nets):
    problem = LeastSquares()
    with pytest.raises(ValueError, match="`points` must be one or two, got 0"):
        directions_through(problem.net)
    with pytest.raises(ValueError, match="`points` must be one or two, got 3"):
        directions_through(nets[0], *nets)
    with pytest.raises(ValueError, match=r"`points` must have the parameters \['weight'\], got"):
        directions_through(problem.net, nets[0])
    with pytest.raises(ValueError, match=r"`points\[0\]\['weight'\]` must have shape \(1, 3\)"):
        directions_through(problem.net, {"weight": np.zeros((1, 4))})
    with pytest.raises(TypeError, match="must be a fitted LandscapeSufficiencyEstimator or"):
        directions_through(problem.net, "weights.pt")
