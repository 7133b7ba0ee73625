"""Directions through given sets of parameters."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from sufficiency.landscape.directions import (
    Directions,
    as_direction,
    distance_unit,
    geometry_of,
    inner_product,
    times,
)
from sufficiency.landscape.fitted_nets import fitted_net
from sufficiency.nets.losses import LossFunction, Weights

__all__ = ["directions_through"]

# Smallest share of a displacement, less its projection on the earlier ones, that is not rounding.
_PARALLEL = 1e-6


def directions_through(estimator: Any, *points: Any) -> Directions:
    """
    Directions from w* through one or two other sets of parameters.

    The first points from w* to the first point; the second is orthogonal to it and completes the
    plane. Both have norm 1, so that distances in the figure are distances of weights. Buffers,
    such as batch norm's statistics, stay those of w* everywhere.

    Parameters
    ----------
    estimator : LandscapeSufficiencyEstimator or NeuralNet
        Fitted: w*.
    *points : dict of arrays, or fitted estimators or nets
        One or two: all trainable parameters by name, or a net with the same parameters.

    Returns
    -------
    Directions
        ``geometry.points`` holds the points' coordinates, a row for each.

    Raises
    ------
    ValueError
        If the points do not have the net's parameters, or do not span a line or a plane with w*.

    References
    ----------
    Garipov, Izmailov, Podoprikhin, Vetrov, Wilson 2018: Loss Surfaces, Mode Connectivity, and
    Fast Ensembling of DNNs.
    """
    if len(points) not in (1, 2):
        raise ValueError(f"`points` must be one or two, got {len(points)}; w* comes on top")
    center = LossFunction(fitted_net(estimator)).center()
    spanned: list[Weights] = []
    coordinates = np.zeros((len(points), len(points)))
    for i, point in enumerate(points):
        rest = _displacement(center, point, i + 1)
        length = inner_product(rest, rest) ** 0.5
        for j, unit in enumerate(spanned):
            coordinates[i, j] = inner_product(rest, unit)
            rest = {name: rest[name] - coordinates[i, j] * unit[name] for name in rest}
        coordinates[i, i] = inner_product(rest, rest) ** 0.5
        if coordinates[i, i] <= _PARALLEL * length:
            found = "points on one line with it" if length else f"w* itself as point {i + 1}"
            raise ValueError(
                f"`points` must span a line or a plane with w*, got {found}; leave one out or "
                "take another"
            )
        spanned.append(times(1 / float(coordinates[i, i]), rest))
    vectors = tuple({n: d.to(center[n].dtype) for n, d in unit.items()} for unit in spanned)
    names = ("the line to point 1", "its orthogonal through point 2")[: len(points)]
    geometry = geometry_of(vectors, center, distance_unit(1.0), names)
    return Directions(vectors, replace(geometry, points=coordinates))


def _displacement(center: Weights, point: Any, number: int) -> Weights:
    """The point less w*, in float64."""
    if not isinstance(point, Mapping):
        point = LossFunction(fitted_net(point)).center()
    if set(point) != set(center):
        raise ValueError(
            f"`points` must have the parameters {sorted(center)}, got {sorted(point)} in point "
            f"{number}"
        )
    found = as_direction(f"points[{number - 1}]", center, point)
    return {name: found[name].double() - center[name].double() for name in center}
