"""Code without running it: its syntax, what it refers to, and the release that it belongs to."""

import __future__

import ast
import dataclasses
import dis
import enum
import functools
import hashlib
import inspect
import linecache
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

__all__ = ["class_items", "code_content", "global_references", "library_of"]

# What a class has without its author, or what says nothing about what it does.
_INCIDENTAL = {
    "__abstractmethods__", "__annotate__", "__annotate_func__", "__annotations__",
    "__annotations_cache__", "__dataclass_fields__", "__dataclass_params__", "__dict__", "__doc__",
    "__firstlineno__", "__match_args__", "__module__", "__orig_bases__", "__parameters__",
    "__qualname__", "__replace__", "__static_attributes__", "__type_params__", "__weakref__",
    "_abc_impl",
    # torch numbers autograd functions as they are defined
    "_autograd_function_id", "_backward_cls",
}  # fmt: skip
_FUTURES = sum(getattr(__future__, name).compiler_flag for name in __future__.all_feature_names)
_Documented = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


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
    items = {name: item for name, item in sorted(vars(cls).items()) if name not in _INCIDENTAL}
    # what the standard library adds to these kinds is different in every release of Python
    if "__dataclass_fields__" in vars(cls):
        generated = {name for name, item in items.items() if _is_generated(item)}
        fields = [
            [field.name, field.default, field.default_factory, field.init, field.compare]
            for field in dataclasses.fields(cls)
        ]
        own = {name: item for name, item in items.items() if name not in generated}
        return own | {"fields": fields, "generated": sorted(generated)}
    if isinstance(cls, enum.EnumType):
        members: dict[str, Any] = dict(cls.__members__)
        added = [[name, member.value] for name, member in members.items()]
    elif issubclass(cls, tuple) and "_fields" in items:
        added = [items["_fields"], items["_field_defaults"]]
    else:
        return items
    own = {
        name: item
        for name, item in items.items()
        if not name.startswith("_") or getattr(item, "__module__", None) == cls.__module__
    }
    return own | {"members": added}


def _is_generated(item: object) -> bool:
    """Whether a method was made from a text that is nowhere, under another name."""
    if not isinstance(item, FunctionType):
        return False
    code = inspect.unwrap(item).__code__
    return item.__qualname__ != code.co_qualname and not linecache.getlines(code.co_filename)


def code_content(code: CodeType) -> Any:
    """
    Syntax of a function, the same in every release of Python.

    Formatting, comments, docstrings and annotations are left out; so are decorators, whose effect
    is seen on the function. Where no source belongs to the code, as after typing it at a plain
    prompt or editing its file since the import, its bytecode has to do, which other releases of
    Python compile differently.
    """
    definition = _definition(code)
    if definition is None:
        return {"bytecode": _bytecode(code)}
    [fields] = _outline(definition).values()
    return {name: part for name, part in fields.items() if name != "decorator_list"}


def _definition(code: CodeType) -> _Definition | None:
    """Where code is defined, if compiling its source gives this very code."""
    linecache.checkcache(code.co_filename)
    source = "".join(linecache.getlines(code.co_filename))
    compiled, definitions = _parsed(source, code.co_flags & _FUTURES)
    if code not in compiled:
        return None
    found = [d for d in definitions if _name_and_line(d) == (code.co_name, code.co_firstlineno)]
    if len(found) > 1:
        # lambdas on one line; those around it contain its body, too
        found = [d for d in found if isinstance(d, ast.Lambda) and _evaluates(code, d.body)]
        found = sorted(found, key=lambda d: (d.lineno, d.col_offset))[-1:]
    return found[0] if found else None


@functools.lru_cache(maxsize=64)
def _parsed(source: str, flags: int) -> tuple[frozenset[CodeType], list[_Definition]]:
    """All code and all functions of a source."""
    # cells of a notebook may wait at their top level
    flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
            module = compile(source, "<source>", "exec", flags, dont_inherit=True)
    except (SyntaxError, ValueError):
        return frozenset(), []
    definitions = [node for node in ast.walk(tree) if isinstance(node, _Definition)]
    return frozenset(_nested(module)), definitions


def _nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _nested(constant)


def _name_and_line(definition: _Definition) -> tuple[str, int]:
    if isinstance(definition, ast.Lambda):
        return "<lambda>", definition.lineno
    first = [decorator.lineno for decorator in definition.decorator_list]
    return definition.name, min([definition.lineno, *first])


def _evaluates(code: CodeType, body: ast.expr) -> bool:
    """Whether the code of a lambda lies within an expression."""
    start, end = (body.lineno, body.col_offset), (body.end_lineno, body.end_col_offset)
    spans = [
        ((first, column), (last, last_column))
        for first, last, column, last_column in code.co_positions()
        # an instruction that belongs to the lambda as a whole has no width
        if column is not None and (first, column) != (last, last_column)
    ]
    return bool(spans) and all(start <= first and last <= end for first, last in spans)


def _outline(node: Any) -> Any:
    """
    A syntax tree as JSON, without positions.

    Fields that are empty are left out, since releases of Python add such ones; neither ``ast.dump``
    nor the texts of ``ast.unparse`` or ``tokenize`` stay the same.
    """
    if isinstance(node, list):
        return [_outline(part) for part in node]
    if isinstance(node, ast.Constant):
        value = node.value
        return [type(value).__name__, value if isinstance(value, str) else repr(value)]
    if isinstance(node, ast.arg):
        return node.arg
    if not isinstance(node, ast.AST):
        return node
    fields = {
        name: _outline(part)
        for name, part in ast.iter_fields(node)
        if part not in (None, []) and name not in {"returns", "type_comment"}
    }
    if isinstance(node, ast.JoinedStr):
        # between its parts some releases have empty texts
        parts = fields.get("values", [])
        fields["values"] = [part for part in parts if part != ["str", ""]]
    if isinstance(node, _Documented) and ast.get_docstring(node, clean=False) is not None:
        fields["body"] = fields["body"][1:]
    return {type(node).__name__: fields}


def _bytecode(code: CodeType) -> list[Any]:
    """Everything of a code object that decides what it does; no lines, no file."""
    return [
        code.co_code.hex(),
        code.co_exceptiontable.hex(),
        *map(list, (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)),
        [code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags],
        [_constant(constant) for constant in code.co_consts],
    ]


def _constant(value: object) -> Any:
    if isinstance(value, CodeType):
        return _bytecode(value)
    # sets have another order in every process
    return sorted(map(repr, value)) if isinstance(value, frozenset) else repr(value)


def global_references(code: CodeType, namespace: dict[str, Any]) -> dict[str, Any]:
    """
    What code takes from its module's globals, functions within it included.

    ``helpers.scale`` is followed to what the user's module `helpers` holds under `scale`.
    """
    found = {}
    for chain in sorted({chain for part in _nested(code) for chain in _loaded_names(part)}):
        if chain[0] in namespace:
            used, value = _follow(chain, namespace)
            found[".".join(used)] = value
    return found


def _loaded_names(code: CodeType) -> Iterator[tuple[str, ...]]:
    """Global names, each with the attributes that are looked up on it at once."""
    chain: tuple[str, ...] = ()
    for instruction in dis.get_instructions(code):
        if instruction.opname == "EXTENDED_ARG":
            continue
        if instruction.opname in {"LOAD_ATTR", "LOAD_METHOD"} and chain:
            chain = (*chain, instruction.argval)
            continue
        if chain:
            yield chain
        starts = instruction.opname in {"LOAD_GLOBAL", "LOAD_NAME"}
        chain = (instruction.argval,) if starts else ()


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
