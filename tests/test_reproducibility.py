"""Same random_state, same numbers: in any order, cell by cell, in parallel, in other blocks."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_iris
from skorch import NeuralNetClassifier
from torch import nn

from sufficiency import LandscapeSufficiencyEstimator
from sufficiency.cells.cell import CELL_COLUMNS
from sufficiency.cells.measure import measure
from sufficiency.fit.plan import plan_fit
from sufficiency.training.centers import centers
from tests.oracles import MLP

pytestmark = pytest.mark.filterwarnings("ignore::sufficiency.exceptions.SufficiencyWarning")

DURATIONS = {"fit_seconds", "probe_seconds"}
NUMBERS = [name for name in CELL_COLUMNS if name not in DURATIONS]


class Dropping(MLP):
    def forward(self, X):
        return super().forward(nn.functional.dropout(X, 0.2, self.training))


def estimator(**kwargs):
    net = NeuralNetClassifier(
        Dropping,
        module__n_inputs=4,
        criterion=nn.CrossEntropyLoss,
        lr=0.05,
        max_epochs=3,
        iterator_train__shuffle=True,
        verbose=0,
    )
    defaults = {"sizes": 3, "n_repeats": 2, "n_draws": 5, "min_steps": 10, "random_state": 7}
    return LandscapeSufficiencyEstimator(net, **{**defaults, **kwargs})


@pytest.fixture(scope="module")
def data():
    return load_iris(return_X_y=True)


@pytest.fixture(scope="module")
def reference(data):
    return estimator().fit(*data)


def assert_bitwise(a, b):
    for name in NUMBERS:
        np.testing.assert_array_equal(a.result_.table(name), b.result_.table(name), err_msg=name)


def assert_same_net(a, b):
    for name, tensor in a.net_.module_.state_dict().items():
        assert torch.equal(tensor, b.net_.module_.state_dict()[name]), name


def test_same_seed_same_bits_whatever_the_global_generators_did(reference, data):
    torch.manual_seed(99)
    np.random.seed(99)  # noqa: NPY002
    other = estimator().fit(*data)
    assert_bitwise(reference, other)
    assert_same_net(reference, other)


def test_another_seed_gives_other_numbers(reference, data):
    other = estimator(random_state=8).fit(*data)
    assert (reference.deltas_ != other.deltas_).all()


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_parallel_cells_are_bitwise_the_same(backend, reference, data, new_workers):
    from joblib import parallel_config

    with parallel_config(backend=backend, n_jobs=2):
        parallel = estimator().fit(*data)
    assert_bitwise(reference, parallel)
    assert_same_net(reference, parallel)


class Attentive(nn.Module):
    """Iris as four tokens; its attention has kernels that are switched for the whole process."""

    def __init__(self):
        super().__init__()
        layer = nn.TransformerEncoderLayer(4, 2, 8, dropout=0.1, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.embed, self.head = nn.Linear(1, 4), nn.Linear(4, 3)

    def forward(self, X):
        return self.head(self.encoder(self.embed(X[:, :, None])).mean(1))


def test_two_fits_at_once_in_one_process_do_not_disturb_each_other(reference, data):
    attentive = estimator(random_state=3, sizes=2)
    attentive.set_params(net__module=Attentive)
    del attentive.net.module__n_inputs
    alone = clone(attentive).fit(*data)
    fits = [estimator(), attentive, estimator(random_state=8, refit=False), clone(attentive)]
    start = threading.Barrier(len(fits))

    def fit(some):
        start.wait()
        return some.fit(*data)

    with ThreadPoolExecutor(len(fits)) as pool:
        first, second, other, third = pool.map(fit, fits)
    assert_bitwise(reference, first)
    assert_same_net(reference, first)
    for again in (second, third):
        assert_bitwise(alone, again)
        assert_same_net(alone, again)
    assert_bitwise(estimator(random_state=8, refit=False).fit(*data), other)


def bits(cells):
    return sorted([getattr(cell, name).hex() for name in NUMBERS[2:]] for cell in cells)


def test_the_order_of_cells_does_not_matter(data):
    """Smallest first instead of largest first."""
    plan = plan_fit(estimator(train_together=False), *data)
    backwards = centers(plan.tasks[::-1], plan.samples)
    cells = [cell for task, center in backwards for cell in measure(task, center, plan.samples)]
    assert [cell.size for cell in cells[:2]] == [30, 30]
    assert bits(cells) == bits(estimator(train_together=False).fit(*data).result_.cells)


def test_a_cell_alone_has_the_numbers_it_has_in_the_whole(reference, data):
    """What a resumed run relies on."""
    plan = plan_fit(estimator(), *data)
    [task] = [task for task in plan.tasks if (task.repeat, task.size) == (1, 60)]
    [(_, center)] = centers([task], plan.samples)
    [cell] = [cell for cell in reference.result_.cells if (cell.repeat, cell.size) == (1, 60)]
    assert bits(measure(task, center, plan.samples)) == bits([cell])


def test_more_draws_keep_the_trainings(reference, data):
    """Seeds belong to what they are for: another probe stage leaves every center as it was."""
    other = estimator(n_draws=9, sigma=0.5).fit(*data)
    for name in ("train_loss", "unseen_loss", "delta_point", "grad_norm"):
        np.testing.assert_array_equal(reference.result_.table(name), other.result_.table(name))


def test_block_sizes_change_rounding_only(reference, data, monkeypatch):
    import sufficiency.cells.around_center as probing

    original = probing.plan_blocks

    def tiny(*args, **kwargs):
        return original(*args, **kwargs, budget=20_000)

    monkeypatch.setattr(probing, "plan_blocks", tiny)
    other = estimator().fit(*data)
    for name in NUMBERS:
        # float32 losses of order one in other blocks: a few units of 2⁻²⁴, and the drift is a
        # difference of two such losses
        np.testing.assert_allclose(
            other.result_.table(name),
            reference.result_.table(name),
            rtol=1e-4,
            atol=1e-6 if name == "loss_drift" else 1e-9,
            err_msg=name,
        )


def global_state():
    return torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002


@pytest.mark.parametrize("fails", [False, True])
def test_global_generators_are_as_before(fails, data):
    before = global_state()
    X, y = data
    if fails:
        with pytest.raises(ValueError, match="6 of 6 cells failed"):
            estimator().set_params(net__lr=1e30).fit(X, y)
    else:
        estimator().fit(X, y)
    after = global_state()
    assert torch.equal(before[0], after[0])
    np.testing.assert_array_equal(before[1], after[1])
    assert torch.is_grad_enabled()
