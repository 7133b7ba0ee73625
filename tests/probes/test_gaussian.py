"""Gaussian probes: moments against dense covariances, scales, seeds, tables of numbers."""

import numpy as np
import pytest
import torch

from sufficiency.probes import (
    DiagonalGaussian,
    GaussianSampler,
    IsotropicGaussian,
    LowRankGaussian,
    PointMass,
)
from tests.probes.moments import CENTER, assert_gaussian_moments, displacements, draws

N = 8_000
RMS = np.array([12.5**0.5] * 4 + [0.0] * 3 + [1.0] * 2)


@pytest.mark.parametrize(("scale", "deviation"), [("layer", 0.3 * RMS), ("absolute", 0.3)])
def test_moments_of_the_isotropic_gaussian(scale, deviation):
    covariance = np.diag(np.full(9, 1.0) * deviation**2)
    assert_gaussian_moments(
        displacements(IsotropicGaussian(0.3, scale), N), np.zeros(9), covariance
    )


def test_the_distance_of_the_isotropic_gaussian():
    """‖w − w*‖²/σ² is χ² with 9 degrees of freedom: mean 9, variance 18."""
    squares = (displacements(IsotropicGaussian(0.3, "absolute"), N) ** 2).sum(1) / 0.09
    assert abs(squares.mean() - 9) < 4 * (18 / N) ** 0.5


def test_a_tensor_of_zeros_has_no_layer_scale():
    assert torch.equal(draws(IsotropicGaussian(), 3)["bias"], torch.zeros(3, 3).double())
    assert (draws(IsotropicGaussian(0.2, "absolute"), 3)["bias"] != 0).all()


@pytest.mark.parametrize("probe", [PointMass(), IsotropicGaussian(0.0), DiagonalGaussian(0.0)])
def test_the_point_mass(probe):
    sample = draws(probe, 2)
    assert set(sample) == set(CENTER)
    for name, tensor in sample.items():
        assert torch.equal(tensor, CENTER[name].expand_as(tensor))


def test_moments_of_the_diagonal_gaussian():
    weight = np.array([[0.1, 0.0], [2.0, 0.5]])
    probe = DiagonalGaussian({"weight": weight, "bias": 0.3}, mean={"bias": [1.0, 0.0, -2.0]})
    mean = np.array([0, 0, 0, 0, 1.0, 0.0, -2.0])
    covariance = np.diag(np.r_[weight.ravel(), [0.3] * 3] ** 2)
    assert_gaussian_moments(displacements(probe, N), mean, covariance)


def test_names_that_no_table_has_are_left_out():
    assert set(draws(DiagonalGaussian({"bias": 0.3}), 2)) == {"bias"}
    assert set(draws(DiagonalGaussian({"bias": 0.3}, mean={"scale": 1.0}), 2)) == {"bias", "scale"}
    only_mean = draws(DiagonalGaussian({}, mean={"scale": 1.0}), 2)
    assert torch.equal(only_mean["scale"], (CENTER["scale"] + 1).expand(2, 2))
    assert set(draws(DiagonalGaussian(0.3, mean={"scale": 1.0}), 2)) == set(CENTER)


def test_the_tables_of_one_number_are_isotropic():
    a, b = draws(DiagonalGaussian(0.3), 3), draws(IsotropicGaussian(0.3, "absolute"), 3)
    assert all(torch.equal(a[name], b[name]) for name in CENTER)


@pytest.mark.parametrize("diagonal", [0.0, 0.04, {"bias": [0.0, 1.0, 4.0], "scale": 0.25}])
def test_moments_of_the_low_rank_gaussian(diagonal, rng):
    factor = {"weight": rng.normal(size=(2, 2, 2)), "scale": rng.normal(size=(2, 2))}
    probe = LowRankGaussian(factor, diagonal, mean={"scale": [0.5, 0.5]})
    F = np.concatenate([factor["weight"].reshape(2, 4), np.zeros((2, 3)), factor["scale"]], axis=1)
    variance = {0.0: np.zeros(9), 0.04: np.full(9, 0.04)}.get(
        diagonal if isinstance(diagonal, float) else None,
        np.array([0, 0, 0, 0, 0, 1, 4, 0.25, 0.25]),
    )
    mean, covariance = np.r_[np.zeros(7), 0.5, 0.5], F.T @ F + np.diag(variance)
    kept = [0, 1, 2, 3, 7, 8] if diagonal == 0.0 else list(range(9))  # the bias has no part
    assert_gaussian_moments(displacements(probe, N), mean[kept], covariance[np.ix_(kept, kept)])


