"""Directions through weight space: random ones, eigenvectors, and those through given points."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sufficiency._random import RandomState, child_seed, seed_from
from sufficiency._types import Floats
from sufficiency._validation import check_choice, check_integer, check_number
from sufficiency.curvature import EigenPairs, hessian_operator, top_eigenpairs
from sufficiency.curvature.derivatives import unflatten
from sufficiency.exceptions import UnsupportedNetError
from sufficiency.landscape.fitted_nets import Data, fitted_net, net_and_samples
from sufficiency.nets.losses import LossFunction, Weights
from sufficiency.probes import GaussianSampler, RandomSubspace, select_parameters
from sufficiency.probes.base import Parameters

# By `normalize`: what RandomSubspace calls it, and what a coordinate of 1 is.
_NORMALIZATIONS = {
    "filter": ("filter", "norm of w*, per filter"),
    "tensor": ("layer", "norm of w*, per tensor"),
    "none": ("none", "norm of w*"),
}
# Smallest share of a displacement, less its projection on the earlier ones, that is not rounding.
_PARALLEL = 1e-6


@dataclass(frozen=True, eq=False)
class Geometry:
    """
    Norms, inner products and names of n directions around a center, without their tensors.

    Attributes
    ----------
    names : tuple of str, length n
        Names of the directions.
    unit : str
        What a coordinate of 1 is.
    gram : (n, n) float64
        Inner products of the directions, in squared units of weights.
    center_norm : float
        ‖w*‖ over the parameters that the directions move.
    eigenvalues, residuals : (n,) float64, optional
        Eigenvalues λ of the Hessian and ‖Hv − λv‖, where the directions are its eigenvectors.
    points : (P, n) float64, optional
        Coordinates of the points that the directions go through.
    """

    names: tuple[str, ...]
    unit: str
    gram: Floats
    center_norm: float
    eigenvalues: Floats | None = None
    residuals: Floats | None = None
    points: Floats | None = None

    @property
    def norms(self) -> Floats:
        """(n,) norms of the directions, in units of weights."""
        return np.sqrt(self.gram.diagonal())

    @property
    def cosine(self) -> float:
        """Cosine of the angle between the first two directions; NaN if there is only one."""
        if len(self.gram) < 2:
            return float("nan")
        return float(self.gram[0, 1] / (self.norms[0] * self.norms[1]))

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the axes, with their unit."""
        pairs = zip("αβ", self.names, strict=False)
        return tuple(f"{symbol} along {name} (1: {self.unit})" for symbol, name in pairs)


@dataclass(frozen=True, eq=False)
class Directions:
    """
    Directions around the weights of one net, as `around` and :func:`directions_through` make them.

    Attributes
    ----------
    vectors : tuple of dict
        Tensors by parameter name; parameters that are left out are not moved.
    geometry : Geometry
        Their norms, inner products and names.
    """

    vectors: tuple[Weights, ...]
    geometry: Geometry

    @property
    def u(self) -> Weights:
        """The first direction."""
        return self.vectors[0]

    @property
    def v(self) -> Weights:
        """The second direction."""
        return self.vectors[1]

    def scaled(self, norm: float) -> "Directions":
        """
        The same directions, each with another norm.

        Parameters
        ----------
        norm : float
            Norm > 0 of every direction, in units of weights.

        Returns
        -------
        Directions
            The coordinates of points are scaled with them.
        """
        norm = check_number("norm", norm, above=0.0)
        factors = norm / self.geometry.norms
        points = self.geometry.points
        points = None if points is None else points / factors
        gram = self.geometry.gram * np.outer(factors, factors)
        geometry = replace(self.geometry, gram=gram, unit=_distance_unit(norm), points=points)
        scaled = (_times(float(f), d) for f, d in zip(factors, self.vectors, strict=True))
        return Directions(tuple(scaled), geometry)


