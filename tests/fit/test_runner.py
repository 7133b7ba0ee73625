import dataclasses
import logging
import math
import subprocess
import sys
import textwrap
import warnings

import joblib
import numpy as np
import pytest
import torch
import tqdm.auto

from sufficiency.cells.cell import Cell
from sufficiency.data.samples import Samples
from sufficiency.data.splits import make_splits
from sufficiency.fit import runner
from sufficiency.fit.plan import Plan
from sufficiency.fit.runner import measure_group, run_cells
from sufficiency.nets.targets import fit_target_codec
from sufficiency.probes import IsotropicGaussian
from sufficiency.training.settings import FitSettings
from tests.helpers import Perceptron, measure_cell, measured, regressor

X, Y = measured(40)
SAMPLES = Samples(X, Y, Y)
SPLITS = make_splits(40, sizes=[5, 10, 20], n_repeats=2, n_candidates=8, root=1)


def plan_of(net=None, unseen=None, **changes) -> Plan:
    net = net or regressor(max_epochs=3, batch_size=-1)
    settings = FitSettings(
        net=net,
        codec=fit_target_codec(net, Y, torch.float32),
        probe=IsotropicGaussian(0.2),
        scorer=None,
        root=1,
        n_draws=3,
        n_eval=None,
        order=2,
        center="last",
        min_steps=0,
        method="monte_carlo",
        train="each_size",
        vectorize=True,
        verbose=0,
    )
    settings = dataclasses.replace(settings, **changes)
    n_unseen = len(SPLITS.repeats[0].candidates if unseen is None else unseen.y)
    return Plan(settings, SAMPLES, unseen, SPLITS, 1.0, lambda size: 1, n_unseen, SAMPLES)


def run(net=None, n_jobs=None, verbose=0, **changes) -> list[Cell]:
    return run_cells(plan_of(net, **changes), n_jobs=n_jobs, verbose=verbose)


def numbers(cells):
    return [
        [repr(v) for name, v in vars(cell).items() if not name.endswith("_seconds")]
        for cell in cells
    ]


def test_cells_are_measured_the_largest_first_logged_and_come_back_sorted(caplog):
    with caplog.at_level(logging.INFO, logger="sufficiency"):
        cells = run()
    first, path, *logged = [record.getMessage() for record in caplog.records]
    assert path == "training one net at a time"
    assert first == "2 repeats of the sizes [5, 10, 20]"
    assert [line.split(": delta")[0] for line in logged] == [
        f"repeat {repeat}, size {size}" for size in (20, 10, 5) for repeat in (0, 1)
    ]
    assert [(c.repeat, c.size) for c in cells] == [
        (0, 5), (0, 10), (0, 20), (1, 5), (1, 10), (1, 20),
    ]  # fmt: skip
    assert all(type(cell.size) is int for cell in cells)
    assert all(math.isfinite(cell.delta) for cell in cells)


def count_threads(predictor, X, y):
    return float(torch.get_num_threads())


def test_one_worker_keeps_its_threads_and_several_share_the_cores(monkeypatch):
    """Of six cores and two workers, which this machine may have or not."""
    here = torch.get_num_threads()
    assert {cell.unseen_score for cell in run(scorer=count_threads)} == {here}
    monkeypatch.setattr(joblib, "cpu_count", lambda: 6)
    monkeypatch.setattr(joblib, "effective_n_jobs", lambda n_jobs: 2)
    assert {cell.unseen_score for cell in run(scorer=count_threads)} == {3}
    assert torch.get_num_threads() == here


def test_workers_change_no_bit():
    alone = run()
    with joblib.parallel_config(backend="threading"):
        shared = run(n_jobs=2)
    assert numbers(alone) == numbers(shared)


def test_a_group_of_tasks_has_the_cells_of_each():
    plan = plan_of()
    number, cells, messages, heard = measure_group(7, plan.tasks, SAMPLES, None, None, None)
    assert (number, messages, heard) == (7, [], [])
    assert numbers(sorted(cells, key=lambda c: (c.repeat, c.size))) == numbers(run())


