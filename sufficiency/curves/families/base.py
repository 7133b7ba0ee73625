"""What a decay family has to define."""

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from sufficiency._tables import mean_of_finished

__all__ = ["Family", "Floats"]

Floats = npt.NDArray[np.float64]


class Family(ABC):
    """A form of the decay of Δ over κ = size + 1, where p is the order of Δ."""

    name: ClassVar[str]
    parameters: ClassVar[tuple[str, ...]]
    # Those in units of Δ; they are never negative, so their intervals are taken of the log.
    log_scaled: ClassVar[tuple[str, ...]]

    @property
    def sizes_needed(self) -> int:
        """Fewest sizes that determine the parameters."""
        return len(self.parameters)

    @abstractmethod
    def predict(self, kappa: Floats, order: int, parameters: dict[str, float]) -> Floats:
        """Δ at each κ."""

    @abstractmethod
    def log_kappa(self, threshold: float, order: int, parameters: dict[str, float]) -> float:
        """Log κ at which Δ has come down to a threshold; infinite where it never does."""

    @abstractmethod
    def fit_logs(
        self, log_kappa: Floats, log_delta: Floats, weights: Floats, order: int
    ) -> dict[str, float]:
        """Parameters that minimize Σ_j weights_j·(log_delta_j − log Δ(κ_j))²; Σ weights = 1."""

    @abstractmethod
    def formula(self, order: int) -> str:
        """The form in plain text."""

    @abstractmethod
    def mathtext(self, order: int, parameters: dict[str, float]) -> str:
        """The form with its numbers, for the legend of a plot."""

    def fit(self, sizes: npt.NDArray[np.int64], deltas: Floats, order: int) -> dict[str, float]:
        """
        Parameters from the log of the mean Δ over the repeats, `deltas` being (R, m).

        With one relative variance for all sizes, pooled, each size weighs by the number of its
        finished repeats.
        """
        if len(sizes) < self.sizes_needed:
            raise ValueError(
                f"`sizes` must hold at least {self.sizes_needed} measured sizes for the family "
                f"{self.name!r}, got {len(sizes)}; measure more sizes or choose a simpler family"
            )
        counts = np.isfinite(deltas).sum(axis=0)
        log_delta = np.log(mean_of_finished(deltas))
        return self.fit_logs(np.log(sizes + 1.0), log_delta, counts / counts.sum(), order)
