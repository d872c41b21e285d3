"""Prints the differences between two models in a terminal: the first divergence, then a short tree."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from textwrap import wrap

from rich.console import Console
from rich.text import Text

from rewriter.basics.display import counted
from rewriter.evidence.trace.module_run import ModuleRun
from rewriter.insight.comparison.call_numbers import CallNumbers
from rewriter.insight.comparison.divergence import Divergence
from rewriter.insight.comparison.module_diff import Diff, ModuleDiff
from rewriter.insight.comparison.module_pairs import Common
from rewriter.insight.comparison.structural_diff import Aspect, Change
from rewriter.modules.analysis import Analysis
from rewriter.paths import ROOT, ModulePath
from rewriter.runtime.compare.value_pairs import Pair
from rewriter.views.escape import shorten, visible
from rewriter.views.text.parts import ASCII, Signs, emit, flow, page_width, signs

_MOST_CHANGES = 6
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


def headline(found: Diff) -> str:
    """Describe the result in one line: first divergence or equality; else the modules or outputs."""
    if found.unrelated and found.common is not None:
        return _unrelated_text(found.common)
    modules = "the modules differ" if found.changed else "no module differs"
    if found.numbers is None or found.numbers.skipped is not None:
        return f"{modules}, and no numbers were taken: {found.numbers.skipped}" if found.numbers else modules
    if found.first is not None:
        return f"first divergence: {divergence_text(found.first)}"
    if not (found.equal or found.numbers.random_calls(found.tolerance)):
        return "the models have other outputs, which cannot be compared"
    equal = f"equal within {found.tolerance:g}, relative, at "
    random = len(found.numbers.random_calls(found.tolerance))
    equal += counted(len(found.numbers.calls) - random, "call")
    if not random:
        return equal
    apart = f"{counted(random, 'call')} differ, by random numbers that both models draw"
    return f"not known: {apart}; {equal}"


def _unrelated_text(common: Common) -> str:
    modules = f"{common.modules:,} of {counted(common.of_modules, 'module')}"
    parameters = f"{common.parameters:,} of {counted(common.of_parameters, 'parameter')}"
    return f"the models seem unrelated: {modules} and {parameters} of one are in the other"


def divergence_text(first: Divergence) -> str:
    """Describe a divergence: `encoder.layer.1, call 0, max 0.013 (relative 0.4)`."""
    where = f"{first.path or '(root)'}, call {first.call}"
    _, *iterations = first.worst.began[0] if first.worst.began else (0,)
    if iterations:
        where += f", first in iteration {'.'.join(map(str, iterations))} (from 0)"
    largest, relative = first.figures
    made = ", made there" if first.own and first.measured else ""
    return f"{where}, max {_figure(largest)} (relative {_figure(relative)}){made}"


def compared_phrases(found: Diff) -> list[str]:
    """Describe the comparison: the files, numbers of modules by way of matching, the runs."""
    phrases = [" -> ".join(_name(each) for each in (found.before, found.after))]
    phrases += [f"{counted(count, 'module')} matched by {how}" for how, count in found.matched.items()]
    gone, added = sum(m.gone for m in found.modules), sum(m.added for m in found.modules)
    phrases += [f"{gone:,} gone"] if gone else []
    phrases += [f"{added:,} added"] if added else []
    changed = sum(bool(m.changes) for m in found.modules)
    phrases += [f"{changed:,} changed"] if changed else []
    if found.numbers is not None and found.numbers.skipped is None:
        phrases.append(f"{counted(found.numbers.runs, 'input set')}, tolerance {found.tolerance:g}")
    return phrases


def _name(side: Analysis | ModuleRun) -> str:
    if isinstance(side, ModuleRun):
        return side.name
    return side.path.name if side.path else "(model in memory)"


def notes_of(found: Diff) -> Iterable[str]:
    """Yield remarks that qualify the result."""
    if found.carried:
        yield "the second model was made from the first, so the tree of the first was carried over to it"
    yield from _notes_of_cause(found)
    if found.unmatched:
        names = ", ".join(found.unmatched[:3]) + (", ..." if len(found.unmatched) > 3 else "")
        count = counted(len(found.unmatched), "module")
        yield f"not compared, since the file does not have them: {count} of torch ({names})"
    nothing = [m for m in found.modules if any(not c.comparable and _gives(c) for c in m.calls)]
    if nothing:
        yield f"not comparable, since no output has a counterpart of its shape: {_some(nothing)}"
    if found.unrecorded:
        why = "their graph body did not run, or their outputs cannot be recorded"
        calls = sum(count for _, count in found.unrecorded)
        modules = _some([module for module, _ in found.unrecorded])
        yield f"not compared, since {why}: {counted(calls, 'call')} of {modules}"
    if found.half and found.measured:
        yield (
            "half precision: onnxruntime computes much of it in single precision on a CPU, so other devices "
            "may give other numbers"
        )
    if found.unseen:
        yield f"not compared, since all their results are in functions: {_some(found.unseen)}"


def _notes_of_cause(found: Diff) -> Iterable[str]:
    """Yield what is not known of the first divergence, and what random numbers explain."""
    first, numbers = found.first, found.numbers
    if first is None and numbers is not None and numbers.random_calls(found.tolerance):
        yield (
            "from equal draws, all calls compute equal values; whether both models draw from one "
            "distribution is not compared"
        )
    if first is None or numbers is None or (first.own and first.measured):
        return
    reason = f": {numbers.unmeasured}" if numbers.unmeasured else ""
    if first.own:
        yield f"its inputs agree; whether it makes the error or enlarges smaller ones is not known{reason}"
    elif (largest := numbers.largest_local()) is None or numbers.unmeasured:
        yield f"the inputs of this module differ as well, and no earlier module shows the cause{reason}"
    else:
        yield (
            f"no module makes an error above {found.tolerance:g} by itself: errors add up. The largest is "
            f"made in {largest.path or '(root)'}, call {largest.call}: relative {_figure(largest.figures[1])}"
        )


def _some(modules: Sequence[ModuleDiff]) -> str:
    names = ", ".join(str(module.path or "(root)") for module in modules[:3])
    more = ", ..." if len(modules) > 3 else ""
    return f"{counted(len(modules), 'module')} ({names}{more})"


def _gives(call: CallNumbers) -> bool:
    return bool(call.outputs.only_before or call.outputs.only_after)


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


def figures_of(found: Diff, module: ModuleDiff, *, everything: bool = False) -> tuple[str, str]:
    """Return the figures of a module as text, and the style of its name."""
    if module.added or module.gone:
        return ("added", "green") if module.added else ("gone", "red")
    style, other = "", module.pair.after
    phrases = [f"is {other} there"] if other is not None and other != module.path else []
    if (worst := module.worst) is not None and (pair := worst.outputs.worst) is not None:
        if worst.diverges(found.tolerance):
            style = "bold red" if found.first and found.first.path == module.path else "yellow"
        call = f" at call {worst.call}" if len(module.calls) > 1 and pair.max_abs else ""
        figures = f"max {_figure(pair.max_abs)} (relative {_figure(pair.relative)})"
        if everything or worst.diverges(found.tolerance):
            phrases.append((figures if pair.max_abs else "equal") + call)
            phrases += origin_of(found, module, pair)
    elif any(_gives(call) for call in module.calls):
        phrases.append("not comparable")
    return ", ".join(phrases), style


_MOST_OF, _NEXT_TO_NONE = 0.9, 0.01
"""Shares of a deviation: a local error that is most of it, and one that counts as none."""


def origin_of(found: Diff, module: ModuleDiff, pair: Pair) -> list[str]:
    """Describe where the deviation of an output comes from; nothing if that is not known."""
    if pair.random:
        return ["by random numbers"]
    if pair.local is None or not pair.max_abs or found.numbers is None:
        return []
    writer = found.numbers.writers.get(pair.before)
    place = "here" if writer is None or writer.path == module.path else "inside"
    if pair.local.max_abs >= _MOST_OF * pair.max_abs:
        return [f"made {place}"]
    if pair.local.max_abs <= _NEXT_TO_NONE * pair.max_abs:
        return ["from its inputs"]
    return [f"{_figure(pair.local.relative)} made {place}"]


def change_lines(module: ModuleDiff) -> list[str]:
    """Format the first changes of a module: operators share a line, each other change has a line."""
    if module.added or module.gone:
        return []
    changes = module.changes
    operators = [_operator(each) for each in changes if each.aspect is Aspect.OPERATOR]
    lines = [f"operators {', '.join(operators)}"] if operators else []
    lines += [_change(each) for each in changes if each.aspect is not Aspect.OPERATOR]
    if len(lines) > _MOST_CHANGES:
        lines[_MOST_CHANGES - 1 :] = [f"and {len(lines) - _MOST_CHANGES + 1} more changes; --json has all"]
    return lines


def _operator(change: Change) -> str:
    if change.before is None:
        return f"+{change.name}" + (f" x{change.after}" if change.after != "1" else "")
    if change.after is None:
        return f"-{change.name}" + (f" x{change.before}" if change.before != "1" else "")
    return f"{change.name} x{change.before} -> x{change.after}"


_NAMED_ALONE = frozenset({Aspect.CLASS, Aspect.CALLS, Aspect.ATTRIBUTE})


def _change(change: Change) -> str:
    what = change.name if change.aspect in _NAMED_ALONE else f"{change.aspect} {change.name}"
    if change.before is None:
        return f"{what}: added, {change.after}"
    if change.after is None:
        return f"{what}: gone, was {change.before}"
    if change.aspect is Aspect.UNREAD:
        return f"parameter {change.name}: values not compared, they cannot be read"
    if change.before != change.after:
        return f"{what}: {change.before} -> {change.after}"
    if change.max_abs is None or change.relative is None:
        return f"{what}: other values"
    return f"{what}: other values, max {_figure(change.max_abs)} (relative {_figure(change.relative)})"


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


def _figure(number: float) -> str:
    return f"{number:.2g}" if math.isfinite(number) else "infinite"
