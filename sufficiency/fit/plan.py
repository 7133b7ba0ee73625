"""Everything that can be found out, and refused, before a single training."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import get_scorer
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state
from skorch import NeuralNet

from sufficiency._random import child_rng, child_seed
from sufficiency.curvature import hessian_operator
from sufficiency.curves.families import FAMILIES
from sufficiency.data.rows import map_arrays, take_rows
from sufficiency.data.samples import Samples
from sufficiency.data.splits import Splits, default_n_candidates, make_splits, stratification
from sufficiency.data.torch_datasets import DatasetRows
from sufficiency.deltas import gaussian_moment_delta
from sufficiency.engine.loss_matrix import can_vectorize
from sufficiency.exceptions import UnsupportedNetError
from sufficiency.nets.constant_prediction import constant_loss
from sufficiency.nets.losses import LossFunction, check_criterion, check_losses, representative
from sufficiency.nets.predictor import Predictor
from sufficiency.nets.skorch_nets import has_scheduler, module_dtype, monitors_validation
from sufficiency.nets.targets import (
    TargetCodec,
    cast_inputs,
    fit_target_codec,
    warn_of_lost_digits,
)
from sufficiency.probes import (
    BaseProbe,
    Probe,
    ProbeDraws,
    check_probe,
    needs_hessian,
    prepare_probe,
)
from sufficiency.store import FitStore, Store, remembered_seed
from sufficiency.training.centers import (
    check_batches,
    initialized_net,
    planned_epochs,
    steps_per_epoch,
)
from sufficiency.training.settings import Scorer
from sufficiency.training.transformers import fit_transformers

__all__ = ["Plan", "make_scorer", "n_unseen", "plan_fit", "root_seed"]

_CHECKED = 8
_KEPT = 64


@dataclass(frozen=True, eq=False)
class Plan:
    """
    What a fit is going to do.

    Attributes
    ----------
    codec : TargetCodec
        Between the user's targets and the net's.
    samples, unseen : Samples
        Data, and the user's own candidates if there are any.
    splits : Splits
        Sizes and indices.
    vectorize : bool
        Whether vmap takes the net.
    constant_loss : float
        Loss of the best constant prediction.
    steps_per_epoch : callable
        Optimizer steps of an epoch at a size.
    trained_samples : callable
        Samples that the training at a size passes through the net.
    some_samples : Samples
        A few random ones as the net sees them, for constants that are looked up after the fit.
    memory : FitStore or None
        Of what is finished, if there is a store.
    """

    codec: TargetCodec
    samples: Samples
    unseen: Samples | None
    splits: Splits
    vectorize: bool
    constant_loss: float
    steps_per_epoch: Callable[[int], int]
    trained_samples: Callable[[int], int]
    some_samples: Samples
    memory: FitStore | None = None


def make_scorer(net: NeuralNet, scoring: Any) -> Scorer | None:
    """The learning curve's score."""
    if scoring is not None:
        return get_scorer(scoring)
    if not hasattr(net, "score"):
        return None
    return Predictor.score


def root_seed(
    random_state: int | np.random.RandomState | None,
    store: Store | None,
    net: NeuralNet,
    X: Any,
    y: npt.NDArray,
    transformers: Pipeline | None = None,
) -> int:
    """Root of all seeds of a fit; drawn once for all fits of a net to data in one store."""

    def draw() -> int:
        return int(check_random_state(random_state).randint(2**31 - 1))

    if store is None or random_state is not None:
        return draw()
    return remembered_seed(store, net, X, y, draw, transformers)


