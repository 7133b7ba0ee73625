"""A power law with a free exponent."""

import numpy as np

from sufficiency.curves.families.base import Family, Floats

__all__ = ["PowerLaw"]


class PowerLaw(Family):
    """Δ = C·κ^(−alpha)."""

    name = "power_law"
    parameters = ("C", "alpha")
    log_scaled = ("C",)

    def predict(self, kappa: Floats, order: int, parameters: dict[str, float]) -> Floats:
        return parameters["C"] * np.power(kappa, -parameters["alpha"])

    def log_kappa(self, threshold: float, order: int, parameters: dict[str, float]) -> float:
        C, alpha = parameters["C"], parameters["alpha"]
        return float((np.log(C) - np.log(threshold)) / alpha) if alpha > 0 else np.inf

    def fit_logs(
        self, log_kappa: Floats, log_delta: Floats, weights: Floats, order: int
    ) -> dict[str, float]:
        center, height = weights @ log_kappa, weights @ log_delta
        offset = log_kappa - center
        slope = (weights * offset) @ (log_delta - height) / ((weights * offset) @ offset)
        return {"C": float(np.exp(height - slope * center)), "alpha": float(-slope)}

    def formula(self, order: int) -> str:
        return "C·κ^(−alpha)"

    def mathtext(self, order: int, parameters: dict[str, float]) -> str:
        return rf"{parameters['C']:.3g}\,\kappa^{{{-parameters['alpha']:.3g}}}"
