"""Directions of the largest curvature, of nets that have one."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy.typing as npt
import torch
from skorch import NeuralNet

from sufficiency._validation import check_integer, check_number
from sufficiency.curvature import EigenPairs, LossDerivatives, hessian_operator, top_eigenpairs
from sufficiency.exceptions import UnsupportedNetError
from sufficiency.landscape.directions import Directions, distance_unit, frame_of, inner_product
from sufficiency.landscape.subject import Subject
from sufficiency.nets.losses import LossFunction
from sufficiency.probes import select_parameters
from sufficiency.probes.base import Parameters

__all__ = ["eigenvector_directions", "second_derivatives", "top_curvature"]


def eigenvector_directions(
    estimator: Any,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    n: int = 2,
    *,
    norm: float | None = None,
    parameters: Parameters = None,
    seed: int = 0,
) -> Directions:
    """
    Eigenvectors of the largest absolute eigenvalues of the Hessian of the mean loss at w*.

    Parameters
    ----------
    estimator : LandscapeSufficiencyEstimator or NeuralNet
        Fitted; with second derivatives.
    X, y : array-like
        Samples of the mean loss, for an estimator as in its ``fit``; for a net in the form in
        which it is trained.
    n : int, default=2
        How many.
    norm : float, optional
        Norm > 0 of every direction, in units of weights. None: that of w*, as random directions
        have it, so that a coordinate is a relative distance.
    parameters : str, sequence of str or callable, optional
        Move only these, along the eigenvectors of their block of the Hessian. None: all, biases
        included.
    seed : int, default=0
        Of Lanczos' starting vector.

    Returns
    -------
    Directions
        Orthogonal, with ``frame.eigenvalues`` in loss per squared unit of weight.

    Raises
    ------
    UnsupportedNetError
        If the loss has no second derivatives, or none but zero.
    """
    n = check_integer("n", n, 1)
    subject = Subject.of(estimator, X, y, shuffle=False, seed=seed)
    center = LossFunction(subject.net).center()
    moved = {name: center[name] for name in select_parameters(center, parameters)}
    if norm is None:
        length, unit = inner_product(moved, moved) ** 0.5, "norm of w*"
    else:
        length, unit = check_number("norm", norm, above=0.0), distance_unit(norm)
    if length == 0:
        raise ValueError("`norm` must be given around weights that are all zero, got None")
    data = (subject.net, subject.X, subject.y)
    pairs = top_curvature(*data, n, list(moved), seed=seed, instead="random directions")
    like = LossDerivatives(*data, parameters=list(moved))
    vectors = tuple(like.unflatten(length * column) for column in pairs.vectors.T)
    names = tuple(f"eigenvector {i + 1}, λ = {value:.3g}" for i, value in enumerate(pairs.values))
    frame = frame_of(vectors, moved, unit, names)
    frame = replace(frame, eigenvalues=pairs.values, residuals=pairs.residuals)
    return Directions(vectors, frame)


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
    """Top eigenpairs of the Hessian; a net that has none is refused."""
    with second_derivatives(instead):
        pairs = top_eigenpairs(hessian_operator(net, X, y, parameters=parameters), dim, seed=seed)
        if pairs.values[0] == 0:
            raise ArithmeticError(
                "all of them are zero; the loss is linear in the weights, or what torch knows of "
                "it ends at the first derivative"
            )
    return pairs


@contextmanager
def second_derivatives(instead: str) -> Iterator[None]:
    """Turn what torch and Lanczos say of a loss without second derivatives into a refusal."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, ArithmeticError, UnsupportedNetError) as error:
        # refused by the operator already, with a remedy that is about Δ
        reason = error.__cause__ if isinstance(error, UnsupportedNetError) else error
        if not isinstance(reason, (RuntimeError, ArithmeticError)):
            raise
        raise UnsupportedNetError(
            f"`net` must have second derivatives for its curvature, and has not: {reason}; use "
            f"{instead}, or smooth activations and losses"
        ) from reason