def plan_fit(
    net: NeuralNet,
    transformers: Pipeline | None,
    X: Any,
    y: npt.NDArray,
    groups: npt.NDArray | None,
    unseen: tuple[Any, npt.NDArray] | None,
    params: Mapping[str, Any],
    probe: Probe,
    root: int,
) -> Plan:
    """Look at net and data together and decide how they are measured."""
    untrained = initialized_net(net, child_seed(root, "check"))
    codec = fit_target_codec(net, y, module_dtype(untrained))
    splits = _make_splits(untrained, codec, y, groups, unseen is not None, params, root)
    _check_curve(params["curve"], len(splits.sizes))
    sizes = _trained_sizes(splits, params["train"], params["refit"])
    if transformers is None:
        warn_of_lost_digits(X, codec.dtype)
        X = cast_inputs(X, codec.dtype)
        unseen = unseen and (cast_inputs(unseen[0], codec.dtype), unseen[1])
    seen = (X, y) if transformers is None else _see(transformers, X, y, splits, sizes, codec, root)
    codec = _fit_columns(untrained, codec, *seen)
    samples, looked_at = _encode(codec, X, y), _encode(codec, *seen)
    own = None if unseen is None else _encode(codec, *unseen)
    few = _some(looked_at, root, _CHECKED)
    _check_net(net, untrained, samples.encoded, few, codec, sizes, root)
    _check_probe(untrained, probe, params["method"], few)
    _check_candidates(params["train"], n_unseen(own, splits))

    def steps(size: int) -> int:
        # what transformers have not seen is no input of a net, which any other is as long as
        first = samples if transformers is None else few
        first = first.take(np.resize(np.arange(len(first.y)), size))
        return steps_per_epoch(untrained, first.X, first.encoded)

    _check_scheduler(untrained, steps, splits, params["min_steps"])
    return Plan(
        codec=codec,
        samples=samples,
        unseen=own,
        splits=splits,
        vectorize=can_vectorize(untrained, few.X, few.encoded),
        constant_loss=constant_loss(untrained, few.X, samples.encoded),
        steps_per_epoch=steps,
        trained_samples=lambda n: n * planned_epochs(untrained, steps(n), params["min_steps"]),
        some_samples=_some(looked_at, root, _KEPT),
    )


def _make_splits(
    untrained: NeuralNet,
    codec: TargetCodec,
    y: npt.NDArray,
    groups: npt.NDArray | None,
    own_unseen: bool,
    params: Mapping[str, Any],
    root: int,
) -> Splits:
    """Sizes and indices, stratified by classes."""
    return make_splits(
        len(y),
        sizes=params["sizes"],
        n_repeats=params["n_repeats"],
        n_candidates=_resolve_n_candidates(params["n_candidates"], len(y), own_unseen),
        root=root,
        strata=stratification(codec.encode(y)) if codec.strata else None,
        groups=groups,
        reserve_validation=params["center"] == "best" or monitors_validation(untrained),
    )


def _see(
    transformers: Pipeline,
    X: Any,
    y: npt.NDArray,
    splits: Splits,
    sizes: list[int],
    codec: TargetCodec,
    root: int,
) -> tuple[Any, npt.NDArray]:
    """Samples of the first repeat as the net is going to see them."""
    orders = [split.order for split in (*splits.repeats, splits.refit)]
    subsets = [order[:size] for order in orders for size in dict.fromkeys((len(order), min(sizes)))]
    first: Samples | None = None
    for which in subsets:
        subset = Samples(take_rows(X, which), np.empty(0), y[which])
        try:
            _, seen = fit_transformers(transformers, subset, codec.dtype, root)
        except Exception as error:
            error.add_note(f"in the transformers of `net`, fitted on {len(which)} samples")
            raise
        first = seen if first is None else first
        shapes = [map_arrays(some.X, lambda values: values.shape[1:]) for some in (first, seen)]
        if shapes[0] != shapes[1]:
            raise ValueError(
                f"`net` has transformers that give inputs of shape {shapes[0]} after "
                f"{len(subsets[0])} samples and {shapes[1]} after {len(which)} others, and a net "
                "takes one shape only; fix what they learn from the data (`categories`, "
                "`n_components`, `vocabulary`)"
            )
    if first is None:
        raise ValueError("`n_repeats` must be >= 1")
    return first.X, first.y


def _encode(codec: TargetCodec, X: Any, y: npt.NDArray) -> Samples:
    encoded = codec.encode(y)
    return Samples(X.with_targets(encoded) if isinstance(X, DatasetRows) else X, encoded, y)


