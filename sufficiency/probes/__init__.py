"""Distributions p(w) of weights around a trained center."""

from sufficiency.probes.base import BaseProbe, Probe, Sampler, select_parameters
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
    "BaseProbe",
    "CurvatureSubspace",
    "DiagonalGaussian",
    "GaussianSampler",
    "IsotropicGaussian",
    "LowRankGaussian",
    "PointMass",
    "Probe",
    "RandomSubspace",
    "Sampler",
    "StudentT",
    "UniformSphere",
    "check_probe",
    "select_parameters",
]
