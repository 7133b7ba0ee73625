"""Figures of a result, and of the landscape around a net."""

from importlib import import_module
from typing import TYPE_CHECKING

from sufficiency.plotting.collection import CollectionPlanDisplay
from sufficiency.plotting.curves import (
    DeltaCurveDisplay,
    LearningCurveDisplay,
    QuadraticValidationDisplay,
)
from sufficiency.plotting.samples import SamplesDisplay
from sufficiency.plotting.slices import SlicesDisplay
from sufficiency.plotting.track_record import TrackRecordDisplay

if TYPE_CHECKING:
    from sufficiency.plotting.landscape import LandscapeChangeDisplay, LandscapeDisplay
    from sufficiency.plotting.landscape_comparison import LandscapeComparisonDisplay
    from sufficiency.plotting.landscape_lines import LandscapeLineDisplay

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

# What needs a net, and torch with it, comes when it is asked for: a result is read without.
_HOMES = {
    "LandscapeChangeDisplay": "landscape",
    "LandscapeDisplay": "landscape",
    "LandscapeComparisonDisplay": "landscape_comparison",
    "LandscapeLineDisplay": "landscape_lines",
}

if not TYPE_CHECKING:  # type checkers would take any name for granted

    def __getattr__(name: str) -> object:
        if name in _HOMES:
            return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
