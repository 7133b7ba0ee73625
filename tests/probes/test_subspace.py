"""Random directions: norms by hand, a naive twin, the authors' own, moments, growth with dim."""

from pathlib import Path

import numpy as np
import pytest
import torch

from sufficiency.probes import IsotropicGaussian, RandomSubspace
from tests.probes.moments import CENTER, assert_gaussian_moments, displacements, draws

AUTHORS = Path(__file__).parents[1] / "data" / "authors_mlp.npz"
CONV = {
    "conv": torch.randn(4, 3, 2, 2, generator=torch.Generator().manual_seed(1)).double(),
    "head": torch.randn(5, 16, generator=torch.Generator().manual_seed(2)).double(),
    "bias": torch.randn(5, generator=torch.Generator().manual_seed(3)).double(),
}


def directions(probe, center=CONV, seed=0):
    """{name: (dim, *shape)} at σ = 1, as NumPy arrays."""
    return {n: f.numpy() for n, f in probe.prepare(center, random_state=seed).factor.items()}


def total(rows):
    """(dim,) norms over all parameters."""
    return np.sqrt(sum((f.reshape(len(f), -1) ** 2).sum(1) for f in rows.values()))


def center_norm(names):
    return np.sqrt(sum(float((CONV[name] ** 2).sum()) for name in names))


def naive_direction(center, generator, normalization, perturb_1d):
    """Filter by filter, in plain loops."""
    direction = {}
    for name, w in center.items():
        if w.ndim < 2 and not perturb_1d:
            continue
        d = torch.randn(w.shape, generator=generator, dtype=w.dtype).numpy()
        w = w.numpy()
        if normalization == "layer" or (normalization == "filter" and w.ndim < 2):
            d *= np.sqrt((w**2).sum()) / np.sqrt((d**2).sum())
        elif normalization == "filter":
            for i in range(len(w)):
                d[i] *= np.sqrt((w[i] ** 2).sum()) / np.sqrt((d[i] ** 2).sum())
        direction[name] = d
    return direction


@pytest.mark.parametrize("perturb_1d", [False, True])
@pytest.mark.parametrize("norm", [None, 2.5])
@pytest.mark.parametrize("normalization", ["filter", "layer", "none"])
def test_directions_are_those_of_a_naive_twin(normalization, norm, perturb_1d):
    probe = RandomSubspace(3, 1.0, normalization, norm, perturb_1d=perturb_1d)
    found = directions(probe, seed=11)
    generator = torch.Generator().manual_seed(11)
    wanted = center_norm(found) if norm is None else norm
    for i in range(3):
        expected = naive_direction(CONV, generator, normalization, perturb_1d)
        assert set(found) == set(expected)
        length = np.sqrt(sum((d**2).sum() for d in expected.values()))
        for name, d in expected.items():
            # float64: sums of some hundred squares, a few roundings
            np.testing.assert_allclose(found[name][i], d * wanted / length, rtol=1e-12)


def test_filters_have_their_norms():
    found = directions(RandomSubspace(3, 1.0, perturb_1d=True))
    for name, w in CONV.items():
        axes = tuple(range(1, w.ndim)) if w.ndim > 1 else (0,)
        wanted = np.sqrt((w.numpy() ** 2).sum(axis=axes))
        own = np.sqrt((found[name] ** 2).sum(axis=tuple(a + 1 for a in axes)))
        np.testing.assert_allclose(own, np.broadcast_to(wanted, own.shape), rtol=1e-12)


def test_tensors_have_their_norms_but_filters_have_not():
    found = directions(RandomSubspace(3, 1.0, "layer"))
    for name in ("conv", "head"):
        w = CONV[name].numpy()
        own = np.sqrt((found[name].reshape(3, -1) ** 2).sum(1))
        np.testing.assert_allclose(own, np.sqrt((w**2).sum()), rtol=1e-12)
        filters = np.sqrt((found[name][0].reshape(len(w), -1) ** 2).sum(1))
        assert np.abs(filters / np.sqrt((w.reshape(len(w), -1) ** 2).sum(1)) - 1).max() > 0.01


@pytest.mark.parametrize("direction", ["d0", "d1"])
def test_norms_of_the_authors_directions(direction):
    """Their two directions, made by their unmodified code: filter-normalized, norm 2.5."""
    with np.load(AUTHORS) as file:
        names = [str(name) for name in file["param_names"]]
        center = {name: torch.as_tensor(file[f"w.{name}"]) for name in names}
        theirs = {name: file[f"{direction}.{name}"] for name in names}
    own = directions(RandomSubspace(4, 1.0, norm=2.5), center)
    for name, d in theirs.items():
        if d.ndim < 2:
            assert name not in own
            assert (d == 0).all()
            continue
        wanted = np.sqrt((d**2).sum(1))
        # their denominator has 1e-10 added to it
        for row in own[name]:
            np.testing.assert_allclose(np.sqrt((row**2).sum(1)), wanted, rtol=1e-9)


def test_zero_filters_stay_and_nothing_is_nan():
    center = {"w": torch.tensor([[0.0, 0.0], [3.0, 4.0]]).double()}
    found = directions(RandomSubspace(3, 1.0), center)["w"]
    assert (found[:, 0] == 0).all()
    np.testing.assert_allclose(np.linalg.norm(found[:, 1], axis=1), 5.0, rtol=1e-13)
    free = directions(RandomSubspace(3, 1.0, "none"), center)["w"]
    assert (free != 0).all()