@dataclass(frozen=True)
class RandomDirections:
    """
    Gaussian directions with the parameter norms of w*, as in section 5.1 of the paper.

    Every direction has a seed of its own, so that the first of many are those of few. In many
    dimensions they are nearly orthogonal; how nearly is in ``geometry.gram``.

    Parameters
    ----------
    normalize : {"filter", "tensor", "none"}, default="filter"
        What is scaled to the norm that it has in w*: each filter (row of the first axis; Li et
        al., section 4), each parameter tensor, or only the direction as a whole. What is zero in
        w* is not moved by the first two.
    norm : float, optional
        Norm > 0 of every direction as a whole, to which it is scaled after that, in units of
        weights: the neighborhoods of equal norm of appendix B.2. None: that of the moved
        weights in w*, so that a coordinate is a relative distance.
    perturb_1d : bool, default=False
        Whether parameters of fewer than two axes, biases and norms, are moved as well. Neither
        the authors' code nor Li et al. do.
    parameters : str, sequence of str or callable, optional
        Move only these: glob patterns of names, or name → bool. None: all.

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    Li, Xu, Taylor, Studer, Goldstein 2018: Visualizing the Loss Landscape of Neural Nets.

    Examples
    --------
    >>> import torch
    >>> from skorch import NeuralNetRegressor
    >>> from sufficiency.landscape import RandomDirections
    >>> net = NeuralNetRegressor(torch.nn.Linear, module__in_features=3, module__out_features=2)
    >>> directions = RandomDirections(norm=2.0).around(net.initialize())
    >>> list(directions.u), directions.geometry.norms.round(5)
    (['weight'], array([2., 2.]))
    """

    normalize: str = "filter"
    norm: float | None = None
    perturb_1d: bool = False
    parameters: Parameters = None

    def __post_init__(self) -> None:
        check_choice("normalize", self.normalize, _NORMALIZATIONS)
        if self.norm is not None:
            check_number("norm", self.norm, above=0.0)

    def around(
        self,
        estimator: Any,
        X: Any = None,
        y: Any = None,
        *,
        n: int = 2,
        random_state: RandomState = 0,
    ) -> Directions:
        """
        Draw directions around the weights of a net.

        Parameters
        ----------
        estimator : LandscapeSufficiencyEstimator or NeuralNet
            Fitted.
        X, y : ignored
            As :meth:`TopEigenvectors.around` has them.
        n : int, default=2
            Number of directions.
        random_state : int, RandomState instance or None, default=0
            Seed of the directions.

        Returns
        -------
        Directions

        Raises
        ------
        ValueError
            If there is no norm to scale to, or no parameter is left to be moved.
        """
        n, root = check_integer("n", n, 1), seed_from(random_state)
        center = LossFunction(fitted_net(estimator)).center()
        vectors = tuple(random_direction(self, center, root, i) for i in range(n))
        names = ("u", "v")[:n] if n <= 2 else tuple(f"direction {i + 1}" for i in range(n))
        return Directions(vectors, _geometry_of(vectors, center, self.unit, names))

    @property
    def unit(self) -> str:
        """What a coordinate of 1 is along such a direction."""
        own = _NORMALIZATIONS[self.normalize][1]
        return own if self.norm is None else _distance_unit(self.norm)


@dataclass(frozen=True)
class TopEigenvectors:
    """
    Eigenvectors of the largest absolute eigenvalues of the Hessian of the mean loss at w*.

    Parameters
    ----------
    norm : float, optional
        As in :class:`RandomDirections`.
    parameters : str, sequence of str or callable, optional
        As in :class:`RandomDirections`, but None moves biases, too. The eigenvectors are those of
        the parameters' block of the Hessian.

    Raises
    ------
    ValueError
        If `norm` is out of range.
    """

    norm: float | None = None
    parameters: Parameters = None

    def __post_init__(self) -> None:
        if self.norm is not None:
            check_number("norm", self.norm, above=0.0)

    def around(
        self,
        estimator: Any,
        X: npt.ArrayLike,
        y: npt.ArrayLike,
        *,
        n: int = 2,
        random_state: RandomState = 0,
    ) -> Directions:
        """
        Compute the directions around the weights of a net.

        Parameters
        ----------
        estimator : LandscapeSufficiencyEstimator or NeuralNet
            Fitted; its loss must have second derivatives.
        X, y : array-like
            Samples of the mean loss, for an estimator as in its ``fit``; for a net in the form in
            which it is trained.
        n, random_state
            As in :meth:`RandomDirections.around`; the seed is that of Lanczos' starting vector.

        Returns
        -------
        Directions
            Orthogonal, with ``geometry.eigenvalues`` in loss per squared unit of weight.

        Raises
        ------
        UnsupportedNetError
            If the loss has no second derivatives, or none but zero.
        """
        n, root = check_integer("n", n, 1), seed_from(random_state)
        data = net_and_samples(estimator, X, y)
        center = LossFunction(data[0]).center()
        moved = {name: center[name] for name in select_parameters(center, self.parameters)}
        length = inner_product(moved, moved) ** 0.5 if self.norm is None else self.norm
        if length == 0:
            raise ValueError("`norm` must be given around weights that are all zero, got None")
        pairs = top_curvature(data, n, list(moved), seed=root, instead="random directions")
        vectors = tuple(unflatten(length * column, moved) for column in pairs.vectors.T)
        names = tuple(f"eigenvector {i}, λ = {v:.3g}" for i, v in enumerate(pairs.values, start=1))
        unit = "norm of w*" if self.norm is None else _distance_unit(self.norm)
        geometry = _geometry_of(vectors, moved, unit, names)
        geometry = replace(geometry, eigenvalues=pairs.values, residuals=pairs.residuals)
        return Directions(vectors, geometry)


