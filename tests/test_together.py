"""A fit whose nets are trained together gives what one gives that trains one at a time."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetClassifier, NeuralNetRegressor
from torch import nn, optim

from sufficiency import LandscapeSufficiencyEstimator
from sufficiency.cells.cell import CELL_COLUMNS
from sufficiency.exceptions import CellFailedWarning
from sufficiency.fit.plan import plan_fit
from sufficiency.store.fit_store import FitStore
from sufficiency.training.stacked_step import StackedStep

pytestmark = [
    pytest.mark.filterwarnings(f"ignore::sufficiency.exceptions.{name}Warning")
    for name in ("NotSettled", "InertProbe", "HeavyTail")
]

NUMBERS = [name for name in CELL_COLUMNS if not name.endswith("_seconds")]
# Roundings of float64, 1e-16, which some tens of steps and Δ amplify less than a million times.
RTOL = 1e-9


class Double(nn.Sequential):
    def __init__(self, n_outputs=3):
        super().__init__(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, n_outputs))
        self.double()


class Root(nn.Module):
    """A net without a derivative where all inputs are zero."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.full((4,), 0.1, dtype=torch.float64))

    def forward(self, X):
        return (X * self.scale).abs().sum(1, keepdim=True).sqrt()


def estimator(net=None, **changes):
    own = NeuralNetClassifier(
        Double,
        criterion=nn.CrossEntropyLoss,
        optimizer=optim.Adam,
        lr=0.01,
        batch_size=16,
        max_epochs=3,
        iterator_train__shuffle=True,
        verbose=0,
    )
    settings = {"sizes": 3, "n_repeats": 4, "n_draws": 5, "min_steps": 30, "random_state": 3}
    return LandscapeSufficiencyEstimator(net or own, refit=False, **(settings | changes))


@pytest.fixture(scope="module")
def data():
    return load_iris(return_X_y=True)


def tables(fitted):
    return {name: fitted.result_.table(name) for name in NUMBERS}


def assert_equal(a, b, rtol=0.0):
    for name, table in tables(a).items():
        # the drift is a difference of two losses
        atol = 1e-12 if name == "loss_drift" else 0.0
        other = tables(b)[name]
        np.testing.assert_allclose(table, other, rtol=rtol, atol=atol, err_msg=name)


@pytest.mark.parametrize("changes", [{}, {"train": "once"}, {"center": "best"}], ids=str)
def test_the_numbers_are_those_of_one_at_a_time_and_the_result_says_which(changes, data):
    together = estimator(**changes).fit(*data)
    alone = estimator(train_together=False, **changes).fit(*data)
    assert_equal(together, alone, RTOL)
    assert together.result_.settings["training"] == "up to 8 nets at once"
    assert alone.result_.settings["training"] == "one net at a time: train_together=False"


def test_workers_change_no_bit(data):
    assert_equal(estimator(n_jobs=2).fit(*data), estimator().fit(*data))


def test_behind_transformers_that_every_cell_fits(data):
    net = make_pipeline(StandardScaler(), estimator().net)
    together, alone = estimator(net).fit(*data), estimator(net, train_together=False).fit(*data)
    assert together.result_.settings["training"] == "up to 8 nets at once"
    assert_equal(together, alone, RTOL)


def test_groups_are_cut_by_the_plan(data):
    plan = plan_fit(estimator(sizes=5, n_repeats=4), *data)
    assert [len(group) for group in plan.groups] == [7, 7, 6]
    assert [task for group in plan.groups for task in group] == plan.tasks
    sizes = [task.size for task in plan.tasks]
    assert sizes == sorted(sizes, reverse=True)
    one_by_one = plan_fit(estimator(train_together=False), *data)
    assert [len(group) for group in one_by_one.groups] == [1] * 12


