"""Decay families for Δ over the training size: their fit, the choice of one, their inversion."""

from sufficiency.curves.fitted_curve import FittedCurve
from sufficiency.curves.fitting import fit_curve

__all__ = ["FittedCurve", "fit_curve"]
