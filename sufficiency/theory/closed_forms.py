"""Closed forms and bounds of the founding paper, with what it leaves out."""

import numpy as np
import numpy.typing as npt

from sufficiency._types import Floats
from sufficiency._validation import check_integer, check_number


def gaussian_moment(
    value: float, gradient: npt.ArrayLike, hessian: npt.ArrayLike, sigma: float
) -> float:
    """
    Second moment of a quadratic under a Gaussian: E (a + cᵀz + ½zᵀMz)², z ~ N(0, σ²I).

    a² + aσ² Tr M + σ²‖c‖² + (σ⁴/4)(Tr²M + 2 Tr M²), exact. For another covariance Σ = SSᵀ pass
    Sᵀc and SᵀMS with ``sigma=1``.

    Parameters
    ----------
    value : float
        a.
    gradient : (D,) array-like
        c.
    hessian : (D, D) array-like
        M; only its symmetric part counts.
    sigma : float
        σ ≥ 0.

    Returns
    -------
    float
        In the squared unit of `value`.

    Raises
    ------
    ValueError
        If `sigma` is negative or the shapes do not fit.

    Examples
    --------
    >>> gaussian_moment(1.0, [2.0], [[3.0]], 0.5)
    3.171875
    """
    a = check_number("value", value)
    s = check_number("sigma", sigma, at_least=0.0)
    c, M = np.asarray(gradient, dtype=np.float64), np.asarray(hessian, dtype=np.float64)
    if c.ndim != 1 or M.shape != (len(c), len(c)):
        raise ValueError(
            "`gradient` and `hessian` must have shapes (D,) and (D, D), got "
            f"{c.shape} and {M.shape}"
        )
    trace, square = float(np.trace(M)), float((((M + M.T) / 2) ** 2).sum())
    return a**2 + a * s**2 * trace + s**2 * float(c @ c) + curvature_term(trace, square, s)


def curvature_term(trace: float, trace_of_square: float, sigma: float) -> float:
    """
    The paper's simplified Δ (section 4.2): (σ⁴/4)(Tr²A + 2 Tr A²).

    It drops value and gradient of the increment, which are of the same order as what is kept.

    Parameters
    ----------
    trace, trace_of_square : float
        Tr A and Tr A² ≥ 0.
    sigma : float
        σ ≥ 0.

    Returns
    -------
    float
    """
    trace = check_number("trace", trace)
    square = check_number("trace_of_square", trace_of_square, at_least=0.0)
    s = check_number("sigma", sigma, at_least=0.0)
    return s**4 / 4 * (trace**2 + 2 * square)


def trace_bound(norm: float, dim: int) -> float:
    """
    Lemma 1: Tr²A + 2 Tr A² ≤ N(N+2)‖A‖₂² for a symmetric (N, N) matrix, tight for A = cI.

    Parameters
    ----------
    norm : float
        ‖A‖₂ ≥ 0.
    dim : int
        N ≥ 1.

    Returns
    -------
    float
    """
    norm = check_number("norm", norm, at_least=0.0)
    dim = check_integer("dim", dim, 1)
    return dim * (dim + 2.0) * norm**2


def theorem1_bound(sizes: npt.ArrayLike, *, sigma: float, dim: int, hessian_norm: float) -> Floats:
    """
    Theorem 1: σ⁴ N(N+2) M_H²/(k+1)², a bound of the *curvature term* of Δ alone.

    It goes to 0 with σ⁴ while Δ goes to the squared change of the value: where σ is small it lies
    below Δ. :func:`bound` has what is missing.

    Parameters
    ----------
    sizes : array-like
        k ≥ 1.
    sigma : float
        σ ≥ 0 of N(w*, σ²I); for a covariance SSᵀ the largest singular value of S.
    dim : int
        N, the parameters that the probe disturbs; or D, the dimension of its subspace.
    hessian_norm : float
        M_H ≥ ‖H_i‖₂ for every sample. From some of the samples it is a lower estimate, and the
        bound then only as good as that.

    Returns
    -------
    ndarray of float64
        Of the shape of `sizes`, in loss².

    Raises
    ------
    ValueError
        If a number is out of range.

    References
    ----------
    Kiselev, Meshkov, Grabovoy: Robust Convergence of Loss Landscapes through Distributional
    Averaging, Theorem 1 and appendix A.2 (its ‖A‖₂² ≤ 4M_H²/(k+1)² is right; the 2M_H² of section
    4.4 is a slip).

    Examples
    --------
    >>> theorem1_bound([9, 99], sigma=0.1, dim=10, hessian_norm=2.0)
    array([4.8e-04, 4.8e-06])
    """
    kappa = _kappa(sizes)
    s = check_number("sigma", sigma, at_least=0.0)
    norm = check_number("hessian_norm", hessian_norm, at_least=0.0)
    return np.asarray(s**4 * trace_bound(norm, dim) / kappa**2)


