"""Slices of a net's loss landscape, and how wide its minimum is."""

from sufficiency.landscape.directions import (
    Directions,
    Geometry,
    RandomDirections,
    TopEigenvectors,
    directions_through,
)
from sufficiency.landscape.planes import change_plane, loss_line, loss_plane
from sufficiency.landscape.slices import (
    ChangeSlice,
    LandscapeSlice,
    LineSlices,
    change_slice,
    landscape_slice,
    line_slices,
)
from sufficiency.landscape.widths import WidthMeasures, width_measures

__all__ = [
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
