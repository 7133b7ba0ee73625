"""Distributions p(w) of weights around a trained center."""

from collections.abc import Callable

from sufficiency._validation import check_choice, check_number
from sufficiency.exceptions import InvalidParameterError
from sufficiency.probes.base import (
    AntitheticDraws,
    BaseProbe,
    Probe,
    ProbeDraws,
    Sampler,
    needs_hessian,
    prepare_probe,
    select_parameters,
)
from sufficiency.probes.checks import check_probe
from sufficiency.probes.curvature import CurvatureSubspace
from sufficiency.probes.gaussian import (
    DiagonalGaussian,
    GaussianSampler,
    IsotropicGaussian,
    LowRankGaussian,
    PointMass,
)
from sufficiency.probes.heavy_tailed import StudentT, UniformSphere
from sufficiency.probes.subspace import RandomSubspace

__all__ = [
    "AntitheticDraws",
    "BaseProbe",
    "CurvatureSubspace",
    "DiagonalGaussian",
    "GaussianSampler",
    "IsotropicGaussian",
    "LowRankGaussian",
    "PointMass",
    "Probe",
    "ProbeDraws",
    "RandomSubspace",
    "Sampler",
    "StudentT",
    "UniformSphere",
    "check_probe",
    "needs_hessian",
    "prepare_probe",
    "resolve_probe",
    "select_parameters",
]

_SHORTHANDS: dict[str, Callable[..., Probe]] = {
    "isotropic": IsotropicGaussian,
    "random_subspace": RandomSubspace,
    "curvature": CurvatureSubspace,
}


def resolve_probe(probe: str | Probe, sigma: float | None) -> Probe:
    """The probe that the estimator's `probe` and `sigma` mean."""
    if isinstance(probe, str):
        factory = _SHORTHANDS[check_choice("probe", probe, _SHORTHANDS)]
        if sigma is None:
            return factory()
        return factory(sigma=check_number("sigma", sigma, at_least=0.0))
    if isinstance(probe, type) or not isinstance(probe, Probe):
        raise InvalidParameterError(
            "probe",
            f"must be one of {', '.join(map(repr, _SHORTHANDS))} or an object with a "
            f"`prepare` method, got {probe!r}",
        )
    if sigma is not None:
        raise InvalidParameterError(
            "sigma",
            f"must be None with a Probe object, got {sigma}; {probe!r} carries its own scale",
        )
    return probe
