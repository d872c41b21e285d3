"""Prints the modules to keep in float32, and the figures of half precision by module."""

from __future__ import annotations

import math
from collections.abc import Iterable

from rich.console import Console
from rich.text import Text

from rewriter.basics.display import counted
from rewriter.insight.half_precision.module_precision import ModulePrecision, Precision
from rewriter.paths import ModulePath
from rewriter.views.escape import visible
from rewriter.views.text.parts import ASCII, flow, signs

_MOST = 10
"""Maximum number of modules that stay in half precision and are listed, without `everything`."""


def print_precision(
    found: Precision,
    console: Console,
    chosen: frozenset[ModulePath] | None = None,
    *,
    everything: bool = False,
) -> None:
    """Print the result, the modules to keep in float32, and the modules with the largest errors.

    Args:
        found: the result.
        console: the console.
        chosen: list only these modules; None for no restriction.
        everything: whether to list all modules.
    """
    mark = signs(console)
    sign, style = (mark.yes, "green") if found.fits else (mark.no, "bold red")
    line = visible(f"{sign} {headline(found)}", ascii_only=mark is ASCII)
    console.print(Text(line, style), soft_wrap=True)
    flow(console, _phrases(found))
    for note in notes_of(found):
        flow(console, [note], "dim")
    shown = _shown(found, chosen, everything=everything)
    if not shown:
        return
    console.print()
    _print_table(shown, console)
    left = len(found.modules) - len(shown)
    if left and chosen is None:
        flow(console, [f"{counted(left, 'more module')} with smaller errors; --all shows every one"], "dim")


def headline(found: Precision) -> str:
    """Describe the result in one line."""
    if found.skipped is not None:
        return f"nothing measured: {found.skipped}"
    but = f" but {counted(found.fixed, 'node')}" if found.fixed else ""
    all_of = f"with all{but} in {found.to}, {_outputs(found.error)}"
    if found.error_kept is None:
        return f"no module needs fp32: {all_of}"
    kept = f"keep {counted(len(found.kept), 'module')} of {len(found.modules):,} in fp32"
    if not found.fits:
        return f"{kept}, and {_outputs(found.error_kept)} even so; {all_of}"
    return f"{kept}: {_outputs(found.error_kept)} then; {all_of}"


def _outputs(error: float) -> str:
    if not math.isfinite(error):
        return "outputs are not finite where those in fp32 are"
    return f"outputs are off by {_figure(error)}"


def _phrases(found: Precision) -> list[str]:
    name = found.analysis.path.name if found.analysis.path else "(model in memory)"
    phrases = [name, f"{counted(len(found.modules), 'module')} with own nodes"]
    if found.skipped is None:
        phrases.append(f"{counted(found.runs, 'input set')}, tolerance {found.tolerance:g}, relative")
    return phrases


def notes_of(found: Precision) -> Iterable[str]:
    """Yield remarks that qualify the result."""
    if found.skipped is not None:
        return
    yield f"simulated: every operand and result is rounded to {found.to}, and nodes compute in fp32"
    if found.fixed:
        yield f"{counted(found.fixed, 'node')} in or with graph bodies, or in functions, are not rounded"
    if found.unmeasured:
        yield f"errors of some modules are not known: {found.unmeasured}"


def _shown(
    found: Precision, chosen: frozenset[ModulePath] | None, *, everything: bool
) -> list[ModulePrecision]:
    if chosen is not None:
        return [module for module in found.modules if module.path in chosen]
    if everything:
        return list(found.modules)
    rest = sorted((m for m in found.modules if not m.kept), key=lambda m: -_error(m))[:_MOST]
    listed = {id(module) for module in (*(m for m in found.modules if m.kept), *rest)}
    return [module for module in found.modules if id(module) in listed]


def _error(module: ModulePrecision) -> float:
    return -1.0 if module.error is None else module.error


def _print_table(modules: list[ModulePrecision], console: Console) -> None:
    """Print one line for each module, with its name last, since names may be long."""
    heads = ("keep", "error", "largest", "over", "to zero", "module")
    rows = [_row(module, console) for module in modules]
    widths = [max(len(row[at]) for row in (heads, *rows)) for at in range(len(heads) - 1)]
    for number, row in enumerate((heads, *rows)):
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:-1], widths[1:], strict=True)]
        style = "dim" if not number else "bold red" if row[0] else ""
        line = Text("  ".join((*cells, row[-1])), style)
        console.print(line, soft_wrap=True)  # names are whole, however narrow the terminal


def _row(module: ModulePrecision, console: Console) -> tuple[str, ...]:
    of = module.range
    return (
        ("range" if module.overflows else "error") if module.kept else "",
        "" if module.error is None else _figure(module.error),
        _figure(of.largest) if of.elements else "",
        f"{of.over:,}" if of.over else "",
        _share(of.lost, of.elements),
        visible(str(module.path or "(root)"), ascii_only=signs(console) is ASCII),
    )


def _share(part: int, whole: int) -> str:
    if not part:
        return ""
    share = 100 * part / whole
    return f"{share:.0f}%" if share >= 1 else "<1%"


def _figure(number: float) -> str:
    return f"{number:.2g}" if math.isfinite(number) else "infinite"
