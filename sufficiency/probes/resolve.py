"""The estimator's `probe` and `sigma` as one probe."""

from collections.abc import Callable

from sklearn.base import clone

from sufficiency._validation import check_choice
from sufficiency.exceptions import InvalidParameterError
from sufficiency.probes.base import BaseProbe, Probe
from sufficiency.probes.curvature import CurvatureSubspace
from sufficiency.probes.gaussian import IsotropicGaussian
from sufficiency.probes.subspace import RandomSubspace

_SHORTHANDS: dict[str, Callable[..., BaseProbe]] = {
    "isotropic": IsotropicGaussian,
    "random_subspace": RandomSubspace,
    "curvature": CurvatureSubspace,
}


def resolve_probe(probe: str | Probe, sigma: float | None) -> Probe:
    """The probe that is meant, checked, and the caller's no longer."""
    if isinstance(probe, str):
        factory = _SHORTHANDS[check_choice("probe", probe, _SHORTHANDS)]
        probe = factory() if sigma is None else factory(sigma=sigma)
    elif isinstance(probe, type) or not isinstance(probe, Probe):
        raise InvalidParameterError(
            "probe",
            f"must be one of {', '.join(map(repr, _SHORTHANDS))} or an object with a "
            f"`prepare` method, got {probe!r}",
        )
    elif sigma is not None:
        raise InvalidParameterError(
            "sigma",
            f"must be None with a Probe object, got {sigma}; {probe!r} carries its own scale",
        )
    if not isinstance(probe, BaseProbe):
        return probe
    probe.check()
    return clone(probe)
