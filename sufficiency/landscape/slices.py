"""Slices of a landscape, and of its change, around a fitted net."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sufficiency._random import RandomState, seed_from
from sufficiency._types import Floats
from sufficiency._validation import check_integer, check_number
from sufficiency.data.rows import take_rows
from sufficiency.landscape.directions import (
    Directions,
    Geometry,
    RandomDirections,
    TopEigenvectors,
    check_random,
    random_direction,
)
from sufficiency.landscape.fitted_nets import center_name, check_size, net_and_samples
from sufficiency.landscape.planes import (
    MeanLoss,
    centered_grid,
    change_plane,
    default_grid,
    loss_plane,
    plane_grids,
)
from sufficiency.probes import RandomSubspace

Grid = npt.ArrayLike | tuple[npt.ArrayLike, npt.ArrayLike]
PlaneDirections = RandomDirections | TopEigenvectors | Directions | None

# The outermost coordinate, unless others are given: along random directions as Li et al. draw
# them; the loss rises faster along the top eigenvectors; p(w) is about zero at so many σ.
_REACH = 1.0
_REACH_ALONG_EIGENVECTORS = 0.25
_REACH_IN_SIGMA = 3.0


@dataclass(frozen=True, eq=False)
class LandscapeSlice:
    """
    Mean losses f(α, β) = L_k(w* + αu + βv).

    Attributes
    ----------
    alphas, betas : (A,) and (B,) float64
        Coordinates along u and v; 0 is among both.
    losses : (A, B) float64
        In units of the loss; NaN or infinite where the loss is, but not at the center.
    size : int, optional
        k, samples in the mean.
    geometry : Geometry, optional
        Norms, angle and names of u and v.
    center : str, default="trained weights"
        Name of w* for legends.

    Raises
    ------
    ValueError
        If grids or shapes do not fit, or the loss at the center is not finite.
    """

    alphas: Floats
    betas: Floats
    losses: Floats
    size: int | None = None
    geometry: Geometry | None = None
    center: str = "trained weights"

    def __post_init__(self) -> None:
        _check_plane("losses", self.losses, self.alphas, self.betas)


@dataclass(frozen=True, eq=False)
class ChangeSlice:
    """
    Change of the mean loss L_{k+m} − L_k over a plane, when m samples come to k.

    Attributes
    ----------
    alphas, betas : (A,) and (B,) float64
        As in :class:`LandscapeSlice`.
    change : (A, B) float64
        With its sign, in units of the loss.
    size, grow : int
        k and m, samples.
    sigma : float, default=0.1
        Of p(w), in units of the coordinates.
    geometry, center
        As in :class:`LandscapeSlice`.

    Raises
    ------
    ValueError
        As for :class:`LandscapeSlice`.
    """

    alphas: Floats
    betas: Floats
    change: Floats
    size: int
    grow: int = 1
    sigma: float = 0.1
    geometry: Geometry | None = None
    center: str = "trained weights"

    def __post_init__(self) -> None:
        _check_plane("change", self.change, self.alphas, self.betas)
        check_number("sigma", self.sigma, above=0.0)

    @property
    def density(self) -> Floats:
        """
        (A, B) density p(α, β) of independent normal coordinates of standard deviation `sigma`.

        That is how :class:`sufficiency.probes.RandomSubspace` with ``dim=2`` draws weights in the
        plane. Its integral over the plane is 1.
        """
        squares, variance = self.alphas[:, None] ** 2 + self.betas**2, self.sigma**2
        return np.asarray(np.exp(-squares / (2 * variance)) / (2 * np.pi * variance))

    def values(self, *, squared: bool = False, weighted: bool = False) -> Floats:
        """
        What figure 6 of the paper draws.

        Parameters
        ----------
        squared : bool, default=False
            (L_{k+m} − L_k)², as in the text of section 5.4; otherwise with its sign, as in the
            caption.
        weighted : bool, default=False
            Times p(w): squared, the integrand of Δ.

        Returns
        -------
        (A, B) float64
            In loss or loss², by area of the plane where weighted.
        """
        values = self.change**2 if squared else self.change
        return values * self.density if weighted else values


@dataclass(frozen=True, eq=False)
class LineSlices:
    """
    Mean losses f_i(α) = L_k(w* + αu_i) along several directions.

    Attributes
    ----------
    alphas : (A,) float64
        Coordinates; 0 is among them.
    losses : (D, A) float64
        A row for each direction, in units of the loss.
    size : int, optional
        k, samples in the mean.
    unit : str, default="u"
        What a coordinate of 1 is.
    center : str, default="trained weights"
        As in :class:`LandscapeSlice`.

    Raises
    ------
    ValueError
        As for :class:`LandscapeSlice`.
    """

    alphas: Floats
    losses: Floats
    size: int | None = None
    unit: str = "u"
    center: str = "trained weights"

    def __post_init__(self) -> None:
        zero = centered_grid("alphas", self.alphas) == 0
        losses = np.asarray(self.losses)
        if losses.ndim != 2 or losses.shape[1] != len(zero) or not len(losses):
            raise ValueError(
                f"`losses` must have shape (directions, {len(zero)}), got {losses.shape}"
            )
        _check_center("losses", losses[:, zero])


def _check_plane(name: str, values: Floats, alphas: Floats, betas: Floats) -> None:
    """Refuse a plane whose grid, shape or center cannot be drawn."""
    rows, columns = centered_grid("alphas", alphas) == 0, centered_grid("betas", betas) == 0
    if np.shape(values) != (len(rows), len(columns)):
        raise ValueError(
            f"`{name}` must have shape ({len(rows)}, {len(columns)}), got {np.shape(values)}"
        )
    _check_center(name, np.asarray(values)[np.ix_(rows, columns)])


def _check_center(name: str, at_center: Floats) -> None:
    if not np.isfinite(at_center).all():
        raise ValueError(
            f"`{name}` must be finite at the center, got {at_center.flat[0]}; the training "
            "diverged, there is no landscape around its weights"
        )


def landscape_slice(
    estimator: Any,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    size: int | None = None,
    directions: PlaneDirections = None,
    grid: Grid | None = None,
    shuffle: bool = True,
    random_state: RandomState = 0,
) -> LandscapeSlice:
    """
    Measure the loss over a plane through a fitted net.

    Parameters
    ----------
    estimator : LandscapeSufficiencyEstimator or NeuralNet
        Fitted. The center is the estimator's ``net_``, with ``center="best"`` its
        validation-optimal weights; or the weights that the net has.
    X, y : array-like
        n samples: for an estimator in the form of its ``fit``, for a net in the form in which it
        is trained.
    size : int, optional
        k: the mean loss runs over the first k samples in a seeded order, so that slices of
        several sizes are of nested subsets, around one center. None: all n.
    directions : RandomDirections, TopEigenvectors or Directions, optional
        Two directions to draw or to compute, eigenvectors over all n samples, or those that you
        have around the same net, as from :func:`directions_through`. None:
        ``RandomDirections()``, as in section 5.1.
    grid : array-like or pair of array-like, optional
        Coordinates along both directions, or along each: strictly increasing, 0 among them. None:
        25 points from −1 to 1, along eigenvectors from −0.25 to 0.25, or as far as the points
        that the directions go through.
    shuffle : bool, default=True
        Take the samples in a seeded order, stratified by class, as the estimator does; False:
        in the order that is given.
    random_state : int, RandomState instance or None, default=0
        Seed of the order and the directions.

    Returns
    -------
    LandscapeSlice
        Drawn by :class:`sufficiency.plotting.LandscapeDisplay`.

    Raises
    ------
    ValueError
        If an argument does not fit, or the loss at the center is not finite.
    UnsupportedNetError
        If the net's loss is no mean over samples, or has no second derivatives where
        eigenvectors are asked for.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from skorch import NeuralNetRegressor
    >>> from sufficiency.landscape import RandomDirections, landscape_slice
    >>> net = NeuralNetRegressor(torch.nn.Linear, module__in_features=3, module__out_features=1)
    >>> X, y = np.eye(3, dtype="float32"), np.ones((3, 1), dtype="float32")
    >>> plane = landscape_slice(
    ...     net.initialize(), X, y, directions=RandomDirections(norm=1.0),
    ...     grid=np.linspace(-2, 2, 9))
    >>> plane.losses.shape, plane.geometry.unit
    ((9, 9), 'distance 1')
    """
    given, root = plane_grids(grid), seed_from(random_state)
    net, X, y = net_and_samples(estimator, X, y, root if shuffle else None)
    size = check_size(size, len(y))
    found = _two_directions(directions, net, X, y, root)
    curved = found.geometry.eigenvalues is not None
    grids = given or _default_grids(found, _REACH_ALONG_EIGENVECTORS if curved else _REACH)
    plane = loss_plane(net, take_rows(X, slice(size)), y[:size], found.u, found.v, *grids)
    return LandscapeSlice(*grids, plane, size, found.geometry, center_name(estimator))


def change_slice(
    estimator: Any,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    size: int | None = None,
    grow: int = 1,
    sigma: float | None = None,
    directions: PlaneDirections = None,
    grid: Grid | None = None,
    shuffle: bool = True,
    random_state: RandomState = 0,
) -> ChangeSlice:
    """
    Measure over a plane how the mean loss changes when samples are added, as in figure 6.

    Parameters
    ----------
    estimator, X, y, directions, shuffle, random_state
        As in :func:`landscape_slice`.
    size : int, optional
        k. None: all samples but the new ones.
    grow : int, default=1
        m, new samples: those after the first k.
    sigma : float, optional
        Standard deviation of p(w) along u and v, in their own units. None: that of the
        estimator's probe if it is a :class:`RandomSubspace`, otherwise that probe's default, 0.1.
    grid : array-like or pair of array-like, optional
        As in :func:`landscape_slice`. None: 25 points from −3σ to 3σ, where p(w) is.

    Returns
    -------
    ChangeSlice
        Drawn by :class:`sufficiency.plotting.LandscapeChangeDisplay`.

    Raises
    ------
    ValueError, UnsupportedNetError
        As in :func:`landscape_slice`.
    """
    given, root = plane_grids(grid), seed_from(random_state)
    grow = check_integer("grow", grow, 1)
    probe = getattr(estimator, "_probe", None)
    if sigma is None:
        of_plane = probe if isinstance(probe, RandomSubspace) and probe.sigma else RandomSubspace()
        sigma = of_plane.sigma
    sigma = check_number("sigma", sigma, above=0.0)
    net, X, y = net_and_samples(estimator, X, y, root if shuffle else None)
    size = check_size(size, len(y), grow)
    found = _two_directions(directions, net, X, y, root)
    grids = given or _default_grids(found, _REACH_IN_SIGMA * sigma)
    plane = change_plane(net, X, y, found.u, found.v, *grids, size=size, grow=grow)
    return ChangeSlice(*grids, plane, size, grow, sigma, found.geometry, center_name(estimator))


def line_slices(
    estimator: Any,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    size: int | None = None,
    n_directions: int = 10,
    directions: RandomDirections | None = None,
    grid: npt.ArrayLike | None = None,
    shuffle: bool = True,
    random_state: RandomState = 0,
) -> LineSlices:
    """
    Measure the loss along many random lines through a fitted net.

    Parameters
    ----------
    estimator, X, y, size, shuffle, random_state
        As in :func:`landscape_slice`; the first two directions are those of its plane.
    n_directions : int, default=10
        Number of lines; one direction is held in memory at a time.
    directions : RandomDirections, optional
        How they are drawn. None: ``RandomDirections()``.
    grid : array-like, optional
        Coordinates, strictly increasing, 0 among them. None: 25 points from −1 to 1.

    Returns
    -------
    LineSlices
        Drawn by :class:`sufficiency.plotting.LandscapeLineDisplay`.

    Raises
    ------
    ValueError, UnsupportedNetError
        As in :func:`landscape_slice`.
    """
    alphas = default_grid(_REACH) if grid is None else centered_grid("grid", grid)
    n_directions = check_integer("n_directions", n_directions, 1)
    root, how = seed_from(random_state), check_random(directions)
    net, X, y = net_and_samples(estimator, X, y, root if shuffle else None)
    size = check_size(size, len(y))
    losses, first = MeanLoss(net, X, y), take_rows(X, slice(size))
    drawn = (random_direction(how, losses.center, root, i) for i in range(n_directions))
    rows = [losses(losses.draws([u], alphas[:, None]), first, y[:size]) for u in drawn]
    return LineSlices(alphas, np.stack(rows), size, how.unit, center_name(estimator))


def _two_directions(
    directions: PlaneDirections, net: Any, X: Any, y: npt.NDArray, root: int
) -> Directions:
    """The two directions of a plane."""
    if directions is None or isinstance(directions, (RandomDirections, TopEigenvectors)):
        return (directions or RandomDirections()).around(net, X, y, random_state=root)
    if not isinstance(directions, Directions):
        raise TypeError(
            "`directions` must be RandomDirections, TopEigenvectors, Directions or None, got "
            f"{directions!r}"
        )
    if len(directions.vectors) < 2:
        raise ValueError(
            "`directions` must be two for a plane, got 1; use loss_line along a single one"
        )
    return directions


def _default_grids(directions: Directions, reach: float) -> tuple[Floats, Floats]:
    """As far as the points that the directions go through, or to ±`reach`."""
    points = directions.geometry.points
    first, second = (None, None) if points is None else points.T
    return default_grid(reach, first), default_grid(reach, second)
