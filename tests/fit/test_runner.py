import logging
import math
import subprocess
import sys
import textwrap

import joblib
import numpy as np
import pytest
import torch

from sufficiency.cells.cell import Cell, FitSettings, Samples
from sufficiency.data.splits import make_splits
from sufficiency.fit import runner
from sufficiency.fit.runner import run_cells
from sufficiency.nets.targets import fit_target_codec
from sufficiency.probes import IsotropicGaussian
from tests.helpers import measured, regressor

X, Y = measured(40)
LADDER = make_splits(40, sizes=[5, 10, 20], n_repeats=2, n_candidates=8, root=1)


def recipe_for(net) -> FitSettings:
    return FitSettings(
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


def run(net=None, **changes) -> list[Cell]:
    settings = {"trained_samples": lambda size: 3 * size, "n_jobs": None, "verbose": 0}
    recipe = recipe_for(net or regressor())
    return run_cells(recipe, LADDER, Samples(X, Y, Y), None, **(settings | changes))


@pytest.fixture
def calls(monkeypatch) -> list:
    """Instead of measuring, note what would have been."""
    made = []

    def note(recipe, samples, unseen, split, repeat, size, n_threads, trainer):
        assert split is LADDER.repeats[repeat]
        made.append((repeat, size, n_threads))
        return Cell(repeat, size)

    monkeypatch.setattr(runner, "measure_cell", note)
    return made


def test_every_cell_is_measured_once_the_largest_first_and_comes_back_sorted(calls):
    cells = run()
    assert [(r, s) for r, s, _ in calls] == [(0, 20), (1, 20), (0, 10), (1, 10), (0, 5), (1, 5)]
    assert [(c.repeat, c.size) for c in cells] == [
        (0, 5), (0, 10), (0, 20), (1, 5), (1, 10), (1, 20),
    ]  # fmt: skip
    assert all(type(cell.size) is int for cell in cells)


def test_one_worker_keeps_its_threads_and_several_share_the_cores(calls, monkeypatch):
    run(n_jobs=1)
    assert {threads for *_, threads in calls} == {None}
    calls.clear()
    for cores, expected in ((6, 3), (1, 1)):
        monkeypatch.setattr(joblib, "cpu_count", lambda cores=cores: cores)
        with joblib.parallel_config(backend="threading"):
            run(n_jobs=2)
        assert {threads for *_, threads in calls} == {expected}
        calls.clear()


def test_workers_change_no_bit():
    def numbers(cells):
        return [
            [repr(v) for name, v in vars(cell).items() if not name.endswith("_seconds")]
            for cell in cells
        ]

    alone = run()
    with joblib.parallel_config(backend="threading"):
        shared = run(n_jobs=2)
    assert numbers(alone) == numbers(shared)
    assert all(math.isfinite(cell.delta) for cell in alone)


def test_own_candidates_are_handed_on(monkeypatch):
    own = Samples(X[:3], Y[:3], Y[:3])
    seen = []

    def note(recipe, samples, unseen, split, repeat, size, n_threads, trainer):
        seen.append(unseen)
        return Cell(repeat, size)

    monkeypatch.setattr(runner, "measure_cell", note)
    run_cells(
        recipe_for(regressor()), LADDER, Samples(X, Y, Y), own,
        trained_samples=lambda size: size, n_jobs=None, verbose=0,
    )  # fmt: skip
    assert all(unseen is own for unseen in seen)


def test_progress_is_shown_where_it_is_asked_for(calls, capsys):
    run(verbose=1)
    shown = capsys.readouterr()
    assert not shown.out
    assert "cells" in shown.err
    assert "100%" in shown.err
    assert "6/6" in shown.err
    run(verbose=0)
    shown = capsys.readouterr()
    assert not shown.out + shown.err


def test_the_progress_bar_weighs_cells_by_their_cost(calls, monkeypatch):
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
    # 3k sample passes to train, 3 draws over k training samples and 8 candidates at a third each
    expected = [3 * size + size + 8 for size in (20, 20, 10, 10, 5, 5)]
    np.testing.assert_allclose(updates, expected)
    assert totals == [pytest.approx(sum(expected))]


def test_an_error_in_a_cell_ends_the_run():
    class Broken(torch.nn.Linear):
        def forward(self, X):
            raise RuntimeError("no forward today")

    net = regressor(Broken, module__in_features=3, module__out_features=1)
    with pytest.raises(RuntimeError, match="no forward today"):
        run(net)


def test_failed_cells_come_back_with_the_others():
    cells = run(regressor(lr=1e20, max_epochs=20))
    assert len(cells) == 6
    assert all("diverged" in cell.failure for cell in cells)


def test_finished_cells_are_logged(calls, caplog):
    with caplog.at_level(logging.INFO, logger="sufficiency"):
        run()
    said = [record.getMessage() for record in caplog.records]
    assert said[0] == "2 repeats of the sizes [5, 10, 20]"
    assert said[1].startswith("repeat 0, size 20: delta nan")
    assert len(said) == 7


def test_failed_cells_are_logged_with_their_reason(monkeypatch, caplog):
    def fail(recipe, samples, unseen, split, repeat, size, n_threads, trainer):
        return Cell(repeat, size, failure="no luck")

    monkeypatch.setattr(runner, "measure_cell", fail)
    with caplog.at_level(logging.INFO, logger="sufficiency"):
        run()
    assert caplog.records[-1].getMessage() == "repeat 1, size 5: failed: no luck"


def test_notebook_without_its_widgets_gets_a_plain_bar():
    """Even where warnings are errors: tqdm warns of it."""
    code = """\
        import sys, types, warnings
        shell = types.SimpleNamespace(get_ipython=lambda: types.SimpleNamespace())
        sys.modules |= {"IPython": shell, "ipykernel.zmqshell": shell, "ipywidgets": None}
        from tqdm import TqdmWarning
        warnings.simplefilter("error", TqdmWarning)
        from sufficiency.fit.runner import tqdm
        for _ in tqdm(range(3), bar_format="{desc} {percentage:3.0f}%|{bar}|"):
            pass
        """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "100%" in done.stderr
