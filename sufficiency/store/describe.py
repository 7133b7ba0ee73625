"""A stable description of configurations: what two runs must share to share their results."""

import argparse
import copyreg
import functools
import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from types import (
    BuiltinFunctionType,
    CodeType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodDescriptorType,
    MethodType,
    ModuleType,
    SimpleNamespace,
    WrapperDescriptorType,
)
from typing import Any

import numpy as np
from skorch import NeuralNet
from torch import Tensor, nn

from sufficiency.store.arrays import array_fingerprint, tensor_fingerprint
from sufficiency.store.code import class_items, code_parts, global_references, library_of
from sufficiency.store.documents import digest

__all__ = ["describe", "describe_net"]

# What JSON can hold.
Node = Any

_DESCRIPTORS = (
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodDescriptorType,
    WrapperDescriptorType,
    np.ufunc,
)
# What torch keeps in every module; the rest of its attributes are the author's.
_OF_TORCH = frozenset(vars(nn.Module()))
_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
# Every training replaces them, or they are about printing only.
_WITHOUT_EFFECT = {"train_split", "verbose"}


def describe(value: object, where: str) -> Node:
    """
    Describe a value so that equal descriptions mean equal behavior.

    Plain values, containers, arrays and tensors are taken by their content; objects by their
    class and state, as ``copy`` would take it; functions and classes of installed packages by
    name, version and file; the user's own by bytecode, constants, defaults, closure, and what
    they use of their module's globals. Nothing is imported, run or pickled.
    """
    return _Describer().describe(value, where)


def describe_net(net: NeuralNet) -> Node:
    """
    Describe everything of an unfitted net that its training depends on.

    Trainable weights of a module instance are left out, since every training draws them anew;
    :func:`sufficiency.store.keys.initial_state` looks at what it starts from.
    """
    return _Describer().net(net)


