"""Distributions p(w) of weights around a trained centre."""

from collections.abc import Callable

from sufficiency._validation import check_choice, check_number
from sufficiency.probes.base import Probe, ProbeDraws, Sampler
from sufficiency.probes.gaussian import IsotropicGaussian

__all__ = ["IsotropicGaussian", "Probe", "ProbeDraws", "Sampler", "resolve_probe"]

_SHORTHANDS: dict[str, Callable[..., Probe]] = {"isotropic": IsotropicGaussian}


def resolve_probe(probe: str | Probe, sigma: float | None) -> Probe:
    """
    The probe that the estimator's `probe` and `sigma` mean.

    Parameters
    ----------
    probe : {"isotropic"} or Probe
        A shorthand or an object.
    sigma : float or None
        The shorthand's scale; None for its default.

    Returns
    -------
    Probe

    Raises
    ------
    ValueError
        If the shorthand is unknown, `sigma` is negative, or both a Probe object and `sigma`
        are given.
    TypeError
        If `probe` is neither.
    """
    if isinstance(probe, str):
        factory = _SHORTHANDS[check_choice("probe", probe, _SHORTHANDS)]
        return factory() if sigma is None else factory(check_number("sigma", sigma, at_least=0.0))
    if isinstance(probe, type) or not isinstance(probe, Probe):
        raise TypeError(
            f"`probe` must be one of {', '.join(map(repr, _SHORTHANDS))} or an object with a "
            f"`prepare` method, got {probe!r}"
        )
    if sigma is not None:
        raise ValueError(
            f"`sigma` must be None with a Probe object, got {sigma}; {probe!r} carries its own "
            "scale"
        )
    return probe
