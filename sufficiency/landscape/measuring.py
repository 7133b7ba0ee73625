"""Measuring slices of a landscape and of its change around a fitted net."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sufficiency._random import child_seed
from sufficiency._validation import check_choice, check_integer, check_number
from sufficiency.data.rows import take_rows
from sufficiency.landscape.directions import Directions
from sufficiency.landscape.eigenvectors import eigenvector_directions
from sufficiency.landscape.frame import Frame
from sufficiency.landscape.grids import centered_grid, covering_grid, symmetric_grid
from sufficiency.landscape.planes import MeanLoss, change, plane_draws
from sufficiency.landscape.random_directions import random_direction, random_directions, unit_of
from sufficiency.landscape.slices import ChangeSlice, LandscapeSlice, LineSlices
from sufficiency.landscape.subject import Subject
from sufficiency.probes import RandomSubspace

__all__ = ["change_slice", "landscape_slice", "line_slices"]

Array = npt.NDArray[np.float64]

# The outermost coordinate, unless others are given: along random directions as Li et al. draw
# them; the loss rises faster along the top eigenvectors; p(w) is about zero at so many σ.
_REACH = {"random": 1.0, "eigenvectors": 0.25}
_REACH_IN_SIGMA = 3.0


def landscape_slice(
    estimator: Any,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    size: int | None = None,
    directions: str | Directions = "random",
    normalize: str = "filter",
    norm: float | None = None,
    alphas: npt.ArrayLike | None = None,
    betas: npt.ArrayLike | None = None,
    shuffle: bool = True,
    seed: int = 0,
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
    directions : {"random", "eigenvectors"} or Directions, default="random"
        Random ones as in section 5.1, the top eigenvectors of the Hessian over all n samples, or
        your own, from :func:`random_directions`, :func:`eigenvector_directions` or
        :func:`directions_through` around the same net.
    normalize : {"filter", "tensor", "none"}, default="filter"
        Of random directions, see :func:`random_directions`.
    norm : float, optional
        Norm of each direction in units of weights. None: the norm of w*; of your own directions,
        the one they have.
    alphas, betas : array-like, optional
        Coordinates, strictly increasing, 0 among them. None: 25 points from −1 to 1, along
        eigenvectors from −0.25 to 0.25, or as far as the points that the directions go through.
    shuffle : bool, default=True
        Take the samples in a seeded order, stratified by class, as the estimator does; False:
        in the order that is given.
    seed : int, default=0
        Of order and directions.

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
    """
    fixed = _given_grids(alphas, betas)
    subject = Subject.of(estimator, X, y, shuffle=shuffle, seed=seed)
    size = subject.check_size(size)
    chosen = _resolve_directions(subject, directions, normalize, norm, seed)
    curved = chosen.frame.eigenvalues is not None
    grids = _grids(fixed, chosen.frame, _REACH["eigenvectors" if curved else "random"])
    losses = MeanLoss(subject.net, subject.X, subject.y)
    draws = plane_draws(losses, chosen.u, chosen.v, *grids)
    plane = losses(draws, take_rows(subject.X, slice(size)), subject.y[:size])
    return LandscapeSlice(
        *grids, plane.reshape(len(grids[0]), -1), size, chosen.frame, subject.center
    )


