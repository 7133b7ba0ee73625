"""check_probe finds every broken promise, and says which."""

import pytest
import torch

from sufficiency.probes import check_probe
from tests.helpers import untouched_generators
from tests.probes.moments import CENTER


def own(sample):
    """A probe of a function (center, generator) → draw."""

    class Own:
        def prepare(self, center):
            return lambda generator: sample(center, generator)

    return Own()


def noise(center, generator):
    return {n: w + torch.randn(w.shape, generator=generator) for n, w in center.items()}


def test_a_good_probe_passes():
    with untouched_generators():
        assert check_probe(own(noise), CENTER) is None


def test_some_names_are_enough():
    check_probe(own(lambda c, g: {"bias": noise(c, g)["bias"]}), CENTER)


def changing(center, generator):
    center["bias"] += 1.0
    return noise(center, generator)


class Buffer:
    """Writes every draw into the same memory."""

    def prepare(self, center):
        buffer = {name: tensor.clone() for name, tensor in center.items()}

        def sample(generator):
            for tensor in buffer.values():
                tensor.normal_(generator=generator)
            return dict(buffer)

        return sample


class Growing:
    """Draws that depend on how many there were."""

    def prepare(self, center):
        count = 0

        def sample(generator):
            nonlocal count
            count += 1
            return {name: tensor + count for name, tensor in center.items()}

        return sample


class Restless:
    """Other directions every time it is prepared."""

    prepared = 0

    def prepare(self, center):
        self.prepared += 1
        shift = float(self.prepared)
        return lambda generator: {n: w + shift for n, w in noise(center, generator).items()}


@pytest.mark.parametrize(
    ("probe", "told"),
    [
        (own(lambda c, g: None), "a draw is None; return a dict"),
        (own(lambda c, g: {}), r"a draw is \{\}; return a dict"),
        (own(lambda c, g: {"b": c["bias"]}), r"a draw has the names \['b'\]; the center's are"),
        (own(lambda c, g: {"bias": c["bias"][:2]}), r"'bias' has the shape torch.Size\(\[2\]\)"),
        (own(lambda c, g: {"bias": c["bias"].float()}), "'bias' has the dtype torch.float32"),
        (own(lambda c, g: {"bias": c["bias"].to("meta")}), "'bias' has the device meta"),
        (own(lambda c, g: {"bias": c["bias"] / 0}), "'bias' is not finite"),
        (
            own(lambda c, g: {"bias": c["bias"].clone().requires_grad_()}),
            "'bias' requires a gradient; detach it",
        ),
        (own(changing), "the center is changed; make new tensors"),
        (Buffer(), "a draw changes when the next is made"),
        (Growing(), "a seed gives another draw the second time"),
        (Restless(), "prepared again with the same `random_state`, it gives another draw"),
        (own(lambda c, g: noise(c, None)), "it uses torch's global generator"),
    ],
)
def test_broken_promises(probe, told):
    center = {name: tensor.clone() for name, tensor in CENTER.items()}
    with untouched_generators(), pytest.raises(ValueError, match=told):
        check_probe(probe, center)


def test_draws_have_the_same_names():
    # the seeds 1 and 2 have to fall on both sides
    chances = [
        float(torch.rand((), generator=torch.Generator().manual_seed(seed))) for seed in (1, 2)
    ]
    split = sum(chances) / 2

    def by_chance(center, generator):
        kept = float(torch.rand((), generator=generator)) < split
        return {"bias": center["bias"], **({} if kept else {"scale": center["scale"]})}

    with pytest.raises(ValueError, match="draws have different names"):
        check_probe(own(by_chance), CENTER)


def test_all_faults_are_told_at_once():
    def faulty(center, generator):
        return {"bias": center["bias"].float() / 0, "scale": center["scale"][:1]}

    with pytest.raises(ValueError, match="promises") as caught:
        check_probe(own(faulty), CENTER)
    assert str(caught.value).count("\n- ") == 3


class NoSampler:
    def prepare(self, center):
        return center


@pytest.mark.parametrize(
    ("probe", "told"),
    [
        (3, "`probe` must be an object with a `prepare` method, got 3"),
        (NoSampler, "`probe` must be an object with a `prepare` method"),
        (NoSampler(), "`prepare` must return a callable"),
    ],
)
def test_what_is_no_probe(probe, told):
    with pytest.raises(TypeError, match=told):
        check_probe(probe, CENTER)


def test_a_hessian_is_made_for_a_probe_that_needs_one():
    seen = []

    class Curved:
        needs_hessian = True

        def prepare(self, center, hessian):
            seen.append(hessian.shape)
            return lambda generator: noise(center, generator)

    check_probe(Curved(), CENTER)
    assert set(seen) == {(9, 9)}


def test_a_probe_that_still_has_a_seed():
    class Old:
        def prepare(self, center, seed=0):
            return lambda generator: noise(center, generator)

    with pytest.raises(ValueError, match=r"must take `random_state` in `prepare`.*rename it"):
        check_probe(Old(), CENTER)
