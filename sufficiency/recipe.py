"""What all cells of a fit share: how it is done, and with which data."""

import importlib.metadata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sklearn.pipeline import Pipeline
from skorch import NeuralNet
from skorch import __version__ as skorch_version

from sufficiency.predictor import Predictor
from sufficiency.probes import Probe
from sufficiency.rows import n_rows, row_bytes, take_rows
from sufficiency.targets import TargetCodec

__all__ = ["Recipe", "Samples", "Scorer", "release"]

Scorer = Callable[[Predictor, Any, npt.NDArray], float]


def release() -> str:
    """Version of this package, as it is installed."""
    try:
        return importlib.metadata.version("sufficiency")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


@dataclass(frozen=True, eq=False)
class Recipe:
    """What all cells of a fit share; see the estimator's parameters."""

    net: NeuralNet
    codec: TargetCodec
    probe: Probe
    scorer: Scorer | None
    root: int
    n_draws: int | str
    n_eval: int | None
    order: int
    center: str
    min_steps: int
    method: str
    train: str
    vectorize: bool
    verbose: int
    transformers: Pipeline | None = None  # before the net

    @property
    def usual_draws(self) -> int:
        """The number of draws, or what "auto" is expected to come to."""
        return self.n_draws if isinstance(self.n_draws, int) else 32

    @property
    def settings(self) -> dict[str, str]:
        """What a result says about how it was measured."""
        shown = ("method", "train", "center", "n_draws", "n_eval", "min_steps")
        before = [] if self.transformers is None else [s for _, s in self.transformers.steps]
        return {
            "net": " → ".join(
                step if isinstance(step, str) else type(step).__name__
                for step in [*before, self.net]
            ),
            "probe": repr(self.probe),
            **{name: str(getattr(self, name)) for name in shown},
            "root_seed": str(self.root),
            "versions": f"sufficiency {release()}, torch {torch.__version__}, "
            f"skorch {skorch_version}",
        }

    def evaluated(self, size: int) -> int:
        """Training samples of a net of this size whose losses are taken at every draw."""
        return size if self.n_eval is None else min(self.n_eval, size)


@dataclass(frozen=True, eq=False)
class Samples:
    """
    The data of a fit.

    Attributes
    ----------
    X : array, dict or tuple of arrays, DatasetRows, or what transformers take
        Inputs of n samples.
    encoded, y : arrays
        Targets for the net, targets of the user.
    """

    X: Any
    encoded: npt.NDArray
    y: npt.NDArray

    def __sizeof__(self) -> int:
        # dask sends what it takes for large once to a worker, and small things with every task
        return self.n_bytes

    @property
    def n_bytes(self) -> int:
        """Bytes of all samples, were they in memory."""
        return n_rows(self.X) * row_bytes(self.X) + self.encoded.nbytes + self.y.nbytes

    def take(self, which: npt.NDArray[np.int64] | slice) -> "Samples":
        """Some of the samples; those in a file stay there."""
        return Samples(take_rows(self.X, which), self.encoded[which], self.y[which])
