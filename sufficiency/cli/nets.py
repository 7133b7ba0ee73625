"""The net of a run: a user's factory, or the built-in one for a task."""

import importlib
import importlib.util
import inspect
import os
import sys
import traceback
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, is_classifier, is_regressor
from torch import nn

from sufficiency.cli.errors import BadInput, did_you_mean, message_of, one_line
from sufficiency.nets.default_net import default_net


def find_factory(spec: str) -> Any:
    """What ``module:factory`` names, before any data are read."""
    module_name, _, name = spec.partition(":")
    if module_name.endswith(".py") or os.sep in module_name:
        raise BadInput(
            f"--net {spec}: MODULE is a name to import, not a file; write "
            f"{os.path.basename(module_name).removesuffix('.py')}:{name or 'FACTORY'}, and run in "
            "its directory or put that on PYTHONPATH"
        )
    if not module_name or not name:
        raise BadInput(f"--net {spec} must be MODULE:FACTORY, such as my_nets:make_net")
    found = _import(spec, module_name)
    for part in name.split("."):
        if not hasattr(found, part):
            names = [known for known in vars(found) if not known.startswith("_")]
            raise BadInput(
                f"--net {spec}: {module_name} has no {part!r}{did_you_mean(part, names)}; define "
                "a function there that returns an unfitted net"
            )
        found = getattr(found, part)
    return found


def _import(spec: str, name: str) -> ModuleType:
    # as `python -m` does, and a console script does not
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        return importlib.import_module(name)
    # a module may raise anything while it is imported, or even leave
    except (Exception, SystemExit) as error:
        missing = getattr(error, "name", None) if isinstance(error, ImportError) else None
        if isinstance(error, ModuleNotFoundError) and f"{name}.".startswith(f"{missing}."):
            raise BadInput(
                f"--net {spec}: there is no module {missing!r} in the current directory or among "
                "the installed ones; run in its directory, or put that on PYTHONPATH"
            ) from error
        raise BadInput(
            f"--net {spec}: importing {name} failed with {_in_words(error)}; does "
            f"`python -c 'import {name}'` work?"
        ) from error


def _in_words(error: BaseException) -> str:
    """An error in a line, and the place in the user's file that it comes from."""
    if isinstance(error, SyntaxError):
        place = f"{os.path.basename(error.filename or '')}, line {error.lineno}"
        return f"SyntaxError: {error.msg} ({place})"
    text = f"{type(error).__name__}: {one_line(error)}"
    *_, last = traceback.extract_tb(error.__traceback__)
    if os.path.abspath(last.filename) == os.path.abspath(__file__):
        return text
    return f"{text} ({os.path.basename(last.filename)}, line {last.lineno})"


def net_of(spec: str, factory: Any, X: npt.NDArray, y: npt.NDArray, task: str) -> Any:
    """Call a factory, with what it asks for."""
    if not callable(factory) or isinstance(factory, nn.Module):
        return factory
    offered = {"n_features": int(np.prod(X.shape[1:])), "n_outputs": _n_outputs(y, task)}
    try:
        taken = set(inspect.signature(factory).parameters)
    except (TypeError, ValueError):
        taken = set()  # built in, without a signature
    wanted = {name: value for name, value in offered.items() if name in taken}
    try:
        net = factory(**wanted)
    except (Exception, SystemExit) as error:
        raise BadInput(
            f"--net {spec}: the factory failed with {_in_words(error)}; it is called with "
            f"{', '.join(f'{k}={v}' for k, v in wanted.items()) or 'no arguments'}"
        ) from error
    if net is None:
        raise BadInput(f"--net {spec}: the factory returned None; let it return the net")
    return net


def _n_outputs(y: npt.NDArray, task: str) -> int:
    """Classes, or targets."""
    try:
        net = default_net(np.empty((1, 1)), y, None if task == "auto" else task)
    except ValueError:
        return int(np.prod(y.shape[1:]))  # of a kind that only the user's own net knows
    return int(net.module__n_outputs)


def builtin_net(X: npt.NDArray, y: npt.NDArray, task: str) -> Any:
    """The net of a run without ``--net``."""
    if y.ndim > 2:
        raise BadInput(
            f"the target must have one or two dimensions for the built-in net, got {y.ndim}; "
            "choose another --target, or a net of your own with --net"
        )
    if task == "regression" and y.dtype.kind not in "iuf":
        raise BadInput(f"--task regression needs a target of numbers, got labels such as {y[0]!s}")
    if y.ndim == 1 and (y.dtype.kind not in "iuf" or task == "classification"):
        check_classes(y)  # scikit-learn would only warn of them
    try:
        net = default_net(X, y, None if task == "auto" else task)
    except ValueError as error:
        raise BadInput(
            f"the target is of no kind that the built-in net knows ({message_of(error)})"
        ) from None
    if is_classifier(net):
        check_classes(y)
    return net


def task_of(net: Any) -> str:
    """What a net is for."""
    if isinstance(net, BaseEstimator):
        if is_classifier(net):
            return "classification"
        if is_regressor(net):
            return "regression"
    return "of its own kind"


def check_classes(y: npt.NDArray) -> None:
    """Refuse a target of a single class, or one in which most samples are a class of their own."""
    n_classes = len(np.unique(y))
    if n_classes < 2:
        raise BadInput(
            f"the target holds a single class, {y[0]!s}, and there is nothing to learn; choose "
            "another --target"
        )
    if 2 * n_classes > len(y):
        remedy = "choose a --target with classes that repeat, or merge rare ones"
        if y.dtype.kind in "iuf":
            remedy += ", or use --task regression"
        raise BadInput(
            f"the target has {n_classes} classes in {len(y)} samples, too many to learn; {remedy}"
        )
