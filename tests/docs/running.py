"""Runs the blocks of a page as a reader would: one after the other, in one folder, each a process of its own.

The folder begins with the files that `docs/examples.md` makes of the fixtures. `rewriter` and `python` are
those of this interpreter and this source tree; what a block prints is its stdout and stderr as they come.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from importlib import util
from pathlib import Path

from tests import forks
from tests.docs.blocks import Block, blocks
from tests.processes import PATIENCE

ROOT = Path(__file__).resolve().parent.parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
SETUP = DOCS / "examples.md"
_ELSEWHERE = re.compile(r"^<!-- run by (tests/\S+) -->$", flags=re.MULTILINE)
WIDTH = 80
"""Columns of the terminal; what fits a page without scrolling."""


class Folder:
    """A folder with the files of the examples, in which blocks run.

    Args:
        path: where; it is empty.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        programs = path.parent / f"{path.name}.programs"
        programs.mkdir()
        for name, words in {"rewriter": ("-P", "-m", "rewriter"), "python": ("-P",)}.items():
            forks.program(programs / name, *words)
        self._python = str(programs / "python")
        self.environment = {
            **os.environ,
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "COLUMNS": str(WIDTH),
            "NO_COLOR": "1",
            "LC_ALL": "C.UTF-8",
        }
        setup = SETUP.read_text("utf-8")
        for name in re.findall(r"fixtures/\S+\.onnx", setup):
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, path / name)
        for block in blocks(setup):
            assert self.run(block) == "", f"{SETUP}: its blocks make files and print nothing"

    def run(self, block: Block) -> str:
        """What a block prints; one that is a file is written.

        Raises:
            AssertionError: it fails.
        """
        if block.file:
            (self.path / block.file).write_text(block.code, "utf-8")
            return ""
        language = {"sh": ("bash", "-euo", "pipefail"), "python": (self._python,)}[block.language]
        done = subprocess.run(
            [*language, "-c", block.code],
            cwd=self.path,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, f"leaves with {done.returncode}:\n{block.code}\n{done.stdout}"
        return "\n".join(line.rstrip() for line in done.stdout.strip("\n").splitlines())


def runs_elsewhere(page: Path) -> str:
    """The test that runs a page's blocks in place of this runner, which the page names; empty for none."""
    found = _ELSEWHERE.search(page.read_text("utf-8"))
    return found[1] if found else ""


def pages_that_run() -> list[Path]:
    """The pages with blocks, but for the one that makes the files, and those that another test runs."""
    with_blocks = [page for page in PAGES if page != SETUP and blocks(page.read_text("utf-8"))]
    return [page for page in with_blocks if not runs_elsewhere(page)]


def missing(block: Block) -> list[str]:
    """The packages that a block needs and that are not installed."""
    return [name for name in block.needs if util.find_spec(name) is None]
