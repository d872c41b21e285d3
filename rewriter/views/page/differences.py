"""Converts the differences between two models to data of the page."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from rewriter.insight.comparison.call_numbers import CallNumbers
from rewriter.insight.comparison.module_diff import Diff, ModuleDiff
from rewriter.insight.comparison.structural_diff import Change
from rewriter.paths import ModulePath
from rewriter.views.json.types import JsonObject

_MOST = 40
"""Maximum number of listed changes, and of listed calls, of a module."""

Shown = Callable[[str], str]


def differences_json(found: Diff, numbers: Mapping[ModulePath, int], shown: Shown) -> JsonObject:
    """Return the differences, with modules by their number on the page.

    Args:
        found: the comparison.
        numbers: module of the first model -> its number on the page.
        shown: formats a name from the file.
    """
    first = found.first
    measured = found.numbers
    return {
        "other": shown(found.after.path.name) if found.after.path else "the second model",
        "equal": found.equal,
        "tolerance": found.tolerance,
        "carried": found.carried,
        "runs": measured.runs if measured else 0,
        "skipped": "not asked for" if measured is None else _skipped(measured.skipped, shown),
        "first": None
        if first is None
        else {
            "module": numbers.get(first.path, 0),
            "call": first.call,
            "value": shown(first.worst.before),
            "relative": _finite(first.figures[1]),
            "own": first.own,
        },
        "modules": {
            str(numbers[path]): entry
            for each in found.modules
            if (path := each.pair.before) is not None
            and path in numbers
            and (entry := _module(each, found.tolerance, shown))
        },
        "added": [shown(each.path) for each in found.modules if each.added][: _MOST * 5],
        "added_count": sum(each.added for each in found.modules),
    }


def _skipped(skipped: str | None, shown: Shown) -> str | None:
    return None if skipped is None else shown(skipped)


def _module(module: ModuleDiff, tolerance: float, shown: Shown) -> JsonObject:
    """Return the entry of a module: whether it is gone, its changes and calls, and its other path, if any."""
    entry: dict[str, object] = {}
    if module.gone:
        entry["gone"] = 1
    if module.changes:
        entry["changes"] = [_change(each, shown) for each in module.changes[:_MOST]]
        entry["more"] = max(len(module.changes) - _MOST, 0)
    if module.calls:
        entry["calls"] = [_call(each, tolerance) for each in module.calls[:_MOST]]
    if module.pair.after is not None and module.pair.after != module.pair.before:
        entry["other"] = shown(module.pair.after)
    return entry


def _change(change: Change, shown: Shown) -> list[object]:
    """Return aspect, name, before, after, and the relative deviation of a parameter's values."""
    before, after = (None if each is None else shown(each) for each in (change.before, change.after))
    return [str(change.aspect), shown(change.name), before, after, _finite(change.relative)]


def _call(call: CallNumbers, tolerance: float) -> list[object]:
    """Return the relative deviation of a call, and whether it diverges.

    The deviation is -1 for infinity, and None if no output could be compared.
    """
    worst = call.outputs.worst
    far = None if worst is None else _finite(worst.relative)
    return [-1.0 if worst is not None and far is None else far, call.diverges(tolerance)]


def _finite(figure: float | None) -> float | None:
    """Round a figure to three digits; None for infinity and NaN."""
    if figure is None or not math.isfinite(figure):
        return None
    return float(f"{figure:.3g}")