def change_slice(
    estimator: Any,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    size: int | None = None,
    grow: int = 1,
    sigma: float | None = None,
    directions: str | Directions = "random",
    normalize: str = "filter",
    norm: float | None = None,
    alphas: npt.ArrayLike | None = None,
    betas: npt.ArrayLike | None = None,
    shuffle: bool = True,
    seed: int = 0,
) -> ChangeSlice:
    """
    Measure over a plane how the mean loss changes when samples are added, as in figure 6.

    Parameters
    ----------
    estimator, X, y, directions, normalize, norm, shuffle, seed
        As in :func:`landscape_slice`.
    size : int, optional
        k. None: all samples but the new ones.
    grow : int, default=1
        m, new samples: those after the first k.
    sigma : float, optional
        Standard deviation of p(w) along u and v, in their own units. None: that of the
        estimator's probe if it is a :class:`RandomSubspace`, otherwise that probe's default, 0.1.
    alphas, betas : array-like, optional
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
    fixed, grow = _given_grids(alphas, betas), check_integer("grow", grow, 1)
    probe = getattr(estimator, "_probe", None)
    if sigma is None:
        of_plane = probe if isinstance(probe, RandomSubspace) and probe.sigma else RandomSubspace()
        sigma = of_plane.sigma
    sigma = check_number("sigma", sigma, above=0.0)
    subject = Subject.of(estimator, X, y, shuffle=shuffle, seed=seed)
    size = subject.check_size(size, grow)
    chosen = _resolve_directions(subject, directions, normalize, norm, seed)
    grids = _grids(fixed, chosen.frame, _REACH_IN_SIGMA * sigma)
    losses = MeanLoss(subject.net, subject.X, subject.y)
    draws = plane_draws(losses, chosen.u, chosen.v, *grids)
    plane = change(losses, draws, subject.X, subject.y, size, grow).reshape(len(grids[0]), -1)
    return ChangeSlice(*grids, plane, size, grow, sigma, chosen.frame, subject.center)


def line_slices(
    estimator: Any,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    size: int | None = None,
    n_directions: int = 10,
    normalize: str = "filter",
    norm: float | None = None,
    perturb_1d: bool = False,
    alphas: npt.ArrayLike | None = None,
    shuffle: bool = True,
    seed: int = 0,
) -> LineSlices:
    """
    Measure the loss along many random lines through a fitted net.

    Parameters
    ----------
    estimator, X, y, size, normalize, norm, shuffle, seed
        As in :func:`landscape_slice`; the first two directions are those of its plane.
    n_directions : int, default=10
        Lines; one direction is held in memory at a time.
    perturb_1d : bool, default=False
        See :func:`random_directions`.
    alphas : array-like, optional
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
    grid = symmetric_grid() if alphas is None else centered_grid("alphas", alphas)
    n_directions = check_integer("n_directions", n_directions, 1)
    subject = Subject.of(estimator, X, y, shuffle=shuffle, seed=seed)
    size = subject.check_size(size)
    losses = MeanLoss(subject.net, subject.X, subject.y)
    rows = []
    for i in range(n_directions):
        direction = random_direction(
            losses.center,
            child_seed(seed, "directions", i),
            normalize=normalize,
            norm=norm,
            perturb_1d=perturb_1d,
        )
        draws = losses.draws([direction], grid[:, None])
        rows.append(losses(draws, take_rows(subject.X, slice(size)), subject.y[:size]))
    return LineSlices(grid, np.stack(rows), size, unit_of(normalize, norm), subject.center)


def _given_grids(
    alphas: npt.ArrayLike | None, betas: npt.ArrayLike | None
) -> tuple[Array | None, Array | None]:
    """What was given, checked before anything is computed."""
    return (
        None if alphas is None else centered_grid("alphas", alphas),
        None if betas is None else centered_grid("betas", betas),
    )


def _grids(
    given: tuple[Array | None, Array | None], frame: Frame, reach: float
) -> tuple[Array, Array]:
    defaults: Sequence[Array] = [symmetric_grid(reach)] * 2
    if frame.points is not None:
        defaults = [covering_grid(column) for column in frame.points.T]
    alphas, betas = (d if g is None else g for g, d in zip(given, defaults, strict=True))
    return alphas, betas


def _resolve_directions(
    subject: Subject,
    directions: str | Directions,
    normalize: str,
    norm: float | None,
    seed: int,
) -> Directions:
    """The two directions of a plane."""
    if isinstance(directions, Directions):
        if len(directions.vectors) < 2:
            raise ValueError(
                "`directions` must be two for a plane, got 1; use loss_line along a single one"
            )
        return directions if norm is None else directions.scaled(norm)
    check_choice("directions", directions, ("random", "eigenvectors"))
    if directions == "random":
        return random_directions(subject.net, normalize=normalize, norm=norm, seed=seed)
    return eigenvector_directions(subject.net, subject.X, subject.y, norm=norm, seed=seed)
