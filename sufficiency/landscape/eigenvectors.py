"""Directions of the largest curvature, of nets that have one."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy.typing as npt
import torch
from skorch import NeuralNet

from sufficiency._random import RandomState, seed_from
from sufficiency._validation import check_integer, check_number
from sufficiency.curvature import EigenPairs, hessian_operator, top_eigenpairs
from sufficiency.curvature.derivatives import unflatten
from sufficiency.exceptions import UnsupportedNetError
from sufficiency.landscape.directions import Directions, distance_unit, geometry_of, inner_product
from sufficiency.landscape.fitted_nets import net_and_samples
from sufficiency.nets.losses import LossFunction
from sufficiency.probes import select_parameters
from sufficiency.probes.base import Parameters

__all__ = ["TopEigenvectors", "top_curvature"]


@dataclass(frozen=True)
class TopEigenvectors:
    """
    Eigenvectors of the largest absolute eigenvalues of the Hessian of the mean loss at w*.

    Parameters
    ----------
    norm : float, optional
        Norm > 0 of every direction, in units of weights. None: that of w*, as random directions
        have it, so that a coordinate is a relative distance.
    parameters : str, sequence of str or callable, optional
        Move only these, along the eigenvectors of their block of the Hessian: glob patterns of
        names, or name → bool. None: all, biases included.

    Raises
    ------
    ValueError
        If `norm` is out of range.
    """

    norm: float | None = None
    parameters: Parameters = None

    def __post_init__(self) -> None:
        """Check the arguments."""
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
        n : int, default=2
            Number of directions.
        random_state : int, RandomState instance or None, default=0
            Seed of Lanczos' starting vector.

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
        pairs = top_curvature(*data, n, list(moved), seed=root, instead="random directions")
        vectors = tuple(unflatten(length * column, moved) for column in pairs.vectors.T)
        names = tuple(f"eigenvector {i}, λ = {v:.3g}" for i, v in enumerate(pairs.values, start=1))
        unit = "norm of w*" if self.norm is None else distance_unit(self.norm)
        geometry = geometry_of(vectors, moved, unit, names)
        geometry = replace(geometry, eigenvalues=pairs.values, residuals=pairs.residuals)
        return Directions(vectors, geometry)


def top_curvature(
    net: NeuralNet,
    X: npt.NDArray,
    y: npt.NDArray,
    dim: int,
    parameters: Sequence[str],
    *,
    seed: int,
    instead: str,
) -> EigenPairs:
    """Top eigenpairs of the Hessian; refuses a net whose loss has no second derivatives."""
    with _second_derivatives(instead):
        hessian = hessian_operator(net, X, y, parameters=parameters)
        pairs = top_eigenpairs(hessian, dim, random_state=seed)
        if pairs.values[0] == 0:
            raise ArithmeticError(
                "all of them are zero; the loss is linear in the weights, or what torch knows of "
                "it ends at the first derivative"
            )
    return pairs


@contextmanager
def _second_derivatives(instead: str) -> Iterator[None]:
    """Refuse a net where torch or Lanczos fail for want of second derivatives."""
    try:
        yield
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
