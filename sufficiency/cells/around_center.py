"""Losses, score, gradient and drift at a trained center, and losses at weight draws around it."""

import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import UndefinedMetricWarning
from skorch import NeuralNet

from sufficiency._random import child_seed, isolated_rng
from sufficiency._types import Integers
from sufficiency.cells.cell import Columns
from sufficiency.curvature import hessian_operator
from sufficiency.data.rows import in_memory, take_rows
from sufficiency.data.samples import Samples
from sufficiency.engine.blocks import BlockPlan, plan_blocks
from sufficiency.engine.loss_matrix import StackedWeights, gradient_norm, loss_matrix, mean_losses
from sufficiency.exceptions import DivergedTrainingError
from sufficiency.nets.losses import LossFunction, Weights
from sufficiency.nets.predictor import PartPredictor
from sufficiency.nets.targets import TargetCodec
from sufficiency.probes import Probe
from sufficiency.probes.base import prepare_probe
from sufficiency.probes.draws import ProbeDraws
from sufficiency.training.batches import whole_batches
from sufficiency.training.centers import TrainedCenter
from sufficiency.training.tasks import CenterTask

Array = npt.NDArray[np.float64]

# The name of no slice: all candidates.
_ALL = ""
_NO_CLASSES = np.empty(0, dtype=np.int32)


@dataclass(frozen=True, eq=False)
class CenterView:
    """What a cell is measured on: a trained center, its candidates and losses there."""

    task: CenterTask
    center: TrainedCenter
    candidates: Samples
    point: Array  # (J,) losses of the candidates at the center
    numbers: Columns  # that need no draws
    slices: Mapping[str, Integers]  # positions of the candidates of each slice
    of_slices: Mapping[str, Columns]  # those of `numbers` that differ from slice to slice
    predicted: npt.NDArray[np.int32]  # (J,) classes of the candidates; none without classes

    def seed(self, purpose: str, *keys: int) -> int:
        """Of what is drawn for this center."""
        return child_seed(self.task.settings.root, purpose, self.task.repeat, self.task.size, *keys)

    @property
    def evaluated(self) -> int:
        """Training samples whose losses are taken at every draw."""
        return self.task.settings.evaluated(self.task.size, len(self.candidates.y))

    def draw_seeds(self, draws: range) -> list[int]:
        """A seed for every draw."""
        return [self.seed("probe", t) for t in draws]

    def draws(self) -> ProbeDraws:
        """The cell's weight draws, each with its own seed."""
        settings = self.task.settings
        seeds = self.draw_seeds(range(settings.usual_draws))
        try:
            seed = self.seed("directions")
            return _draws(self.center.net, settings.probe, self.center.train, seed, seeds)
        except ArithmeticError as error:
            raise DivergedTrainingError(f"the curvature at the trained weights: {error}") from error

    def losses(self, draws: ProbeDraws, samples: Samples, *, mean: bool = False) -> Array:
        """Losses of the samples at all draws, (B, n), or their mean, (B,)."""
        return self._evaluated(mean_losses if mean else loss_matrix, draws, samples)

    def candidate_losses(self, draws: ProbeDraws) -> npt.NDArray:
        """(B, J) losses of the candidates, in as few bytes as they have digits for."""
        return self._evaluated(partial(loss_matrix, short=True), draws, self.candidates)

    def _evaluated(
        self, evaluate: Callable[..., npt.NDArray], draws: ProbeDraws, samples: Samples
    ) -> npt.NDArray:
        plan = _block_plan(self.task, self.center.net, samples, draws.bytes_per_draw)
        losses = evaluate(self.center.net, draws, samples.X, samples.encoded, plan)
        # row by row, so that no table of truth values is as large as a quarter of it
        if not all(np.isfinite(row).all() for row in losses):
            raise DivergedTrainingError("the losses at some weight draws are not finite")
        return losses

    def train_losses(self, draws: ProbeDraws) -> Array:
        """(B,) L_k at all draws; or (B, m) losses of `n_eval` random training samples."""
        size, train = self.task.size, self.center.train
        m = self.evaluated
        if m == size:
            return self.losses(draws, train, mean=True)
        rng = np.random.default_rng(self.seed("subset"))
        return self.losses(draws, train.take(rng.choice(size, size=m, replace=False)))


def view_center(task: CenterTask, center: TrainedCenter, candidates: Samples) -> CenterView:
    """Losses, score, gradient and drift at the trained weights."""
    net, train = center.net, center.train
    plan = _block_plan(task, net, train)
    weights = StackedWeights.single(LossFunction(net).center())
    train_loss = float(mean_losses(net, weights, train.X, train.encoded, plan)[0])
    point = loss_matrix(net, weights, candidates.X, candidates.encoded, plan)[0]
    if not (math.isfinite(train_loss) and np.isfinite(point).all()):
        raise DivergedTrainingError("the losses at the trained weights are not finite")
    members = {} if candidates.slices is None else candidates.slices.members()
    # a slice of one candidate has no spread
    members = {name: rows for name, rows in members.items() if len(rows) > 1}
    scores, predicted = _scores(task, center, candidates, members)
    numbers = {
        "train_loss": train_loss,
        "unseen_loss": float(point.mean()),
        "unseen_score": scores[_ALL],
        "grad_norm": gradient_norm(net, train.X, train.encoded, plan),
        "loss_drift": _drift(center, train_loss, plan),
    }
    of_slices = {
        name: {
            "n_candidates": float(len(rows)),
            "unseen_loss": float(point[rows].mean()),
            "unseen_score": scores[name],
        }
        for name, rows in members.items()
    }
    return CenterView(task, center, candidates, point, numbers, members, of_slices, predicted)


