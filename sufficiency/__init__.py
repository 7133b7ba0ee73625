"""How many samples are enough for a network, measured on its loss landscape."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sufficiency.campaign import Campaign
    from sufficiency.curves import FittedCurve
    from sufficiency.engine.loss_matrix import per_sample_losses
    from sufficiency.estimator import LandscapeSufficiencyEstimator
    from sufficiency.exceptions import (
        CellFailedWarning,
        ExtrapolationWarning,
        HeavyTailWarning,
        InertProbeWarning,
        NotIdentifiableError,
        NotSettledWarning,
        QuadraticModelWarning,
        StoreWarning,
        SufficiencyWarning,
        UnreachableTargetError,
        UnsupportedNetError,
    )
    from sufficiency.fit.cost import CostEstimate
    from sufficiency.plotting import (
        CollectionPlanDisplay,
        DeltaCurveDisplay,
        LandscapeChangeDisplay,
        LandscapeComparisonDisplay,
        LandscapeDisplay,
        LandscapeLineDisplay,
        LearningCurveDisplay,
        QuadraticValidationDisplay,
        SamplesDisplay,
        SlicesDisplay,
        TrackRecordDisplay,
    )
    from sufficiency.result import SufficiencyResult
    from sufficiency.sizing import CollectionPlan, SizeEstimate, Verdict

__all__ = [
    "Campaign",
    "CellFailedWarning",
    "CollectionPlan",
    "CollectionPlanDisplay",
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
    "SamplesDisplay",
    "SizeEstimate",
    "SlicesDisplay",
    "StoreWarning",
    "SufficiencyResult",
    "SufficiencyWarning",
    "TrackRecordDisplay",
    "UnreachableTargetError",
    "UnsupportedNetError",
    "Verdict",
    "per_sample_losses",
]

__version__ = "0.1.0.dev0"

# Where names come from when they are asked for: the command line's help needs no torch.
_HOMES = {
    "LandscapeSufficiencyEstimator": "estimator",
    "SufficiencyResult": "result",
    "Campaign": "campaign",
    "CollectionPlan": "sizing",
    "CostEstimate": "fit.cost",
    "FittedCurve": "curves",
    "SizeEstimate": "sizing",
    "Verdict": "sizing",
    "per_sample_losses": "engine.loss_matrix",
}
_HOMES |= {name: "plotting" for name in __all__ if name.endswith("Display")}
_HOMES |= {name: "exceptions" for name in __all__ if name.endswith(("Warning", "Error"))}
_MODULES = {"curvature", "curves", "datasets", "deltas", "exceptions", "landscape"}
_MODULES |= {"models", "plotting", "probes", "sizing", "theory"}

if not TYPE_CHECKING:  # type checkers would take any name for granted

    def __getattr__(name: str) -> object:
        if name in _HOMES:
            value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
            globals()[name] = value
            return value
        if name in _MODULES:
            return import_module(f"{__name__}.{name}")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_MODULES})
