import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from sufficiency.data.samples import Samples
from sufficiency.probes import IsotropicGaussian, StudentT
from sufficiency.store import keys as keys_module
from sufficiency.store.keys import FitKeys, initial_state
from sufficiency.training.tasks import CenterTask
from tests.cells.test_cells import Double
from tests.helpers import classifier, untouched_generators
from tests.store.fits import SPLITS, Limited, changed, fit, keys_of_limited
from tests.store.test_configurations import VALUES, of

ROOT = Path(__file__).resolve().parents[2]
SPLIT = SPLITS[0]


def digests(settings, samples, unseen=None, split=SPLIT, size=10, repeat=0, seed=7):
    """Keys of one center and of its cell."""
    keys = FitKeys.from_fit(settings, samples, unseen)
    task = CenterTask(settings, split, repeat, size, seed, (size,))
    return keys.center(task).digest, keys.cells(task).digest


@pytest.fixture(scope="module")
def whole():
    return fit()


@pytest.fixture(scope="module")
def plain(whole):
    return digests(*whole)


def shifted(samples, name):
    """One bit of one array is another one."""
    array = getattr(samples, name).copy()
    array.view(np.uint8).reshape(-1)[0] ^= 1
    return changed(samples, **{name: array})


OF_BOTH = {
    "X": lambda r, s: digests(r, shifted(s, "X")),
    "encoded": lambda r, s: digests(r, shifted(s, "encoded")),
    "an unused sample": lambda r, s: digests(r, changed(s, X=np.vstack([s.X[:-1], s.X[:1]]))),
    "dtype": lambda r, s: digests(r, changed(s, X=s.X.astype(np.float32))),
    "net": lambda r, s: digests(changed(r, net=classifier(Double, module__n_outputs=3)), s),
    "center": lambda r, s: digests(changed(r, center="best"), s),
    "min_steps": lambda r, s: digests(changed(r, min_steps=5), s),
    "classes": lambda r, s: digests(changed(r, codec=changed(r.codec, classes=np.arange(4))), s),
    "size": lambda r, s: digests(r, s, size=11),
    "order": lambda r, s: digests(r, s, split=changed(SPLIT, order=SPLIT.order[::-1])),
    "first two": lambda r, s: digests(
        r, s, split=changed(SPLIT, order=SPLIT.order[[1, 0, *range(2, 30)]])
    ),
    "validation": lambda r, s: digests(r, s, split=changed(SPLIT, validation=np.arange(40, 44))),
}
OF_CELLS = {
    "y": lambda r, s: digests(r, shifted(s, "y")),
    "labels": lambda r, s: digests(
        changed(r, codec=changed(r.codec, classes=np.array(["a", "b", "c"]))), s
    ),
    "candidates": lambda r, s: digests(r, s, split=changed(SPLIT, candidates=np.arange(5))),
    "unseen": lambda r, s: digests(r, s, s.take(np.arange(3))),
    "other unseen": lambda r, s: digests(r, s, s.take(np.arange(4))),
    "repeat": lambda r, s: digests(r, s, repeat=1),
    "root": lambda r, s: digests(changed(r, root=6), s),
    "sigma": lambda r, s: digests(changed(r, probe=IsotropicGaussian(0.4)), s),
    "probe": lambda r, s: digests(changed(r, probe=StudentT(0.3)), s),
    "n_draws": lambda r, s: digests(changed(r, n_draws=5), s),
    "n_eval": lambda r, s: digests(changed(r, n_eval=5), s),
    "order of Δ": lambda r, s: digests(changed(r, order=1), s),
    "method": lambda r, s: digests(changed(r, method="gaussian_moment"), s),
    "no scorer": lambda r, s: digests(changed(r, scorer=None), s),
    "scorer": lambda r, s: digests(changed(r, scorer=lambda predictor, X, y: 0.0), s),
}


@pytest.mark.parametrize("name", OF_BOTH)
def test_what_changes_a_training_changes_both_keys(name, whole, plain):
    center, cell = OF_BOTH[name](*whole)
    assert center != plain[0]
    assert cell != plain[1]


@pytest.mark.parametrize("name", OF_CELLS)
def test_what_changes_the_probe_stage_keeps_the_center(name, whole, plain):
    center, cell = OF_CELLS[name](*whole)
    assert center == plain[0]
    assert cell != plain[1]


def test_all_changes_differ_from_each_other(whole):
    cells = [change(*whole)[1] for change in (OF_BOTH | OF_CELLS).values()]
    assert len(set(cells)) == len(cells)


def test_the_seed_of_a_training_belongs_to_its_center(whole, plain):
    assert digests(*whole, seed=8)[0] != plain[0]


def test_one_net_for_all_sizes_is_trained_on_everything(whole):
    settings, samples = whole
    once = changed(settings, train="once")
    keys, each = (FitKeys.from_fit(how, samples, None) for how in (once, settings))
    tasks = [CenterTask(once, SPLIT, 0, 30, 7, sizes) for sizes in ((5, 10, 30), (5, 10))]
    assert keys.cells(tasks[0]).name.startswith("30-")
    assert keys.cells(tasks[0]).digest != keys.cells(tasks[1]).digest
    # which is that of the largest size
    assert keys.center(tasks[0]).digest == each.center(tasks[1]).digest


