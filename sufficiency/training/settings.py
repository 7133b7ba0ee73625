"""What all cells of a fit share."""

import importlib.metadata
import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt
import torch
from sklearn import config_context
from sklearn.pipeline import Pipeline
from skorch import NeuralNet
from skorch import __version__ as skorch_version
from torch import nn

from sufficiency.nets.predictor import Predictor, own_score
from sufficiency.nets.skorch_nets import training_batch_size
from sufficiency.nets.targets import TargetCodec
from sufficiency.probes import Probe
from sufficiency.training.stacking import ALONE, Stacking
from sufficiency.training.train_net import planned_epochs

# With fewer training samples evaluated, their noise would be a large part of small increments.
_FEWEST = 100

# Parameters of a skorch net, without those that are about data, devices and printing.
_OF_TRAINING = ("module", "criterion", "optimizer", "lr", "max_epochs", "batch_size", "callbacks")

Scorer = Callable[[Predictor, Any, npt.NDArray], float]


def release() -> str:
    """Version of this package, as it is installed."""
    try:
        return importlib.metadata.version("sufficiency")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


@dataclass(frozen=True, eq=False)
class FitSettings:
    """What all cells of a fit share; see the estimator's parameters."""

    net: NeuralNet
    codec: TargetCodec
    probe: Probe
    scorer: Scorer | None
    root: int
    n_draws: int | str
    n_eval: int | str | None
    order: int
    center: str
    min_steps: int
    method: str
    train: str
    vectorize: bool
    verbose: int
    transformers: Pipeline | None = None  # before the net
    stacking: Stacking = ALONE  # whether nets are trained together

    @property
    def usual_draws(self) -> int:
        """The number of draws, or what "auto" is expected to come to."""
        return self.n_draws if isinstance(self.n_draws, int) else 32

    @property
    def record(self) -> dict[str, str]:
        """What a result says about how it was measured."""
        shown = ("method", "train", "center", "n_draws", "n_eval", "min_steps")
        before = [] if self.transformers is None else [s for _, s in self.transformers.steps]
        return {
            "net": " → ".join(
                step if isinstance(step, str) else type(step).__name__
                for step in [*before, self.net]
            ),
            "net_parameters": _parameters(self.net),
            "scoring": _scoring(self.scorer),
            "probe": _with_defaults(self.probe),
            **{name: str(getattr(self, name)) for name in shown},
            "training": str(self.stacking),
            "root_seed": str(self.root),
            "versions": f"sufficiency {release()}, torch {torch.__version__}, "
            f"skorch {skorch_version}",
        }

    @property
    def of_training(self) -> dict[str, Any]:
        """What all trainings have in common beside the net."""
        shared = {name: getattr(self, name) for name in ("center", "min_steps", "verbose")}
        return shared | {"n_classes": self.codec.n_classes}

    def evaluated(self, size: int, n_candidates: int) -> int:
        """Training samples of a net of this size whose losses are taken at every draw."""
        if isinstance(self.n_eval, int):
            return min(self.n_eval, size)
        corrected = self.order == 2 and self.method == "monte_carlo" and self.train == "each_size"
        if self.n_eval is None or not corrected:
            return size
        # all draws together may take a fifth of the training
        passes = self.training_passes(size) / 5
        return min(size, max(_FEWEST, int(passes / self.usual_draws) - n_candidates))

    def training_passes(self, size: int) -> int:
        """Forward passes of one sample that take as long as a training of this size."""
        batch = training_batch_size(self.net)
        steps = math.ceil(size / batch) if batch > 0 else 1
        # a step takes three of them
        return 3 * planned_epochs(self.net, steps, self.min_steps) * size


def _scoring(scorer: Scorer | None) -> str:
    if scorer is None:
        return "none"
    return "the net's own" if scorer is own_score else _name(scorer)


def _parameters(net: NeuralNet) -> str:
    """What a net is made of and how it is trained, as far as that can be said in a line."""
    given = net.get_params(deep=False)
    parts = [f"{name}={_name(given[name])}" for name in _OF_TRAINING if name in given]
    of_parts = sorted(name for name in given if "__" in name)
    return ", ".join(parts + [f"{name}={_name(given[name])}" for name in of_parts])


def _name(value: Any) -> str:
    """A value in words that are the same in every process."""
    if isinstance(value, nn.Module):
        return " ".join(repr(value).split())
    if isinstance(value, type) or inspect.isroutine(value):
        return str(value.__qualname__)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_name, value))}]"
    text = repr(value)
    # an address tells nothing, and contents of arrays come from the data
    return type(value).__name__ if " at 0x" in text or hasattr(value, "shape") else text


def _with_defaults(probe: Probe) -> str:
    """`repr` of all parameters: defaults may change between releases."""
    with config_context(print_changed_only=False):
        return repr(probe)
