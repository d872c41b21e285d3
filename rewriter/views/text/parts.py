"""Helpers of the printed views: signs, cells, and phrases arranged in lines."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from rewriter.views.escape import shorten, visible

_LONGEST = 1000
"""Maximum number of characters of a phrase, since a file may contain names of any length."""
UNCUT = 10_000
"""Width of a console whose lines are as long as they need: a pipe or a file."""
_PAGE = 80
LABEL_WIDTH = 10
"""Width of the label before a line, in cells, including the gap."""


class Signs(NamedTuple):
    """Characters that the views draw with."""

    dot: str
    dots: str
    times: str
    yes: str
    no: str
    unknown: str
    branch: str
    end: str
    bar: str
    bars: str
    """Parts of a cell in equal steps, ascending; the last is a full cell."""


UNICODE = Signs("·", "…", "×", "✓", "✗", "?", "├─ ", "└─ ", "│  ", "▏▎▍▌▋▊▉█")  # noqa: RUF001
ASCII = Signs("-", "...", "x", "*", "!", "?", "|- ", "`- ", "|  ", "#")


def bar(share: float, width: int, mark: Signs) -> str:
    """Draw a positive share as a bar of at most `width` cells, and of one step at least."""
    steps = len(mark.bars)
    full, rest = divmod(max(1, round(min(share, 1.0) * width * steps)), steps)
    return mark.bars[-1] * full + (mark.bars[rest - 1] if rest else "")


def signs(console: Console) -> Signs:
    """Return the signs that a console can show."""
    return ASCII if console.options.ascii_only else UNICODE


def fit(text: str, width: int, dots: str) -> str:
    """Fit a text into exactly `width` cells: pad it, or cut it and mark the cut with `dots`."""
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    if width <= cell_len(dots):
        return dots[:width]
    return set_cell_size(text, width - cell_len(dots)) + dots


def cut_middle(text: str, width: int, dots: str) -> str:
    """Cut a text to at most `width` cells by replacing its middle with `dots`."""
    if cell_len(text) <= width:
        return text
    kept = max(width - cell_len(dots), 0)
    end = ""
    for character in reversed(text):
        if cell_len(character) + cell_len(end) > kept // 2:
            break
        end = f"{character}{end}"
    start = set_cell_size(text, kept - kept // 2).rstrip()
    return f"{start}{dots[:width]}{end}"


def uncut_without_terminal(console: Console) -> Console:
    """Make lines as long as they need if stdout is no terminal and COLUMNS is not set: programs read them."""
    if "COLUMNS" not in os.environ and not sys.stdout.isatty():
        console.width = UNCUT
    return console


def page_width(console: Console) -> int:
    """Return the width of running text: that of the console, but of a page if it is `UNCUT`."""
    return _PAGE if console.width >= UNCUT else console.width


def emit(console: Console, text: Text) -> None:
    """Print one line without wrapping it and without trailing blanks."""
    text.rstrip()
    console.print(text, no_wrap=True, overflow="crop", crop=True)


def flow(console: Console, phrases: Iterable[str], style: str = "", label: str | None = None) -> None:
    """Print phrases, separated by `Signs.dot`; lines break between phrases if possible.

    Args:
        console: the console.
        phrases: the phrases, which may contain text of a model: they are escaped and shortened here.
        style: style of the phrases.
        label: text before the first line, in `LABEL_WIDTH` cells; further lines are indented by these cells.
            None for no indent.
    """
    mark = signs(console)
    safe = [shorten(visible(phrase, ascii_only=mark is ASCII), _LONGEST, mark.dots) for phrase in phrases]
    margin = 0 if label is None else LABEL_WIDTH
    width = page_width(console) - margin
    for number, line in enumerate(_lines(safe, width, f" {mark.dot} ")):
        head = label if label is not None and not number else ""
        for piece in Text(line, style).wrap(console, max(width, 10)):
            emit(console, Text.assemble((head.ljust(margin), "dim"), piece))
            head = ""


def _lines(phrases: Sequence[str], width: int, separator: str) -> list[str]:
    lines: list[str] = []
    for phrase in phrases:
        longer = f"{lines[-1]}{separator}{phrase}" if lines else phrase
        if lines and cell_len(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(phrase)
    return lines
