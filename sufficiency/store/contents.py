"""What configurations are made of, as JSON: equal contents mean equal behavior."""

import argparse
import copyreg
import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import PurePath
from types import (
    BuiltinFunctionType,
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

from sufficiency._json import to_json
from sufficiency.store.fingerprints import array_fingerprint, digest, tensor_fingerprint
from sufficiency.store.source import class_items, code_content, global_references, library_of

__all__ = ["content_of", "content_of_net"]

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


def content_of(value: object, where: str) -> Node:
    """
    Everything that a value's behavior depends on.

    Plain values, containers, arrays and tensors are taken by their content; objects by their
    class and state, as ``copy`` would take it; functions and classes of installed packages by
    name, version and file; the user's own by source, defaults, closure, and what they use of
    their module's globals. Nothing is imported, run or pickled.
    """
    return _Reader().read(value, where)


def content_of_net(net: NeuralNet) -> Node:
    """
    Everything of an unfitted net that its training depends on.

    Trainable weights of a module instance are left out, since every training draws them anew;
    :func:`sufficiency.store.keys.initial_state` looks at what it starts from.
    """
    return _Reader().net(net)


class _Reader:
    """
    Reads one configuration, and knows what it has read on the way.

    A strict one, for parameters and what they hold, refuses what has no content. What code merely
    uses (globals, attributes of classes) is read as far as it is plain values, arrays, code, or
    objects of the user's own classes.
    """

    def __init__(self, strict: bool = True, active: list[int] | None = None) -> None:
        self._strict = strict
        self._active: list[int] = [] if active is None else active
        # things beside their nodes, so that no other one gets their id meanwhile
        self._known: dict[int, tuple[object, Node]] = {}
        self._lenient = _Reader(False, self._active) if strict else self

    def read(self, value: Any, where: str) -> Node:
        kind = type(value)
        if value is None or kind in (bool, int, str, float):
            return to_json(value)
        try:
            return self._compound(value, where)
        except TypeError:
            if self._strict:
                raise
            return {"opaque": kind.__qualname__}

    def _compound(self, value: Any, where: str) -> Node:
        """Whatever is not plain; functions and classes know cycles themselves."""
        if isinstance(value, type):
            return self._class(value)
        if isinstance(value, FunctionType):
            return self._function(value, where)
        if id(value) in self._active:
            return {"recursive": type(value).__qualname__}
        with self._inside(value):
            for read_kind in (self._numbers, self._container, self._callable):
                node = read_kind(value, where)
                if node is not None:
                    return node
            if isinstance(value, nn.Module):
                return self._module(value, where)
            return self.net(value) if isinstance(value, NeuralNet) else self._object(value, where)

    @contextmanager
    def _inside(self, value: object) -> Iterator[None]:
        self._active.append(id(value))
        try:
            yield
        finally:
            self._active.pop()

    def _numbers(self, value: Any, where: str) -> Node:
        """Arrays, tensors, paths and exotic scalars."""
        if isinstance(value, (complex, bytes, bytearray)):
            return {type(value).__name__: repr(value)}
        if isinstance(value, PurePath):
            # its class moves between releases of Python
            return {"path": str(value)}
        if type(value) in (np.float64, np.bool_, np.int64, np.str_):
            return self.read(value.item(), where)
        if isinstance(value, np.ndarray) and value.dtype == object:
            return {"objects": self.read(value.tolist(), where)}
        if isinstance(value, (np.ndarray, np.generic)):
            array = np.asarray(value)
            return {"array": [array.dtype.str, list(array.shape), array_fingerprint(array)]}
        if isinstance(value, Tensor):
            return {"tensor": [*_shape(value), tensor_fingerprint(value)]}
        return None

    def _container(self, value: Any, where: str) -> Node:
        kind = type(value)
        if kind in (list, tuple):
            return {kind.__name__: [self.read(v, f"{where}[{i}]") for i, v in enumerate(value)]}
        if kind in (set, frozenset):
            # each for itself: their order is another one in every process
            members = [_Reader(self._strict).read(member, where) for member in value]
            return {kind.__name__: sorted(members, key=digest)}
        if kind is dict:
            if all(type(key) is str for key in value):
                return {"dict": {k: self.read(v, _at(where, k)) for k, v in sorted(value.items())}}
            pairs = [(_Reader(self._strict).read(k, where), v) for k, v in value.items()]
            pairs.sort(key=lambda pair: digest(pair[0]))
            return {"pairs": [[k, self.read(v, where)] for k, v in pairs]}
        return None

    def _callable(self, value: Any, where: str) -> Node:
        """Code that is no plain function, and names."""
        if isinstance(value, MethodType):
            owner = self.read(value.__self__, f"{where}.__self__")
            return {"method": self.read(value.__func__, where), "of": owner}
        if isinstance(value, BuiltinFunctionType):
            owner = value.__self__
            bound = not (owner is None or isinstance(owner, (ModuleType, type)))
            of = self.read(owner, f"{where}.__self__") if bound else value.__module__
            return {"built-in": value.__qualname__, "of": of}
        if isinstance(value, _DESCRIPTORS):
            return {"descriptor": getattr(value, "__qualname__", value.__name__)}
        if isinstance(value, ModuleType):
            return {"namespace": value.__name__, **(library_of(value.__name__) or {})}
        if isinstance(value, property):
            return {"property": self.read([value.fget, value.fset, value.fdel], where)}
        if isinstance(value, functools.cached_property):
            return {"property": self.read(value.func, where)}
        wrapped = getattr(value, "__wrapped__", None)
        if isinstance(wrapped, FunctionType) and not isinstance(value, nn.Module):
            return {"wrapper": self._class(type(value)), "of": self._function(wrapped, where)}
        return None

    def _class(self, cls: type) -> Node:
        name = f"{cls.__module__}.{cls.__qualname__}"
        library = library_of(cls.__module__)
        # classes that are made on the fly name the module that made them
        if library is not None and _is_found(cls):
            return {"library": name, **library}
        reader = self._lenient

        def parts() -> list[Node]:
            bases = [reader._class(base) for base in cls.__bases__]
            return [bases, reader._class(type(cls)), reader.read(class_items(cls), name)]

        return reader._digested(cls, {"class": cls.__qualname__}, parts)

    def _function(self, function: FunctionType, where: str) -> Node:
        code, home = function.__code__, function.__globals__.get("__name__")
        library, lenient = library_of(home), self._lenient
        held = dict(zip(code.co_freevars, map(_content, function.__closure__ or ()), strict=True))
        if library is not None:
            node = {"library": f"{home}.{code.co_qualname}", **library}
            # a decorator's wrapper holds what it wraps
            return lenient._digested(function, node, lambda: lenient.read(held, where))

        def parts() -> list[Node]:
            attributes = {k: v for k, v in vars(function).items() if k != "__wrapped__"}
            return [
                code_content(code),
                self.read(function.__defaults__, f"{where}.__defaults__"),
                self.read(function.__kwdefaults__, f"{where}.__kwdefaults__"),
                self.read(held, where),
                lenient.read(attributes, where),
                lenient.read(global_references(code, function.__globals__), where),
            ]

        return self._digested(function, {"function": code.co_qualname}, parts)

    def _digested(self, thing: Any, node: dict[str, Node], parts: Callable[[], Node]) -> Node:
        """The node with the digest of its parts, which may lead back to the thing itself."""
        if id(thing) in self._known:
            return self._known[id(thing)][1]
        if id(thing) in self._active:
            return {"recursive": thing.__qualname__}
        with self._inside(thing):
            node = {**node, "code": digest(parts())}
        self._known[id(thing)] = (thing, node)
        return node

    def _module(self, module: nn.Module, where: str, trainable: bool = True) -> Node:
        """A module instance; `trainable`: with the values of its trainable parameters."""
        own = {name: value for name, value in vars(module).items() if name not in _OF_TORCH}
        parts = [
            [name, part and self._module(part, f"{where}.{name}", trainable)]
            for name, part in module._modules.items()
        ]
        parameters = [
            [name, p if p is None else [*_shape(p), p.requires_grad, _values(p, trainable)]]
            for name, p in module._parameters.items()
        ]
        return {
            "module": self._class(type(module)),
            "attributes": self.read(own, where),
            "parts": parts,
            "parameters": parameters,
            "buffers": self.read(list(module._buffers.items()), where),
            "hooks": self.read([list(getattr(module, name).values()) for name in _HOOKS], where),
        }

    def _object(self, value: Any, where: str) -> Node:
        """Any other object: its class, and its state as ``copy`` would take it."""
        cls = type(value)
        if isinstance(value, Enum):
            return {"member": value.name, "of": self._class(cls)}
        plain = isinstance(value, (SimpleNamespace, argparse.Namespace))
        if not self._strict and not plain and library_of(cls.__module__) is not None:
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
            node["made"] = self.read([maker, list(args)], where)
        for name, part in zip(("state", "items", "entries", "setter"), rest, strict=False):
            if part is not None:
                node[name] = self.read(list(part) if isinstance(part, Iterator) else part, where)
        return node

    def net(self, net: NeuralNet) -> Node:
        node = {}
        for name, value in sorted(net.get_params(deep=False).items()):
            where = f"net.{name}"
            if name.startswith("_") or name in _WITHOUT_EFFECT:
                continue
            if name in (net._modules or ["module"]) and isinstance(value, nn.Module):
                node[name] = self._module(value, where, trainable=False)
            else:
                node[name] = self.read(value, where)
        return {"net": self._class(type(net)), "params": node}


def _at(where: str, key: str) -> str:
    return f"{where}.{key}" if key.isidentifier() else f"{where}[{key!r}]"


def _shape(tensor: Tensor) -> list[Node]:
    return [str(tensor.dtype), "lazy" if nn.parameter.is_lazy(tensor) else list(tensor.shape)]


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
