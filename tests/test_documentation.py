"""README and documentation keep their word: the code runs, the links lead somewhere."""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).resolve().parent.parent
MADE_BY_SPHINX = {"_build", "auto_examples", "generated"}


def documents() -> list[Path]:
    pages = [
        path
        for suffix in ("md", "rst")
        for path in (ROOT / "docs").rglob(f"*.{suffix}")
        if not MADE_BY_SPHINX & set(path.relative_to(ROOT / "docs").parts)
        and path.name != "sg_execution_times.rst"
    ]
    top = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / ".github" / "CONTRIBUTING.md"]
    return sorted(pages + top)


@dataclass(frozen=True)
class Block:
    """Code of a document, and the line its first line stands on."""

    line: int
    code: str


# A fence may be indented, and a longer one may hold shorter ones.
FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>`{3,})(?P<info>[^`\n]*)$")
DIRECTIVE = re.compile(r"^(?P<indent> *)\.\. (?:code-block|code|sourcecode):: *python *$")


def markdown_fences(text: str) -> Iterator[tuple[str, Block]]:
    """Every fenced block with its info string."""
    lines = text.splitlines()
    number = 0
    while number < len(lines):
        opening = FENCE.match(lines[number])
        number += 1
        if not opening:
            continue
        start, indent, ticks = number, len(opening["indent"]), opening["ticks"]
        while number < len(lines) and not re.fullmatch(rf" *`{{{len(ticks)},}} *", lines[number]):
            number += 1
        code = "\n".join(line[indent:] for line in lines[start:number])
        yield opening["info"].strip(), Block(start + 1, code)
        number += 1


def markdown_code(text: str) -> list[Block]:
    """Fences of Python, and what `{code-block} python` holds."""
    found = []
    for info, block in markdown_fences(text):
        language = info.removeprefix("{code-block}").strip()
        if language.split(" ")[0] == "python":
            found.append(block)
    return found


def rst_code(text: str) -> list[Block]:
    lines = text.splitlines()
    found = []
    for number, line in enumerate(lines):
        directive = DIRECTIVE.match(line)
        if not directive:
            continue
        depth = len(directive["indent"])
        body = []
        for inner in lines[number + 1 :]:
            if inner.strip() and len(inner) - len(inner.lstrip()) <= depth:
                break
            body.append(inner)
        # options and the empty line that ends them
        options = next((i for i, inner in enumerate(body) if not inner.lstrip().startswith(":")), 0)
        code = textwrap.dedent("\n".join(body[options:]))
        found.append(Block(number + 2 + options, code))
    return found


def code_of(path: Path) -> list[Block]:
    text = path.read_text(encoding="utf-8")
    return markdown_code(text) if path.suffix == ".md" else rst_code(text)


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


WITH_CODE = [path for path in documents() if code_of(path)]
SLOW = {"README.md"}  # measures with the defaults, as a newcomer would
PAGES = [
    pytest.param(path, marks=[pytest.mark.slow] * (name_of(path) in SLOW), id=name_of(path))
    for path in WITH_CODE
]


# What the package warns of, a reader of the page is warned of, too: doubts about small runs.
@pytest.mark.filterwarnings("ignore::sufficiency.SufficiencyWarning")
@pytest.mark.parametrize("path", PAGES)
def test_code_runs(path, tmp_path, monkeypatch):
    """All blocks of a page in order, in one namespace, as a reader would paste them."""
    monkeypatch.chdir(tmp_path)
    # joblib's workers get functions and classes of __main__ by value
    namespace = {"__name__": "__main__"}
    for block in code_of(path):
        # as many empty lines as stand before it, so that a traceback points into the page
        source = "\n" * (block.line - 1) + block.code
        exec(compile(source, str(path), "exec"), namespace)  # the project's own pages


def links_of(text: str) -> list[str]:
    """Targets of Markdown links and images outside of code."""
    prose = text
    for _, block in markdown_fences(text):
        prose = prose.replace(block.code, "")
    prose = re.sub(r"`[^`\n]*`", "", prose)
    found = re.findall(r"\]\((?:<([^<>\n]+)>|([^()<>\s]+))(?: [^()\n]*)?\)", prose)
    return [angled or plain for angled, plain in found]


def anchors_of(text: str) -> set[str]:
    """Anchors that GitHub and MyST give to headings."""
    headings = re.findall(r"^#+ +(.+?) *#*$", text, flags=re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()) for heading in headings)
    return {heading.strip().replace(" ", "-") for heading in plain}


MARKDOWN = [path for path in documents() if path.suffix == ".md"]


@pytest.mark.parametrize("path", MARKDOWN, ids=name_of)
def test_relative_links_lead_somewhere(path):
    text = path.read_text(encoding="utf-8")
    broken = []
    for link in links_of(text):
        if re.match(r"[a-z][a-z0-9+.-]*:", link):
            continue  # another site
        target, _, anchor = unquote(link).partition("#")
        file = path.parent / target if target else path
        inside = file.exists() and file.resolve().is_relative_to(ROOT)
        if not inside or (anchor and anchor not in anchors_of(file.read_text(encoding="utf-8"))):
            broken.append(link)
    assert not broken


def test_pages_are_found():
    names = {name_of(path) for path in documents()}
    assert {"README.md", "CHANGELOG.md", "docs/index.md", "docs/reference.rst"} <= names
    assert {"README.md", "docs/quickstart.md"} <= {name_of(path) for path in WITH_CODE}


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
