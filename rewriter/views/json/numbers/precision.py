"""Half precision by module as JSON."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Final, Literal, TypedDict

from rewriter.basics.literals import HalfWord
from rewriter.insight.half_precision.module_precision import ModulePrecision, Precision
from rewriter.paths import ModulePath
from rewriter.views.escape import as_text
from rewriter.views.json.proof import finite
from rewriter.views.json.types import Amount, Count

PRECISION: Final = "rewriter.precision/1"


class PrecisionModuleJson(TypedDict):
    """Half precision of the own nodes of a module.

    Attributes:
        path: Module path; '' for the root.
        kept: Whether the module is to be kept in float32.
        reason: `range` if it reads or writes a number beyond the range of the type, else `error`; null if it
            is not kept.
        nodes: Number of its own nodes.
        error: The largest relative error of its results if it alone is rounded; null if it is infinite or not
            known.
        largest: The largest finite magnitude that it reads or writes in float32, weights included.
        worst: The value or weight with this magnitude.
        elements: Number of elements that it reads and writes, in all input sets.
        over: Number of these beyond the range of the type, without masks.
        to_zero: Number of these that are not 0 and round to 0.
    """

    path: str
    kept: bool
    reason: Literal["range", "error"] | None
    nodes: Count
    error: Amount | None
    largest: Amount
    worst: str
    elements: Count
    over: Count
    to_zero: Count


class PrecisionJson(TypedDict):
    """A model in half precision, simulated in float32.

    Printed by `rewriter precision --json`. JSON has no infinity: an infinite error is null.

    Attributes:
        to: The type of half precision.
        tolerance: The largest relative error of the outputs that is accepted.
        fits: Whether the outputs are within the tolerance with the kept modules in float32; the exit code is
            0 if so, else 1.
        runs: Number of input sets; 0 if nothing was measured.
        skipped: Reason why nothing was measured; null if the model ran.
        error: The largest relative error of an output if every module is in half precision.
        error_kept: The same with the kept modules in float32; null if none is kept, or if it is infinite.
        fixed: Number of nodes in or with graph bodies, or in functions, which are not rounded.
        unmeasured: Reason why errors of some modules are not known; null if no run failed.
        modules: The requested modules, or all with own nodes, in tree order.
    """

    schema: Literal["rewriter.precision/1"]
    to: HalfWord
    tolerance: Amount
    fits: bool
    runs: Count
    skipped: str | None
    error: Amount | None
    error_kept: Amount | None
    fixed: Count
    unmeasured: str | None
    modules: Sequence[PrecisionModuleJson]


def precision_json(found: Precision, chosen: Container[ModulePath] | None = None) -> PrecisionJson:
    """Convert a result to JSON.

    Args:
        found: the result.
        chosen: modules to list; None lists all.
    """
    return {
        "schema": PRECISION,
        "to": found.to,
        "tolerance": found.tolerance,
        "fits": found.fits,
        "runs": found.runs,
        "skipped": found.skipped,
        "error": finite(found.error),
        "error_kept": finite(found.error_kept),
        "fixed": found.fixed,
        "unmeasured": found.unmeasured,
        "modules": [_module(each) for each in found.modules if chosen is None or each.path in chosen],
    }


def _module(module: ModulePrecision) -> PrecisionModuleJson:
    return {
        "path": as_text(module.path),
        "kept": module.kept,
        "reason": ("range" if module.overflows else "error") if module.kept else None,
        "nodes": module.nodes,
        "error": finite(module.error),
        "largest": module.range.largest,
        "worst": as_text(module.worst),
        "elements": module.range.elements,
        "over": module.range.over,
        "to_zero": module.range.lost,
    }
