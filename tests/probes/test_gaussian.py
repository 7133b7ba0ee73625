"""The isotropic Gaussian: moments, scales, seeds, devices."""

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from sufficiency.probes import IsotropicGaussian, Probe, ProbeDraws, resolve_probe

CENTER = {
    "weight": torch.tensor([[3.0, -4.0], [0.0, 5.0]], dtype=torch.float64),
    "bias": torch.zeros(3, dtype=torch.float64),
}


def draws(probe, n, center=CENTER):
    return ProbeDraws(probe.prepare(center), range(n), torch.device("cpu")).block(0, n)


@pytest.mark.parametrize(("scale", "deviation"), [("layer", 0.3 * 12.5**0.5), ("absolute", 0.3)])
def test_mean_and_covariance(scale, deviation):
    n = 20_000
    sample = draws(IsotropicGaussian(0.3, scale), n)["weight"].reshape(n, -1).numpy()
    centred = sample - CENTER["weight"].reshape(-1).numpy()
    # four standard errors: of a mean s/√n, of a variance s²√(2/n), of a covariance s²/√n
    assert np.abs(centred.mean(0)).max() < 4 * deviation / n**0.5
    error = np.abs(np.cov(centred.T) - deviation**2 * np.eye(4))
    assert error.max() < 4 * deviation**2 * (2 / n) ** 0.5


def test_a_tensor_of_zeros_has_no_layer_scale():
    assert torch.equal(draws(IsotropicGaussian(), 3)["bias"], torch.zeros(3, 3).double())
    assert (draws(IsotropicGaussian(0.2, "absolute"), 3)["bias"] != 0).all()


def test_sigma_zero_is_the_point_mass():
    sample = draws(IsotropicGaussian(0.0), 2)
    assert torch.equal(sample["weight"], CENTER["weight"].expand(2, 2, 2))


def test_blocks_of_any_size_give_the_same_draws():
    sampler = IsotropicGaussian().prepare(CENTER)
    whole = ProbeDraws(sampler, range(7), torch.device("cpu")).block(0, 7)
    again = ProbeDraws(sampler, range(7), torch.device("cpu"))
    parts = [again.block(0, 2), again.block(2, 3), again.block(3, 7)]
    for name in CENTER:
        assert torch.equal(whole[name], torch.cat([part[name] for part in parts]))


def test_the_center_is_not_changed_and_the_global_generator_not_used():
    before = {name: tensor.clone() for name, tensor in CENTER.items()}
    state = torch.get_rng_state()
    draws(IsotropicGaussian(), 3)
    assert all(torch.equal(before[name], CENTER[name]) for name in CENTER)
    assert torch.equal(state, torch.get_rng_state())


def test_draws_are_made_on_the_centers_device():
    # CUDA generators do not exist under fake tensors; without one, the device discipline remains
    with FakeTensorMode():
        center = {"weight": torch.ones(2, 2, device="cuda", dtype=torch.float16)}
        draw = IsotropicGaussian().prepare(center)(None)
        assert draw["weight"].device.type == "cuda"
        assert draw["weight"].dtype == torch.float16


@pytest.mark.parametrize(
    ("kwargs", "error", "message"),
    [
        ({"sigma": -0.1}, ValueError, "`sigma` must be finite and >= 0, got -0.1"),
        ({"sigma": float("nan")}, ValueError, "`sigma` must be finite"),
        ({"sigma": "big"}, TypeError, "`sigma` must be a number >= 0, got 'big'"),
        ({"scale": "layers"}, ValueError, "did you mean 'layer'"),
    ],
)
def test_bad_parameters(kwargs, error, message):
    with pytest.raises(error, match=message):
        IsotropicGaussian(**kwargs)


def test_resolve_probe():
    assert resolve_probe("isotropic", None) == IsotropicGaussian()
    assert resolve_probe("isotropic", 0.5) == IsotropicGaussian(0.5)
    own = IsotropicGaussian(1.0, "absolute")
    assert resolve_probe(own, None) is own
    with pytest.raises(ValueError, match=r"`sigma` must be None with a Probe object, got 0\.1"):
        resolve_probe(own, 0.1)
    with pytest.raises(ValueError, match="did you mean 'isotropic'"):
        resolve_probe("isotropc", None)
    with pytest.raises(TypeError, match="`prepare` method"):
        resolve_probe(IsotropicGaussian, None)
    with pytest.raises(TypeError, match="`prepare` method"):
        resolve_probe(3, None)


def test_an_object_with_prepare_is_a_probe():
    class Own:
        def prepare(self, center):
            return lambda generator: center

    assert isinstance(Own(), Probe)
