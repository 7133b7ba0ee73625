"""Decay families for Δ over the training size: their fit, the choice of one, their inversion."""

from sufficiency.curves.families import FAMILIES, SIZES_NEEDED, FittedCurve, frozen_curve
from sufficiency.curves.fitting import fit_curve

__all__ = ["FAMILIES", "SIZES_NEEDED", "FittedCurve", "fit_curve", "frozen_curve"]
