"""Writes the tables of options into the pages, from where they are declared: python -m docs.option_tables."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from rewriter.adapters.options import PIPELINE_OPTIONS
from rewriter.basics.option_declaration import Option, options_of
from rewriter.options.verbs import VERBS, options_of_verb

DOCS = Path(__file__).parent
BEGIN, END = "<!-- options -->\n", "<!-- end of options -->\n"
BEFORE = "## What it does not do\n"
"""The heading that a table of a verb stands before."""


def table(rows: Iterable[tuple[str, str, str]]) -> str:
    """Options, each with its default and what it does."""
    lines = ("| " + " | ".join(cell.replace("|", r"\|") for cell in row) + " |" for row in rows)
    return "\n".join(["| option | default | |", "|---|---|---|", *lines]) + "\n"


def typed(options: Iterable[Option]) -> Iterator[tuple[str, str, str]]:
    """Rows of options as the command line has them; its arguments are told by the usage line."""
    for option in options:
        if not option.positional:
            words = [word for word in (option.short, option.flag, option.switch) if word]
            value = "" if option.kind is bool else f" {_value(option)}"
            yield f"`{', '.join(words)}{value}`", _default(option, option.said), option.help


def keywords(options: Iterable[Option]) -> Iterator[tuple[str, str, str]]:
    """Rows of options as Python and JSON have them."""
    for option in options:
        yield f"`{option.name}`", _default(option, json.dumps), option.help


def _value(option: Option) -> str:
    return option.metavar or "|".join(option.choices) or option.kind.__name__.upper()


def _default(option: Option, said: type | object) -> str:
    assert callable(said)
    plain = option.default is None or option.default in ((), "", False)
    on = option.kind is bool and option.default
    return "required" if option.required else "" if plain else "on" if on else f"`{said(option.default)}`"


def refreshed(page: str, rows: Iterable[tuple[str, str, str]], before: str = "") -> str:
    """The page with the table of now, at its place or, in a page of a verb, before a heading."""
    if BEGIN not in page:
        page = page.replace(before, f"## Options\n\n{BEGIN}{END}\n{before}", 1)
    written = f"{BEGIN}\n{table(rows)}\n{END}"
    return re.sub(f"{BEGIN}.*?{END}", lambda _: written, page, count=1, flags=re.DOTALL)


def pages() -> Iterator[tuple[Path, str]]:
    """Every page with a table, as it should be."""
    for verb in VERBS:
        path = DOCS / "verbs" / f"{verb}.md"
        rows = list(typed(options_of(options_of_verb(verb))))
        if rows:
            yield path, refreshed(path.read_text("utf-8"), rows, BEFORE)
    path = DOCS / "adapters.md"
    yield path, refreshed(path.read_text("utf-8"), keywords(PIPELINE_OPTIONS))


if __name__ == "__main__":
    for path, page in pages():
        path.write_text(page, "utf-8")
