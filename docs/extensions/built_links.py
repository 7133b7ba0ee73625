"""Follows every link between the built pages, without a network; a broken one is a warning."""

from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """What a page can be reached by, and what it refers to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect ids, and the targets of links, pictures, styles and scripts."""
        for name, value in attrs:
            if not value:
                continue
            if name == "id" or (tag == "a" and name == "name"):
                self.anchors.add(value)
            elif name in ("href", "src"):
                self.links.add(value)


def broken_links(root: Path, pages: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Page and target of every relative link whose file, or place in it, is not there."""
    known: dict[Path, Page] = {}

    def page_at(path: Path) -> Page:
        if path not in known:
            known[path] = Page(path.read_text(encoding="utf-8"))
        return known[path]

    for name in pages:
        here = (root / name).resolve()
        for link in sorted(page_at(here).links):
            target = urlsplit(link)
            if target.scheme or target.netloc:
                continue  # another site
            path = here
            if target.path:
                path = (here.parent / unquote(target.path)).resolve()
            anchor = unquote(target.fragment)
            found = path.is_file() and path.is_relative_to(root.resolve())
            if found and anchor and path.suffix == ".html":
                found = anchor in page_at(path).anchors
            if not found:
                yield name, link


def follow(app: Any, exception: Exception | None) -> None:
    """Warn of broken links on the pages of this build."""
    if exception is not None or app.builder.format != "html":
        return
    from sphinx.util import logging

    logger = logging.getLogger(__name__)
    pages = sorted(f"{name}.html" for name in app.env.found_docs)
    for page, link in broken_links(Path(app.outdir), pages):
        logger.warning("%s links to %s, which is not there", page, link, type="links")


def setup(app: Any) -> dict[str, bool]:
    """Follow them when all pages are written."""
    app.connect("build-finished", follow)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
