"""The site builds without a warning, and the notebook runs; both where what makes them is installed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib import util
from pathlib import Path

import pytest

from tests.docs.running import DOCS, ROOT, Folder

TOUR = DOCS / "notebooks" / "tour.ipynb"


def needs(*packages: str) -> pytest.MarkDecorator:
    lacking = [name for name in packages if util.find_spec(name) is None]
    return pytest.mark.skipif(bool(lacking), reason=f"without {', '.join(lacking)}: pip install '.[docs]'")


def build(source: Path, site: Path) -> subprocess.CompletedProcess[str]:
    """Build a site; with `--quiet`, mkdocs counts no warning and so leaves with 0 whatever is wrong."""
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)]
    # Material announces its end of support there; its pages are built by the version that is installed.
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(words, cwd=source, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("site")
    done = build(ROOT, path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stderr
    return path


@needs("mkdocs")
@pytest.mark.parametrize("link", ["there.md", "gone.md", "picture.svg"])
def test_a_dead_link_fails_the_build(link: str, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "mkdocs.yml").write_text("site_name: A site\n")
    (tmp_path / "docs" / "index.md").write_text(f"# Page\n\n[A link]({link})\n")
    (tmp_path / "docs" / "there.md").write_text("# Other page\n")
    done = build(tmp_path, tmp_path / "site")
    assert (done.returncode == 0) == (link == "there.md"), done.stderr


@needs("mkdocs")
def test_a_bracket_without_a_link_ends() -> None:
    from docs.hooks import LINK

    open_bracket = "a list [of " + "`names` and " * 60
    assert LINK.sub("", open_bracket) == open_bracket
    assert LINK.sub(r"\3", "see [`a[0]` of it](../core/run.py)") == "see core/run.py"


@needs("mkdocs", "material", "mkdocstrings")
def test_the_site_is_whole(site: Path) -> None:
    signatures = re.sub(r"<[^>]+>", "", (site / "api.html").read_text("utf-8"))
    assert [name for name in ("load", "rewrite", "verify", "report") if f"\n{name}(" not in signatures] == []
    compared = (site / "compare.html").read_text("utf-8")
    assert compared.count("<td") > 60, "the measured tables are in it"
    assert (site / "results" / "accuracy.html").exists()
    assert (site / "results" / "speed.svg").read_bytes().startswith(b"<svg")
    assert 'href="../certificate.html"' in (site / "results" / "mutants.html").read_text("utf-8")


@needs("mkdocs", "material", "mkdocstrings")
def test_the_site_needs_no_other_site(site: Path) -> None:
    """No font, script or picture comes from elsewhere: nobody is told who reads the pages."""
    fetched = r"<(?:(?:img|script|iframe)[^>]* src|link[^>]*stylesheet[^>]* href)=\"?(https?:[^\" >]+)"
    found = {url for page in site.rglob("*.html") for url in re.findall(fetched, page.read_text("utf-8"))}
    assert found == set()


@needs("nbclient", "ipykernel")
def test_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import nbformat
    from nbclient import NotebookClient

    folder = Folder(tmp_path / "reader")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    notebook = nbformat.read(TOUR, as_version=4)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(folder.path)}}).execute()
    shown = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert not [output for output in shown if output.output_type == "error"]
    assert any("BertLayer" in output.get("data", {}).get("text/html", "") for output in shown)
    assert any("BertLayer" in output.get("data", {}).get("text/plain", "") for output in shown)


def test_the_notebook_is_kept_without_outputs() -> None:
    text = TOUR.read_text("utf-8")
    assert len(text) < 10_000
    assert set(re.findall(r'"outputs": (.*?),?\n', text)) == {"[]"}
    assert set(re.findall(r'"execution_count": (.*?),\n', text)) == {"null"}
