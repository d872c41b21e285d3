"""Describes the differences of one module: its figures, where its error comes from, and its changes."""

from __future__ import annotations

import math

from rewriter.insight.comparison.module_diff import Diff, ModuleDiff
from rewriter.insight.comparison.structural_diff import Aspect, Change
from rewriter.runtime.compare.value_pairs import Pair

_MOST_CHANGES = 6


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
        figures = f"max {two_digits(pair.max_abs)} (relative {two_digits(pair.relative)})"
        if everything or worst.diverges(found.tolerance):
            phrases.append((figures if pair.max_abs else "equal") + call)
            phrases += origin_of(found, module, pair)
    elif any(call.has_unpaired for call in module.calls):
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
    return [f"{two_digits(pair.local.relative)} made {place}"]


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
    return f"{what}: other values, max {two_digits(change.max_abs)} (relative {two_digits(change.relative)})"


def two_digits(number: float) -> str:
    """Return an error with two digits."""
    return f"{number:.2g}" if math.isfinite(number) else "infinite"
