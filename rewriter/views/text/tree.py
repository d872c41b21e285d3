"""Prints the module tree in a terminal: a line per module, with figures in columns."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from rewriter.modules.analysis import Analysis
from rewriter.modules.module import Module
from rewriter.modules.module_tree import ModuleTree
from rewriter.paths import ModulePath
from rewriter.views.coverage import WOULD_HELP, coverage_phrases, would_help
from rewriter.views.escape import shown_last, visible
from rewriter.views.rows import Row, Rows
from rewriter.views.summary import head_phrases, human, summarize
from rewriter.views.text.parts import ASCII, Signs, bar, emit, fit, flow, signs

_BARS = (8, 4, 0)
"""Widths of the bar of a full share, in cells, in the order in which `_Layout` tries them."""
_GAP = "  "
_SHARE = 4
"""Width of a percentage, in cells."""
_OWN, _TOTAL = "nodes", "all"


def print_tree(
    analysis: Analysis,
    console: Console,
    depth: int | None = None,
    only: Collection[ModulePath] | None = None,
) -> None:
    """Print figures of the file, the number of placed nodes, and the modules.

    If a long tree is shown without restrictions, alike siblings with consecutive numbers (`1 … 11`) share a
    line.

    Args:
        analysis: the model.
        console: the console; lines of the tree do not wrap, names and classes are cut to fit its width.
        depth: show modules down to this depth (the root has 0).
        only: show these modules and their ancestors; None for all.
    """
    flow(console, head_phrases(summarize(analysis)), "bold")
    print_modules(analysis.tree, console, depth, only, analysis.notes, would_help(analysis.model))


def print_modules(
    tree: ModuleTree,
    console: Console,
    depth: int | None = None,
    only: Collection[ModulePath] | None = None,
    notes: Sequence[str] = (),
    remedy: str = WOULD_HELP,
) -> None:
    """Print the number of placed nodes, notes, and the modules of a tree; see `print_tree`."""
    flow(console, coverage_phrases(tree))
    for note in notes:
        flow(console, [note])
    if tree.placements and not any(tree.placements):
        flow(console, [remedy], "dim")
    if len(tree) == 1 and not any(tree.placements):
        return
    rows = list(Rows(tree, depth, only))
    console.print()
    _print_rows(rows, console)
    if any(row.through for row in rows):
        flow(console, ["lines for several modules give the figures of each one of them"], "dim")


@dataclass(frozen=True, slots=True)
class _Line:
    """Cells of one line, as text."""

    guides: str
    name: str
    note: str
    class_name: str
    own: str
    total: str
    parameters: str
    calls: str
    share: float
    style: str
    folding: str


def _print_rows(rows: list[Row], console: Console) -> None:
    mark = signs(console)
    lines = [_line(row, mark) for row in rows]
    layout = _Layout(lines, console.width, mark)
    emit(console, layout.header())
    for line in lines:
        emit(console, layout.text(line))


def _line(row: Row, mark: Signs) -> _Line:
    module = row.module
    guides = "".join(" " * len(mark.bar) if last else mark.bar for last in row.last[:-1])
    if row.last:
        guides += mark.end if row.last[-1] else mark.branch
    notes = [f"{row.alike:,} alike"] if row.through else []
    notes += [f"+{row.hidden:,}"] if row.hidden else []
    return _Line(
        guides=guides,
        name=_name(module, row.through, mark),
        note="".join(f"{_GAP}{note}" for note in notes),
        class_name=visible(module.shown_class or "", ascii_only=mark is ASCII),
        own=f"{len(module.nodes):,}",
        total=f"{module.total_nodes:,}",
        parameters=human(row.parameters) if row.parameters else "",
        calls=f"{mark.times}{module.calls:,}" if module.calls > 1 else "",
        share=row.share,
        style="dim" if row.context else "",
        folding=visible(row.folding, ascii_only=mark is ASCII),
    )


def _name(module: Module, through: Module | None, mark: Signs) -> str:
    ascii_only = mark is ASCII
    name = shown_last(module.path, ascii_only=ascii_only)
    if through is None:
        return name
    return f"{name} {mark.dots} {shown_last(through.path, ascii_only=ascii_only)}"


def _share(share: float | None, width: int, mark: Signs) -> str:
    """Format a share as percentage and bar of up to `width` cells; None gives the title of the column."""
    if share is None:
        return "share".ljust(_SHARE + 1 + width)
    if not share:
        return " " * (_SHARE + 1 + width)
    percent = f"{share:.0%}" if share >= 0.01 else "<1%"
    return f"{percent:>{_SHARE}} {bar(share, width, mark):<{width}}"


class _Layout:
    """Widths of the columns, as wide as the lines need and the console allows.

    The figures keep their width. If space is short, the bar is shortened or dropped first; then the class is
    cut, to a third of the remaining space at least; then the name.
    """

    def __init__(self, lines: list[_Line], width: int, mark: Signs) -> None:
        self.mark = mark
        self.width = width
        self.own = _column([line.own for line in lines], _OWN)
        self.total = _column([line.total for line in lines], _TOTAL)
        self.parameters = _column([line.parameters for line in lines], "params")
        self.calls = _column([line.calls for line in lines], "calls")
        self.class_name = _column([line.class_name for line in lines], "class")
        name = _column([line.guides + line.name + line.note for line in lines], "module")
        wanted = name + (self.class_name and self.class_name + len(_GAP))
        shared = any(line.share for line in lines)
        for self.bar in _BARS if shared else (0,):
            room = width - self._figures()
            if room >= wanted or (room >= 40 and self.bar == _BARS[-2]):
                break
        if wanted > room and self.class_name:
            self.class_name = max(min(self.class_name, max(room // 3, room - name - len(_GAP))), 0)
        self.name = max(min(name, room - (self.class_name and self.class_name + len(_GAP))), 1)

    def _figures(self) -> int:
        columns = (self.own + 1 + self.total, self.parameters, self.calls, self.bar and _SHARE + 1 + self.bar)
        return sum(len(_GAP) + column for column in columns if column)

    def header(self) -> Text:
        """Return the line with the titles of the columns."""
        cells = self._cells("class", (_OWN, _TOTAL), "params", "calls", None)
        return Text(_GAP.join([fit("module", self.name, self.mark.dots), *cells]), "dim")

    def text(self, line: _Line) -> Text:
        """Return a line with its styles."""
        name = Text(fit(line.guides + line.name + line.note, self.name, self.mark.dots), line.style)
        name.stylize("dim", 0, len(line.guides))
        name.stylize("dim", len(line.guides) + len(line.name))
        nodes = (line.own, line.total)
        class_name, *figures = self._cells(line.class_name, nodes, line.parameters, line.calls, line.share)
        class_style = "dim" if self.class_name else line.style
        text = Text(_GAP).join(
            [name, Text(class_name, class_style), *(Text(figure, line.style) for figure in figures)]
        )
        if line.folding:  # the parameters of a folded norm are gone, so these cells are mostly empty
            text.rstrip()
            room = self.width - text.cell_len - len(_GAP)
            text.append(_GAP + fit(line.folding, max(room, 0), self.mark.dots), "dim")
        return text

    def _cells(
        self, class_name: str, nodes: tuple[str, str], parameters: str, calls: str, share: float | None
    ) -> list[str]:
        """Return the cells after the name, for the columns that are shown."""
        cells = [fit(class_name, self.class_name, self.mark.dots)] if self.class_name else []
        cells.append(f"{nodes[0]:>{self.own}}/{nodes[1]:<{self.total}}")
        cells.extend([parameters.rjust(self.parameters)] if self.parameters else [])
        cells.extend([calls.rjust(self.calls)] if self.calls else [])
        cells.extend([_share(share, self.bar, self.mark)] if self.bar else [])
        return cells


def _column(cells: list[str], title: str) -> int:
    """Return the width of a column: that of its widest cell or of its title; 0 if all cells are empty."""
    widest = max(cell_len(cell) for cell in cells)
    return max(widest, len(title)) if widest else 0
