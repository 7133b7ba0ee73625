"""Data of figures: grids with the center, shapes, p(w) and what is made of a change."""

import numpy as np
import pytest

from sufficiency.landscape import ChangeSlice, LandscapeSlice, LineSlices

GRID = np.linspace(-1, 1, 5)
OTHER = np.array([-0.5, 0.0, 0.25, 2.0])
PLANE = np.add.outer(GRID**2, OTHER)


def make(kind, alphas=GRID, betas=OTHER, values=PLANE):
    if kind == "line":
        return LineSlices(alphas, values.T)
    if kind == "plane":
        return LandscapeSlice(alphas, betas, values)
    return ChangeSlice(alphas, betas, values, size=10)


@pytest.mark.parametrize("kind", ["plane", "change", "line"])
@pytest.mark.parametrize(
    ("alphas", "message"),
    [
        (np.linspace(-1, 1, 6), "`alphas` must contain 0, the center that the figure marks, got 6"),
        (np.array([0.0]), "`alphas` must have at least 2 points, got 1"),
        (GRID[::-1], "`alphas` must be strictly increasing"),
        (GRID[:, None], "`alphas` must be a row"),
    ],
)
def test_grids_must_hold_the_center(kind, alphas, message):
    with pytest.raises(ValueError, match=message):
        make(kind, alphas, values=np.zeros((alphas.size, 4)))


@pytest.mark.parametrize("kind", ["plane", "change"])
def test_of_both_axes(kind):
    with pytest.raises(ValueError, match=r"`betas` must contain 0.*np\.linspace\(-1, 1, 25\)"):
        make(kind, betas=OTHER + 0.1)


@pytest.mark.parametrize("kind", ["plane", "change", "line"])
def test_shapes_must_match(kind):
    with pytest.raises(ValueError, match="must have shape"):
        make(kind, values=PLANE[:4])


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
    plane = ChangeSlice(GRID, OTHER, PLANE, size=10, sigma=0.5)
    for i, alpha in enumerate(GRID):
        for j, beta in enumerate(OTHER):
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


@pytest.mark.parametrize("sigma", [0.0, -1.0, np.nan])
def test_the_scale_of_the_density_is_positive(sigma):
    with pytest.raises(ValueError, match="`sigma` must be finite and > 0"):
        ChangeSlice(GRID, OTHER, PLANE, size=10, sigma=sigma)
