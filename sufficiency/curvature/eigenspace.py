"""Eigenvalues and eigenvectors of largest magnitude."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import eigh
from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh

from sufficiency._random import RandomState, seed_from
from sufficiency._types import Floats
from sufficiency._validation import check_integer

# Below this size Lanczos would span the whole space anyway.
_DENSE = 64
# When the Lanczos of `spectral_norms` ends: after so many steps, or at this relative error.
MAX_STEPS, _TOLERANCE = 60, 1e-6


@dataclass(frozen=True, eq=False)
class EigenPairs:
    """
    Extreme eigenvalues of a symmetric operator H.

    Attributes
    ----------
    values : (D,) float64
        By falling ``|λ|``.
    vectors : (N, D) float64
        Orthonormal columns; the largest entry of each is positive.
    residuals : (D,) float64
        ‖Hv − λv‖₂: some eigenvalue of H lies within this distance of λ.
    """

    values: Floats
    vectors: Floats
    residuals: Floats


def top_eigenpairs(
    operator: LinearOperator, dim: int, *, random_state: RandomState = 0
) -> EigenPairs:
    """
    The `dim` eigenpairs of largest ``|λ|``, by implicitly restarted Lanczos (ARPACK).

    Parameters
    ----------
    operator : LinearOperator
        (N, N), symmetric.
    dim : int
        D, from 1 to N. Where N is small or D near N, the operator is written out and
        decomposed directly.
    random_state : int, RandomState instance or None, default=0
        Of the starting vector; the same int gives the same bits.

    Returns
    -------
    EigenPairs

    Raises
    ------
    ValueError
        If `dim` exceeds N.
    ArithmeticError
        If the operator gives numbers that are not finite, or Lanczos does not converge.
    """
    n = operator.shape[0]
    dim = check_integer("dim", dim, 1)
    if dim > n:
        raise ValueError(f"`dim` must be <= {n}, the number of parameters, got {dim}")
    if n <= _DENSE or 3 * dim >= n:
        dense = np.asarray(operator @ np.eye(n, dtype=operator.dtype), dtype=np.float64)
        _check_finite(dense)
        values, vectors = eigh((dense + dense.T) / 2)
    else:
        values, vectors = _lanczos(operator, dim, seed_from(random_state))
    order = np.argsort(-np.abs(values), kind="stable")[:dim]
    values, vectors = values[order].astype(np.float64), vectors[:, order].astype(np.float64)
    vectors, _ = np.linalg.qr(vectors)  # single precision leaves them orthonormal to 1e-6 only
    peaks = np.take_along_axis(vectors, np.abs(vectors).argmax(0)[None], axis=0)
    vectors = vectors * np.where(peaks < 0, -1.0, 1.0)
    products = np.asarray(operator @ vectors.astype(operator.dtype), dtype=np.float64)
    residuals = np.linalg.norm(products - vectors * values, axis=0)
    return EigenPairs(values, vectors, residuals)


def _lanczos(operator: LinearOperator, dim: int, seed: int) -> tuple[npt.NDArray, npt.NDArray]:
    n = operator.shape[0]
    start = np.random.default_rng(seed).standard_normal(n).astype(operator.dtype)
    _check_finite(operator @ start)
    # products are rounded to eps; asking for all of its digits would never converge
    tolerance = float(np.finfo(operator.dtype).eps) ** (2 / 3)
    try:
        return eigsh(operator, k=dim, which="LM", v0=start, tol=tolerance)
    except ArpackError as error:
        raise ArithmeticError(
            f"Lanczos found no {dim} eigenpairs of largest magnitude of a {n}x{n} operator "
            f"({error}); ask for fewer"
        ) from error


def _check_finite(values: npt.NDArray) -> None:
    if not np.isfinite(values).all():
        raise ArithmeticError(
            "`operator` gives numbers that are not finite; the loss has no second derivative at "
            "these weights"
        )


def spectral_norms(
    multiply: Callable[[Floats], Floats], shape: tuple[int, int], *, seed: int = 0
) -> Floats:
    """Largest |λ| of many symmetric matrices at once, by Lanczos with full orthogonalization."""
    b, n = shape
    start = np.random.default_rng(seed).standard_normal(n)
    basis = [np.tile(start / np.linalg.norm(start), (b, 1))]
    diagonal: list[Floats] = []
    off: list[Floats] = []
    norms = np.zeros(b)
    for step in range(1, min(MAX_STEPS, n) + 1):
        product = multiply(basis[-1])
        _check_finite(product)
        diagonal.append((product * basis[-1]).sum(1))
        for _ in range(2):  # once leaves what cancellation brings back
            for vector in basis:
                product = product - (product * vector).sum(1, keepdims=True) * vector
        rest = np.linalg.norm(product, axis=1)
        values, vectors = np.linalg.eigh(_tridiagonal(diagonal, off))
        best = np.abs(values).argmax(1)
        norms = np.abs(values)[np.arange(b), best]
        residuals = rest * np.abs(vectors[np.arange(b), -1, best])
        if (residuals <= _TOLERANCE * norms).all() or step == n:
            break
        off.append(rest)
        # a matrix whose space is exhausted goes on with zeros
        alive = rest > np.finfo(np.float64).eps * n * norms
        basis.append(np.where(alive, 1 / np.where(alive, rest, 1.0), 0.0)[:, None] * product)
    return norms


def _tridiagonal(diagonal: list[Floats], off: list[Floats]) -> Floats:
    """Lower triangles, which is what `eigh` reads."""
    i = np.arange(len(diagonal))
    T = np.zeros((len(diagonal[0]), len(i), len(i)))
    T[:, i, i] = np.transpose(diagonal)
    T[:, i[1:], i[:-1]] = np.transpose(off)
    return T
