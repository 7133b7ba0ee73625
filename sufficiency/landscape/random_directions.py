"""Random directions with the norms of the trained weights, as landscapes are drawn."""

from dataclasses import dataclass
from typing import Any, cast

from sufficiency._random import RandomState, child_seed, seed_from
from sufficiency._validation import check_choice, check_integer, check_number
from sufficiency.landscape.directions import (
    Directions,
    distance_unit,
    geometry_of,
    inner_product,
    times,
)
from sufficiency.landscape.fitted_nets import fitted_net
from sufficiency.nets.losses import LossFunction, Weights
from sufficiency.probes import GaussianSampler, RandomSubspace
from sufficiency.probes.base import Parameters

__all__ = ["RandomDirections", "check_random", "random_direction"]

# By `normalize`: what a coordinate of 1 is, and what RandomSubspace calls the normalization.
_UNITS = {
    "filter": "norm of w*, per filter",
    "tensor": "norm of w*, per tensor",
    "none": "norm of w*",
}
_NORMALIZATIONS = {"filter": "filter", "tensor": "layer", "none": "none"}


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
        """Check the arguments."""
        check_choice("normalize", self.normalize, _UNITS)
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
        return Directions(vectors, geometry_of(vectors, center, self.unit, names))

    @property
    def unit(self) -> str:
        """What a coordinate of 1 is along such a direction."""
        return _UNITS[self.normalize] if self.norm is None else distance_unit(self.norm)


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
        normalization=_NORMALIZATIONS[how.normalize],
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
    return direction if how.norm is None else times(how.norm / length, direction)
