"""Slices of a net's loss landscape, and how wide its minimum is."""

from sufficiency.landscape.directions import Directions
from sufficiency.landscape.eigenvectors import eigenvector_directions
from sufficiency.landscape.frame import Frame
from sufficiency.landscape.measuring import change_slice, landscape_slice, line_slices
from sufficiency.landscape.planes import change_plane, loss_line, loss_plane
from sufficiency.landscape.random_directions import random_directions
from sufficiency.landscape.slices import ChangeSlice, LandscapeSlice, LineSlices
from sufficiency.landscape.through_points import directions_through
from sufficiency.landscape.widths import WidthMeasures, width_measures

__all__ = [
    "ChangeSlice",
    "Directions",
    "Frame",
    "LandscapeSlice",
    "LineSlices",
    "WidthMeasures",
    "change_plane",
    "change_slice",
    "directions_through",
    "eigenvector_directions",
    "landscape_slice",
    "line_slices",
    "loss_line",
    "loss_plane",
    "random_directions",
    "width_measures",
]
