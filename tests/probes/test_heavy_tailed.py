"""The sphere and Student's t: radius, moments, the distribution of the distance."""

import numpy as np
import pytest
import torch
from scipy.stats import chi2, f, kstest

from sufficiency.probes import StudentT, UniformSphere
from tests.probes.moments import displacements, draws

N = 8_000
# weight (4), bias of zeros (3), scale (2)
RMS = np.array([12.5**0.5] * 4 + [0.0] * 3 + [1.0] * 2)


def test_the_radius_is_the_same_for_all_draws():
    radii = np.linalg.norm(displacements(UniformSphere(0.7, "absolute"), 50), axis=1)
    np.testing.assert_allclose(radii, 0.7, rtol=1e-13)


def test_the_layer_sphere_is_an_ellipsoid():
    moved = displacements(UniformSphere(0.7), 50)
    assert (moved[:, 4:7] == 0).all()  # zeros have no scale and no part in the count
    kept = RMS > 0
    radii = np.linalg.norm(moved[:, kept] / RMS[kept], axis=1)
    np.testing.assert_allclose(radii, 0.7 * 6**0.5, rtol=1e-13)


@pytest.mark.parametrize(("scale", "dim"), [("absolute", 9), ("layer", 6)])
def test_moments_of_the_sphere(scale, dim):
    """
    Of u uniform on the unit sphere in n dimensions, E u_i² = 1/n and
    E u_i² u_j² = (1 + 2 δ_ij)/(n(n+2)).
    """
    moved = displacements(UniformSphere(0.7, scale), N)
    if scale == "layer":
        kept = RMS > 0
        u = moved[:, kept] / RMS[kept] / (0.7 * dim**0.5)
    else:
        u = moved / 0.7
    assert np.abs(u.mean(0)).max() < 4 / (dim * N) ** 0.5
    eye = np.eye(dim)
    variance = (1 + 2 * eye) / (dim * (dim + 2)) - eye / dim**2
    assert (np.abs(u.T @ u / N - eye / dim) < 4 * np.sqrt(variance / N)).all()


def test_the_sphere_is_uniform():
    """An angle, not just moments: u_1² is Beta(1/2, (n−1)/2); in 2 dimensions the angle uniform."""
    moved = draws(UniformSphere(1.0, "absolute"), N, {"w": torch.zeros(2).double()})["w"].numpy()
    angle = np.arctan2(moved[:, 1], moved[:, 0])
    assert kstest(angle, "uniform", (-np.pi, 2 * np.pi)).pvalue > 6e-5  # four standard errors


def test_moments_of_students_t():
    """
    Covariance Σ = σ²s²·ν/(ν−2), and E x_i²x_j² = κ(Σ_ii Σ_jj + 2 Σ_ij²), κ = (ν−2)/(ν−4).
    With ν = 12 the products have the fourth moments that their standard error's spread needs.
    """
    nu = 12
    kept = RMS > 0
    moved = displacements(StudentT(0.3, nu), N)
    assert (moved[:, ~kept] == 0).all()
    covariance = np.diag(0.09 * RMS[kept] ** 2 * nu / (nu - 2))
    moved, variance = moved[:, kept], np.diag(covariance)
    assert (np.abs(moved.mean(0)) < 4 * np.sqrt(variance / N)).all()
    kurtosis = (nu - 2) / (nu - 4)
    spread = kurtosis * (np.outer(variance, variance) + 2 * covariance**2) - covariance**2
    assert (np.abs(moved.T @ moved / N - covariance) < 4 * np.sqrt(spread / N)).all()


@pytest.mark.parametrize("nu", [2.5, 5.0, 30.0])
def test_the_distance_of_students_t_has_its_tails(nu):
    """‖x‖²/(nσ²) is F with (n, ν) degrees of freedom."""
    squares = (displacements(StudentT(0.3, nu, "absolute"), 5000) ** 2).sum(1) / (9 * 0.09)
    assert kstest(squares, f(9, nu).cdf).pvalue > 6e-5
    assert kstest(9 * squares, chi2(9).cdf).pvalue < 1e-3  # and no Gaussian


def test_many_degrees_of_freedom_are_the_gaussian():
    squares = (displacements(StudentT(0.3, 1e8, "absolute"), 5000) ** 2).sum(1) / 0.09
    assert kstest(squares, chi2(9).cdf).pvalue > 6e-5


@pytest.mark.parametrize("probe", [UniformSphere(0.0), StudentT(0.0)])
def test_without_width_they_are_the_point(probe):
    assert (displacements(probe, 3) == 0).all()


@pytest.mark.parametrize("probe", [UniformSphere(), StudentT()])
def test_a_center_of_zeros_stays(probe):
    assert (draws(probe, 2, {"w": torch.zeros(3)})["w"] == 0).all()


@pytest.mark.parametrize(
    ("probe", "kwargs", "error", "message"),
    [
        (UniformSphere, {"radius": -1}, ValueError, "`radius` must be finite and >= 0, got -1"),
        (UniformSphere, {"scale": "all"}, ValueError, "`scale` must be one of 'layer', 'absol"),
        (StudentT, {"sigma": -1}, ValueError, "`sigma` must be finite and >= 0, got -1"),
        (StudentT, {"df": 2}, ValueError, "`df` must be finite and > 2, got 2"),
        (StudentT, {"df": None}, TypeError, "`df` must be a number > 2, got None"),
        (StudentT, {"scale": "x"}, ValueError, "`scale` must be one of 'layer', 'absolute'"),
    ],
)
def test_bad_parameters(probe, kwargs, error, message):
    with pytest.raises(error, match=message):
        probe(**kwargs).check()
