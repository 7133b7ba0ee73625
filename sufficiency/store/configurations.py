"""What configurations are made of, as JSON: equal contents mean equal behavior."""

import copyreg
import functools
import sys
from collections.abc import Callable, Iterator
from pathlib import PurePath
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
from skorch import NeuralNet
from torch import Tensor, nn

from sufficiency._json import to_json
from sufficiency.store.code_syntax import class_items, code_content, global_references, library_of
from sufficiency.store.fingerprints import array_fingerprint, digest, tensor_fingerprint

# What JSON can hold.
Node = Any

_WRAPPERS = (
    property, functools.cached_property, staticmethod, classmethod,
    type(functools.lru_cache(len)),
)  # fmt: skip
_WRAPPED = ("fget", "fset", "fdel", "func", "__wrapped__")
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
    """What the training of an unfitted net depends on: not the weights, which it draws anew."""
    return _Reader().net(net)


class _Reader:
    """
    Reads one configuration, and knows what it has read on the way.

    A strict one, for parameters and what they hold, refuses what has no content. What code merely
    uses (globals, attributes of classes) is read as far as it has a content, and is no object of
    an installed package.
    """

    def __init__(self, strict: bool = True) -> None:
        self._strict = strict
        self._active: list[int] = []
        # things beside their nodes, so that no other one gets their id meanwhile
        self._known: dict[tuple[int, bool], tuple[object, Node]] = {}

    def read(self, value: Any, where: str) -> Node:
        if value is None or type(value) in (bool, int, str, float):
            return to_json(value)
        key = id(value), self._strict
        if key in self._known:
            return self._known[key][1]
        if id(value) in self._active:
            return {"recursive": getattr(value, "__qualname__", type(value).__qualname__)}
        self._active.append(id(value))
        try:
            node = self._content(value, where)
        except TypeError:
            if self._strict:
                raise
            node = {"opaque": type(value).__qualname__}
        finally:
            self._active.pop()
        self._known[key] = (value, node)
        return node

    def _used(self, value: Any, where: str) -> Node:
        """What code merely uses."""
        strict, self._strict = self._strict, False
        try:
            return self.read(value, where)
        finally:
            self._strict = strict

    def _content(self, value: Any, where: str) -> Node:
        kinds_and_readers: list[tuple[Any, Callable[[Any, str], Node]]] = [
            (type, self._class),
            (FunctionType, self._function),
            (nn.Module, self._module),
            (NeuralNet, self.net),
            (Tensor, self._tensor),
            ((np.ndarray, np.generic), self._array),
            (_WRAPPERS, self._wrapper),
        ]
        for kinds, read in kinds_and_readers:
            if isinstance(value, kinds):
                return read(value, where)
        if isinstance(value, ModuleType):
            return {"namespace": value.__name__, **(library_of(value.__name__) or {})}
        if isinstance(value, PurePath):
            # its class moves between releases of Python
            return {"path": str(value)}
        kind = type(value)
        if kind is bytes:
            return {"bytes": repr(value)}
        if kind in (list, tuple):
            return {kind.__name__: [self.read(v, f"{where}[{i}]") for i, v in enumerate(value)]}
        if kind in (set, frozenset):
            return {kind.__name__: sorted((self._key(v, where) for v in value), key=repr)}
        if kind is dict:
            pairs = [(self._key(k, where), k) for k in value]
            pairs.sort(key=lambda pair: repr(pair[0]))
            return {"dict": [[node, self.read(value[k], _at(where, k))] for node, k in pairs]}
        return self._object(value, where)

    def _key(self, value: Any, where: str) -> Node:
        """A thing for itself: what was read before it is another one in every process."""
        return _Reader(self._strict).read(value, where)

    def _array(self, value: Any, where: str) -> Node:
        if type(value) in (np.float64, np.bool_, np.int64, np.str_):
            return self.read(value.item(), where)
        if value.dtype == object:
            return {"objects": self.read(value.tolist(), where)}
        return {"array": [value.dtype.str, list(value.shape), array_fingerprint(np.asarray(value))]}

    def _tensor(self, tensor: Tensor, where: str, with_values: bool = True) -> Node:
        lazy = nn.parameter.is_lazy(tensor)
        return {
            "tensor": str(tensor.dtype),
            "shape": None if lazy else list(tensor.shape),
            "trainable": tensor.requires_grad,
            "values": tensor_fingerprint(tensor) if with_values and not lazy else None,
        }

    def _wrapper(self, value: Any, where: str) -> Node:
        held = [getattr(value, name, None) for name in _WRAPPED]
        return {"wrapper": type(value).__name__, "of": self.read(held, where)}

    def _class(self, cls: type, where: str) -> Node:
        name = f"{cls.__module__}.{cls.__qualname__}"
        library = library_of(cls.__module__)
        # classes that are made on the fly name the module that made them
        if library is not None and _is_found(cls):
            return {"library": name, **library}
        parts = [list(cls.__bases__), type(cls), class_items(cls)]
        return {"class": cls.__qualname__, "code": digest(self._used(parts, name))}

    def _function(self, function: FunctionType, where: str) -> Node:
        code, home = function.__code__, function.__globals__.get("__name__")
        cells = zip(code.co_freevars, function.__closure__ or (), strict=True)
        held = {name: cell.cell_contents for name, cell in cells}
        library = library_of(home)
        if library is not None:
            # a decorator's wrapper holds what it wraps
            name = f"{home}.{code.co_qualname}"
            return {"library": name, **library, "holds": digest(self._used(held, where))}
        parts = [
            code_content(code),
            self.read(function.__defaults__, f"{where}.__defaults__"),
            self.read(function.__kwdefaults__, f"{where}.__kwdefaults__"),
            self.read(held, where),
            self._used([vars(function), global_references(code, function.__globals__)], where),
        ]
        return {"function": code.co_qualname, "code": digest(parts)}

    def _module(self, module: nn.Module, where: str, trainable: bool = True) -> Node:
        """A module instance; `trainable`: with the values of its trainable parameters."""
        own = {name: value for name, value in vars(module).items() if name not in _OF_TORCH}
        tensors = [*module._parameters.items(), *module._buffers.items()]
        return {
            "module": self.read(type(module), where),
            "attributes": self.read(own, where),
            "parts": [
                [name, part and self._module(part, f"{where}.{name}", trainable)]
                for name, part in module._modules.items()
            ],
            "tensors": [
                [name, t if t is None else self._tensor(t, where, trainable or not t.requires_grad)]
                for name, t in tensors
            ],
            "hooks": self.read([list(getattr(module, name).values()) for name in _HOOKS], where),
        }

    def _object(self, value: Any, where: str) -> Node:
        """Any other object: its class, and its state as ``copy`` would take it."""
        cls = type(value)
        if not self._strict and library_of(cls.__module__) and hasattr(value, "__dict__"):
            return {"opaque": cls.__qualname__}
        try:
            reduce = copyreg.dispatch_table.get(cls)
            reduced = reduce(value) if reduce else value.__reduce_ex__(2)
        except Exception as error:
            raise TypeError(
                f"`store` must know what everything is made of, got {where}, an instance of "
                f"{cls.__qualname__} with no content that can be read ({error}); give its class a "
                "__reduce__ method that says what it is made of, or fit without a store"
            ) from error
        if isinstance(reduced, str):
            parts: list[Any] = [getattr(value, "__module__", None), reduced]
        else:
            parts = [list(part) if isinstance(part, Iterator) else part for part in reduced]
        made = [self.read(part, where) for part in parts]
        return {"object": self.read(cls, where), "made": made}

    def net(self, net: NeuralNet, where: str = "net") -> Node:
        node = {}
        for name, value in sorted(net.get_params(deep=False).items()):
            if name.startswith("_") or name in _WITHOUT_EFFECT:
                continue
            if name in (net._modules or ["module"]) and isinstance(value, nn.Module):
                node[name] = self._module(value, f"{where}.{name}", trainable=False)
            else:
                node[name] = self.read(value, f"{where}.{name}")
        return {"net": self.read(type(net), where), "params": node}


def _at(where: str, key: object) -> str:
    return f"{where}.{key}" if isinstance(key, str) and key.isidentifier() else f"{where}[{key!r}]"


def _is_found(cls: type) -> bool:
    """Whether a class is what its module has under its name."""
    found: Any = sys.modules.get(str(cls.__module__))
    for name in cls.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is cls
