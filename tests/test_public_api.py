"""What users may rely on; a change here is meant, and belongs in the changelog."""

import difflib
import importlib
import inspect

import pytest

import sufficiency
from sufficiency import LandscapeSufficiencyEstimator, theory
from tests.public_api import SNAPSHOT, documented_names, members_of, public_api, resolve


def test_nothing_public_changes_unnoticed():
    kept = SNAPSHOT.read_text(encoding="utf-8").splitlines()
    changes = difflib.unified_diff(kept, public_api().splitlines(), "kept", "now", n=0, lineterm="")
    assert not list(changes), "if this is meant, run `python -m tests.public_api`, and say so"


def test_a_changed_default_is_noticed(monkeypatch):
    monkeypatch.setattr(theory, "trace_bound", lambda norm, dim=3: norm * dim)
    assert "sufficiency.theory.trace_bound(norm, dim=3)" in public_api().splitlines()
    assert "sufficiency.theory.trace_bound(norm, dim)" in SNAPSHOT.read_text(encoding="utf-8")


def test_names_are_there_on_request():
    """What `__init__` imports for type checkers is what it finds at run time."""
    source = inspect.getsource(sufficiency)
    for_checkers = source.partition("if TYPE_CHECKING:")[2].partition("__all__")[0]
    found: dict[str, object] = {}
    exec(inspect.cleandoc("\n" + for_checkers), found)
    assert {name for name in found if name != "__builtins__"} == set(sufficiency.__all__)
    for name in sufficiency.__all__:
        assert getattr(sufficiency, name) is found[name]
    assert set(sufficiency.__all__) <= set(dir(sufficiency))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = sufficiency.nothing


def test_documented_modules_are_attributes():
    modules = {name.split(".")[1] for name in documented_names() if name.count(".") > 1}
    for module in modules:
        assert getattr(sufficiency, module) is importlib.import_module(f"sufficiency.{module}")


def test_everything_public_explains_itself():
    silent = []
    for name in documented_names():
        thing = resolve(name)
        if not inspect.getdoc(thing) and (inspect.isclass(thing) or inspect.isroutine(thing)):
            silent.append(name)
        if inspect.isclass(thing):
            silent += [f"{name}.{m}" for m, value in members_of(thing) if not inspect.getdoc(value)]
    assert not silent


def test_parameters_of_the_estimator_after_the_net_are_given_by_name():
    parameters = inspect.signature(LandscapeSufficiencyEstimator).parameters
    kinds = [parameter.kind for parameter in parameters.values()]
    assert kinds[0] is inspect.Parameter.POSITIONAL_OR_KEYWORD
    assert set(kinds[1:]) == {inspect.Parameter.KEYWORD_ONLY}
    assert list(LandscapeSufficiencyEstimator().get_params(deep=False)) == sorted(parameters)


def test_columns_of_the_table_of_cells():
    from sufficiency.cells.cell import CELL_COLUMNS

    assert list(CELL_COLUMNS) == [
        "repeat",
        "size",
        "delta",
        "stderr",
        "delta_point",
        "gap_sq",
        "spread",
        "top1pct_share",
        "train_loss",
        "unseen_loss",
        "unseen_score",
        "grad_norm",
        "loss_drift",
        "fit_seconds",
        "probe_seconds",
        "delta_mean_sq",
        "delta_variance",
        "delta_in_sample",
        "quadratic_error",
        "n_draws",
        "n_eval",
    ]
