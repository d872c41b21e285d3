"""The differences of two models as JSON."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Final, Literal, TypedDict

from rewriter.insight.comparison.module_diff import Diff, ModuleDiff
from rewriter.insight.comparison.module_pairs import How
from rewriter.insight.comparison.structural_diff import Aspect, Change
from rewriter.insight.comparison.value_errors import CallNumbers
from rewriter.paths import ModulePath
from rewriter.views.escape import as_text
from rewriter.views.json.proof import finite
from rewriter.views.json.types import Amount, Count

CallVerdict = Literal["equal", "diverges", "not comparable", "no results"]
DIFF: Final = "rewriter.diff/1"


class DiffNumbersJson(TypedDict):
    """What running both models gave.

    Attributes:
        runs: Input sets.
        skipped: Why there are no numbers; null where there are.
    """

    runs: Count
    skipped: str | None


class DiffDivergenceJson(TypedDict):
    """A call of a module.

    Attributes:
        module: Path in the first model; '' for the root.
        before: The value that is farthest off, in the first model.
        after: The same in the second.
        own: Whether all that the call took in before agrees, so that the cause lies in it.
    """

    module: str
    call: Count
    before: str
    after: str
    max_abs: Amount | None
    relative: Amount | None
    own: bool


class DiffChangeJson(TypedDict):
    """One thing that differs.

    Attributes:
        name: `class`, `calls`, operator, `Operator.attribute`, `Operator[input]` or parameter.
        before: As text, operators counted; null where it is not there. Equal texts of a parameter: its
            values differ.
        max_abs: Of parameters of one shape, how far their values are apart.
    """

    aspect: Aspect
    name: str
    before: str | None
    after: str | None
    max_abs: Amount | None
    relative: Amount | None


class DiffValueJson(TypedDict):
    """Two values taken for the same."""

    before: str
    after: str
    max_abs: Amount | None
    relative: Amount | None


class DiffCallJson(TypedDict):
    """The results of one call in both models.

    Attributes:
        takes_equal: Whether all that it took in before it diverged agrees.
        only_before: Results with no partner, with their shapes.
    """

    call: Count
    verdict: CallVerdict
    takes_equal: bool
    max_abs: Amount | None
    relative: Amount | None
    values: Sequence[DiffValueJson]
    only_before: Sequence[str]
    only_after: Sequence[str]


class DiffModuleJson(TypedDict):
    """One module.

    Attributes:
        before: Path in the first model; null where it was added.
        after: Path in the second model; null where it is gone.
        changes: What the module owns itself that differs.
        calls: Its numbers, a call each, in order.
    """

    before: str | None
    after: str | None
    matched_by: How | None
    changes: Sequence[DiffChangeJson]
    calls: Sequence[DiffCallJson]


class DiffJson(TypedDict):
    """Differences of two ONNX models, module by module.

    Printed by `rewriter diff --json`. JSON has no infinity: a difference without bound (NaN against a number)
    is null.

    Attributes:
        equal: Whether the numbers agree within the tolerance; where none were taken, whether no module
            differs. The exit code is 0 if so, else 1.
        tolerance: How far a value may be off, relative to its largest magnitude.
        carried: Whether the tree of the second model was carried over from the first.
        numbers: Running both models.
        first_divergence: Where the models part; null where they do not, or nothing was run.
        modules: Every module of either model, in the order of the first; what was added comes last.
    """

    schema: Literal["rewriter.diff/1"]
    equal: bool
    tolerance: Amount
    carried: bool
    numbers: DiffNumbersJson
    first_divergence: DiffDivergenceJson | None
    modules: Sequence[DiffModuleJson]


def diff_json(found: Diff, chosen: Container[ModulePath] | None = None) -> DiffJson:
    """The modules of either model with their differences. JSON has no infinity: null stands for it.

    Args:
        found: the differences.
        chosen: list these modules, by their path in the first model or, added ones, in the second; all if
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
            "max_abs": finite(first.worst.max_abs),
            "relative": finite(first.worst.relative),
            "own": first.own,
        },
        "modules": [
            _module(each, found.tolerance) for each in found.modules if chosen is None or each.path in chosen
        ],
    }


def _module(module: ModuleDiff, tolerance: float) -> DiffModuleJson:
    return {
        "before": module.pair.before,
        "after": module.pair.after,
        "matched_by": module.pair.how,
        "changes": [_change(each) for each in module.changes],
        "calls": [_call(each, tolerance) for each in module.calls],
    }


def _change(change: Change) -> DiffChangeJson:
    return {
        "aspect": change.aspect,
        "name": as_text(change.name),
        "before": change.before,
        "after": change.after,
        "max_abs": finite(change.max_abs),
        "relative": finite(change.relative),
    }


def _call(call: CallNumbers, tolerance: float) -> DiffCallJson:
    worst = call.outputs.worst
    return {
        "call": call.call,
        "verdict": _verdict(call, tolerance),
        "takes_equal": call.takes_equal(tolerance),
        "max_abs": finite(worst.max_abs) if worst else None,
        "relative": finite(worst.relative) if worst else None,
        "values": [
            {
                "before": pair.before,
                "after": pair.after,
                "max_abs": finite(pair.max_abs),
                "relative": finite(pair.relative),
            }
            for pair in call.outputs.pairs
        ],
        "only_before": list(call.outputs.only_before),
        "only_after": list(call.outputs.only_after),
    }


def _verdict(call: CallNumbers, tolerance: float) -> CallVerdict:
    if call.diverges(tolerance):
        return "diverges"
    if call.comparable:
        return "equal"
    return "not comparable" if call.outputs.only_before or call.outputs.only_after else "no results"