def test_an_unfinished_group_is_trained_again_as_a_whole(data, tmp_path, monkeypatch):
    """Killed after five of its centers are kept: the bits of a run that nobody killed."""
    plain, store = estimator().fit(*data), tmp_path / "store"
    keep, kept = FitStore.keep_center, []

    def killed(self, task, outcome, train):
        keep(self, task, outcome, train)
        kept.append(task)
        if len(kept) == 5:
            raise KeyboardInterrupt

    monkeypatch.setattr(FitStore, "keep_center", killed)
    with pytest.raises(KeyboardInterrupt):
        estimator(store=store).fit(*data)
    monkeypatch.undo()
    assert len(list(store.glob("centers/*"))) == 5
    assert_equal(estimator(store=store).fit(*data), plain)
    # and from its centers alone
    for cell in store.glob("cells/*"):
        cell.unlink()
    monkeypatch.setattr("sufficiency.training.centers.train_together", pytest.fail)
    assert_equal(estimator(store=store).fit(*data), plain)


def test_what_is_kept_for_one_way_is_not_taken_for_the_other(data, tmp_path):
    together = estimator(store=tmp_path).fit(*data)
    assert_equal(together, estimator().fit(*data))
    alone = estimator(store=tmp_path, train_together=False).fit(*data)
    assert_equal(alone, estimator(train_together=False).fit(*data))


@pytest.mark.parametrize("refused", [False, True])
def test_a_diverged_net_costs_its_own_cell(refused, data, caplog, monkeypatch):
    """Also if something refuses its numbers: what is left of the stack is trained one by one."""
    X, y = data[0][:100].copy(), (data[1][:100] > 0).astype(float)
    net = NeuralNetRegressor(Root, lr=0.01, batch_size=16, verbose=0)
    # no copies, which would be warned of
    unseen = {"X_unseen": X + 0.001, "y_unseen": y}
    settings = {"n_repeats": 1, "curve": "theory"}
    plan = plan_fit(estimator(net, **settings), X, y, None, *unseen.values())
    assert plan.settings.stacking.n_nets == 8
    X[plan.tasks[0].trained_on[-1]] = 0.0  # in the largest subset only
    step = StackedStep.__call__

    def refusing(self, parameters, *arguments, **settings):
        if not all(bool(w.isfinite().all()) for w in parameters.values()):
            raise RuntimeError("not finite")
        return step(self, parameters, *arguments, **settings)

    if refused:
        monkeypatch.setattr(StackedStep, "__call__", refusing)
    with pytest.warns(CellFailedWarning), caplog.at_level("INFO", "sufficiency"):
        together = estimator(net, **settings).fit(X, y, **unseen)
    assert refused == ("3 nets are trained one by one" in caplog.text)
    with pytest.warns(CellFailedWarning):
        alone = estimator(net, train_together=False, **settings).fit(X, y, **unseen)
    assert_equal(together, alone, RTOL)
    assert together.result_.measurements.failures == alone.result_.measurements.failures


@pytest.mark.parametrize("value", [True, "yes", None, 0])
def test_other_values_are_refused(value, data):
    with pytest.raises(ValueError, match="`train_together` must be 'auto' or False, got"):
        estimator(train_together=value).fit(*data)


def test_the_log_and_the_bar_say_which_way(data, caplog, capsys):
    with caplog.at_level("INFO", "sufficiency"):
        estimator(verbose=1, sizes=2, n_repeats=2).fit(*data)
    assert "training up to 8 nets at once" in caplog.messages
    assert "training up to 8 nets at once" in capsys.readouterr().err


def test_an_error_in_a_stack_names_its_cells(data, monkeypatch):
    def fail(self, *args, **kwargs):
        raise RuntimeError("broken")

    monkeypatch.setattr(torch.optim.Adam, "step", fail)
    with pytest.raises(RuntimeError, match="broken") as caught:
        estimator(sizes=2, n_repeats=1).fit(*data)
    [note] = caught.value.__notes__
    assert note.startswith("in the cell of repeat 0, size 120 or the cell of repeat 0, size")
