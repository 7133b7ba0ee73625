"""What all probes share: seeds, blocks, devices, `parameters=`, shorthands, the protocol."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy.sparse.linalg import aslinearoperator
from sklearn import config_context
from sklearn.base import clone
from torch._subclasses.fake_tensor import FakeTensorMode

import sufficiency.probes.subspace
from sufficiency.probes import (
    BaseProbe,
    CurvatureSubspace,
    DiagonalGaussian,
    IsotropicGaussian,
    LowRankGaussian,
    PointMass,
    Probe,
    RandomSubspace,
    StudentT,
    UniformSphere,
    check_probe,
    select_parameters,
)
from sufficiency.probes.base import prepare_probe
from sufficiency.probes.draws import ProbeDraws
from sufficiency.probes.resolve import resolve_probe
from tests.helpers import untouched_generators
from tests.probes.moments import CENTER, CPU, draws

HESSIAN = aslinearoperator(np.diag(np.arange(9.0)))
EVERY = [
    PointMass(),
    IsotropicGaussian(),
    IsotropicGaussian(0.1, "absolute"),
    DiagonalGaussian(0.1, mean={"weight": 1.0}),
    LowRankGaussian({"weight": np.ones((2, 2, 2))}, 0.1),
    RandomSubspace(),
    RandomSubspace(3, 0.1, "none", orthogonal=True, perturb_1d=True),
    CurvatureSubspace(2),
    UniformSphere(),
    StudentT(),
]
each_probe = pytest.mark.parametrize("probe", EVERY, ids=repr)


@each_probe
def test_every_probe_keeps_the_protocol(probe):
    assert isinstance(probe, Probe)
    check_probe(probe, CENTER)
    check_probe(probe, CENTER, hessian=HESSIAN)


@each_probe
def test_blocks_of_any_size_give_the_same_draws(probe):
    sampler = prepare_probe(probe, CENTER, lambda: HESSIAN, 3)
    whole = ProbeDraws(sampler, range(7), CPU).block(0, 7)
    again = ProbeDraws(sampler, range(7), CPU)
    parts = [again.block(3, 7), again.block(0, 2), again.block(2, 3)]
    for name, tensor in whole.items():
        joined = torch.cat([part[name] for part in (parts[1], parts[2], parts[0])])
        assert torch.equal(tensor, joined)


@each_probe
def test_the_center_and_the_global_generators_are_left_alone(probe):
    before = {name: tensor.clone() for name, tensor in CENTER.items()}
    with untouched_generators():
        draws(probe, 3, hessian=HESSIAN)
    assert all(torch.equal(before[name], CENTER[name]) for name in CENTER)


@each_probe
def test_some_parameters_only(probe):
    restricted = clone(probe).set_params(parameters="wei*")
    sample = draws(restricted, 3, hessian=HESSIAN)
    assert set(sample) == {"weight"}
    assert (sample["weight"] != CENTER["weight"]).any() != isinstance(probe, PointMass)
    assert repr(restricted).endswith("parameters='wei*')")


@each_probe
def test_names_that_match_nothing(probe):
    with pytest.raises(ValueError, match=r"match some of \['weight', 'bias', 'scale'\], got 'h"):
        clone(probe).set_params(parameters=["weight", "head.*"]).prepare(CENTER, HESSIAN)


@each_probe
def test_draws_are_made_on_the_centers_device_in_its_dtype(probe, monkeypatch):
    # CUDA generators do not exist under fake tensors; without them, the device discipline remains
    monkeypatch.setattr(sufficiency.probes.subspace, "seeded_generator", lambda seed, device: None)
    for dtype in (torch.float16, torch.float32):
        with FakeTensorMode():
            center = {n: torch.ones(t.shape, device="cuda", dtype=dtype) for n, t in CENTER.items()}
            draw = probe.prepare(center, HESSIAN)(None)
            assert {tensor.device.type for tensor in draw.values()} == {"cuda"}
            assert {tensor.dtype for tensor in draw.values()} == {dtype}


@each_probe
def test_probes_are_parameters_as_scikit_learn_has_them(probe):
    twin = clone(probe)
    assert twin is not probe
    assert twin == probe
    assert hash(twin) == hash(probe)
    expected = draws(probe, 1, hessian=HESSIAN)
    assert all(torch.equal(w, expected[n]) for n, w in draws(twin, 1, hessian=HESSIAN).items())
    assert twin.set_params(parameters="bias") is twin
    assert twin != probe
    assert twin.get_params().keys() == probe.get_params().keys()
    assert twin.get_params()["parameters"] == "bias"
    with pytest.raises(ValueError, match="Invalid parameter 'sgima'"):
        twin.set_params(sgima=1.0)


NAMES = ["body.0.weight", "body.0.bias", "head.weight"]


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        (None, NAMES),
        ("head.*", ["head.weight"]),
        ("*.weight", ["body.0.weight", "head.weight"]),
        (["head.*", "body.0.bias"], ["body.0.bias", "head.weight"]),
        (("body.[0-9].*",), ["body.0.weight", "body.0.bias"]),
        (lambda name: "bias" in name, ["body.0.bias"]),
    ],
)
def test_patterns_and_callables(parameters, expected):
    assert select_parameters(NAMES, parameters) == expected


@pytest.mark.parametrize("parameters", ["head", "Head.*", ["head.*", "tail.*"], lambda name: False])
def test_what_selects_nothing_is_an_error(parameters):
    with pytest.raises(ValueError, match=r"`parameters` must .* \['body.0.weight'"):
        select_parameters(NAMES, parameters)


@pytest.mark.parametrize("parameters", [3, [], ["a", 3], {"a"}])
def test_other_kinds_of_parameters(parameters):
    probe = IsotropicGaussian(parameters=parameters)
    with pytest.raises(TypeError, match="`parameters` must be a glob pattern, some of them or a"):
        probe.prepare(CENTER)


def test_representations():
    assert repr(IsotropicGaussian()) == "IsotropicGaussian()"
    assert repr(IsotropicGaussian(0.3)) == "IsotropicGaussian(sigma=0.3)"
    with config_context(print_changed_only=False):
        everything = "IsotropicGaussian(sigma=0.2, scale='layer', parameters=None)"
        assert repr(IsotropicGaussian()) == everything
    probe = DiagonalGaussian({"a": np.ones((2, 3)), "b": 0.5}, parameters=["a", "b"])
    expected = "DiagonalGaussian(std={'a': array(2, 3), 'b': 0.5}, parameters=['a', 'b'])"
    assert repr(probe) == expected


def test_probes_are_equal_by_class_and_content():
    assert IsotropicGaussian(0.3) == IsotropicGaussian(sigma=0.3)
    assert IsotropicGaussian(0.3) != StudentT(0.3)
    table = {"a": torch.ones(2, 3), "b": 0.5}
    assert DiagonalGaussian(table) == DiagonalGaussian({"a": np.ones((2, 3)), "b": 0.5})
    assert DiagonalGaussian(table) != DiagonalGaussian({"a": np.zeros((2, 3)), "b": 0.5})


def test_own_probes_of_the_base_class():
    @dataclasses.dataclass(repr=False)
    class Shifted(BaseProbe):
        by: float = 1.0

        def _prepare(self, chosen, *, center, hessian, seed):
            return lambda generator: {name: w + self.by for name, w in chosen.items()}

    probe = Shifted(2.0, parameters="bias")
    check_probe(probe, CENTER)
    assert torch.equal(draws(probe, 1)["bias"], torch.full((1, 3), 2.0).double())
    with pytest.raises(TypeError, match="abstract"):
        BaseProbe()


def test_own_probes_take_what_they_want():
    class Center:
        def prepare(self, center):
            return ("center",)

    class Seeded:
        def prepare(self, center, random_state):
            return ("seed", random_state)

    class Curved:
        needs_hessian = True

        def prepare(self, center, *, hessian):
            return ("hessian", hessian)

    class Anything:
        def prepare(self, center, **context):
            return context

    def prepared(probe):
        return prepare_probe(probe, CENTER, lambda: "H", 5)

    assert prepared(Center()) == ("center",)
    assert prepared(Seeded()) == ("seed", 5)
    assert prepared(Curved()) == ("hessian", "H")
    assert prepared(Anything()) == {"hessian": None, "random_state": 5}


def test_the_size_of_a_draw():
    sampler = IsotropicGaussian(parameters="weight").prepare(CENTER)
    assert ProbeDraws(sampler, range(7), CPU).bytes_per_draw == 4 * 8


@pytest.mark.parametrize(
    ("name", "probe"),
    [
        ("isotropic", IsotropicGaussian),
        ("random_subspace", RandomSubspace),
        ("curvature", CurvatureSubspace),
    ],
)
def test_shorthands(name, probe):
    assert resolve_probe(name, None) == probe()
    assert resolve_probe(name, 0.5) == probe(sigma=0.5)
    with pytest.raises(ValueError, match="`sigma` must be finite and >= 0, got -1"):
        resolve_probe(name, -1)


def test_what_is_no_probe():
    own = IsotropicGaussian(1.0, "absolute")
    found = resolve_probe(own, None)
    assert found == own
    assert found is not own  # setting its parameters later does not change a fit
    with pytest.raises(ValueError, match=r"`sigma` must be None with a Probe object, got 0\.1"):
        resolve_probe(own, 0.1)
    with pytest.raises(ValueError, match="did you mean 'isotropic'"):
        resolve_probe("isotropc", None)
    with pytest.raises(TypeError, match="`prepare` method"):
        resolve_probe(IsotropicGaussian, None)
    with pytest.raises(TypeError, match="`prepare` method"):
        resolve_probe(3, None)
