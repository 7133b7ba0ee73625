"""Figures of a result."""

from sufficiency.plotting.delta_curve import DeltaCurveDisplay
from sufficiency.plotting.learning_curve import LearningCurveDisplay
from sufficiency.plotting.quadratic_validation import QuadraticValidationDisplay

__all__ = ["DeltaCurveDisplay", "LearningCurveDisplay", "QuadraticValidationDisplay"]
