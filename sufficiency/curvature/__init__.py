"""Curvature of the loss: operators, eigenspace, traces, constants of the bounds, validity."""

from sufficiency.curvature.constants import (
    SampledMaximum,
    max_gradient_norm,
    max_hessian_norm,
    max_loss,
)
from sufficiency.curvature.derivatives import LossDerivatives, SampleDerivatives, flatten
from sufficiency.curvature.eigenspace import EigenPairs, top_eigenpairs
from sufficiency.curvature.operators import (
    difference_operator,
    gradient_operator,
    hessian_operator,
    mean_gradient,
)
from sufficiency.curvature.taylor import (
    QuadraticValidation,
    TaylorTerms,
    quadratic_validation,
    taylor_terms,
    validate_quadratic,
)
from sufficiency.curvature.traces import TraceEstimates, estimate_traces

__all__ = [
    "EigenPairs",
    "LossDerivatives",
    "QuadraticValidation",
    "SampleDerivatives",
    "SampledMaximum",
    "TaylorTerms",
    "TraceEstimates",
    "difference_operator",
    "estimate_traces",
    "flatten",
    "gradient_operator",
    "hessian_operator",
    "max_gradient_norm",
    "max_hessian_norm",
    "max_loss",
    "mean_gradient",
    "quadratic_validation",
    "taylor_terms",
    "top_eigenpairs",
    "validate_quadratic",
]
