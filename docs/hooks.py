"""What mkdocs needs to be told: pages that live outside of `docs/`, and links to files that are no page.

Links in the pages are those of the repository, so that they work where it is browsed. In the site, those to
measured results lead to pages made of them; other files of the repository are named without a link.
"""

from __future__ import annotations

import re
import subprocess
from contextlib import suppress
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
OUTSIDE = {
    **{
        f"benchmarks/results/{path.name}": f"results/{path.name}"
        for path in ROOT.glob("benchmarks/results/*.md")
    },
    "fixtures/README.md": "fixtures.md",
}
"""File of the repository -> page of the site."""
PICTURES = {
    f"benchmarks/results/{path.name}": f"results/{path.name}"
    for path in ROOT.glob("benchmarks/results/*.svg")
}
"""File of the repository -> picture of the site."""
LINK = re.compile(r"(?<!!)\[((?:[^\[\]`]|`[^`]*`)*)\]\(((?:\.\./)+)([^)\s]+)\)")
"""Code and other text share no first character: else a `[` without its link takes exponential time."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages and pictures that live elsewhere."""
    for source, page in OUTSIDE.items():
        text = (ROOT / source).read_text("utf-8")
        title = "" if text.startswith("# ") else f"# {Path(source).stem.capitalize()}\n\n"
        made = File.generated(config, page, content=title + text + _date(source))
        made.inclusion = InclusionLevel.NOT_IN_NAV
        files.append(made)
    for source, picture in PICTURES.items():
        files.append(File.generated(config, picture, abs_src_path=str(ROOT / source)))
    return files


def _date(source: str) -> str:
    """When a file last changed; nothing where that is not known, as outside of a repository."""
    words = ["git", "log", "-1", "--format=%as", "--", source]
    with suppress(OSError):
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode == 0 and done.stdout.strip():
            return f"\n\n*Last changed on {done.stdout.strip()}.*\n"
    return ""


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links to the repository into links of the site, or into names."""
    here = Path(page.file.src_uri).parent

    def link(match: re.Match[str]) -> str:
        target, _, anchor = match[3].partition("#")
        if len(match[2]) // 3 <= len(here.parts):
            return match[0]  # within docs
        page = OUTSIDE.get(target, target.removeprefix("docs/") if target.startswith("docs/") else "")
        if not page:
            return match[1]
        up = "../" * len(here.parts)
        return f"[{match[1]}]({up}{page}{f'#{anchor}' if anchor else ''})"

    # A block that is a file shows its name; other words behind the language are for the tests alone.
    named = re.sub(r"^```(\w+) file=(\S+)$", r'```\1 title="\2"', markdown, flags=re.MULTILINE)
    named = re.sub(r"^```(\w+) \w+$", r"```\1", named, flags=re.MULTILINE)
    return LINK.sub(link, named)
