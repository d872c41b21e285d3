"""How the package is laid out: every file is found from its name."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest

import rewriter

ROOT = Path(rewriter.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))
MOST_FILES = 14


@pytest.mark.parametrize("folder", sorted({path.parent for path in MODULES}), ids=lambda f: f.name)
def test_a_folder_is_read_at_a_glance(folder: Path) -> None:
    files = [path.name for path in folder.iterdir() if path.is_file()]
    assert len(files) <= MOST_FILES, sorted(files)


def test_no_folder_shadows_a_public_function() -> None:
    folders = {path.parent.name for path in MODULES if path.parent.parent == ROOT}
    functions = {name for name in rewriter.__all__ if callable(getattr(rewriter, name))}
    assert not folders & functions


def test_every_class_has_a_name_of_its_own() -> None:
    names = Counter(
        node.name
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.ClassDef)
    )
    assert [name for name, count in names.items() if count > 1] == []


def test_every_folder_says_what_it_holds() -> None:
    for path in ROOT.rglob("__init__.py"):
        assert ast.get_docstring(ast.parse(path.read_bytes())), path
