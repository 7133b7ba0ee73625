"""Traces of symmetric operators from products with random sign vectors."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.sparse.linalg import LinearOperator

from sufficiency._random import RandomState, seed_from
from sufficiency._types import Floats
from sufficiency._validation import check_integer


@dataclass(frozen=True)
class TraceEstimates:
    """
    Unbiased estimates for a symmetric A, each with its standard error.

    Attributes
    ----------
    trace, trace_stderr : float
        Tr A.
    trace_of_square, trace_of_square_stderr : float
        Tr A².
    square_of_trace, square_of_trace_stderr : float
        (Tr A)²; unbiased, and therefore possibly negative.
    n_probes : int
        Random vectors they come from; with N of them or more the traces are exact.
    """

    trace: float
    trace_stderr: float
    trace_of_square: float
    trace_of_square_stderr: float
    square_of_trace: float
    square_of_trace_stderr: float
    n_probes: int


def sign_vectors(n: int, n_probes: int, seed: int) -> Floats:
    """Independent vectors of ±1 with E vvᵀ = I, which give traces the least variance of all."""
    seeds = np.random.SeedSequence(seed).spawn(n_probes)
    columns = [2.0 * np.random.default_rng(s).integers(0, 2, n) - 1.0 for s in seeds]
    return np.stack(columns, axis=1)


def distinct_products(values: Floats) -> Floats:
    """Mean of v_a·v_b over pairs a ≠ b: the squared mean without the bias of the mean's square."""
    m = len(values)
    return np.asarray((values.sum(0) ** 2 - (values**2).sum(0)) / (m * (m - 1)))


def pseudo_values(values: Floats) -> Floats:
    """
    Jackknife pseudo-values of :func:`distinct_products` along the first axis.

    Their mean is the estimate itself, and the variance of their mean estimates its variance (Efron
    and Stein 1981, "The jackknife estimate of variance": not too small on average).
    """
    m = len(values)
    total, squares = values.sum(0), (values**2).sum(0)
    rest = ((total - values) ** 2 - (squares - values**2)) / ((m - 1) * (m - 2))
    return m * distinct_products(values) - (m - 1) * rest


def estimate_traces(
    operator: LinearOperator, n_probes: int = 32, *, random_state: RandomState = 0
) -> TraceEstimates:
    """
    Tr A, Tr A² and (Tr A)² by Hutchinson's estimator.

    With sign vectors v: E vᵀAv = Tr A, E ‖Av‖² = Tr A², and products of vᵀAv over distinct
    vectors have mean (Tr A)².

    Parameters
    ----------
    operator : LinearOperator
        (N, N), symmetric.
    n_probes : int, default=32
        Random vectors, at least 3. If N is not larger, the unit vectors are taken instead and the
        result is exact.
    random_state : int, RandomState instance or None, default=0
        Of the vectors.

    Returns
    -------
    TraceEstimates

    References
    ----------
    Hutchinson 1989, "A stochastic estimator of the trace of the influence matrix".
    """
    n = operator.shape[0]
    n_probes = check_integer("n_probes", n_probes, 3)
    if n <= n_probes:
        dense = np.asarray(operator @ np.eye(n, dtype=operator.dtype), dtype=np.float64)
        trace = float(np.trace(dense))
        return TraceEstimates(trace, 0.0, float((dense**2).sum()), 0.0, trace**2, 0.0, n)
    V = sign_vectors(n, n_probes, seed_from(random_state))
    products = np.asarray(operator @ V.astype(operator.dtype), dtype=np.float64)
    forms, norms = (V * products).sum(0), (products**2).sum(0)
    pseudo = pseudo_values(forms)
    return TraceEstimates(*_mean(forms), *_mean(norms), *_mean(pseudo), n_probes)


def _mean(values: Floats) -> tuple[float, float]:
    """Mean and its standard error."""
    return float(values.mean()), float(values.std(ddof=1)) / math.sqrt(len(values))
