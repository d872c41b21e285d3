"""Prints the differences between two models in a terminal: the first divergence, then a short tree."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from textwrap import wrap

from rich.console import Console
from rich.text import Text

from rewriter.basics.display import counted
from rewriter.insight.comparison.module_diff import Diff, ModuleDiff
from rewriter.paths import ROOT, ModulePath
from rewriter.views.escape import shorten, visible
from rewriter.views.text.differences.module_lines import change_lines, figures_of
from rewriter.views.text.differences.sentences import compared_phrases, headline, notes_of
from rewriter.views.text.parts import ASCII, Signs, emit, flow, page_width, signs

_LONGEST = 240
"""Maximum number of characters of one change."""
_NARROWEST = 20
_NUMBERED = re.compile(r"(.*?)(\d{1,9})", re.DOTALL)


@dataclass(slots=True)
class _Entry:
    """Module in the printed tree, or several alike siblings: those from `name` to `through`."""

    name: str
    figures: str = ""
    style: str = ""
    changes: list[str] = field(default_factory=list)
    below: list[_Entry] = field(default_factory=list)
    through: str = ""
    alike: int = 1
    look: int = 0
    """A key, equal for entries that are printed alike, with all entries below, except for their own names."""


def print_diff(
    found: Diff, console: Console, chosen: frozenset[ModulePath] | None = None, *, everything: bool = False
) -> None:
    """Print the first divergence of two models, figures of the comparison, and the modules that differ.

    Without `everything`, modules that diverge only because of their inputs or submodules are not listed,
    except the first divergence; without `chosen`, they are counted.

    Args:
        found: the differences.
        console: the console.
        chosen: show only these modules, by path in either model; None for no restriction.
        everything: whether to show all modules, equal ones too, with their numbers.
    """
    sign, style = (signs(console).yes, "green") if found.equal else (signs(console).no, "bold red")
    line = visible(f"{sign} {headline(found)}", ascii_only=signs(console) is ASCII)
    console.print(Text(line, style), soft_wrap=True)  # one line, however narrow the terminal
    flow(console, compared_phrases(found))
    for note in notes_of(found):
        flow(console, [note], "dim")
    shown = [each for each in found.modules if is_shown(found, each, chosen, everything=everything)]
    if not shown:
        return
    console.print()
    _print_tree(_entries(found, shown, signs(console), everything=everything), console)
    if everything or chosen is not None:
        return
    left_out = sum(each.diverges(found.tolerance) for each in found.modules) - sum(
        each.diverges(found.tolerance) for each in shown
    )
    if left_out > 0:
        behind = f"{counted(left_out, 'more module')} after or around these diverge; --all shows every one"
        flow(console, [behind], "dim")


def is_shown(
    found: Diff,
    module: ModuleDiff,
    chosen: frozenset[ModulePath] | None = None,
    *,
    everything: bool = False,
) -> bool:
    """Whether a module is listed, see `print_diff`."""
    if chosen is not None and not module.pair.is_among(chosen):
        return False
    if everything:
        return True
    first = found.first
    own = module.is_cause(found.tolerance)
    explained = not module.changed and module.path in found.around_causes
    return module.changed or (first is not None and module.path == first.path) or (own and not explained)


def _entries(found: Diff, shown: Sequence[ModuleDiff], mark: Signs, *, everything: bool) -> _Entry:
    """Return the root of a tree with the shown modules and their ancestors."""
    root = _Entry("(root)")
    made: dict[ModulePath, _Entry] = {ROOT: root}

    for module in shown:
        for path in (*reversed(tuple(module.path.ancestors())), module.path):
            if path not in made:
                made[path] = _Entry(visible(path.name, ascii_only=mark is ASCII))
                made[path.parent or ROOT].below.append(made[path])
        _describe(made[module.path], found, module, mark, everything=everything)
    looks: dict[object, int] = {}
    for entry in reversed(made.values()):  # submodules come after their ancestors
        below = tuple((each.name, each.look) for each in entry.below)
        entry.look = looks.setdefault((entry.figures, entry.style, *entry.changes, below), len(looks))
    return root


def _describe(entry: _Entry, found: Diff, module: ModuleDiff, mark: Signs, *, everything: bool) -> None:
    entry.figures, entry.style = figures_of(found, module, everything=everything)
    lines = change_lines(module)
    entry.changes = [shorten(visible(line, ascii_only=mark is ASCII), _LONGEST, mark.dots) for line in lines]


def _print_tree(root: _Entry, console: Console) -> None:
    mark = signs(console)
    stack: list[tuple[_Entry, str, str]] = [(root, "", "")]
    while stack:
        entry, guides, inner = stack.pop()
        name = entry.name
        if entry.through:
            name = f"{entry.name} {mark.dots} {entry.through} ({entry.alike} alike)"
        text = Text.assemble((guides, "dim"), (name, entry.style))
        fits = text.cell_len + 2 + len(entry.figures) <= console.width
        emit(console, Text.assemble(text, f"  {entry.figures}" if entry.figures and fits else ""))
        below = _merged(entry.below)
        bar = mark.bar if below else " " * len(mark.bar)
        room = max(page_width(console) - len(inner + bar), _NARROWEST)
        for line in (*([] if fits else [entry.figures]), *entry.changes):
            for piece in wrap(line, room, subsequent_indent="  "):
                emit(console, Text.assemble((inner + bar, "dim"), piece))
        for position in range(len(below) - 1, -1, -1):
            last = position == len(below) - 1
            branch, rest = (mark.end, " " * len(mark.bar)) if last else (mark.branch, mark.bar)
            stack.append((below[position], inner + branch, inner + rest))


def _merged(entries: Sequence[_Entry]) -> list[_Entry]:
    """Merge neighbours that are printed alike and have consecutive numbers."""
    merged: list[_Entry] = []
    for entry in entries:
        last = merged[-1] if merged else None
        if last and _follows(last.through or last.name, entry.name) and last.look == entry.look:
            last.through = entry.name
            last.alike += 1
        else:
            merged.append(entry)
    return merged


def _follows(left: str, right: str) -> bool:
    before, after = _NUMBERED.fullmatch(left), _NUMBERED.fullmatch(right)
    return bool(before and after and before[1] == after[1] and int(before[2]) + 1 == int(after[2]))