def test_a_low_rank_alone_spans_its_rank(rng):
    factor = {"weight": rng.normal(size=(2, 2, 2))}
    assert np.linalg.matrix_rank(displacements(LowRankGaussian(factor), 10)) == 2


def test_the_covariance_is_there_for_closed_forms(rng):
    factor = {"weight": rng.normal(size=(2, 2, 2))}
    sampler = LowRankGaussian(factor, 0.09).prepare(CENTER)
    assert isinstance(sampler, GaussianSampler)
    np.testing.assert_allclose(sampler.factor["weight"], factor["weight"])
    assert sampler.deviation["bias"].item() == pytest.approx(0.3)
    assert set(sampler.mean) == set(CENTER)


def test_tables_may_be_tensors_of_another_dtype():
    center = {"w": torch.ones(2, dtype=torch.float16)}
    probe = DiagonalGaussian({"w": torch.tensor([0.5, 0.25], requires_grad=True)})
    draw = draws(probe, 2, center)["w"]
    assert draw.dtype == torch.float16
    assert not draw.requires_grad


ARRAY = np.ones((2, 2))
BAD = [
    (IsotropicGaussian, {"sigma": -0.1}, ValueError, "`sigma` must be finite and >= 0, got -0.1"),
    (IsotropicGaussian, {"sigma": float("nan")}, ValueError, "`sigma` must be finite"),
    (IsotropicGaussian, {"sigma": "big"}, TypeError, "`sigma` must be a number >= 0, got 'big'"),
    (IsotropicGaussian, {"scale": "layers"}, ValueError, "did you mean 'layer'"),
    (DiagonalGaussian, {"std": -1.0}, ValueError, "`std` must be finite and >= 0, got -1"),
    (DiagonalGaussian, {"std": "x"}, TypeError, "`std` must be a number or a dict of arrays"),
    (DiagonalGaussian, {"std": {"a": [1, -2]}}, ValueError, r"`std\['a'\]` must be finite and >="),
    (DiagonalGaussian, {"std": 1.0, "mean": 1.0}, TypeError, "`mean` must be a dict of arrays"),
    (
        DiagonalGaussian,
        {"std": 1.0, "mean": {"a": [np.inf]}},
        ValueError,
        r"`mean\['a'\]` must be finite, got inf",
    ),
    (LowRankGaussian, {"factor": 1.0}, TypeError, "`factor` must be a dict of arrays"),
    (LowRankGaussian, {"factor": {}}, ValueError, "same rank >= 1, got first axes"),
    (LowRankGaussian, {"factor": {"a": 1.0}}, ValueError, "same rank >= 1, got first axes"),
    (
        LowRankGaussian,
        {"factor": {"a": ARRAY, "b": np.ones((3, 2))}},
        ValueError,
        r"same rank >= 1, got first axes \[\(2,\), \(3,\)\]",
    ),
    (LowRankGaussian, {"factor": {"a": ARRAY}, "diagonal": -1}, ValueError, "`diagonal` must be"),
]


@pytest.mark.parametrize(("probe", "kwargs", "error", "message"), BAD)
def test_bad_parameters(probe, kwargs, error, message):
    with pytest.raises(error, match=message):
        probe(**kwargs).check()


@pytest.mark.parametrize(
    ("probe", "message"),
    [
        (DiagonalGaussian({"b": 1.0}), r"`std` must be for some of \['weight', .*got \['b'\]; "),
        (DiagonalGaussian({"bias": np.ones(2)}), r"`std\['bias'\]` must have shape \(3,\), got"),
        (DiagonalGaussian(1.0, mean={"b": 1}), "`mean` must be for some of"),
        (LowRankGaussian({"bias": np.ones((2, 4))}), r"must have shape \(2, 3\), got \(2, 4\)"),
        (
            DiagonalGaussian({"weight": 1.0}, parameters="bias"),
            r"for some of \['bias'\], got \['weight'\]; leave these out or add them to `para",
        ),
    ],
)
def test_tables_have_to_fit_the_center(probe, message):
    with pytest.raises(ValueError, match=message):
        probe.prepare(CENTER)