def directions_through(estimator: Any, *points: Any) -> Directions:
    """
    Directions from w* through one or two other sets of parameters.

    The first is that to the first point; the second is orthogonal to it and completes the plane.
    Both have norm 1, so that distances in the figure are distances of weights. Buffers, such as
    batch norm's statistics, stay those of w* everywhere.

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
        spanned.append(_times(1 / float(coordinates[i, i]), rest))
    vectors = tuple({n: d.to(center[n].dtype) for n, d in unit.items()} for unit in spanned)
    names = ("the line to point 1", "its orthogonal through point 2")[: len(points)]
    geometry = _geometry_of(vectors, center, _distance_unit(1.0), names)
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


def check_random(directions: RandomDirections | None) -> RandomDirections:
    """Return what random directions are asked for; None: the default ones."""
    if directions is None:
        return RandomDirections()
    if not isinstance(directions, RandomDirections):
        raise TypeError(f"`directions` must be RandomDirections or None, got {directions!r}")
    return directions


def random_direction(how: RandomDirections, center: Weights, root: int, i: int) -> Weights:
    """Direction i around a center, drawn as by :class:`RandomSubspace`."""
    probe = RandomSubspace(
        dim=1,
        sigma=1.0,
        normalization=_NORMALIZATIONS[how.normalize][0],
        perturb_1d=how.perturb_1d,
        parameters=how.parameters,
    )
    seed = child_seed(root, "directions", i)
    sampler = cast("GaussianSampler", probe.prepare(center, random_state=seed))
    direction = {name: rows[0] for name, rows in (sampler.factor or {}).items()}
    length = inner_product(direction, direction) ** 0.5
    if length == 0:
        raise ValueError(
            f"`estimator` must have weights that are not all zero in {list(direction)}, to whose "
            "norm a direction is scaled; move other parameters, or pass your own u and v"
        )
    return direction if how.norm is None else _times(how.norm / length, direction)


def top_curvature(
    data: Data, dim: int, parameters: Sequence[str], *, seed: int, instead: str
) -> EigenPairs:
    """Top eigenpairs of the Hessian; refuses a net whose loss has no second derivatives."""
    try:
        hessian = hessian_operator(*data, parameters=parameters)
        pairs = top_eigenpairs(hessian, dim, random_state=seed)
        if pairs.values[0] == 0:
            raise ArithmeticError(
                "all of them are zero; the loss is linear in the weights, or what torch knows of "
                "it ends at the first derivative"
            )
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, ArithmeticError, UnsupportedNetError) as error:
        # the operator's own refusal suggests a remedy for Δ, which does not apply here
        reason = error.__cause__ if isinstance(error, UnsupportedNetError) else error
        if not isinstance(reason, (RuntimeError, ArithmeticError)):
            raise
        raise UnsupportedNetError(
            f"`net` must have second derivatives for its curvature, and has not: {reason}; use "
            f"{instead}, or smooth activations and losses"
        ) from reason
    return pairs


def as_direction(argument: str, center: Weights, values: Mapping[str, Any]) -> Weights:
    """A user's arrays by parameter name as tensors like the center's."""
    if not values or set(values) - set(center):
        raise ValueError(f"`{argument}` must be for some of {sorted(center)}, got {sorted(values)}")
    found = {}
    for name, value in values.items():
        wanted = center[name]
        tensor = value if isinstance(value, Tensor) else torch.as_tensor(np.asarray(value))
        if tensor.shape != wanted.shape:
            raise ValueError(
                f"`{argument}[{name!r}]` must have shape {tuple(wanted.shape)}, got "
                f"{tuple(tensor.shape)}"
            )
        if not bool(tensor.isfinite().all()):
            raise ValueError(f"`{argument}[{name!r}]` must be finite, got NaN or infinity")
        found[name] = tensor.detach().to(wanted)
    return found


def inner_product(a: Weights, b: Weights) -> float:
    """Σ aᵢbᵢ in float64, over the parameters that both directions move."""
    return float(sum(float((a[n].double() * b[n].double()).sum()) for n in a if n in b))


def _geometry_of(
    vectors: tuple[Weights, ...], center: Weights, unit: str, names: tuple[str, ...]
) -> Geometry:
    """Geometry of directions around a center."""
    moved = {n: w for n, w in center.items() if any(n in vector for vector in vectors)}
    gram = np.array([[inner_product(a, b) for b in vectors] for a in vectors])
    return Geometry(names, unit, gram, inner_product(moved, moved) ** 0.5)


def _times(factor: float, direction: Weights) -> Weights:
    """The direction times a number."""
    return {name: factor * tensor for name, tensor in direction.items()}


def _distance_unit(norm: float) -> str:
    """Name of the unit of coordinates along directions of this norm."""
    return f"distance {norm:.3g}"
