"""Figures of a result."""

from sufficiency.plotting.delta_curve import DeltaCurveDisplay
from sufficiency.plotting.learning_curve import LearningCurveDisplay

__all__ = ["DeltaCurveDisplay", "LearningCurveDisplay"]
