"""The blocks of docs/recipes.md, run as users would run them."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from tests import forks

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "recipes.md").read_text("utf-8")


def blocks(title: str) -> list[tuple[str, str]]:
    """Language and text of the blocks in a section."""
    (section,) = [part for part in PAGE.split("\n## ") if part.startswith(title)]
    found = re.findall(r"```(\w+)\n(.*?)\n```", section, flags=re.DOTALL)
    assert found
    return found


def run(language: str, text: str, folder: Path) -> str:
    """What a block prints; it fails where the block does."""
    tools = folder / ".bin"
    tools.mkdir(exist_ok=True)
    forks.program(tools / "rewriter", "-m", "rewriter")
    forks.program(tools / "python")
    environment = os.environ | {
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
    }
    start = [str(tools / "python")] if language == "python" else ["bash", "-euo", "pipefail"]
    words = [*start, "-c", text]
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
    return done.stdout