def bound(
    sizes: npt.ArrayLike,
    *,
    sigma: float,
    dim: int,
    max_loss: float,
    gradient_norm: float,
    hessian_norm: float,
    stationary: bool = False,
) -> Floats:
    """
    Bound of the whole Δ of the quadratic model, with value and gradient.

    Δ ≤ (12 M_ℓ² + 12σ²M_g² + 3σ⁴(D²+2D)M_H²)/(k+1)², from (x+y+z)² ≤ 3(x²+y²+z²) and
    ``|ℓ_j − L_k|`` ≤ 2M_ℓ, ‖∇ℓ_j − ∇L_k‖ ≤ 2M_g, ‖H_j − H_k‖₂ ≤ 2M_H. Where ∇L_k = 0 the second is
    M_g, and its term 3σ²M_g².

    Parameters
    ----------
    sizes, sigma, dim, hessian_norm
        As in :func:`theorem1_bound`.
    max_loss : float
        M_ℓ ≥ ``|ℓ_i|`` for every sample, at the center.
    gradient_norm : float
        M_g ≥ ‖∇ℓ_i‖₂ for every sample.
    stationary : bool, default=False
        ∇L_k = 0 at the center, which no training reaches exactly.

    Returns
    -------
    ndarray of float64
        Of the shape of `sizes`, in loss².

    Raises
    ------
    ValueError
        If a number is out of range.
    """
    kappa = _kappa(sizes)
    s = check_number("sigma", sigma, at_least=0.0)
    value = check_number("max_loss", max_loss, at_least=0.0)
    slope = check_number("gradient_norm", gradient_norm, at_least=0.0)
    norm = check_number("hessian_norm", hessian_norm, at_least=0.0)
    gradient_part = (3.0 if stationary else 12.0) * s**2 * slope**2
    total = 12.0 * value**2 + gradient_part + 3.0 * s**4 * trace_bound(norm, dim)
    return np.asarray(total / kappa**2)


def subspace_bound(
    sizes: npt.ArrayLike,
    *,
    sigma: float,
    dim: int,
    n_parameters: int,
    max_loss: float,
    gradient_norm: float,
    hessian_norm: float,
    stationary: bool = False,
) -> Floats:
    """
    :func:`bound` for w = w* + Uz with D orthonormal columns: D takes the place of N.

    The norms of the whole gradient and Hessian bound those inside the subspace.

    Parameters
    ----------
    dim : int
        D, from 1 to `n_parameters`.
    n_parameters : int
        N, of the whole space.
    sizes, sigma, max_loss, gradient_norm, hessian_norm, stationary
        As in :func:`bound`.

    Returns
    -------
    ndarray of float64

    Raises
    ------
    ValueError
        If a number is out of range, or D exceeds N.
    """
    n = check_integer("n_parameters", n_parameters, 1)
    if check_integer("dim", dim, 1) > n:
        raise ValueError(f"`dim` must be <= {n}, the number of parameters, got {dim}")
    return bound(
        sizes,
        sigma=sigma,
        dim=dim,
        max_loss=max_loss,
        gradient_norm=gradient_norm,
        hessian_norm=hessian_norm,
        stationary=stationary,
    )


def _kappa(sizes: npt.ArrayLike) -> Floats:
    """κ = k + 1."""
    k = np.asarray(sizes, dtype=np.float64)
    bad = ~(np.isfinite(k) & (k >= 1))
    if bad.any():
        raise ValueError(f"`sizes` must be finite and >= 1, got {k[bad].flat[0]:g}")
    return k + 1.0
