"""Figures of a result, and of the landscape around a net."""

from sufficiency.plotting.collection import CollectionPlanDisplay
from sufficiency.plotting.curves import (
    DeltaCurveDisplay,
    LearningCurveDisplay,
    QuadraticValidationDisplay,
)
from sufficiency.plotting.landscape import LandscapeChangeDisplay, LandscapeDisplay
from sufficiency.plotting.landscape_comparison import LandscapeComparisonDisplay
from sufficiency.plotting.landscape_lines import LandscapeLineDisplay
from sufficiency.plotting.samples import SamplesDisplay
from sufficiency.plotting.slices import SlicesDisplay
from sufficiency.plotting.track_record import TrackRecordDisplay

__all__ = [
    "CollectionPlanDisplay",
    "DeltaCurveDisplay",
    "LandscapeChangeDisplay",
    "LandscapeComparisonDisplay",
    "LandscapeDisplay",
    "LandscapeLineDisplay",
    "LearningCurveDisplay",
    "QuadraticValidationDisplay",
    "SamplesDisplay",
    "SlicesDisplay",
    "TrackRecordDisplay",
]
