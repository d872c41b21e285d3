"""Prints the statistics of a model in a terminal."""

from __future__ import annotations

from collections.abc import Container, Iterable

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from rewriter.basics.display import counted
from rewriter.insight.figures import Figures
from rewriter.insight.stats import Pattern, Port, Stats
from rewriter.model.index.graph import NONE
from rewriter.modules.module import Module
from rewriter.paths import ROOT, ModulePath
from rewriter.views.coverage import coverage_phrases
from rewriter.views.escape import shown_path, visible
from rewriter.views.json.stats import element_name
from rewriter.views.summary import head_phrases, human, summarize
from rewriter.views.text.parts import ASCII, cut_middle, emit, fit, flow, signs

_MOST = 12
"""Number of operators, inputs, outputs or patterns that a long list shows; a list of one more shows all."""
_WIDE = 120
"""Minimum width of a console, in cells, for the column of operators."""
_HEAD = ("module", "class", "own/all", "params", "bytes", "FLOPs", "own operators")


def print_stats(stats: Stats, console: Console, shown: Container[ModulePath] | None = None) -> None:
    """Print the statistics of a model, and a table of the modules in `shown`; None shows all modules."""
    analysis = stats.analysis
    flow(console, head_phrases(summarize(analysis)), "bold")
    flow(console, coverage_phrases(analysis.tree), label="tree")
    flow(
        console,
        [f"{stats.scoped:,} of {counted(stats.nodes, 'node')} have a scope in their name"],
        label="names",
    )
    times = signs(console).times
    flow(
        console,
        _first([f"{op} {times}{count:,}" for op, count in stats.operators.items()]),
        label="operators",
    )
    inputs, outputs = stats.boundaries[ROOT]
    flow(console, _first(map(_port, inputs)) or ["none"], label="inputs")
    flow(console, _first(map(_port, outputs)) or ["none"], label="outputs")
    flow(console, _flops(stats), label="FLOPs")
    for reason in _first([f"{counted(n, 'node')}: {why}" for why, n in stats.unknown.items()], 4):
        flow(console, [reason], "yellow", label="")
    _print_patterns(stats.patterns, console)
    flow(console, _elements(stats.figures[ROOT]), label="elements")
    if stats.torch:
        flow(console, ["counts otherwise", *stats.torch], label="torch")
    console.print()
    rows = [module for module in analysis.tree if shown is None or module.path in shown]
    _print_table(rows, stats, console)


def _first(phrases: Iterable[str], most: int = _MOST) -> list[str]:
    every = list(phrases)
    rest = len(every) - most
    return every if rest <= 1 else [*every[:most], f"and {rest:,} more"]


def _port(port: Port) -> str:
    known = port.known
    if known is None:
        return f"{port.name} (unknown)"
    dims = "[?]" if known.dims is None else str([dim if dim is not None else "?" for dim in known.dims])
    return f"{port.name} {element_name(known.element) or 'unknown'}{dims.replace(chr(39), '')}"


def _flops(stats: Stats) -> list[str]:
    phrases = [f"{human(stats.flops)} known"]
    if any(body.owner != NONE for body in stats.analysis.graph.bodies):
        phrases.append("every branch and one iteration of every Loop and Scan count")
    if stats.unknown:
        unknown = sum(stats.unknown.values())
        phrases.append(f"unknown for {counted(unknown, 'node')}{stats.mend}")
    return phrases + ([stats.fault] if stats.fault else [])


def _print_patterns(patterns: tuple[Pattern, ...], console: Console) -> None:
    times = signs(console).times
    lines = [
        f"{pattern.name} {times}{pattern.times} {_shapes(pattern)} {'/'.join(pattern.dtypes)}, "
        f"{_counted(pattern)}"
        for pattern in patterns
    ]
    for number, line in enumerate(_first(lines)):
        flow(console, [line], label="" if number else "weights")


def _counted(pattern: Pattern) -> str:
    """Describe the elements of a pattern; those of tensors in earlier modules are not counted again."""
    if not pattern.shared:
        return human(pattern.count)
    if pattern.shared == pattern.times:
        return "shared with a module above"
    return f"{human(pattern.count)}, {pattern.shared:,} of them shared with modules above"


def _elements(figures: Figures) -> list[str]:
    """Describe the number of elements of all tensors of the file, by role."""
    counts = (
        (figures.parameters, "parameters"),
        (figures.buffers, "buffers"),
        (figures.constants, "constants"),
    )
    return [f"{human(total)} in {kind}" for (_, total), kind in counts if total] or ["none"]


def _shapes(pattern: Pattern) -> str:
    first = str(list(pattern.shapes[0]))
    return (
        first
        if len(pattern.shapes) == 1
        else f"{first} and {counted(len(pattern.shapes) - 1, 'other shape')}"
    )


def _print_table(rows: list[Module], stats: Stats, console: Console) -> None:
    """Print one line per module; a text that is too long for its column loses its middle."""
    lines = [_cells(module, stats.figures[module.path], console) for module in rows]
    widths = [max(cell_len(line[column]) for line in [list(_HEAD), *lines]) for column in range(len(_HEAD))]
    wide = console.width >= _WIDE
    numbers = sum(widths[2:6]) + 2 * 5
    rest = max(console.width - numbers - (_WIDE // 4 if wide else 0), 20)
    widths[1] = min(widths[1], rest // 3)
    widths[0] = min(widths[0], rest - widths[1] - 2)
    widths[6] = max(console.width - numbers - widths[0] - widths[1] - 4, 0)
    dots = signs(console).dots
    for number, line in enumerate([list(_HEAD), *lines]):
        shown = [fit(cut_middle(cell, widths[n], dots), widths[n], dots) for n, cell in enumerate(line[:2])]
        shown += [cell.rjust(widths[n + 2]) for n, cell in enumerate(line[2:6])]
        shown += [cut_middle(line[6], widths[6], dots)] if wide else []
        emit(console, Text("  ".join(shown), "bold" if not number else ""))


def _cells(module: Module, figures: Figures, console: Console) -> list[str]:
    mark = signs(console)
    operators = [f"{op} {mark.times}{count}" if count > 1 else op for op, count in figures.operators.items()]
    cells = [
        shown_path(module.path),
        module.plain_class or "",
        f"{figures.nodes[0]}/{figures.nodes[1]}",
        _figure(figures.parameters[1]),
        _figure(figures.parameter_bytes[1]),
        _figure(figures.flops[1]) + ("+?" if figures.unknown[1] else ""),
        ", ".join(operators),
    ]
    return [visible(cell, ascii_only=mark is ASCII) for cell in cells]


def _figure(count: int) -> str:
    return human(count) if count else ""
