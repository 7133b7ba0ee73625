"""Curvature of the loss: operators, eigenspace, traces, constants of the bounds, validity."""

from sufficiency.curvature.constants import (
    SampledMaximum,
    max_gradient_norm,
    max_hessian_norm,
    max_loss,
)
from sufficiency.curvature.eigenspace import EigenPairs, top_eigenpairs
from sufficiency.curvature.operators import difference_operator, gradient_operator, hessian_operator
from sufficiency.curvature.taylor import (
    QuadraticValidation,
    quadratic_validation,
    validate_quadratic,
)
from sufficiency.curvature.traces import TraceEstimates, estimate_traces

__all__ = [
    "EigenPairs",
    "QuadraticValidation",
    "SampledMaximum",
    "TraceEstimates",
    "difference_operator",
    "estimate_traces",
    "gradient_operator",
    "hessian_operator",
    "max_gradient_norm",
    "max_hessian_norm",
    "max_loss",
    "quadratic_validation",
    "top_eigenpairs",
    "validate_quadratic",
]
