"""How many samples are enough for a network, measured on its loss landscape."""

from sufficiency.engine import per_sample_losses
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
from sufficiency.plotting import (
    DeltaCurveDisplay,
    LandscapeChangeDisplay,
    LandscapeDisplay,
    LearningCurveDisplay,
)
from sufficiency.results import SufficiencyResult
from sufficiency.sizing import Verdict

__all__ = [
    "CellFailedWarning",
    "DeltaCurveDisplay",
    "ExtrapolationWarning",
    "HeavyTailWarning",
    "InertProbeWarning",
    "LandscapeChangeDisplay",
    "LandscapeDisplay",
    "LandscapeSufficiencyEstimator",
    "LearningCurveDisplay",
    "NotIdentifiableError",
    "NotSettledWarning",
    "QuadraticModelWarning",
    "StoreWarning",
    "SufficiencyResult",
    "SufficiencyWarning",
    "UnreachableTargetError",
    "UnsupportedNetError",
    "Verdict",
    "per_sample_losses",
]

__version__ = "0.1.0.dev0"