def _check_net(
    net: NeuralNet,
    untrained: NeuralNet,
    encoded: npt.NDArray,
    few: Samples,
    codec: TargetCodec,
    sizes: list[int],
    root: int,
) -> None:
    check_criterion(untrained, encoded)
    n_classes = None if codec.classes is None else len(codec.classes)
    check_losses(untrained, few.X, few.encoded, n_classes)
    check_batches(net, few.X, few.encoded, sizes, child_seed(root, "check"))


def _trained_sizes(splits: Splits, train: str, refit: bool) -> list[int]:
    """Samples of all the trainings that there will be."""
    sizes = splits.sizes.tolist()
    if train == "once":
        sizes = sorted({len(split.order) for split in splits.repeats})
    return sizes + [len(splits.refit.order)] * refit


def _check_candidates(train: str, n_candidates: int) -> None:
    if train == "once" and n_candidates < 2:
        raise ValueError(
            "`n_candidates` must be >= 2 with train='once', got 1; the variance over candidates "
            "is what it measures"
        )


def n_unseen(own: Samples | None, splits: Splits) -> int:
    """Candidates of a repeat, the smallest number if repeats differ."""
    if own is not None:
        return len(own.y)
    return min(len(split.candidates) for split in splits.repeats)


def _check_probe(untrained: NeuralNet, probe: Probe, method: str, few: Samples) -> None:
    """Prepare the probe once at untrained weights, so that it is refused before any training."""
    hessian = None
    if needs_hessian(probe):
        hessian = hessian_operator(untrained, few.X, few.encoded)
    center = LossFunction(untrained).center()
    if not center:
        raise UnsupportedNetError("`net` must have trainable parameters, got none; unfreeze some")
    if not isinstance(probe, BaseProbe):
        check_probe(probe, center, hessian=hessian)
    sampler = prepare_probe(probe, center, hessian)
    device = next(iter(center.values())).device
    if not ProbeDraws(sampler, [0], device).block(0, 1):
        raise ValueError(f"`probe` must disturb some parameters, got {probe!r}, which has no names")
    if method == "gaussian_moment":
        # the smallest closed form that there is: it asks for what the whole one asks for
        one = few.take(np.arange(min(2, len(few.y))))
        gaussian_moment_delta(
            untrained, one.X, one.encoded, one.X, one.encoded, sampler, n_probes=3
        )


def _resolve_n_candidates(n_candidates: int | None, n_samples: int, own: bool) -> int:
    if own:
        if n_candidates is not None:
            raise ValueError(
                f"`n_candidates` must be None with own unseen data, got {n_candidates}; all of "
                "X_unseen serve as candidates"
            )
        return 0
    return default_n_candidates(n_samples) if n_candidates is None else n_candidates


def _some(samples: Samples, root: int, count: int) -> Samples:
    """A handful of random samples, of every class one, for looking at the net."""
    chosen = representative(samples.encoded, count, child_rng(root, "check"))
    return samples.take(chosen)


def _fit_columns(untrained: NeuralNet, codec: TargetCodec, X: Any, y: npt.NDArray) -> TargetCodec:
    """Leave 1-D regression targets flat where the net's output is flat."""
    if not codec.column:
        return codec
    flat = replace(codec, column=False)
    first = slice(_CHECKED)
    try:
        check_losses(untrained, take_rows(X, first), flat.encode(y[first]))
    except ValueError:
        return codec
    return flat


def _check_curve(curve: str, n_sizes: int) -> None:
    needed = FAMILIES[curve].sizes_needed if curve in FAMILIES else 1
    if n_sizes < needed:
        raise ValueError(
            f"`curve`={curve!r} needs at least {needed} sizes, got {n_sizes}; measure more sizes "
            "or choose a simpler family"
        )


def _check_scheduler(
    untrained: NeuralNet, steps: Callable[[int], int], splits: Splits, min_steps: int
) -> None:
    if not has_scheduler(untrained):
        return
    raised = [
        size
        for size in splits.sizes.tolist()
        if planned_epochs(untrained, steps(size), min_steps) > untrained.max_epochs
    ]
    if raised:
        warnings.warn(
            f"`min_steps`={min_steps} raises the epochs at the sizes {raised}, and the net's "
            "learning-rate schedule was made for fewer; set min_steps=0 or a schedule by steps",
            UserWarning,
            stacklevel=4,
        )
