"""Which nets can be trained together, and how many at once."""

import random
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.base import clone
from skorch import NeuralNet, NeuralNetBinaryClassifier, NeuralNetClassifier, NeuralNetRegressor
from skorch.callbacks import EarlyStopping, EpochScoring, EpochTimer, PassthroughScoring, PrintLog
from skorch.dataset import Dataset
from torch import Tensor, nn, optim
from torch.utils.flop_counter import FlopCounterMode

from sufficiency._random import isolated_rng
from sufficiency.data.rows import is_arrays, take_rows
from sufficiency.data.samples import Samples
from sufficiency.engine.blocks import MEMORY_BUDGET, activation_bytes
from sufficiency.nets.default_net import Standardizer
from sufficiency.nets.losses import LossFunction, sample_blocks
from sufficiency.nets.skorch_nets import cuts_only, training_batch_size
from sufficiency.training.stacked_step import (
    DropoutRecorder,
    DropoutSite,
    Result,
    StackedStep,
    named_tensors,
    shares_of,
)
from sufficiency.training.train_net import initialized_net

# Larger stacks gain little on a CPU: 1.2 times from 8 to 16 nets, and leave less for workers.
_MOST_NETS = {"cpu": 8, "cuda": 64}
# Operations of a step beyond which the time goes into arithmetic, which a stack does not save.
_MOST_OPERATIONS = 2e7
# Weights, gradients, the optimizer's state and snapshots.
_COPIES = 8

_ELEMENTWISE = (
    optim.SGD,
    optim.Adam,
    optim.AdamW,
    optim.NAdam,
    optim.RAdam,
    optim.RMSprop,
    optim.Adagrad,
    optim.Adadelta,
    optim.Adamax,
    optim.ASGD,
    optim.Rprop,
)
_CALLBACKS = (EpochTimer, PassthroughScoring, EpochScoring, PrintLog, EarlyStopping, Standardizer)
_NETS = (NeuralNet, NeuralNetClassifier, NeuralNetBinaryClassifier, NeuralNetRegressor)
# What a subclass of these nets may change without changing the training.
_MAY_OVERRIDE = {"infer", "get_loss", "predict", "predict_proba", "predict_nonlinearity", "score"}


@dataclass(frozen=True)
class Stacking:
    """How many nets are trained at once, where they have dropout, and why only one."""

    n_nets: int = 1
    sites: tuple[DropoutSite, ...] = ()
    reason: str = ""

    def __str__(self) -> str:
        if self.n_nets > 1:
            return f"up to {self.n_nets} nets at once"
        return "one net at a time" + (f": {self.reason}" if self.reason else "")


ALONE = Stacking()


def plan_stacking(untrained: NeuralNet, few: Samples, n_classes: int | None) -> Stacking:
    """How nets like this one are trained on samples like these."""
    try:
        for reason in _reasons(untrained, few):
            raise NotStackableError(reason)
        sites, operations = _trial(untrained, few, n_classes)
        batch = training_batch_size(untrained)
        if operations * batch > _MOST_OPERATIONS:
            raise NotStackableError("most of a step is arithmetic, which several nets do not share")
        of_weights = sum(
            w.numel() * w.element_size() for w in LossFunction(untrained).center().values()
        )
        of_samples, _ = activation_bytes(untrained, few.X, few.encoded)
        fitting = MEMORY_BUDGET // (_COPIES * of_weights + 3 * batch * of_samples)
        if fitting < 2:
            raise NotStackableError("two nets do not fit into the memory budget")
    except NotStackableError as error:
        return Stacking(reason=str(error))
    device = torch.device(untrained.device or "cpu").type
    return Stacking(min(_MOST_NETS.get(device, 1), fitting), tuple(sites))


def _reasons(net: NeuralNet, few: Samples) -> Iterator[str]:
    """What keeps nets from being trained together, as far as their settings tell."""
    own = next(cls for cls in type(net).__mro__ if cls in _NETS)
    added = type(net).__mro__[: type(net).__mro__.index(own)]
    changed = sorted({n for cls in added for n in vars(cls)} & set(dir(own)) - _MAY_OVERRIDE)
    # scikit-learn writes methods for the routing of metadata into every class
    changed = [name for name in changed if not name.startswith("__") and "_request" not in name]
    if changed:
        yield f"the net has its own {changed[0]}"
    if net.optimizer not in _ELEMENTWISE:
        yield f"the optimizer {getattr(net.optimizer, '__name__', net.optimizer)} may mix weights"
    for _, callback in net.callbacks_:
        if type(callback) not in _CALLBACKS:
            yield f"the callback {type(callback).__name__} may change a training"
        elif isinstance(callback, EpochScoring) and callback.on_train:
            yield f"the callback {callback.name_!r} looks at every batch of a training"
        elif isinstance(callback, EpochScoring) and callable(callback.scoring):
            yield f"the callback {callback.name_!r} may do more than score"
    criterion = net.criterion_
    if isinstance(criterion, nn.Module) and any(p.requires_grad for p in criterion.parameters()):
        yield "the criterion has parameters"
    if net.compile:
        yield "the net is compiled"
    plain = net.dataset is Dataset and not net.get_params_for("dataset")
    cuts = all(cuts_only(net, prefix) for prefix in ("iterator_train", "iterator_valid"))
    if not (plain and cuts and is_arrays(few.X)):
        yield "the data are not arrays in batches of the default loader"
    if training_batch_size(net) < 1:
        yield "every step takes all samples"


_FAILURES = (RuntimeError, ValueError, TypeError, NotImplementedError, IndexError, UserWarning)


class NotStackableError(Exception):
    """Why nets cannot be stacked."""


