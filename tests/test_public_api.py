"""What users may rely on; a change here is meant, and belongs into the changelog."""

import difflib
import importlib
import inspect

import pytest

import sufficiency
from sufficiency import (
    LandscapeSufficiencyEstimator,
    SufficiencyResult,
    datasets,
    landscape,
    models,
    plotting,
    probes,
    theory,
)
from tests.public_api import SNAPSHOT, documented_names, public_api

PUBLIC = [
    "CellFailedWarning",
    "CostEstimate",
    "DeltaCurveDisplay",
    "ExtrapolationWarning",
    "FittedCurve",
    "HeavyTailWarning",
    "InertProbeWarning",
    "LandscapeChangeDisplay",
    "LandscapeComparisonDisplay",
    "LandscapeDisplay",
    "LandscapeLineDisplay",
    "LandscapeSufficiencyEstimator",
    "LearningCurveDisplay",
    "NotIdentifiableError",
    "NotSettledWarning",
    "QuadraticModelWarning",
    "QuadraticValidationDisplay",
    "SizeEstimate",
    "StoreWarning",
    "SufficiencyResult",
    "SufficiencyWarning",
    "UnreachableTargetError",
    "UnsupportedNetError",
    "Verdict",
    "per_sample_losses",
]

PARAMETERS = {
    "net": None,
    "sizes": 8,
    "n_repeats": 4,
    "n_draws": 32,
    "n_eval": None,
    "n_candidates": None,
    "probe": "isotropic",
    "sigma": None,
    "order": 2,
    "method": "monte_carlo",
    "train": "each_size",
    "center": "last",
    "min_steps": 500,
    "curve": "auto",
    "scoring": None,
    "refit": True,
    "store": None,
    "n_jobs": None,
    "random_state": None,
    "verbose": 0,
}


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


def test_names_of_the_package():
    assert sufficiency.__all__ == PUBLIC
    for name in PUBLIC:
        assert inspect.getdoc(getattr(sufficiency, name))
    assert set(probes.__all__) >= {"IsotropicGaussian", "Probe"}


def test_parameters_of_the_estimator_and_their_defaults():
    assert LandscapeSufficiencyEstimator().get_params(deep=False) == PARAMETERS
    signature = inspect.signature(LandscapeSufficiencyEstimator)
    kinds = [p.kind for p in signature.parameters.values()]
    assert kinds[0] is inspect.Parameter.POSITIONAL_OR_KEYWORD
    assert set(kinds[1:]) == {inspect.Parameter.KEYWORD_ONLY}
    assert list(signature.parameters) == list(PARAMETERS)


def test_columns_of_the_frame():
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
    ]


def test_names_of_the_landscape():
    assert landscape.__all__ == [
        "ChangeSlice",
        "Directions",
        "Geometry",
        "LandscapeSlice",
        "LineSlices",
        "RandomDirections",
        "TopEigenvectors",
        "WidthMeasures",
        "change_plane",
        "change_slice",
        "directions_through",
        "landscape_slice",
        "line_slices",
        "loss_line",
        "loss_plane",
        "width_measures",
    ]
    signature = inspect.signature(landscape.loss_plane)
    assert list(signature.parameters) == ["net", "X", "y", "u", "v", "alphas", "betas"]
    for name in landscape.__all__:
        assert inspect.getdoc(getattr(landscape, name))


def test_names_of_models_and_datasets():
    assert models.__all__ == [
        "MLP",
        "ConvNet",
        "Transformer",
        "convnet_classifier",
        "language_model",
        "mlp_classifier",
    ]
    assert datasets.__all__ == [
        "load_cifar10",
        "load_cifar100",
        "load_digits",
        "load_fashion_mnist",
        "load_mnist",
        "load_randhie",
        "load_text",
        "make_mnist1d",
    ]
    for module in (models, datasets):
        for name in module.__all__:
            assert inspect.getdoc(getattr(module, name))


def test_displays():
    assert plotting.__all__ == [
        "DeltaCurveDisplay",
        "LandscapeChangeDisplay",
        "LandscapeComparisonDisplay",
        "LandscapeDisplay",
        "LandscapeLineDisplay",
        "LearningCurveDisplay",
        "QuadraticValidationDisplay",
    ]
    for name in plotting.__all__:
        assert inspect.getdoc(getattr(plotting, name))


def methods(cls):
    return sorted(name for name in dir(cls) if not name.startswith("_"))


def test_methods_of_the_result():
    assert methods(SufficiencyResult) == [
        "curve",
        "delta_interval",
        "delta_stderr",
        "deltas",
        "estimate_for_target",
        "in_sample_deltas",
        "load",
        "measurements",
        "n_repeats",
        "parameter_intervals",
        "plot_delta",
        "plot_learning_curve",
        "predict_size_for_loss",
        "predict_size_for_score",
        "predict_sufficient_size",
        "report",
        "save",
        "sizes",
        "sufficient_size_interval",
        "suggest_thresholds",
        "table",
        "to_frame",
        "verdict",
        "verdict_for_target",
    ]
