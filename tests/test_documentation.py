"""README and documentation keep their word: their code runs."""

import ast
import textwrap
from importlib.util import find_spec

import pytest

from tests.docs_pages.pages import (
    Block,
    anchors_of,
    code_of,
    documents,
    links_of,
    markdown_code,
    name_of,
    rst_code,
    section_of,
    tables_of,
)

WITH_CODE = [path for path in documents() if code_of(path)]
SLOW = {"README.md"}  # measures with the defaults, as a newcomer would
PAGES = [
    pytest.param(path, marks=[pytest.mark.slow] * (name_of(path) in SLOW), id=name_of(path))
    for path in WITH_CODE
]


# What the page of comparisons compares with.
OPTIONAL = {"curvlinops", "dataeval", "loss_landscapes"}


def missing_for(code: str) -> set[str]:
    """Packages that a block of code imports and that need not be installed, and are not."""
    nodes = list(ast.walk(ast.parse(code)))
    names = [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module]
    names += [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    return {name for name in OPTIONAL & {n.split(".")[0] for n in names} if not find_spec(name)}


# What the package warns of, a reader of the page is warned of, too: doubts about small runs.
@pytest.mark.filterwarnings("ignore::sufficiency.SufficiencyWarning")
# What curvlinops is built on compiles with torch.jit.
@pytest.mark.filterwarnings("ignore:.?torch.jit:FutureWarning")
@pytest.mark.filterwarnings("ignore:.?torch.jit:DeprecationWarning")
@pytest.mark.parametrize("path", PAGES)
def test_code_runs(path, tmp_path, monkeypatch, require_module, request):
    """All blocks of a page in order, in one namespace, as a reader would paste them."""
    monkeypatch.chdir(tmp_path)
    if "dask" in path.read_text(encoding="utf-8"):
        request.getfixturevalue("forked_dask_workers")
    # joblib's workers get functions and classes of __main__ by value
    namespace = {"__name__": "__main__"}
    left_out = set()
    for block in code_of(path):
        if missing := missing_for(block.code):
            left_out |= missing
            continue
        # as many empty lines as stand before it, so that a traceback points into the page
        source = "\n" * (block.line - 1) + block.code
        exec(compile(source, str(path), "exec"), namespace)  # the project's own pages
    for name in sorted(left_out):
        require_module(name)  # the rest ran; in CI nothing may be left out


def test_pages_are_found():
    names = {name_of(path) for path in documents()}
    assert {"README.md", "CHANGELOG.md", "docs/index.md", "docs/reference.rst"} <= names
    assert {"README.md", "docs/quickstart.md"} <= {name_of(path) for path in WITH_CODE}


def test_blocks_may_need_what_is_not_installed(monkeypatch):
    monkeypatch.setitem(globals(), "OPTIONAL", {"numpy", "no_such_package"})
    assert missing_for("import numpy\nfrom no_such_package.part import x") == {"no_such_package"}
    assert missing_for("import no_such_package.part as p") == {"no_such_package"}
    assert not missing_for("import other\nfrom numpy import ones")


def test_collector_of_markdown_code():
    text = textwrap.dedent("""\
        ```python
        a = 1
        ```
        1. item
           ```{code-block} python
           b = 2
           ```
        ```text
        not code
        ```
        ````markdown
        ```python
        shown, not run
        ```
        ````
        """)
    assert markdown_code(text) == [Block(2, "a = 1"), Block(6, "b = 2")]


def test_collector_of_rst_code():
    text = textwrap.dedent("""\
        .. code-block:: python
           :caption: x

           a = 1
           b = 2

        Text.

        .. code-block:: text

           not code
        """)
    (block,) = rst_code(text)
    assert block.code.strip() == "a = 1\nb = 2"
    assert block.line + block.code.splitlines().index("a = 1") == 4


def test_collector_of_links():
    text = "[a](b.md#c) ![d](<e f.png>) `[x](y)` [g](https://h.org 'i')\n```text\n[no](no)\n```\n"
    assert links_of(text) == ["b.md#c", "e f.png", "https://h.org"]
    assert links_of("![d](e.png) [a](b%20c.md)") == ["e.png", "b%20c.md"]
    assert anchors_of("# What Δ is, and is not\n## `fit` it\n") == {
        "what-δ-is-and-is-not",
        "fit-it",
    }


def test_collector_of_sections_and_tables():
    table = "| x | y |\n|---|---|\n| 1 | `2` |"
    text = f"# A\n\n## B\n\n{table}\n\n### C\n\nmore\n\n## D\n\n| z |\n|---|\n"
    assert section_of(text, "B").split()[-1] == "more"
    assert section_of(text, "D").strip().startswith("| z |")
    assert tables_of(text) == [[["x", "y"], ["1", "`2`"]], [["z"]]]
