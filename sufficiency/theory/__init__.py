"""Closed forms and bounds of the founding paper, with what it leaves out."""

from sufficiency.theory.closed_forms import (
    bound,
    curvature_term,
    gaussian_moment,
    subspace_bound,
    theorem1_bound,
    trace_bound,
)

__all__ = [
    "bound",
    "curvature_term",
    "gaussian_moment",
    "subspace_bound",
    "theorem1_bound",
    "trace_bound",
]