def test_a_center_of_zeros():
    center = {"w": torch.zeros(2, 2)}
    for normalization in ("filter", "layer"):
        probe = RandomSubspace(2, 1.0, normalization)
        assert (draws(probe, 2, center)["w"] == 0).all()
    with pytest.raises(ValueError, match=r"`norm` must be None around weights that are all zero"):
        RandomSubspace(2, norm=1.0).prepare(center)
    found = directions(RandomSubspace(2, 1.0, "none", 1.5), center)
    np.testing.assert_allclose(total(found), 1.5, rtol=1e-6)


def test_single_numbers_keep_their_size():
    center = {"temperature": torch.tensor(-2.0), "w": torch.ones(2, 2)}
    found = directions(RandomSubspace(4, 1.0, perturb_1d=True), center)["temperature"]
    np.testing.assert_allclose(np.abs(found), 2.0)


def test_moments():
    """Given its directions, covariance σ² Σ_i d_i d_iᵀ."""
    probe = RandomSubspace(3, 0.4, norm=2.0, perturb_1d=True)
    rows = np.concatenate(
        [
            f.reshape(3, -1)
            for f in directions(RandomSubspace(3, 1.0, norm=2.0, perturb_1d=True), CENTER).values()
        ],
        axis=1,
    )
    moved = displacements(probe, 8_000)
    assert_gaussian_moments(moved, np.zeros(9), 0.16 * rows.T @ rows)
    assert np.linalg.matrix_rank(moved[:50], tol=1e-9) == 3


@pytest.mark.parametrize("normalization", ["filter", "layer", "none"])
def test_the_squared_distance_grows_linearly_with_dim(normalization):
    """
    E‖w − w*‖² = dim·σ²·‖d‖²; its variance, of a quadratic form in z, is 2σ⁴ Tr (D Dᵀ)².
    """
    n, sigma, dims = 4000, 0.3, np.array([1, 2, 4, 8, 16, 32])
    means, errors = [], []
    for dim in dims:
        probe = RandomSubspace(int(dim), sigma, normalization)
        moved = displacements(probe, n, center=CONV)
        unit = directions(RandomSubspace(int(dim), 1.0, normalization))
        gram = sum(f.reshape(dim, -1) @ f.reshape(dim, -1).T for f in unit.values())
        means.append((moved**2).sum(1).mean())
        errors.append(np.sqrt(2 * sigma**4 * (gram**2).sum() / n))
    expected = dims * sigma**2 * center_norm(["conv", "head"]) ** 2
    assert (np.abs(np.array(means) - expected) < 4 * np.array(errors)).all()
    slope = np.polyfit(np.log(dims), np.log(means), 1)[0]
    # relative errors are at most √(2/n) = 2 %, over 1.5 decades
    assert slope == pytest.approx(1.0, abs=0.05)


def test_the_default_goes_as_far_as_the_isotropic_default():
    """Both expect ‖w − w*‖² = (0.2)²‖w*‖², here without a bias."""
    center = {"w": CONV["head"]}
    gaussian = IsotropicGaussian().prepare(center)
    probe = RandomSubspace()
    wanted = center["w"].numel() * float(gaussian.deviation["w"]) ** 2
    assert probe.dim * probe.sigma**2 * total(directions(RandomSubspace(probe.dim, 1.0), center))[
        0
    ] ** 2 == pytest.approx(wanted)


@pytest.mark.parametrize("normalization", ["filter", "layer", "none"])
def test_orthogonal_directions_keep_norm_and_sense(normalization):
    plain = directions(RandomSubspace(5, 1.0, normalization))
    found = directions(RandomSubspace(5, 1.0, normalization, orthogonal=True))
    rows = np.concatenate([f.reshape(5, -1) for f in found.values()], axis=1)
    squares = center_norm(["conv", "head"]) ** 2
    np.testing.assert_allclose(rows @ rows.T, squares * np.eye(5), atol=1e-12 * squares)
    for name in plain:
        np.testing.assert_allclose(found[name][0], plain[name][0], rtol=1e-10)
    flat = np.concatenate([f.reshape(5, -1) for f in plain.values()], axis=1)
    assert ((rows * flat).sum(1) > 0).all()


def test_directions_belong_to_the_seed_and_nest():
    few, many = RandomSubspace(2, 1.0), RandomSubspace(6, 1.0)
    np.testing.assert_array_equal(directions(few)["conv"], directions(many)["conv"][:2])
    assert (directions(few)["conv"] != directions(few, seed=1)["conv"]).all()


def test_one_dimensional_parameters_stay_unless_asked_for():
    assert set(draws(RandomSubspace(), 2)) == {"weight"}
    assert set(draws(RandomSubspace(perturb_1d=True), 2)) == set(CENTER)
    with pytest.raises(ValueError, match=r"one of two axes or more, got .*set `perturb_1d=True`"):
        RandomSubspace(parameters=["bias", "scale"]).prepare(CENTER)


@pytest.mark.parametrize(
    ("kwargs", "error", "message"),
    [
        ({"dim": 0}, ValueError, "`dim` must be >= 1, got 0"),
        ({"dim": 2.0}, TypeError, "`dim` must be an integer >= 1, got 2.0"),
        ({"sigma": -1}, ValueError, "`sigma` must be finite and >= 0, got -1"),
        ({"normalization": "filters"}, ValueError, "did you mean 'filter'"),
        ({"norm": 0}, ValueError, "`norm` must be finite and > 0, got 0"),
    ],
)
def test_bad_parameters(kwargs, error, message):
    with pytest.raises(error, match=message):
        RandomSubspace(**kwargs).check()


def test_more_orthogonal_directions_than_weights():
    with pytest.raises(ValueError, match=r"`dim` must be <= 4, .*`orthogonal=False`"):
        RandomSubspace(5, orthogonal=True).prepare(CENTER)
    assert draws(RandomSubspace(5), 2)["weight"].shape == (2, 2, 2)
