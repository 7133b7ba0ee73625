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
from types import CodeType, ModuleType
from typing import Any

# What Python and torch (which numbers autograd functions) add to a class as it is defined.
_INCIDENTAL = {"__annotate__", "__annotate_func__", "_autograd_function_id", "_backward_cls"}
_FUTURES = sum(getattr(__future__, name).compiler_flag for name in __future__.all_feature_names)
_Documented = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
# Name, line and column that tell a function from all others of a file.
Place = tuple[str, int, int]


@functools.cache
def library_of(module_name: object) -> dict[str, str] | None:
    """Release that a module belongs to; None for the user's own code, which may change."""
    # what runs as a script is the user's, even if a tool runs it whose own file is in a package
    if not isinstance(module_name, str) or module_name == "__main__":
        return None
    top = module_name.partition(".")[0]
    if top in sys.stdlib_module_names:
        return {}
    file = Path(getattr(sys.modules.get(module_name), "__file__", None) or "")
    if not {"site-packages", "dist-packages"} & set(file.parts):
        return None
    # a package may be installed again, changed, with the version it had
    text = file.read_bytes() if file.suffix == ".py" else b""
    version = str(getattr(sys.modules.get(top), "__version__", ""))
    return {"version": version, "file": hashlib.sha256(text).hexdigest()}


def class_items(cls: type) -> dict[str, Any]:
    """What the author of a class wrote into it, by name; the same in every release of Python."""
    items = {name: item for name, item in sorted(vars(cls).items()) if _is_written(name, item)}
    if "__dataclass_fields__" in vars(cls):
        params = vars(cls)["__dataclass_params__"]
        items["__dataclass_params__"] = [params.init, params.eq, params.order, params.frozen]
        items["__dataclass_fields__"] = [
            [field.name, field.default, field.default_factory, field.init, field.compare]
            for field in dataclasses.fields(cls)
        ]
    elif isinstance(cls, enum.EnumType):
        members: dict[str, Any] = dict(cls.__members__)
        items = {name: item for name, item in items.items() if name not in members}
        items["__members__"] = [[name, member.value] for name, member in members.items()]
    return items


def _is_written(name: str, item: Any) -> bool:
    """Whether an item of a class is its author's, and not Python's or its library's."""
    if name in _INCIDENTAL or not (name.startswith("_") and name.endswith("_")):
        return name not in _INCIDENTAL
    item = getattr(item, "fget", getattr(item, "__func__", item))
    value = inspect.unwrap(item)
    home, code = getattr(value, "__module__", None), getattr(value, "__code__", None)
    if code is not None and code.co_filename == "<string>":
        # methods of dataclasses and named tuples are made from a text, under another name
        return bool(item.__qualname__ == code.co_qualname)
    return home is not None and library_of(home) != {}


def code_content(code: CodeType) -> Any:
    """
    Syntax of a function, the same in every release of Python.

    Formatting, comments, docstrings and annotations are left out; so are decorators, whose effect
    is seen on the function. Where no source belongs to the code, as after typing it at a plain
    prompt or editing its file since the import, its bytecode has to do, which other releases of
    Python compile differently.
    """
    linecache.checkcache(code.co_filename)
    source = "".join(linecache.getlines(code.co_filename))
    compiled, definitions = _parsed(source, code.co_flags & _FUTURES)
    definition = definitions.get(_place(code))
    if code not in compiled or definition is None:
        return {"bytecode": _bytecode(code)}
    [fields] = _outline(definition).values()
    return {name: part for name, part in fields.items() if name != "decorator_list"}


@functools.lru_cache(maxsize=64)
def _parsed(source: str, flags: int) -> tuple[frozenset[CodeType], dict[Place, ast.AST]]:
    """All code and all functions of a source."""
    # cells of a notebook may wait at their top level
    flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
            module = compile(source, "<source>", "exec", flags, dont_inherit=True)
    except (SyntaxError, ValueError):
        return frozenset(), {}
    definitions: dict[Place, ast.AST] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Lambda):
            definitions["<lambda>", node.body.lineno, node.body.col_offset] = node
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            first = min(part.lineno for part in (node, *node.decorator_list))
            definitions[node.name, first, 0] = node
    return frozenset(_nested(module)), definitions


def _nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _nested(constant)


def _place(code: CodeType) -> Place:
    """Where a function is defined: its first line, or the first expression of a lambda."""
    if code.co_name != "<lambda>":
        return code.co_name, code.co_firstlineno, 0
    starts = [
        (line, column)
        for line, last, column, end in code.co_positions()
        # an instruction that belongs to the lambda as a whole has no width
        if line is not None and column is not None and (line, column) != (last, end)
    ]
    return (code.co_name, *min(starts, default=(0, 0)))


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
    if not isinstance(node, ast.AST):
        return node
    fields = {
        name: _outline(part)
        for name, part in ast.iter_fields(node)
        if part not in (None, []) and name not in {"annotation", "returns", "type_comment"}
    }
    if isinstance(node, ast.JoinedStr):
        # between its parts some releases have empty texts
        fields["values"] = [part for part in fields.get("values", []) if part != ["str", ""]]
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
    """What code and functions within it take from globals, and from the user's modules there."""
    found = {}
    for first, *rest in (chain for part in _nested(code) for chain in _loaded_names(part)):
        if first not in namespace:
            continue
        path, value = first, namespace[first]
        for name in rest:
            own = isinstance(value, ModuleType) and library_of(value.__name__) is None
            if not own or not hasattr(value, name):
                break
            path, value = f"{path}.{name}", getattr(value, name)
        found[path] = value
    return found


def _loaded_names(code: CodeType) -> list[list[str]]:
    """Global names, each with the attributes that are looked up on it at once."""
    chains: list[list[str]] = []
    follows = False
    for instruction in dis.get_instructions(code):
        if instruction.opname in {"LOAD_GLOBAL", "LOAD_NAME"}:
            chains.append([instruction.argval])
            follows = True
        elif instruction.opname in {"LOAD_ATTR", "LOAD_METHOD"} and follows:
            chains[-1].append(instruction.argval)
        elif instruction.opname != "EXTENDED_ARG":
            follows = False
    return chains
