"""The guide for contributors tells the truth about the tree."""

import ast
import re
from pathlib import Path

from tests.docs_pages.pages import ROOT, section_of, tables_of
from tests.test_architecture import PACKAGE, STATIONS

PAGE = (ROOT / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8")
HOUSE, QUESTIONS = tables_of(section_of(PAGE, "Where things are"))


def defined_in(path: Path) -> set[str]:
    """Functions, classes and module variables."""
    names = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names


def test_the_house_is_the_one_that_imports_follow():
    helpers = {"exceptions", "__init__", "__main__"}
    stations = [s for s in STATIONS if s not in helpers and not s.startswith("_")]
    listed = [row[0].strip("`").removesuffix("/").removesuffix(".py") for row in HOUSE[1:]]
    assert listed == stations


def test_questions_lead_to_a_definition():
    assert len(QUESTIONS[1:]) >= 12
    missing = []
    for _, file, name in QUESTIONS[1:]:
        path = PACKAGE / file.strip("`")
        if not path.is_file() or name.strip("`") not in defined_in(path):
            missing.append(f"{file}: {name}")
    assert not missing, "it has moved; say where"


def test_recipes_name_files_and_definitions_that_exist():
    recipes = section_of(PAGE, "To add …")
    files = set(re.findall(r"`((?:sufficiency|docs|tests)/[\w./-]+)`", recipes))
    files -= {"sufficiency/probes/x.py", "tests/probes/test_x.py"}  # the example of a new one
    assert not [file for file in files if not (ROOT / file).exists()]
    everywhere = {name for path in PACKAGE.rglob("*.py") for name in defined_in(path)}
    names = set(re.findall(r"`([A-Za-z_]\w+)`", recipes))
    assert not names - everywhere


def test_a_question_touches_few_files():
    (question,) = re.findall(r"^\*\*A question\*\*.*?\n\n", PAGE, flags=re.MULTILINE | re.DOTALL)
    assert len(set(re.findall(r"`(sufficiency/[\w/]+\.py)`", question))) <= 5
