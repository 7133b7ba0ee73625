"""Random directions with the norms of the trained weights, as landscapes are drawn."""

from typing import Any, cast

from sufficiency._random import child_seed
from sufficiency._validation import check_choice, check_integer, check_number
from sufficiency.landscape.directions import (
    Directions,
    distance_unit,
    frame_of,
    inner_product,
    times,
)
from sufficiency.landscape.subject import fitted_net
from sufficiency.nets.losses import LossFunction, Weights
from sufficiency.probes import GaussianSampler, RandomSubspace
from sufficiency.probes.base import Parameters

__all__ = ["random_direction", "random_directions"]

# What a coordinate of 1 is, and what the probe that draws the directions calls it.
_UNITS = {
    "filter": "norm of w*, per filter",
    "tensor": "norm of w*, per tensor",
    "none": "norm of w*",
}
_NORMALIZATIONS = {"filter": "filter", "tensor": "layer", "none": "none"}


def random_directions(
    estimator: Any,
    n: int = 2,
    *,
    normalize: str = "filter",
    norm: float | None = None,
    perturb_1d: bool = False,
    parameters: Parameters = None,
    seed: int = 0,
) -> Directions:
    """
    Gaussian directions with the parameter norms of w*, as in section 5.1 of the paper.

    Every direction has a seed of its own, so that the first of many are those of few. In many
    dimensions they are nearly orthogonal; how nearly is in ``frame.gram``.

    Parameters
    ----------
    estimator : LandscapeSufficiencyEstimator or NeuralNet
        Fitted.
    n : int, default=2
        How many.
    normalize : {"filter", "tensor", "none"}, default="filter"
        What is scaled to the norm that it has in w*: each filter (row of the first axis; Li et
        al., section 4), each parameter tensor, or only the direction as a whole. What is zero in
        w* is not moved by the first two.
    norm : float, optional
        Norm > 0 of every direction as a whole, to which it is scaled after that, in units of
        weights: the neighborhoods of equal norm of appendix B.2. None: that of the moved
        weights in w*, so that a coordinate is a relative distance.
    perturb_1d : bool, default=False
        Move parameters of fewer than two axes, biases and norms, as well. Neither the authors'
        code nor Li et al. do.
    parameters : str, sequence of str or callable, optional
        Move only these: glob patterns of names, or name → bool. None: all.
    seed : int, default=0
        Of the directions.

    Returns
    -------
    Directions

    Raises
    ------
    ValueError
        If an argument is out of range, or there is no norm to scale to.

    References
    ----------
    Li, Xu, Taylor, Studer, Goldstein 2018: Visualizing the Loss Landscape of Neural Nets.

    Examples
    --------
    >>> import torch
    >>> from skorch import NeuralNetRegressor
    >>> from sufficiency.landscape import random_directions
    >>> net = NeuralNetRegressor(torch.nn.Linear, module__in_features=3, module__out_features=2)
    >>> found = random_directions(net.initialize(), norm=2.0)
    >>> list(found.u), found.frame.norms.round(5)
    (['weight'], array([2., 2.]))
    """
    n = check_integer("n", n, 1)
    center = LossFunction(fitted_net(estimator)).center()
    vectors = tuple(
        random_direction(
            center,
            child_seed(seed, "directions", i),
            normalize=normalize,
            norm=norm,
            perturb_1d=perturb_1d,
            parameters=parameters,
        )
        for i in range(n)
    )
    names = ("u", "v")[:n] if n <= 2 else tuple(f"direction {i + 1}" for i in range(n))
    return Directions(vectors, frame_of(vectors, center, unit_of(normalize, norm), names))


def random_direction(
    center: Weights,
    seed: int,
    *,
    normalize: str = "filter",
    norm: float | None = None,
    perturb_1d: bool = False,
    parameters: Parameters = None,
) -> Weights:
    """One direction of :func:`random_directions`, drawn as by :class:`RandomSubspace`."""
    probe = RandomSubspace(
        dim=1,
        sigma=1.0,
        normalization=_NORMALIZATIONS[check_choice("normalize", normalize, _NORMALIZATIONS)],
        perturb_1d=perturb_1d,
        parameters=parameters,
    )
    sampler = cast("GaussianSampler", probe.prepare(center, seed=seed))
    direction = {name: rows[0] for name, rows in (sampler.factor or {}).items()}
    length = inner_product(direction, direction) ** 0.5
    if length == 0:
        raise ValueError(
            f"`estimator` must have weights that are not all zero in {list(direction)}, to whose "
            "norm a direction is scaled; move other parameters, or pass your own u and v"
        )
    if norm is None:
        return direction
    return times(check_number("norm", norm, above=0.0) / length, direction)


def unit_of(normalize: str, norm: float | None) -> str:
    """What a coordinate of 1 is along such directions."""
    return _UNITS[normalize] if norm is None else distance_unit(norm)