def _trial(
    untrained: NeuralNet, few: Samples, n_classes: int | None
) -> tuple[list[DropoutSite], float]:
    """
    Compare the first step of two nets together with the same step of each alone.

    Returns where they have dropout, and the operations of a step for each sample.
    """
    n = len(few.y)
    counts = (n, max(n - 2, min(n, 2)))
    on_cpu = clone(untrained).set_params(device="cpu")
    nets = [initialized_net(on_cpu, seed, n_classes) for seed in range(2)]
    if any(map(nn.parameter.is_lazy, nets[0].module_.parameters())):
        raise NotStackableError("the net's shapes are not known before its first batch")
    x, y = next(sample_blocks(nets[0], few.X, few.encoded, n))
    before = [{k: t.detach().clone() for k, t in named_tensors(net).items()} for net in nets]
    try:
        steps = [_Step(net, x, y, *of) for net, *of in zip(nets, counts, range(2), strict=True)]
    except _FAILURES as error:
        raise NotStackableError(f"a step on {n} samples fails: {_first_words(error)}") from error
    sites, first = steps[0].sites, steps[0]
    whole = {name: torch.stack([of[name] for of in before]) for name in before[0]}
    masks = [torch.ones((2, n, *site.shape), dtype=site.dtype) for site in sites]
    for row, (count, step) in enumerate(zip(counts, steps, strict=True)):
        for mask, site in zip(masks, sites, strict=True):
            mask[row, :count].bernoulli_(1.0 - site.p, generator=step.stream)
    rows = torch.tensor([[i if i < count else 0 for i in range(n)] for count in counts])
    parameters = {name: whole[name] for name in first.gradients}
    state = {name: tensor for name, tensor in whole.items() if name not in parameters}
    like = next(iter(parameters.values()))
    shares = torch.stack([shares_of(count, n, like) for count in counts])
    losses, gradients = _stacked(
        nets[0], parameters, state, take_rows(x, rows), y[rows], shares, masks
    )
    for row, (net, step) in enumerate(zip(nets, steps, strict=True)):
        # a part of a gradient is as exact as the largest part: some are zero but for rounding
        largest = max(_largest(g) for g in step.gradients.values() if g is not None)
        same = [_close(losses[row], step.loss, _largest(step.loss))]
        for name, gradient in zip(step.gradients, gradients, strict=True):
            alone = step.gradients[name]
            if alone is not None and gradient is not None:
                same.append(_close(gradient[row], alone, largest))
            elif alone is not gradient:
                raise NotStackableError(f"{name} has a gradient alone or together, not both")
        tensors = named_tensors(net)
        for name, together in state.items():
            same.append(_close(together[row], tensors[name], _largest(tensors[name])))
        if not all(same):
            raise NotStackableError("a step of two nets together gives other numbers")
    return sites, _operations(nets[0], x) / n


class _Step:
    """A net's own step on its first samples, without the optimizer."""

    def __init__(self, net: NeuralNet, x: Any, y: Tensor, count: int, seed: int) -> None:
        net.module_.train()
        plain, recorder, some = _plain_attributes(net), DropoutRecorder(count), slice(count)
        with isolated_rng(seed):
            self.stream = torch.Generator().set_state(torch.get_rng_state())
            with recorder:
                inputs = take_rows(x, some)
                output = net.infer(inputs)
                self.loss = net.get_loss(output, y[some], X=inputs, training=True)
        leaves = {name: t for name, t in named_tensors(net).items() if t.requires_grad}
        gradients = torch.autograd.grad(self.loss, list(leaves.values()), allow_unused=True)
        self.gradients = dict(zip(leaves, gradients, strict=True))
        self.sites = recorder.sites
        if not recorder.of_samples:
            raise NotStackableError("dropout of the net does not drop parts of samples")
        if plain != _plain_attributes(net):
            raise NotStackableError("the module keeps something that is no buffer in forward")


def _stacked(net: NeuralNet, *arguments: Any) -> Result:
    """A stacked step, of which nothing but dropout may be random."""
    with isolated_rng(0), warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*performance drop.*")
        before = _generators()
        try:
            result = StackedStep(net)(*arguments)
        except _FAILURES as error:
            raise NotStackableError(f"vmap does not take the net: {_first_words(error)}") from error
        if before != _generators():
            raise NotStackableError("the net draws random numbers that are not dropout")
    return result


def _operations(net: NeuralNet, x: Any) -> float:
    """Of a step on these samples: a backward pass takes twice those of a forward pass."""
    with FlopCounterMode(display=False) as counter, isolated_rng(0), torch.no_grad():
        net.infer(x)
    return 3.0 * counter.get_total_flops()


def _first_words(error: Exception) -> str:
    """The first sentence of an error's text."""
    return str(error).strip().split("\n")[0].split(". ")[0].split(" ...")[0]


def _largest(tensor: Tensor) -> float:
    finite = tensor.detach().double().nan_to_num(0.0, 0.0, 0.0)
    return float(finite.abs().max()) if finite.numel() else 0.0


def _close(together: Tensor, alone: Tensor, scale: float) -> bool:
    """Equal up to rounding of numbers of some scale."""
    tolerance = 1e3 * torch.finfo(torch.float32).eps * max(1e-6, scale)
    both = together.double(), alone.detach().double()
    return torch.allclose(*both, rtol=0.0, atol=tolerance, equal_nan=True)


def _plain_attributes(net: NeuralNet) -> list[tuple[str, object]]:
    """Numbers and texts that the modules keep."""
    return [
        (name, value)
        for module in net.module_.modules()
        for name, value in vars(module).items()
        if isinstance(value, (int, float, str)) and name != "training"
    ]


def _generators() -> tuple[object, ...]:
    """The states of the global generators."""
    return random.getstate(), repr(np.random.get_state()), torch.get_rng_state().tolist()  # noqa: NPY002
