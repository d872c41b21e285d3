"""The differences of two models as JSON; see `schemas/diff.schema.json`."""

from __future__ import annotations

import math
from collections.abc import Container

from rewriter.insight.diff import Diff, ModuleDiff
from rewriter.insight.numbers import CallNumbers
from rewriter.insight.structure import Change
from rewriter.paths import ModulePath
from rewriter.views.escape import as_text
from rewriter.views.json import JsonObject

DIFF = "rewriter.diff/1"


def diff_json(found: Diff, chosen: Container[ModulePath] | None = None) -> JsonObject:
    """Modules of either model with what differs. JSON has no infinity: null stands for no bound.

    Args:
        found: the differences.
        chosen: list these modules, by their path in the first model or, added ones, in the second; all where
            None.
    """
    first, numbers = found.first, found.numbers
    return {
        "schema": DIFF,
        "equal": found.equal,
        "tolerance": found.tolerance,
        "carried": found.carried,
        "numbers": {
            "runs": numbers.runs if numbers else 0,
            "skipped": numbers.skipped if numbers else "not asked for",
        },
        "first_divergence": None
        if first is None
        else {
            "module": first.path,
            "call": first.call,
            "before": first.worst.before,
            "after": first.worst.after,
            "max_abs": _finite(first.worst.max_abs),
            "relative": _finite(first.worst.relative),
            "own": first.own,
        },
        "modules": [
            _module(each, found.tolerance) for each in found.modules if chosen is None or each.path in chosen
        ],
    }


def _module(module: ModuleDiff, tolerance: float) -> JsonObject:
    return {
        "before": module.pair.before,
        "after": module.pair.after,
        "matched_by": str(module.pair.how) if module.pair.how else None,
        "changes": [_change(each) for each in module.changes],
        "calls": [_call(each, tolerance) for each in module.calls],
    }


def _change(change: Change) -> JsonObject:
    return {
        "aspect": str(change.aspect),
        "name": as_text(change.name),
        "before": change.before,
        "after": change.after,
        "max_abs": _finite(change.max_abs),
        "relative": _finite(change.relative),
    }


def _call(call: CallNumbers, tolerance: float) -> JsonObject:
    worst = call.outputs.worst
    return {
        "call": call.call,
        "verdict": _verdict(call, tolerance),
        "takes_equal": call.takes_equal(tolerance),
        "max_abs": _finite(worst.max_abs) if worst else None,
        "relative": _finite(worst.relative) if worst else None,
        "values": [
            {
                "before": pair.before,
                "after": pair.after,
                "max_abs": _finite(pair.max_abs),
                "relative": _finite(pair.relative),
            }
            for pair in call.outputs.pairs
        ],
        "only_before": list(call.outputs.only_before),
        "only_after": list(call.outputs.only_after),
    }


def _verdict(call: CallNumbers, tolerance: float) -> str:
    if call.diverges(tolerance):
        return "diverges"
    if call.comparable:
        return "equal"
    return "not comparable" if call.outputs.only_before or call.outputs.only_after else "no results"


def _finite(figure: float | None) -> float | None:
    return figure if figure is not None and math.isfinite(figure) else None
