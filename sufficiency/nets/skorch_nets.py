"""What skorch nets are and need: fresh copies, dtype, whether something watches validation."""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from skorch import NeuralNet, NeuralNetBinaryClassifier
from skorch.callbacks import EpochScoring, LRScheduler
from torch import nn
from torch.utils.data import DataLoader

from sufficiency._random import PROCESS_STATE
from sufficiency.exceptions import InvalidParameterError, UnsupportedNetError

_KNOWN_SETTINGS = {"batch_size", "shuffle", "drop_last"}


def check_net(net: object) -> NeuralNet:
    """Return `net` if it is an instance of skorch's NeuralNet."""
    if isinstance(net, NeuralNet):
        if net.compile:
            raise UnsupportedNetError(
                "`net` is compiled (compile=True), and torch evaluates compiled modules at no "
                "other weights than their own; set compile=False"
            )
        return net
    problem = (
        f"None, an unfitted skorch NeuralNet or a Pipeline that ends in one, got {net!r}; "
        "'classifier' and 'regressor' stand for the built-in net"
    )
    if inspect.isclass(net) and issubclass(net, NeuralNet):
        name = net.__name__
        problem = f"an instance of a skorch net, got the class {name}; pass {name}(YourModule, …)"
    elif isinstance(net, nn.Module):
        problem = (
            "an unfitted skorch net, got a torch module; wrap it: "
            "NeuralNetClassifier(YourModule, criterion=torch.nn.CrossEntropyLoss)"
        )
    raise InvalidParameterError("net", f"must be {problem}")


def split_net(net: object) -> tuple[NeuralNet, Pipeline | None]:
    """A net and the transformers before it, if it is the end of a pipeline."""
    if not isinstance(net, Pipeline):
        return check_net(net), None
    last = net.steps[-1][1] if net.steps else "nothing"
    if not isinstance(last, NeuralNet):
        raise InvalidParameterError(
            "net",
            f"must end in a skorch net, got a pipeline that ends in {last!r}; flatten "
            "pipelines in pipelines, and put this estimator last if they belong before it",
        )
    if len(net.steps) == 1:
        return last, None
    # a cache would hand one cell's random numbers to another
    return last, clone(net[:-1]).set_params(memory=None)


def skorch_net(net: NeuralNet | Pipeline) -> NeuralNet:
    """The net itself, also where it is the end of a pipeline."""
    return net[-1] if isinstance(net, Pipeline) else net


def is_binary(net: NeuralNet) -> bool:
    """Whether the net has one output for two classes."""
    return isinstance(net, NeuralNetBinaryClassifier)


def fresh_net(net: NeuralNet, **params: object) -> NeuralNet:
    """Uninitialized copy; all its weights but frozen ones will come from the global generator."""
    copy = clone(net)
    copy.set_params(**params)
    for name in copy._modules or ["module"]:
        module = getattr(copy, name)
        if isinstance(module, nn.Module):
            _reset_parameters(module)
    return copy


def _reset_parameters(module: nn.Module) -> None:
    """New initial weights for everything trainable in a module instance."""
    filled = {n: p for n, p in module.named_parameters() if not nn.parameter.is_lazy(p)}
    frozen = {n: p.detach().clone() for n, p in filled.items() if not p.requires_grad}
    orphans = []
    # children before parents, as constructors do: a parent's reset has the last word
    for path, part in reversed(list(module.named_modules())):
        own = list(part.named_parameters(recurse=False))
        if own and not any(parameter.requires_grad for _, parameter in own):
            continue
        reset = getattr(part, "reset_parameters", getattr(part, "_reset_parameters", None))
        if callable(reset):
            reset()
            continue
        for name, parameter in own:
            if parameter.requires_grad and not nn.parameter.is_lazy(parameter):
                parameter.data.fill_(torch.nan)
                orphans.append(f"{path}.{name}".lstrip("."))
    current = dict(module.named_parameters())
    for name, values in frozen.items():
        current[name].data.copy_(values)
    # a parent's reset may have covered a child that has none
    stuck = sorted(name for name in orphans if current[name].isnan().any())
    if stuck:
        raise UnsupportedNetError(
            f"`net` holds a module instance whose parameters {stuck} have no reset_parameters(), "
            "so that trainings could not start from fresh weights; pass the module's class "
            "(or a function that builds it) instead of an instance"
        )


def cuts_only(net: NeuralNet, prefix: str) -> bool:
    """Whether a loader only cuts into batches: workers, samplers, collation may do more."""
    settings = net.get_params_for(prefix)
    return getattr(net, prefix) is DataLoader and set(settings) <= _KNOWN_SETTINGS


def training_batch_size(net: NeuralNet) -> int:
    """Of the training loader; −1 is all samples."""
    return int(net.get_params_for("iterator_train").get("batch_size", net.batch_size))


def module_dtype(net: NeuralNet) -> torch.dtype:
    """Floating dtype of the parameters of an initialized net; float32 if it has none."""
    for parameter in net.module_.parameters():
        if parameter.dtype.is_floating_point:
            return parameter.dtype
    return torch.float32


def monitors_validation(net: NeuralNet) -> bool:
    """Whether a callback steers by validation data, as a callable monitor may."""
    callbacks = [callback for _, callback in net.callbacks_]
    scores = [callback for callback in callbacks if isinstance(callback, EpochScoring)]
    on_validation = {score.name_ for score in scores if not score.on_train}
    monitors = [getattr(callback, "monitor", None) for callback in callbacks]
    return any(
        callable(monitor)
        or (
            isinstance(monitor, str)
            and (monitor.startswith("valid") or monitor.removesuffix("_best") in on_validation)
        )
        for monitor in monitors
    )


def has_scheduler(net: NeuralNet) -> bool:
    """Whether an initialized net changes its learning rate on a schedule."""
    return any(isinstance(callback, LRScheduler) for _, callback in net.callbacks_)


@contextmanager
def evaluation_mode(net: NeuralNet) -> Iterator[None]:
    """
    Module and criterion in evaluation mode, every submodule's own mode restored afterwards.

    torch's fast path for transformers in evaluation mode is off meanwhile: it has no batching
    rule, so that vmap would not take them, and no derivatives. It is off for the whole process,
    as attention's fused kernels may be inside, and so threads take turns.
    """
    parts = [
        part
        for name in (*net._modules, *net._criteria)
        if isinstance(top := getattr(net, name + "_"), nn.Module)
        for part in top.modules()
    ]
    modes = [part.training for part in parts]
    with PROCESS_STATE:
        fastpath = torch.backends.mha.get_fastpath_enabled()
        torch.backends.mha.set_fastpath_enabled(False)
        try:
            for part in parts:
                part.training = False
            yield
        finally:
            torch.backends.mha.set_fastpath_enabled(fastpath)
            for part, mode in zip(parts, modes, strict=True):
                part.training = mode
