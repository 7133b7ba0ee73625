"""The reference holds every public name, and no other; what pages refer to exists."""

import re
from collections import Counter
from importlib import import_module

from tests.docs_pages.pages import ROOT, documents, name_of

REFERENCE = (ROOT / "docs" / "reference.rst").read_text(encoding="utf-8")

# Modules that users may import from.
PUBLIC = [
    "sufficiency",
    "sufficiency.curvature",
    "sufficiency.curves",
    "sufficiency.datasets",
    "sufficiency.deltas",
    "sufficiency.exceptions",
    "sufficiency.landscape",
    "sufficiency.models",
    "sufficiency.plotting",
    "sufficiency.probes",
    "sufficiency.sizing",
    "sufficiency.theory",
]


def listed_names() -> list[tuple[str, str]]:
    """Module and name of everything that the reference lists."""
    found, module, inside = [], "", False
    for line in REFERENCE.splitlines():
        if directive := re.fullmatch(r"\.\. currentmodule:: (\S+)", line):
            module = directive[1]
        if line and not line.startswith(" "):
            inside = line == ".. autosummary::"
        elif inside and (name := re.fullmatch(r" {3}(\w+)", line)):
            found.append((module, name[1]))
    return found


def test_every_listed_name_exists():
    for module, name in listed_names():
        assert name in import_module(module).__all__, f"{module}.{name}"


def test_every_public_name_is_listed():
    listed = {id(getattr(import_module(home), name)) for home, name in listed_names()}
    missing = [
        f"{module}.{name}"
        for module in PUBLIC
        for name in import_module(module).__all__
        if id(getattr(import_module(module), name)) not in listed
    ]
    assert not missing


def test_no_name_is_listed_twice():
    objects = Counter(id(getattr(import_module(home), name)) for home, name in listed_names())
    assert max(objects.values()) == 1


ROLE = re.compile(r"\{(?:py:)?(?P<kind>meth|func|class|attr|mod|exc)\}`(?P<target>[^`]+)`")
MARKDOWN = [path for path in documents() if path.suffix == ".md"]


def resolve(target: str) -> object:
    """The object of a dotted name whose modules come first."""
    module, _, rest = target.partition(".")
    found: object = import_module(module)
    for name in filter(None, rest.split(".")):
        module = f"{module}.{name}"
        found = getattr(found, name) if hasattr(found, name) else import_module(module)
    return found


def unresolved(pattern: re.Pattern[str]) -> list[str]:
    """What pages refer to and the package does not have."""
    missing = []
    for path in MARKDOWN:
        for found in pattern.finditer(path.read_text(encoding="utf-8")):
            target = found["target"].split("<")[-1].strip("~>")
            try:
                resolve(target)
            except (ImportError, AttributeError):
                missing.append(f"{name_of(path)}: {target}")
    return missing


def test_roles_refer_to_what_exists():
    assert not unresolved(ROLE)


def test_names_in_the_prose_exist():
    """`sufficiency.module.name`, as pages mention it."""
    assert not unresolved(re.compile(r"`(?P<target>sufficiency(?:\.\w+)+)`"))
