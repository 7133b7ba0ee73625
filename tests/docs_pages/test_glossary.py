"""One meaning for each word, and pages that link it."""

import re
from pathlib import Path

from tests.docs_pages.pages import ROOT, documents, markdown_fences, name_of

GLOSSARY = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
TERMS = re.findall(r"^## (.+)$", GLOSSARY, flags=re.MULTILINE)
WITHOUT = {"docs/glossary.md", "docs/changelog.md", "CHANGELOG.md"}
PAGES = [p for p in documents() if p.suffix == ".md" and name_of(p) not in WITHOUT]

# Words that pages also use as everybody does.
COMMON = {
    "Bracket",
    "Decision",
    "Draw",
    "Family",
    "Gap",
    "Growth",
    "Plan",
    "Prior",
    "Refit",
    "Settled",
    "Share",
    "Size",
    "Slice",
    "Spread",
    "Store",
}
SPELLED = {"Candidates": "candidates?", "Delta": "Δ"}
OTHER_WORDS = re.compile(
    r"(?<![\w-])(centres?|training recipes?|weight samples?)(?![\w-])", re.IGNORECASE
)


def prose_of(text: str) -> str:
    """Without code, formulas, tables, headings, pictures and links."""
    for _, block in markdown_fences(text):
        text = text.replace(block.code, "")
    text = re.sub(r"`[^`]*`|\$\$.*?\$\$|\$[^$]*\$", "", text, flags=re.DOTALL)
    text = re.sub(r"!?\[[^\]]*\]\([^)]*\)", "", text)
    return "\n".join(line for line in text.splitlines() if not line.startswith(("|", "#", "!")))


def unlinked(page: Path) -> list[str]:
    text = page.read_text(encoding="utf-8")
    linked = set(re.findall(r"glossary\.md#([\w-]+)", text))
    prose = prose_of(text)
    return [
        term
        for term in TERMS
        if term not in COMMON
        and re.search(
            rf"(?<![\w-])({SPELLED.get(term, term + 's?')})(?![\w-])", prose, re.IGNORECASE
        )
        and term.lower().replace(" ", "-") not in linked
    ]


def test_terms_are_sorted_and_explained_in_a_sentence_or_two():
    assert sorted(TERMS) == TERMS
    assert not COMMON - set(TERMS)
    for entry in re.split(r"^## .+$", GLOSSARY, flags=re.MULTILINE)[1:]:
        assert 0 < len(entry.split()) < 50, entry


def test_pages_link_the_terms_they_use():
    guide = ROOT / ".github" / "CONTRIBUTING.md"
    assert "glossary.md" in guide.read_text(encoding="utf-8")
    found = [f"{name_of(p)}: {', '.join(unlinked(p))}" for p in PAGES if p != guide and unlinked(p)]
    assert not found, "link the first use to docs/glossary.md:\n" + "\n".join(found)


def test_pages_have_no_second_word_for_a_term():
    found = [
        f"{name_of(page)}: {word}"
        for page in PAGES
        for word in OTHER_WORDS.findall(prose_of(page.read_text(encoding="utf-8")))
    ]
    assert not found