class _Describer:
    """
    One description, with what has been described on the way.

    In the strict mode, for parameters and what they hold, everything must have a description.
    What code merely uses (globals, attributes of classes) is described as far as it is plain
    values, arrays, code, or objects of the user's own classes.
    """

    def __init__(self) -> None:
        self._active: list[int] = []
        # things beside their nodes, so that no other one gets their id meanwhile
        self._known: dict[tuple[int, bool], tuple[object, Node]] = {}

    def describe(self, value: Any, where: str, strict: bool = True) -> Node:
        kind = type(value)
        if value is None or kind in (bool, int, str):
            return value
        if kind is float:
            return value if math.isfinite(value) else {"float": repr(value)}
        if strict:
            return self._compound(value, where, strict)
        try:
            return self._compound(value, where, strict)
        except TypeError:
            return {"opaque": kind.__qualname__}

    def _compound(self, value: Any, where: str, strict: bool) -> Node:
        """Whatever is not plain; functions and classes know cycles themselves."""
        if isinstance(value, type):
            return self._class(value)
        if isinstance(value, FunctionType):
            return self._function(value, where, strict)
        if id(value) in self._active:
            return {"recursive": type(value).__qualname__}
        with self._inside(value):
            for describe_kind in (self._numbers, self._container, self._callable):
                node = describe_kind(value, where, strict)
                if node is not None:
                    return node
            if isinstance(value, nn.Module):
                return self._module(value, where, strict)
            if isinstance(value, NeuralNet):
                return self.net(value)
            return self._object(value, where, strict)

    @contextmanager
    def _inside(self, value: object) -> Iterator[None]:
        self._active.append(id(value))
        try:
            yield
        finally:
            self._active.pop()

    def _numbers(self, value: Any, where: str, strict: bool) -> Node:
        """Arrays, tensors and exotic scalars."""
        if isinstance(value, (complex, bytes, bytearray)):
            return {type(value).__name__: repr(value)}
        if type(value) in (np.float64, np.bool_, np.int64, np.str_):
            return self.describe(value.item(), where, strict)
        if isinstance(value, np.ndarray) and value.dtype == object:
            return {"objects": self.describe(value.tolist(), where, strict)}
        if isinstance(value, (np.ndarray, np.generic)):
            array = np.asarray(value)
            return {"array": [array.dtype.str, list(array.shape), array_fingerprint(array)]}
        if isinstance(value, Tensor):
            return {"tensor": [*_shape(value), tensor_fingerprint(value)]}
        return None

    def _container(self, value: Any, where: str, strict: bool) -> Node:
        kind = type(value)
        if kind in (list, tuple):
            items = [self.describe(v, f"{where}[{i}]", strict) for i, v in enumerate(value)]
            return {kind.__name__: items}
        if kind in (set, frozenset):
            # each for itself: their order is another one in every process
            members = [_Describer().describe(member, where, strict) for member in value]
            return {kind.__name__: sorted(members, key=digest)}
        if kind is dict:
            if all(type(key) is str for key in value):
                named = sorted(value.items())
                return {"dict": {k: self.describe(v, _at(where, k), strict) for k, v in named}}
            pairs = [(_Describer().describe(k, where, strict), v) for k, v in value.items()]
            pairs.sort(key=lambda pair: digest(pair[0]))
            return {"pairs": [[k, self.describe(v, where, strict)] for k, v in pairs]}
        return None

    def _callable(self, value: Any, where: str, strict: bool) -> Node:
        """Code that is no plain function, and names."""
        if isinstance(value, MethodType):
            owner = self.describe(value.__self__, f"{where}.__self__", strict)
            return {"method": self.describe(value.__func__, where, strict), "of": owner}
        if isinstance(value, BuiltinFunctionType):
            owner = value.__self__
            bound = not (owner is None or isinstance(owner, (ModuleType, type)))
            of = self.describe(owner, f"{where}.__self__", strict) if bound else value.__module__
            return {"built-in": value.__qualname__, "of": of}
        if isinstance(value, _DESCRIPTORS):
            return {"descriptor": getattr(value, "__qualname__", value.__name__)}
        if isinstance(value, ModuleType):
            return {"namespace": value.__name__, **(library_of(value.__name__) or {})}
        if isinstance(value, property):
            parts = [value.fget, value.fset, value.fdel]
            return {"property": self.describe(parts, where, strict)}
        if isinstance(value, functools.cached_property):
            return {"property": self.describe(value.func, where, strict)}
        wrapped = getattr(value, "__wrapped__", None)
        if isinstance(wrapped, FunctionType) and not isinstance(value, nn.Module):
            return {
                "wrapper": self._class(type(value)),
                "of": self._function(wrapped, where, strict),
            }
        return None

    def _class(self, cls: type) -> Node:
        name = f"{cls.__module__}.{cls.__qualname__}"
        library = library_of(cls.__module__)
        # classes that are made on the fly name the module that made them
        if library is not None and _is_found(cls):
            return {"library": name, **library}

        def parts() -> list[Node]:
            bases = [self._class(base) for base in cls.__bases__]
            return [bases, self._class(type(cls)), self.describe(class_items(cls), name, False)]

        return self._coded(cls, {"class": cls.__qualname__}, parts, strict=False)

    def _function(self, function: FunctionType, where: str, strict: bool) -> Node:
        code, home = function.__code__, function.__globals__.get("__name__")
        library = library_of(home)
        held = dict(zip(code.co_freevars, map(_content, function.__closure__ or ()), strict=True))
        if library is not None:
            node = {"library": f"{home}.{code.co_qualname}", **library}
            # a decorator's wrapper holds what it wraps
            return self._coded(function, node, lambda: self.describe(held, where, False), False)

        def parts() -> list[Node]:
            attributes = {k: v for k, v in vars(function).items() if k != "__wrapped__"}
            used = global_references(code, function.__globals__)
            return [
                self._code(code, function.__doc__, where, strict),
                self.describe(function.__defaults__, f"{where}.__defaults__", strict),
                self.describe(function.__kwdefaults__, f"{where}.__kwdefaults__", strict),
                self.describe(held, where, strict),
                self.describe(attributes, where, False),
                self.describe(used, where, False),
            ]

        return self._coded(function, {"function": code.co_qualname}, parts, strict)

    def _code(self, code: CodeType, doc: str | None, where: str, strict: bool) -> Node:
        plain, constants = code_parts(code, doc)
        described = [
            self._code(constant, None, where, strict)
            if isinstance(constant, CodeType)
            else self.describe(constant, where, strict)
            for constant in constants
        ]
        return [plain, described]

    def _coded(
        self, thing: Any, node: dict[str, Node], parts: Callable[[], Node], strict: bool
    ) -> Node:
        """The node with the digest of its parts, which may lead back to the thing itself."""
        if (id(thing), strict) in self._known:
            return self._known[id(thing), strict][1]
        if id(thing) in self._active:
            return {"recursive": thing.__qualname__}
        with self._inside(thing):
            node = {**node, "code": digest(parts())}
        self._known[id(thing), strict] = (thing, node)
        return node

    def _module(self, module: nn.Module, where: str, strict: bool, trainable: bool = True) -> Node:
        """A module instance; `trainable`: with the values of its trainable parameters."""
        own = {name: value for name, value in vars(module).items() if name not in _OF_TORCH}
        parts = [
            [name, part and self._module(part, f"{where}.{name}", strict, trainable)]
            for name, part in module._modules.items()
        ]
        parameters = [
            [name, p if p is None else [*_shape(p), p.requires_grad, _values(p, trainable)]]
            for name, p in module._parameters.items()
        ]
        hooks = [list(getattr(module, name).values()) for name in _HOOKS]
        return {
            "module": self._class(type(module)),
            "attributes": self.describe(own, where, strict),
            "parts": parts,
            "parameters": parameters,
            "buffers": self.describe(list(module._buffers.items()), where, strict),
            "hooks": self.describe(hooks, where, strict),
        }

    def _object(self, value: Any, where: str, strict: bool) -> Node:
        """Any other object: its class, and its state as ``copy`` would take it."""
        cls = type(value)
        if isinstance(value, Enum):
            return {"member": value.name, "of": self._class(cls)}
        plain = isinstance(value, (SimpleNamespace, argparse.Namespace))
        if not strict and not plain and library_of(cls.__module__) is not None:
            return {"opaque": cls.__qualname__}
        try:
            reduced = value.__reduce_ex__(2)
        except Exception as error:
            raise _unreadable(value, where, error) from error
        node: dict[str, Node] = {"object": self._class(cls)}
        if isinstance(reduced, str):
            return node | {"name": reduced}
        maker, args, *rest = reduced
        if not (maker is copyreg.__newobj__ and len(args) == 1):  # type: ignore[attr-defined]
            node["made"] = self.describe([maker, list(args)], where, strict)
        for name, part in zip(("state", "items", "entries", "setter"), rest, strict=False):
            if part is not None:
                node[name] = self.describe(
                    list(part) if isinstance(part, Iterator) else part, where, strict
                )
        return node

    def net(self, net: NeuralNet) -> Node:
        params = net.get_params(deep=False)
        node = {}
        for name in sorted(params):
            value, where = params[name], f"net.{name}"
            if name.startswith("_") or name in _WITHOUT_EFFECT:
                continue
            if name in (net._modules or ["module"]) and isinstance(value, nn.Module):
                node[name] = self._module(value, where, strict=True, trainable=False)
            else:
                node[name] = self.describe(value, where)
        return {"net": self._class(type(net)), "params": node}


def _at(where: str, key: str) -> str:
    return f"{where}.{key}" if key.isidentifier() else f"{where}[{key!r}]"


def _shape(tensor: Tensor) -> list[Node]:
    if nn.parameter.is_lazy(tensor):
        return [str(tensor.dtype), "lazy"]
    return [str(tensor.dtype), list(tensor.shape)]


def _values(parameter: nn.Parameter, trainable: bool) -> str | None:
    if nn.parameter.is_lazy(parameter) or (parameter.requires_grad and not trainable):
        return None
    return tensor_fingerprint(parameter)


def _content(cell: Any) -> object:
    try:
        return cell.cell_contents
    except ValueError:
        return "empty"


def _is_found(cls: type) -> bool:
    """Whether a class is what its module has under its name."""
    found: Any = sys.modules.get(str(cls.__module__))
    for name in cls.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is cls


def _unreadable(value: object, where: str, error: Exception) -> TypeError:
    return TypeError(
        f"`store` must know what everything is made of, got {where}, an instance of "
        f"{type(value).__qualname__} with no content that can be read ({error}); give its class a "
        "__reduce__ method that says what it is made of, or fit without a store"
    )
