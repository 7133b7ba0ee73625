"""Links are followed without a network: here in the sources, by Sphinx on the built pages."""

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.docs_pages.pages import (
    ROOT,
    anchors_of,
    documents,
    links_of,
    name_of,
)

DOCS, EXAMPLES = ROOT / "docs", ROOT / "examples"
MARKDOWN = [path for path in documents() if path.suffix == ".md"]
SCRIPTS = sorted(EXAMPLES.rglob("plot_*.py"))
RST = [DOCS / "reference.rst", *sorted(EXAMPLES.rglob("*.rst"))]


def source_of(path: Path) -> Path:
    """The script or header that sphinx-gallery makes a page of; any other file itself."""
    gallery = DOCS / "auto_examples"
    if not path.is_relative_to(gallery):
        return path
    inside = EXAMPLES / path.relative_to(gallery)
    return (
        inside.with_name("GALLERY_HEADER.rst")
        if inside.stem == "index"
        else inside.with_suffix(".py")
    )


OTHER_SITE = re.compile(r"[a-z][a-z0-9+.-]*:")


def links() -> Iterator[tuple[Path, str]]:
    for path in MARKDOWN:
        for link in links_of(path.read_text(encoding="utf-8")):
            yield path, link


def leads_somewhere(path: Path, link: str) -> bool:
    target, _, anchor = unquote(link).partition("#")
    file = source_of((path.parent / target).resolve()) if target else path
    if not file.exists() or not file.is_relative_to(ROOT):
        return False
    return not anchor or anchor in anchors_of(file.read_text(encoding="utf-8"))


def test_relative_links_lead_somewhere():
    inside = [(path, link) for path, link in links() if not OTHER_SITE.match(link)]
    broken = [f"{name_of(p)}: {link}" for p, link in inside if not leads_somewhere(p, link)]
    assert len(inside) > 100
    assert not broken


def test_other_sites_are_named_in_full():
    outside = [(path, link) for path, link in links() if OTHER_SITE.match(link)]
    assert outside
    for path, link in outside:
        address, where = urlsplit(link), f"{name_of(path)}: {link}"
        assert address.scheme == "https", where
        assert re.fullmatch(r"[\w-]+(\.[\w-]+)+", address.netloc), where
        assert not link.endswith((".", ",")), where


ROLE = re.compile(r":(?P<role>doc|ref|download):`(?:[^`<]*<)?(?P<target>[^`<>]+)>?`")


def broken_roles(path: Path) -> Iterator[str]:
    text = path.read_text(encoding="utf-8")
    labels = set(re.findall(r"^\.\. _([\w-]+):$", text, flags=re.MULTILINE))
    labels |= {"sphx_glr_auto_examples_" + "_".join(p.relative_to(EXAMPLES).parts) for p in SCRIPTS}
    for found in ROLE.finditer(text):
        target = found["target"]
        start = DOCS if target.startswith("/") or path.is_relative_to(DOCS) else path.parent
        file = (start / target.lstrip("/")).resolve()
        there = {
            "ref": target in labels,
            "doc": any(file.with_name(file.name + kind).is_file() for kind in (".md", ".rst")),
            "download": file.is_file(),
        }
        if not there[found["role"]]:
            yield f"{name_of(path)}: {target}"


def test_roles_of_restructured_text_lead_somewhere():
    assert not [fault for path in (*SCRIPTS, *RST) for fault in broken_roles(path)]


TOCTREE = re.compile(r"^```\{toctree\}\n(?P<body>.*?)^```", re.DOTALL | re.MULTILINE)


def test_every_page_stands_in_one_table_of_contents():
    pages = {DOCS / "auto_examples" / "index"}
    pages |= {p.with_suffix("") for p in documents() if p.is_relative_to(DOCS)}
    pages = {page for page in pages if "_templates" not in page.parts} - {DOCS / "index"}
    entries = [
        path.parent / line
        for path in MARKDOWN
        for tree in TOCTREE.finditer(path.read_text(encoding="utf-8"))
        for line in tree["body"].splitlines()
        if line and not line.startswith(":")
    ]
    assert sorted(entries) == sorted(pages)


@pytest.fixture(scope="module")
def checker():
    """The extension that follows the links of the built pages."""
    path = DOCS / "extensions" / "built_links.py"
    spec = importlib.util.spec_from_file_location("built_links", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_broken_links_of_built_pages_are_found(checker, tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.html").write_text(
        '<h1 id="top"><a href="sub/b%20c.html#here">x</a><a href="#top">y</a>'
        '<a href="sub/b%20c.html#gone">z</a><img src="no.png"><a href="https://example.org/#x">'
        '<a href="../outside.html">',
        encoding="utf-8",
    )
    (tmp_path / "sub" / "b c.html").write_text(
        '<a name="here" href="../a.html#nowhere">', encoding="utf-8"
    )
    (tmp_path.parent / "outside.html").touch()
    assert list(checker.broken_links(tmp_path, ["a.html", "sub/b c.html"])) == [
        ("a.html", "../outside.html"),
        ("a.html", "no.png"),
        ("a.html", "sub/b%20c.html#gone"),
        ("sub/b c.html", "../a.html#nowhere"),
    ]


def test_definitions_are_rendered_where_they_are_written():
    written = any(re.search(r"^: ", p.read_text(encoding="utf-8"), re.MULTILINE) for p in MARKDOWN)
    assert written
    assert '"deflist"' in (DOCS / "conf.py").read_text(encoding="utf-8")


def test_sphinx_follows_them_and_takes_warnings_for_errors():
    assert '"built_links"' in (DOCS / "conf.py").read_text(encoding="utf-8")
    assert re.search(r"sphinx .*-W ", (ROOT / "Makefile").read_text(encoding="utf-8"))
