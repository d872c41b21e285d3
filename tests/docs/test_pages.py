"""What the pages say holds: their blocks run and print what is shown, and their links lead somewhere.

`python docs/refresh.py` puts what is printed now into the pages.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click import Context

from rewriter.cli import _VERBS, cli
from tests.docs.blocks import blocks
from tests.docs.running import DOCS, PAGES, ROOT, Folder, missing, pages_that_run, runs_elsewhere
from tests.news import news, other

UNWRITTEN: set[str] = set()
"""Verbs whose page is still to be written; take a name out when there is one."""


SETTINGS = ("json", "toml", "yaml")
"""Fences that hold settings for other programs, which cannot run."""


def name_of(page: Path) -> str:
    return page.relative_to(DOCS).as_posix()


def with_needs(page: Path) -> str:
    """The name, with the packages that some of its blocks need, so that `-k 'needs and torch'` finds them."""
    needed = {name: None for block in blocks(page.read_text("utf-8")) for name in block.needs}
    return " ".join((name_of(page), *(["needs", *needed] if needed else [])))


@pytest.mark.parametrize("page", pages_that_run(), ids=with_needs)
def test_blocks_print_what_the_page_shows(page: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    folder = Folder(tmp_path / "reader")
    skipped = []
    for block in blocks(page.read_text("utf-8")):
        if block.not_run:
            continue
        if lacking := missing(block):
            skipped.append(f"line {block.line} needs {', '.join(lacking)}")
            continue
        where = f"{name_of(page)}, line {block.line}"
        try:
            printed = folder.run(block)
            told = f"{where}: python docs/refresh.py shows what changed\n{block.code}\nnow prints:\n{printed}"
            assert block.agrees(printed), told
        except AssertionError:
            if not (others := other(*block.tools)):
                raise
            news(request.node, f"docs/{where}: another output with {', '.join(others)}")
    if skipped:
        pytest.skip(f"docs/{name_of(page)}: {'; '.join(skipped)}; all other blocks ran")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_block_is_one_that_runs(page: Path) -> None:
    """A fence that the runner does not know would rot; one without a language is a drawing."""
    text = page.read_text("utf-8")
    if test := runs_elsewhere(page):
        assert page.name in (ROOT / test).read_text("utf-8"), f"{test} does not name it"
        return
    opened = re.findall(r"^ *```(.*)$", text, flags=re.MULTILINE)[::2]
    known = blocks(text)
    named = [f"{block.language} file={block.file}" if block.file else block.language for block in known]
    assert [opening for opening in opened if opening not in ("", "text", *SETTINGS)] == named
    assert opened.count("text") == sum(bool(block.shown) for block in known), "text without a block above it"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    assert [link for link in links if link and not (page.parent / link).exists()] == []
    included = re.findall(r'^--8<-- "([^":]+)', text, flags=re.MULTILINE)
    assert [name for name in included if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_included_lines_are_whole_tables(page: Path) -> None:
    """A line added above the table of a result file would shift the included range."""
    text = re.sub(r"`[^`]*`", "", page.read_text("utf-8"))
    for name, first, last in re.findall(r'^--8<-- "([^":]+):(\d+):(\d+)"$', text, flags=re.MULTILINE):
        marks = [line.startswith("|") for line in (ROOT / name).read_text("utf-8").splitlines()]
        start, stop = int(first) - 1, int(last)
        assert all(marks[start:stop]), f"{name}:{first}:{last} has other lines than those of a table"
        assert not any(marks[start - 1 : start] + marks[stop : stop + 1]), f"{name}:{first}:{last} is cut"


@pytest.mark.parametrize("page", sorted((DOCS / "verbs").glob("*.md")), ids=name_of)
def test_options_exist(page: Path) -> None:
    """Prose may not name an option that no verb has; outputs may, of other tools."""
    known = {"--help", "--debug", "--limit", "--version"}
    for verb in _VERBS:
        command = cli.get_command(Context(cli), verb)
        assert command is not None
        known.update(text for each in command.params for text in (*each.opts, *each.secondary_opts))
    text = re.sub(r"```text.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text)) - known == set()


def test_every_verb_has_a_page_that_says_what_it_does_not_do() -> None:
    pages = {page.stem: page.read_text("utf-8") for page in (DOCS / "verbs").glob("*.md")}
    assert set(_VERBS) - UNWRITTEN - set(pages) == set()
    assert UNWRITTEN & set(pages) == set()
    assert [name for name in _VERBS if name in pages and "## What it does not do" not in pages[name]] == []
    listed = (ROOT / "mkdocs.yml").read_text("utf-8")
    assert [name for name in pages if f"verbs/{name}.md" not in listed] == []
