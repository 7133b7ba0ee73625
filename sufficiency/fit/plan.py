"""What a fit is going to do: everything that is decided before a single training."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from sklearn.base import is_classifier
from sklearn.metrics import get_scorer
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state
from skorch import NeuralNet

from sufficiency._random import child_rng, child_seed
from sufficiency.curves.families import FAMILIES
from sufficiency.data.candidates import Indices, default_n_candidates
from sufficiency.data.checks import FitInput, as_floating, check_fit_input
from sufficiency.data.copies import count_copies, target_column
from sufficiency.data.rows import take_rows
from sufficiency.data.samples import Samples
from sufficiency.data.slices import make_slices
from sufficiency.data.splits import Splits, make_splits, stratification
from sufficiency.data.torch_datasets import DatasetRows
from sufficiency.engine.loss_matrix import can_vectorize
from sufficiency.exceptions import InvalidParameterError
from sufficiency.fit.net_checks import (
    check_batches,
    check_module,
    check_probe_fits,
    check_scheduler,
    check_shapes,
    check_training_step,
    fit_columns,
)
from sufficiency.fit.parameter_checks import check_parameters
from sufficiency.nets.constant_prediction import constant_loss
from sufficiency.nets.default_net import TASKS, default_net, is_built_in
from sufficiency.nets.losses import check_criterion, check_losses, representative
from sufficiency.nets.predictor import own_score
from sufficiency.nets.skorch_nets import (
    module_dtype,
    monitors_validation,
    split_net,
    training_batch_size,
)
from sufficiency.nets.targets import (
    TargetCodec,
    cast_inputs,
    check_range,
    fit_target_codec,
    warn_of_lost_digits,
)
from sufficiency.probes import Probe
from sufficiency.sizing.caveats import of_data, warn_of_caveats
from sufficiency.store.directory import Store
from sufficiency.store.fit_store import FitStore, remembered_seed
from sufficiency.training.settings import FitSettings, Scorer
from sufficiency.training.stacking import Stacking, plan_stacking
from sufficiency.training.tasks import CenterTask, refit_task, tasks_of_fit
from sufficiency.training.train_net import initialized_net, planned_epochs, steps_per_epoch
from sufficiency.training.transformers import fit_transformers

if TYPE_CHECKING:
    from sufficiency.estimator import LandscapeSufficiencyEstimator

_CHECKED, _KEPT = 8, 64
_FIRST = slice(_CHECKED)
# Below so many samples, a step of a small net costs no less.
_STEP_PRICE = 64
# A forward pass costs about a third of a training step on the same samples.
FORWARD_SHARE = 1 / 3
# Parameters of the estimator that all cells use as they are.
_COPIED = ("n_draws", "n_eval", "order", "center", "min_steps", "method", "train", "verbose")


@dataclass(frozen=True, eq=False)
class Plan:
    """What a fit is going to do."""

    settings: FitSettings
    samples: Samples
    unseen: Samples | None  # the user's own candidates
    splits: Splits
    constant_loss: float  # of the best constant prediction
    steps_per_epoch: Callable[[int], int]  # at a size
    n_unseen: int  # candidates of a repeat, the smallest number if repeats differ
    some_samples: Samples  # as the net sees them, for constants that are looked up after the fit
    n_copies: int = 0  # candidates of a repeat that also occur among what it trains on
    target_column: str = ""  # of the inputs, if it is the target itself
    store: FitStore | None = None

    @cached_property
    def tasks(self) -> list[CenterTask]:
        """The trainings behind all cells, the largest first."""
        return tasks_of_fit(self.settings, self.splits)

    @property
    def groups(self) -> list[list[CenterTask]]:
        """Tasks that one worker does together."""
        groups: dict[int, list[CenterTask]] = {}
        for task in self.tasks:
            groups.setdefault(id(task.together or task), []).append(task)
        return list(groups.values())

    @property
    def refit_task(self) -> CenterTask:
        """The training on all data."""
        return refit_task(self.settings, self.splits)

    def epochs(self, size: int) -> int:
        """Epochs of the training at a size."""
        steps = self.steps_per_epoch(size)
        return planned_epochs(self.settings.net, steps, self.settings.min_steps)

    def training_work(self, size: int) -> float:
        """What a training costs, in samples of its steps; few of them cost no less."""
        batch = training_batch_size(self.settings.net)
        of_a_step = max(min(size, batch) if batch > 0 else size, _STEP_PRICE)
        validated = FORWARD_SHARE * len(self.splits.repeats[0].validation)
        return self.epochs(size) * (self.steps_per_epoch(size) * of_a_step + validated)


def plan_fit(
    estimator: "LandscapeSufficiencyEstimator",
    X: Any,
    y: Any = None,
    groups: Any = None,
    X_unseen: Any = None,
    y_unseen: Any = None,
    slices: Any = None,
    *,
    directory: str | PathLike[str] | None = None,
    read_only: bool = False,
) -> Plan:
    """Check the parameters and what ``fit`` is given, and decide what is going to be done."""
    params = estimator.get_params(deep=False)
    task = params["net"]
    net, transformers = (None, None) if is_built_in(task) else split_net(task)
    probe = check_parameters(params)
    raw = transformers is not None
    given = check_fit_input(estimator, X, y, groups, X_unseen, y_unseen, slices, raw=raw)
    if net is None:
        given = given.map_inputs(as_floating)
        net = default_net(given.X, given.y, TASKS[task])
    scorer: Scorer | None = own_score if hasattr(net, "score") else None
    if params["scoring"] is not None:
        scorer = get_scorer(params["scoring"])
    store = None if directory is None else Store(directory, read_only=read_only)

    def draw() -> int:
        return int(check_random_state(params["random_state"]).randint(2**31 - 1))

    if store is None or params["random_state"] is not None:
        root = draw()
    else:
        # drawn once for all fits of a net to data in one store
        root = remembered_seed(store, net, given.X, given.y, draw, transformers)
    plan = _plan(params, net, transformers, given, probe, scorer, root, store)
    return _with_leaks(plan, given, getattr(estimator, "feature_names_in_", None))


def _with_leaks(plan: Plan, given: FitInput, names: Iterable[str] | None) -> Plan:
    """The plan with what gives targets away, of which it warns."""
    n_copies = count_copies((given.X, given.y), given.unseen, plan.splits)
    classes = is_classifier(plan.settings.net)
    column = target_column(given.X, given.y, classes=classes, names=names)
    own = plan.unseen is not None
    warn_of_caveats(of_data(n_copies, plan.n_unseen, column, own_unseen=own))
    return replace(plan, n_copies=n_copies, target_column=column)


def _plan(
    params: Mapping[str, Any],
    net: NeuralNet,
    transformers: Pipeline | None,
    given: FitInput,
    probe: Probe,
    scorer: Scorer | None,
    root: int,
    store: Store | None,
) -> Plan:
    """Look at net and data together."""
    untrained = initialized_net(net, child_seed(root, "check"))
    check_module(untrained)
    codec = fit_target_codec(net, given.y, module_dtype(untrained))
    check_range(untrained, codec, given.y)
    splits = _make_splits(untrained, codec, given, params, root)
    candidates = [given.unseen[1]] if given.unseen else [s.candidates for s in splits.repeats]
    n_unseen = min(map(len, candidates))
    _check_counts(params, len(splits.sizes), n_unseen)
    sizes = _trained_sizes(splits, params["train"], params["refit"])
    if transformers is None:
        warn_of_lost_digits(given.X, codec.dtype)
        given = given.map_inputs(lambda X: cast_inputs(X, codec.dtype))
        seen: tuple[Any, npt.NDArray] = given.X, given.y
    else:
        seen = _transformed(transformers, given, splits, min(sizes), codec, root)
    codec = fit_columns(untrained, codec, take_rows(seen[0], _FIRST), seen[1][_FIRST])
    samples, looked_at = _encode(codec, given.X, given.y), _encode(codec, *seen)
    samples, unseen = _with_slices(given, codec, samples)
    few = _some(looked_at, root, _CHECKED)
    check_criterion(untrained, samples.encoded)
    check_losses(untrained, few.X, few.encoded, codec.n_classes)
    check_batches(net, few, sizes, child_seed(root, "check"))
    check_probe_fits(untrained, probe, params["method"], few)
    check_training_step(net, few, child_seed(root, "check"), codec.n_classes)
    # what transformers have not seen is no input of a net, which any other is as long as
    steps = _steps_per_epoch(untrained, samples if transformers is None else few)
    check_scheduler(untrained, steps, splits.sizes.tolist(), params["min_steps"])
    settings = FitSettings(
        net=net,
        codec=codec,
        probe=probe,
        scorer=scorer,
        root=root,
        vectorize=can_vectorize(untrained, few.X, few.encoded),
        transformers=transformers,
        stacking=_stacking(untrained, few, codec.n_classes, params["train_together"]),
        **{name: params[name] for name in _COPIED},
    )
    return Plan(
        settings=settings,
        samples=samples,
        unseen=unseen,
        splits=splits,
        constant_loss=constant_loss(untrained, few.X, samples.encoded) * codec.loss_unit,
        steps_per_epoch=steps,
        n_unseen=n_unseen,
        some_samples=_some(looked_at, root, _KEPT),
        store=None if store is None else FitStore.of(store, settings, samples, unseen),
    )


def _with_slices(
    given: FitInput, codec: TargetCodec, samples: Samples
) -> tuple[Samples, Samples | None]:
    """Samples, and unseen ones where they were given; the latter, or else the former, in slices."""
    unseen = None if given.unseen is None else _encode(codec, *given.unseen)
    of = samples if unseen is None else unseen
    sliced = replace(of, slices=make_slices(given.slices, codec.classes, of.encoded))
    return (sliced, None) if unseen is None else (samples, sliced)


def _stacking(untrained: NeuralNet, few: Samples, n_classes: int | None, wanted: bool) -> Stacking:
    if not wanted:
        return Stacking(reason="train_together=False")
    return plan_stacking(untrained, few, n_classes)


def _steps_per_epoch(untrained: NeuralNet, some: Samples) -> Callable[[int], int]:
    def steps(size: int) -> int:
        as_many = some.take(np.resize(np.arange(len(some.y)), size))
        return steps_per_epoch(untrained, as_many.X, as_many.encoded)

    return steps


def _make_splits(
    untrained: NeuralNet,
    codec: TargetCodec,
    given: FitInput,
    params: Mapping[str, Any],
    root: int,
) -> Splits:
    """Sizes and indices, stratified by classes."""
    n_samples, n_candidates = len(given.y), params["n_candidates"]
    if given.unseen is not None:
        if n_candidates is not None:
            raise InvalidParameterError(
                "n_candidates",
                f"must be None with own unseen data, got {n_candidates}; all of "
                "X_unseen serve as candidates",
            )
        n_candidates = 0
    elif n_candidates is None:
        n_candidates = default_n_candidates(n_samples)
    return make_splits(
        n_samples,
        sizes=params["sizes"],
        n_repeats=params["n_repeats"],
        n_candidates=n_candidates,
        root=root,
        strata=stratification(codec.encode(given.y)) if codec.n_classes else None,
        groups=given.groups,
        reserve_validation=params["center"] == "best" or monitors_validation(untrained),
    )


def _trained_sizes(splits: Splits, train: str, refit: bool) -> list[int]:
    """Samples of all the trainings that there will be."""
    sizes = splits.sizes.tolist()
    if train == "once":
        sizes = sorted({len(split.order) for split in splits.repeats})
    return sizes + [len(splits.refit.order)] * refit


def _transformed(
    transformers: Pipeline,
    given: FitInput,
    splits: Splits,
    smallest: int,
    codec: TargetCodec,
    root: int,
) -> tuple[Any, npt.NDArray]:
    """Samples of the first repeat as the net is going to see them."""
    orders = [split.order for split in (*splits.repeats, splits.refit)]
    subsets = [order[:size] for order in orders for size in dict.fromkeys((len(order), smallest))]

    def transformed(which: Indices) -> Samples:
        subset = Samples(take_rows(given.X, which), np.empty(0), given.y[which])
        try:
            return fit_transformers(transformers, subset, codec.dtype, root)[1]
        except Exception as error:
            error.add_note(f"in the transformers of `net`, fitted on {len(which)} samples")
            raise

    first = transformed(subsets[0])
    for subset in subsets[1:]:
        check_shapes(first, transformed(subset))
    return first.X, first.y


def _encode(codec: TargetCodec, X: Any, y: npt.NDArray) -> Samples:
    encoded = codec.encode(y)
    return Samples(X.with_targets(encoded) if isinstance(X, DatasetRows) else X, encoded, y)


def _some(samples: Samples, root: int, count: int) -> Samples:
    """A handful of random samples, of every class one, for looking at the net."""
    return samples.take(representative(samples.encoded, count, child_rng(root, "check")))


def _check_counts(params: Mapping[str, Any], n_sizes: int, n_candidates: int) -> None:
    """Refuse too few sizes for the family, and too few candidates for their variance."""
    curve = params["curve"]
    needed = FAMILIES[curve].sizes_needed if curve in FAMILIES else 1
    if n_sizes < needed:
        raise InvalidParameterError(
            "curve",
            f"must go with the number of sizes: {curve!r} needs at least {needed} sizes, got "
            f"{n_sizes}; measure more sizes or choose a simpler family",
        )
    if params["train"] == "once" and n_candidates < 2:
        raise InvalidParameterError(
            "n_candidates",
            "must be >= 2 with train 'once', got 1; the variance over candidates "
            "is what it measures",
        )
