"""Random directions: normalized as said, inner products reported, one seed each."""

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError
from torch import nn

from sufficiency.landscape import RandomDirections
from tests.helpers import classifier, untouched_generators
from tests.landscape.nets import authors_net, double_classifier
from tests.oracles import MLP, ConvNet


@pytest.fixture
def net():
    torch.manual_seed(3)
    return double_classifier(ConvNet)


def center(net):
    return {name: p.detach().numpy() for name, p in net.module_.named_parameters()}


def flat(direction, like):
    return np.concatenate([np.asarray(direction.get(n, 0 * w)).ravel() for n, w in like.items()])


def filter_norms(values):
    return np.array([np.sqrt((row**2).sum()) for row in values])


def moved_norm(w):
    return np.sqrt(sum((v**2).sum() for v in w.values() if v.ndim > 1))


def test_every_filter_has_the_norm_that_it_has_in_the_center(net):
    w = center(net)
    found = RandomDirections().around(net, n=3)
    for direction in found.vectors:
        assert set(direction) == {"features.0.weight", "head.weight"}  # no bias, no batch norm
        for name, d in direction.items():
            np.testing.assert_allclose(filter_norms(d.numpy()), filter_norms(w[name]), rtol=1e-12)
    assert found.geometry.unit == "norm of w*, per filter"


def test_every_tensor_has_the_norm_that_it_has_in_the_center(net):
    w = center(net)
    found = RandomDirections(normalize="tensor").around(net)
    for direction in found.vectors:
        for name, d in direction.items():
            assert np.linalg.norm(d.numpy()) == pytest.approx(np.linalg.norm(w[name]), rel=1e-12)
        spread = filter_norms(direction["head.weight"].numpy()) / filter_norms(w["head.weight"])
        assert np.ptp(spread) > 0.01
    assert found.geometry.unit == "norm of w*, per tensor"


@pytest.mark.parametrize("normalize", ["filter", "tensor", "none"])
def test_norms_and_inner_products_are_reported(normalize, net):
    w = center(net)
    found = RandomDirections(normalize=normalize).around(net, n=4)
    rows = np.array([flat(direction, w) for direction in found.vectors])
    np.testing.assert_allclose(found.geometry.gram, rows @ rows.T, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found.geometry.norms, moved_norm(w), rtol=1e-12)
    assert found.geometry.center_norm == pytest.approx(moved_norm(w), rel=1e-12)
    cosine = rows[0] @ rows[1] / np.linalg.norm(rows[0]) / np.linalg.norm(rows[1])
    assert found.geometry.cosine == pytest.approx(cosine, rel=1e-10)
    assert 0 < abs(cosine) < 0.5


@pytest.mark.parametrize("normalize", ["filter", "tensor", "none"])
def test_a_norm_for_the_whole_keeps_the_ratios(normalize, net):
    plain, scaled = (RandomDirections(normalize=normalize, norm=n).around(net) for n in (None, 2.5))
    np.testing.assert_allclose(scaled.geometry.norms, 2.5, rtol=1e-12)
    factor = 2.5 / plain.geometry.norms[0]
    for name, d in plain.u.items():
        np.testing.assert_allclose(scaled.u[name], factor * d, rtol=1e-12)
    assert scaled.geometry.labels == ("α along u (1: distance 2.5)", "β along v (1: distance 2.5)")
    again = plain.scaled(2.5)
    np.testing.assert_allclose(again.geometry.gram, scaled.geometry.gram, rtol=1e-12)
    for name, d in scaled.v.items():
        np.testing.assert_allclose(again.v[name], d, rtol=1e-12)


@pytest.mark.parametrize("name", ["u", "v"])
def test_norms_of_the_authors_directions(name):
    """Theirs are filter-normalized and have norm 3 as a whole."""
    net, data = authors_net()
    own = RandomDirections(norm=3.0).around(net)
    for direction in own.vectors:
        for parameter, theirs in data[name].items():
            if theirs.ndim < 2:
                assert parameter not in direction
                assert not theirs.any()
                continue
            # their denominator has 1e-10 added to it
            wanted = filter_norms(theirs)
            np.testing.assert_allclose(
                filter_norms(direction[parameter].numpy()), wanted, rtol=1e-9
            )


