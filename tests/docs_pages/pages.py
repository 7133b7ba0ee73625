"""What the documents hold: their code, links, headings and tables."""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
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


def section_of(text: str, heading: str) -> str:
    """What stands under a heading of any level, up to the next of that level or a higher one."""
    opening = re.search(rf"^(#+) +{re.escape(heading)} *$", text, flags=re.MULTILINE)
    assert opening, f"no heading {heading!r}"
    rest = text[opening.end() :]
    closing = re.search(rf"^#{{1,{len(opening[1])}}} ", rest, flags=re.MULTILINE)
    return rest[: closing.start()] if closing else rest


def tables_of(text: str) -> list[list[list[str]]]:
    """Cells of every table, row by row, the head first and the line under it left out."""
    found: list[list[list[str]]] = [[]]
    for line in text.splitlines():
        if line.startswith("|"):
            cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
            if not set("".join(cells)) <= set("-|"):
                found[-1].append(cells)
        elif found[-1]:
            found.append([])
    return [table for table in found if table]
