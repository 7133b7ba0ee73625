"""What code consists of, without running or storing it: bytecode, constants, what it refers to."""

import dis
import functools
import hashlib
import sys
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

__all__ = ["class_items", "code_parts", "global_references", "library_of"]

# What a class has without its author, or what says nothing about what it does.
_INCIDENTAL = {
    "__abstractmethods__", "__annotate__", "__annotate_func__", "__annotations__",
    "__annotations_cache__", "__dataclass_fields__", "__dataclass_params__", "__dict__", "__doc__",
    "__firstlineno__", "__match_args__", "__module__", "__orig_bases__", "__parameters__",
    "__qualname__", "__static_attributes__", "__weakref__", "_abc_impl",
    # torch numbers autograd functions as they are defined
    "_autograd_function_id", "_backward_cls",
}  # fmt: skip


def library_of(module_name: object) -> dict[str, str] | None:
    """Release that a module belongs to; None for the user's own code, which may change."""
    # what runs as a script is the user's, even if a tool runs it whose own file is in a package
    if not isinstance(module_name, str) or module_name == "__main__":
        return None
    top = module_name.partition(".")[0]
    if top in sys.stdlib_module_names:
        return {}
    file = getattr(sys.modules.get(module_name), "__file__", None)
    if not file or not {"site-packages", "dist-packages"} & set(Path(file).parts):
        return None
    release = {"version": str(getattr(sys.modules.get(top), "__version__", ""))}
    return release | _file_fingerprint(file)


@functools.cache
def _file_fingerprint(file: str) -> dict[str, str]:
    """A package may be installed again, changed, with the version it had."""
    if not file.endswith(".py"):
        return {}
    return {"file": hashlib.sha256(Path(file).read_bytes()).hexdigest()}


def class_items(cls: type) -> dict[str, Any]:
    """What the author of a class wrote into it, by name."""
    return {name: item for name, item in sorted(vars(cls).items()) if name not in _INCIDENTAL}


def code_parts(code: CodeType, doc: str | None = None) -> tuple[list[Any], list[Any]]:
    """
    Everything of a code object that decides what it does.

    Line numbers, file names, annotations and comments are left out.
    """
    plain = [
        code.co_code.hex(),
        code.co_exceptiontable.hex(),
        list(code.co_names),
        list(code.co_varnames),
        list(code.co_freevars),
        list(code.co_cellvars),
        [code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags],
    ]
    constants = list(code.co_consts)
    if doc is not None and constants and constants[0] == doc:
        constants[0] = None
    return plain, constants


def global_references(code: CodeType, namespace: dict[str, Any]) -> dict[str, Any]:
    """
    What code takes from its module's globals, functions within it included.

    ``helpers.scale`` is followed to what the user's module `helpers` holds under `scale`.
    """
    found = {}
    for chain in sorted(_loaded_names(code)):
        if chain[0] in namespace:
            used, value = _follow(chain, namespace)
            found[".".join(used)] = value
    return found


def _loaded_names(code: CodeType) -> set[tuple[str, ...]]:
    """Global names, each with the attributes that are looked up on it at once."""
    chains: set[tuple[str, ...]] = set()
    chain: tuple[str, ...] = ()
    for instruction in dis.get_instructions(code):
        if instruction.opname == "EXTENDED_ARG":
            continue
        if instruction.opname in {"LOAD_ATTR", "LOAD_METHOD"} and chain:
            chain = (*chain, instruction.argval)
            continue
        if chain:
            chains.add(chain)
        starts = instruction.opname in {"LOAD_GLOBAL", "LOAD_NAME"}
        chain = (instruction.argval,) if starts else ()
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            chains |= _loaded_names(constant)
    return chains


def _follow(chain: tuple[str, ...], namespace: dict[str, Any]) -> tuple[list[str], Any]:
    """Walk through the user's own modules to the first thing that is none."""
    used, value = [chain[0]], namespace[chain[0]]
    for name in chain[1:]:
        own = isinstance(value, ModuleType) and library_of(value.__name__) is None
        if not own or not hasattr(value, name):
            break
        used.append(name)
        value = getattr(value, name)
    return used, value