def test_one_dimensional_parameters_move_when_asked_to(net):
    found = RandomDirections(perturb_1d=True).around(net)
    assert set(found.u) == set(center(net))
    weight = net.module_.features[1].weight.detach().numpy()
    assert np.linalg.norm(found.u["features.1.weight"]) == pytest.approx(np.linalg.norm(weight))


def test_some_parameters_alone_can_move(net):
    found = RandomDirections(parameters="head.*").around(net)
    assert set(found.u) == {"head.weight"}
    wanted = np.linalg.norm(center(net)["head.weight"])
    assert found.geometry.center_norm == pytest.approx(wanted)


def test_directions_are_normal_up_to_their_norm(net):
    """Angles within a filter: kurtosis of a coordinate of the unit sphere in d dimensions."""
    found = RandomDirections().around(net, n=60)
    rows = np.concatenate([d["head.weight"].numpy() for d in found.vectors])
    rows = rows / filter_norms(rows)[:, None]
    n, d = rows.shape
    assert rows.mean() == pytest.approx(0, abs=4 / np.sqrt(n * d * d))
    assert (rows**4).mean() == pytest.approx(3 / (d * (d + 2)), rel=4 * np.sqrt(35 / 3 / n / d))


def test_directions_belong_to_their_seeds(net):
    with untouched_generators():
        few, many = RandomDirections().around(net, n=2), RandomDirections().around(net, n=5)
        other = RandomDirections().around(net, n=2, random_state=1)
    for name, d in few.u.items():
        assert torch.equal(d, many.vectors[0][name])
        assert torch.equal(few.v[name], many.vectors[1][name])
        assert not torch.equal(d, other.u[name])
        assert not torch.equal(d, few.v[name])


def test_names_of_axes(net):
    one, three = (RandomDirections().around(net, n=n).geometry for n in (1, 3))
    assert one.labels == ("α along u (1: norm of w*, per filter)",)
    assert np.isnan(one.cosine)
    assert three.names == ("direction 1", "direction 2", "direction 3")


def test_single_precision(net):
    net.module_.float()
    found = RandomDirections(norm=2.0).around(net)
    assert found.u["head.weight"].dtype == torch.float32
    np.testing.assert_allclose(found.geometry.norms, 2.0, rtol=1e-6)


BAD = [
    ({"normalize": "filters"}, ValueError, "did you mean 'filter'"),
    ({"normalize": "layer"}, ValueError, "`normalize` must be one of 'filter', 'tensor', 'none'"),
    ({"norm": 0.0}, ValueError, "`norm` must be finite and > 0"),
    ({"n": 0}, ValueError, "`n` must be >= 1"),
    ({"n": 2.0}, TypeError, "`n` must be an integer"),
    ({"parameters": "nobody*"}, ValueError, "`parameters` must match some of"),
    ({"parameters": "head.bias"}, ValueError, "set `perturb_1d=True`"),
]


@pytest.mark.parametrize(("params", "kind", "message"), BAD)
def test_what_is_refused(params, kind, message, net):
    how = {name: value for name, value in params.items() if name != "n"}
    with pytest.raises(kind, match=message):
        RandomDirections(**how).around(net, n=params.get("n", 2))


def test_weights_of_zero_have_no_norm_to_scale_to(net):
    nn.init.zeros_(net.module_.head.weight)
    with pytest.raises(ValueError, match="must have weights that are not all zero"):
        RandomDirections(parameters="head.*", norm=1.0).around(net)
    found = RandomDirections().around(net)
    assert not found.u["head.weight"].any()


def test_only_what_has_weights_has_a_landscape():
    with pytest.raises(NotFittedError, match="call `fit`, or `initialize`"):
        RandomDirections().around(classifier())
    for wrong in (MLP(), MLP, "net", None):
        with pytest.raises(TypeError, match="must be a fitted LandscapeSufficiencyEstimator or"):
            RandomDirections().around(wrong)