@pytest.mark.parametrize("constant", ["TRAINING_FORMAT", "PROBE_FORMAT"])
def test_formats_are_part_of_the_keys(constant, whole, plain, monkeypatch):
    monkeypatch.setattr(keys_module, constant, 99)
    center, cell = digests(*whole)
    assert cell != plain[1]
    assert (center != plain[0]) == (constant == "TRAINING_FORMAT")


@pytest.mark.parametrize("library", ["torch", "skorch"])
def test_releases_are_part_of_the_keys(library, whole, plain, monkeypatch):
    monkeypatch.setattr(getattr(keys_module, library), "__version__", "0.0")
    center, cell = digests(*whole)
    assert center != plain[0]
    assert cell != plain[1]


def test_what_does_not_change_numbers_changes_no_key(whole, plain):
    settings, samples = whole
    assert digests(changed(settings, verbose=2), samples) == plain
    assert digests(changed(settings, net=settings.net.set_params(verbose=1)), samples) == plain
    settings.net.set_params(verbose=0)
    # another place in memory, other strides
    copied = Samples(np.asfortranarray(samples.X), samples.encoded.copy(), samples.y.copy())
    assert digests(settings, copied) == plain
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(threads + 1)
        assert digests(settings, samples) == plain
    finally:
        torch.set_num_threads(threads)


def test_every_field_of_a_settings_is_part_of_some_key(whole):
    settings, samples = whole
    keys = FitKeys.from_fit(settings, samples, None)
    named = {field.name for field in dataclasses.fields(settings)}
    assert named - keys.of_cell.keys() == {"net", "stacking", "transformers", "verbose"}
    piped = dataclasses.replace(settings, transformers=make_pipeline(StandardScaler()))
    of_center = FitKeys.from_fit(piped, samples, None).of_center
    assert of_center.keys() - keys.of_center.keys() == {"transformers", "sklearn", "y"}


def test_memory_maps_have_the_keys_of_arrays(whole, plain, tmp_path):
    settings, samples = whole
    np.save(tmp_path / "X.npy", samples.X)
    mapped = changed(samples, X=np.load(tmp_path / "X.npy", mmap_mode="r"))
    assert isinstance(mapped.X, np.memmap)
    assert digests(settings, mapped) == plain


class Loading(nn.Module):
    """Takes weights from elsewhere, as pretrained models do."""

    pretrained = 1.0

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 3).double()
        nn.init.constant_(self.layer.weight, float(os.environ.get("SUFFICIENCY_TEST", "1")))

    def forward(self, X):
        return self.layer(X)


def test_weights_that_a_constructor_loads_are_seen(monkeypatch):
    known = []
    for value in ("1", "2", "1"):
        monkeypatch.setenv("SUFFICIENCY_TEST", value)
        known.append(digests(*fit(classifier(Loading))))
    assert known[0] == known[2]
    assert known[0][0] != known[1][0]


class Unseeded(nn.Module):
    """Draws weights from a generator of its own."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 3).double()
        values = np.random.default_rng().normal(size=(3, 3))
        self.layer.weight.data.copy_(torch.from_numpy(values))

    def forward(self, X):
        return self.layer(X)


def test_weights_that_no_seed_decides_are_refused():
    with pytest.raises(
        ValueError, match=r"`net` must start from weights .* or fit without a store"
    ):
        digests(*fit(classifier(Unseeded)))


def test_the_initial_state_is_the_same_whatever_the_generators_did():
    net = classifier(nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 3)))
    nn.init.orthogonal_(net.module[0].weight)
    with untouched_generators():
        first = initial_state(net)
    torch.manual_seed(99)
    assert initial_state(net) == first
    other = classifier(nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 3)))
    assert initial_state(other) == first
    other.module[1].requires_grad_(False)
    assert initial_state(other) != first


def test_lazy_layers_have_an_initial_state():
    net = classifier(nn.Sequential(nn.LazyLinear(4), nn.ReLU(), nn.LazyLinear(3)))
    assert initial_state(net) == initial_state(net)


def all_digests() -> list[str]:
    return keys_of_limited() + [of(make()) for make in VALUES.values()]


def test_keys_are_the_same_in_every_process():
    """Sets have another order there, objects another address, modules another history."""
    code = "from tests.store.test_keys import all_digests; print(*all_digests())"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=os.environ | {"PYTHONHASHSEED": "1", "PYTHONPATH": str(ROOT)},
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert not done.stderr
    names = ["center", "cell", *VALUES]
    there = dict(zip(names, done.stdout.split(), strict=True))
    assert there == dict(zip(names, all_digests(), strict=True))


def test_sets_in_code_have_no_order():
    settings, samples = fit(classifier(Limited, module__n_outputs=3))
    assert digests(settings, samples) == digests(settings, samples)
