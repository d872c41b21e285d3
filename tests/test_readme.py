"""What README.md says holds: its Python runs, its output is what is printed, its links lead somewhere."""

from __future__ import annotations

import re
from importlib import util
from pathlib import Path

import pytest

from tests import forks

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text("utf-8")


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)\n```", text, flags=re.DOTALL)


def without_figures(text: str) -> str:
    """The text without seconds and sizes, which differ from run to run and by the length of paths."""
    return re.sub(r"(?:took|written) .*", "", text, flags=re.DOTALL)


@pytest.mark.parametrize("code", blocks("python"))
def test_python_runs(code: str) -> None:
    done = forks.run("-c", code, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert "query" in done.stdout


def test_output_is_what_the_commands_print() -> None:
    spec = util.spec_from_file_location("refresh_readme", ROOT / "docs" / "refresh_readme.py")
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    report, tree = blocks("text", module.refreshed(README))
    ours, shown = blocks("text")
    assert without_figures(ours) == without_figures(report)
    assert shown == tree


def test_links_lead_somewhere() -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert len(links) > 5
    assert [link for link in links if not (ROOT / link).exists()] == []
