"""The paper's law."""

import numpy as np

from sufficiency.curves.families.base import Family, Floats

__all__ = ["Theory"]


class Theory(Family):
    """Δ = C/κ^p."""

    name = "theory"
    parameters = ("C",)
    log_scaled = ("C",)

    def predict(self, kappa: Floats, order: int, parameters: dict[str, float]) -> Floats:
        return parameters["C"] * np.power(kappa, -float(order))

    def log_kappa(self, threshold: float, order: int, parameters: dict[str, float]) -> float:
        return float((np.log(parameters["C"]) - np.log(threshold)) / order)

    def fit_logs(
        self, log_kappa: Floats, log_delta: Floats, weights: Floats, order: int
    ) -> dict[str, float]:
        return {"C": float(np.exp(weights @ (log_delta + order * log_kappa)))}

    def formula(self, order: int) -> str:
        return f"C/κ^{order}"

    def mathtext(self, order: int, parameters: dict[str, float]) -> str:
        return rf"{parameters['C']:.3g}\,\kappa^{{-{order}}}"