def unit_draws(
    net: NeuralNet, probe: Probe, samples: Samples, n_draws: int, seed: int
) -> tuple[Weights, float]:
    """Stacked draws of a probe around a net, and the `sigma` that they have."""
    seeds = [child_seed(seed, "probe", t) for t in range(n_draws)]
    draws = _draws(net, probe, samples, seed, seeds)
    return draws.block(0, n_draws), float(getattr(probe, "sigma", 1.0)) or 1.0


def _draws(
    net: NeuralNet, probe: Probe, samples: Samples, seed: int, seeds: Sequence[int]
) -> ProbeDraws:
    center = LossFunction(net).center()
    make_hessian = partial(hessian_operator, net, samples.X, samples.encoded)
    sampler = prepare_probe(probe, center, make_hessian, seed)
    return ProbeDraws(sampler, seeds, next(iter(center.values())).device)


def _block_plan(
    task: CenterTask, net: NeuralNet, samples: Samples, weight_bytes: int | None = None
) -> BlockPlan:
    """Blocks of the engine for all draws of a cell."""
    return plan_blocks(
        net,
        samples.X,
        samples.encoded,
        n_draws=task.settings.usual_draws,
        vectorize=task.settings.vectorize,
        weight_bytes=weight_bytes,
    )


def _scores(
    task: CenterTask,
    center: TrainedCenter,
    candidates: Samples,
    slices: Mapping[str, Integers],
) -> tuple[dict[str, float], npt.NDArray[np.int32]]:
    """Scores of all candidates (under "") and of every slice; and predicted classes of all."""
    settings = task.settings
    parts: dict[str, Integers | slice] = {_ALL: slice(None), **slices}
    scores, known = dict.fromkeys(parts, math.nan), dict[str, npt.NDArray]()
    X = in_memory(candidates.X)
    with _predicting(task, center, X):
        for name, rows in parts.items():
            if settings.scorer is None or len(candidates.y) == 1:
                break
            part = X if name == _ALL else take_rows(X, rows)
            predictor = PartPredictor(center.net, settings.codec, X, known, part, rows)
            with _undefined_scores(name):
                scores[name] = float(settings.scorer(predictor, part, candidates.y[rows]))
        if settings.codec.classes is None:
            return scores, _NO_CLASSES
        predicted = known["predict"] if "predict" in known else center.net.predict(X)
    return scores, _codes(settings.codec, predicted)


@contextmanager
def _predicting(task: CenterTask, center: TrainedCenter, X: Any) -> Iterator[None]:
    """Predictions in whole batches that leave the global generators alone."""
    # a loader takes a seed from them even when it does not shuffle
    seed = child_seed(task.settings.root, "check", task.repeat, task.size)
    with isolated_rng(seed), whole_batches(center.net, X, None):
        yield


@contextmanager
def _undefined_scores(slice_name: str) -> Iterator[None]:
    """For a slice a score may be undefined, such as the log loss of a single class."""
    if slice_name == _ALL:
        yield
        return
    with warnings.catch_warnings(), suppress(ValueError):
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        yield


def losses_and_classes(
    task: CenterTask, center: TrainedCenter, samples: Samples
) -> tuple[Array, npt.NDArray[np.int32]]:
    """Losses of samples at the trained weights, and their predicted classes, if there are any."""
    weights = StackedWeights.single(LossFunction(center.net).center())
    plan = _block_plan(task, center.net, samples)
    losses = loss_matrix(center.net, weights, samples.X, samples.encoded, plan)[0]
    if task.settings.codec.classes is None:
        return losses, _NO_CLASSES
    X = in_memory(samples.X)
    with _predicting(task, center, X):
        predicted = center.net.predict(X)
    return losses, _codes(task.settings.codec, predicted)


def _codes(codec: TargetCodec, predicted: npt.NDArray) -> npt.NDArray[np.int32]:
    """Predictions of the net as indices of the classes, (n,)."""
    return np.asarray(predicted).reshape(len(predicted), -1)[:, 0].astype(np.int32)


def _drift(center: TrainedCenter, train_loss: float, plan: BlockPlan) -> float:
    """|L_k(earlier) − L_k(center)| for each tenth of the training in between."""
    trained, train = center.trained, center.train
    if trained.earlier is None:
        return math.nan
    # one draw: buffers differ too, which a loop takes and vmap need not
    earlier = StackedWeights.single(trained.earlier)
    loop = BlockPlan(1, plan.samples, vectorize=False)
    before = float(mean_losses(trained.net, earlier, train.X, train.encoded, loop)[0])
    return abs(before - train_loss) / trained.tenths