class Grumbling(Perceptron):
    def forward(self, X):
        with warnings.catch_warnings():  # as libraries do; Python then shows it again and again
            warnings.simplefilter("always")
            warnings.warn("old module", UserWarning, stacklevel=1)
        return super().forward(X)


def test_warnings_of_another_process_come_with_its_cells(capfd):
    plan = plan_of(regressor(Grumbling, max_epochs=3, batch_size=-1))
    # as it looks to a worker, whose parent is another process
    *_, heard = measure_group(7, plan.tasks, SAMPLES, None, None, None, parent=-1)
    assert [text for text, *_ in heard] == ["old module"]
    assert capfd.readouterr().err == ""


def test_own_candidates_are_handed_on():
    own = Samples(X[:3], Y[:3], Y[:3])
    plan = plan_of(unseen=own)
    cells = run_cells(plan, n_jobs=None, verbose=0)
    again = measure_cell(plan.settings, SAMPLES, own, SPLITS.repeats[1], 1, 10)
    assert numbers(cells[4:5]) == numbers([again])
    assert numbers(cells) != numbers(run())


def test_progress_is_shown_where_it_is_asked_for(capsys):
    run(verbose=1)
    shown = capsys.readouterr()
    assert not shown.out
    assert "cells" in shown.err
    assert "100%" in shown.err
    assert "6/6" in shown.err
    run(verbose=0)
    shown = capsys.readouterr()
    assert not shown.out + shown.err


def test_the_progress_bar_weighs_cells_by_their_cost(monkeypatch):
    updates, totals = [], []

    class Bar(runner.tqdm):
        def __init__(self, *args, total, **kwargs):
            totals.append(total)
            super().__init__(*args, total=total, **kwargs)

        def update(self, n=1):
            updates.append(n)
            return super().update(n)

    monkeypatch.setattr(runner, "tqdm", Bar)
    run(verbose=1)
    # 3 steps, each at the least price of 64 samples; 3 draws over k training samples and 8
    # candidates at a third each
    expected = [3 * 64 + size + 8 for size in (20, 20, 10, 10, 5, 5)]
    np.testing.assert_allclose(updates, expected)
    assert totals == [pytest.approx(sum(expected))]


class Broken(torch.nn.Linear):
    def forward(self, X):
        raise RuntimeError("no forward today")


def test_an_error_in_a_cell_ends_the_run():
    net = regressor(Broken, module__in_features=3, module__out_features=1)
    with pytest.raises(RuntimeError, match="no forward today") as caught:
        run(net)
    assert caught.value.__notes__ == ["in the cell of repeat 0, size 20"]


def test_failed_cells_come_back_with_the_others_and_are_logged_with_their_reason(caplog):
    with caplog.at_level(logging.INFO, logger="sufficiency"):
        cells = run(regressor(lr=1e20, max_epochs=20))
    assert len(cells) == 6
    reason = "the training diverged: its weights are not finite"
    assert all(cell.failure == reason for cell in cells)
    assert caplog.records[-1].getMessage() == f"repeat 1, size 5: failed: {reason}"


def test_notebook_without_its_widgets_gets_a_plain_bar():
    """Even where warnings are errors: tqdm warns of it."""
    assert runner.tqdm is tqdm.auto.tqdm
    code = """\
        import sys, types, warnings
        shell = types.SimpleNamespace(get_ipython=lambda: types.SimpleNamespace())
        sys.modules |= {"IPython": shell, "ipykernel.zmqshell": shell, "ipywidgets": None}
        from tqdm import TqdmWarning
        warnings.simplefilter("error", TqdmWarning)
        from tqdm.auto import tqdm
        for _ in tqdm(range(3), bar_format="{desc} {percentage:3.0f}%|{bar}|"):
            pass
        """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "100%" in done.stderr
