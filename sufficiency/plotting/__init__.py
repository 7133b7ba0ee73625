"""Figures of a result, and of the landscape around a net."""

from sufficiency.plotting.delta_curve import DeltaCurveDisplay
from sufficiency.plotting.landscape import LandscapeChangeDisplay, LandscapeDisplay
from sufficiency.plotting.landscape_comparison import LandscapeComparisonDisplay
from sufficiency.plotting.landscape_lines import LandscapeLineDisplay
from sufficiency.plotting.learning_curve import LearningCurveDisplay
from sufficiency.plotting.quadratic_validation import QuadraticValidationDisplay

__all__ = [
    "DeltaCurveDisplay",
    "LandscapeChangeDisplay",
    "LandscapeComparisonDisplay",
    "LandscapeDisplay",
    "LandscapeLineDisplay",
    "LearningCurveDisplay",
    "QuadraticValidationDisplay",
]
