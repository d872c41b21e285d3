"""Differences between two models as JSON."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Final, Literal, NotRequired, TypedDict

from rewriter.insight.comparison.call_numbers import CallNumbers
from rewriter.insight.comparison.module_diff import Diff, ModuleDiff
from rewriter.insight.comparison.module_pairs import How
from rewriter.insight.comparison.structural_diff import Aspect, Change
from rewriter.paths import ModulePath
from rewriter.runtime.compare.value_pairs import Pair
from rewriter.views.escape import as_text
from rewriter.views.json.proof import finite
from rewriter.views.json.types import Amount, Count

CallVerdict = Literal["equal", "diverges", "not comparable", "no results"]
DIFF: Final = "rewriter.diff/1"


class DiffNumbersJson(TypedDict):
    """Runs of both models.

    Attributes:
        runs: Number of input sets; 0 if no numbers were taken.
        random_calls: Number of diverging calls that random numbers explain, which both models draw.
        unmeasured: Reason why some local errors are not known; null if no run failed.
        skipped: Reason why no numbers were taken: not requested, no inputs, or a model failed; null if they
            were taken.
    """

    runs: Count
    random_calls: Count
    unmeasured: str | None
    skipped: str | None


class DiffDivergenceJson(TypedDict):
    """Call where the models first differ.

    Attributes:
        module: Path of the module in the first model; '' for the root.
        call: Number of the call, from 0.
        before: Name of the value, in the first model: that with the local error, else the output with the
            largest deviation.
        after: Name of its counterpart in the second model.
        max_abs: Largest absolute difference of the elements of this value: the local error if `own` and
            `measured`, else the whole deviation.
        relative: `max_abs` divided by the largest magnitude of the value in the first model, infinities and
            mask values left out; the magnitude counts as at least 1e-3, and as at least 1 for integers.
        own: Whether the cause lies in the call: the second model makes an error above the tolerance there.
            If that is not measured: whether the inputs that are computed before its first diverging output
            agree.
        measured: Whether the local error is known: the second model ran on values of the first.
    """

    module: str
    call: Count
    before: str
    after: str
    max_abs: Amount | None
    relative: Amount | None
    own: bool
    measured: bool


class DiffChangeJson(TypedDict):
    """One difference between the models.

    Attributes:
        name: `class`, `calls`, operator, `Operator.attribute`, `Operator[input]`, parameter, or
            `output[number]` for a constant that is an output of the model.
        before: State in the first model, as text; for an operator, its number of nodes; null if absent.
            The texts of a parameter are equal if only its values differ, or with aspect `unread`: its values
            cannot be read, so they may be equal or not.
        after: State in the second model, in the same form.
        max_abs: Largest difference of elements, if only the values of a parameter differ; null if unknown.
        relative: `max_abs` divided by the largest magnitude of the parameter in the first model, infinities
            and mask values left out, or by 1e-3 if that is larger; null if `max_abs` is.
    """

    aspect: Aspect
    name: str
    before: str | None
    after: str | None
    max_abs: Amount | None
    relative: Amount | None


class DiffLocalJson(TypedDict):
    """Local error: what remains if the second model computes a value from values of the first."""

    max_abs: Amount | None
    relative: Amount | None


class DiffValueJson(TypedDict):
    """Two matched values, and their deviation.

    Attributes:
        before: Name in the first model; for a value of a graph body whose name occurs twice, with the number
            of its body in the file.
        after: Name in the second model.
        at: Index of the element that differs most, in the first model; empty for a scalar, and if all agree.
        local: Local error; null if it is not known.
        random: Whether both models draw random numbers for it, so that its local error is no fault.
        began: For every input set in which they disagree, the first step at which they do: the number of
            the set, then of the iteration in each Loop and Scan around the value, all from 0.
    """

    before: str
    after: str
    max_abs: Amount | None
    relative: Amount | None
    at: Sequence[Count]
    local: DiffLocalJson | None
    random: bool
    began: NotRequired[Sequence[Sequence[Count]]]


class DiffCallJson(TypedDict):
    """Outputs of one call in both models.

    Attributes:
        takes_equal: Whether all comparable inputs that are computed before the first diverging output agree;
            without a diverging output, all comparable inputs.
        only_before: Outputs of the first model without a counterpart, with their shapes.
        only_after: Outputs of the second model without a counterpart, with their shapes.
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
        before: Path in the first model; null if the module was added.
        after: Path in the second model; null if the module was removed.
        matched_by: Way in which the module was matched; null if it was added or removed.
        changes: Differences of the module, without those of the modules below.
        calls: Deviations of the outputs of the module, per call.
    """

    before: str | None
    after: str | None
    matched_by: How | None
    changes: Sequence[DiffChangeJson]
    calls: Sequence[DiffCallJson]


class DiffJson(TypedDict):
    """Differences between two ONNX models, module by module.

    Printed by `rewriter diff --json`. JSON has no infinity: an infinite difference (NaN against a number) is
    null.

    Attributes:
        equal: Whether no call diverges and every output of either model has a counterpart; without numbers,
            whether no module changed. The exit code is 0 if so, else 1.
        unrelated: Whether the models have less than half of their modules and parameters in common.
        tolerance: Largest relative difference that counts as equal.
        carried: Whether the tree of the second model was carried over from the first.
        numbers: Runs of both models.
        first_divergence: Call where the models first differ; null if no call diverges or no numbers were
            taken.
        modules: The requested modules, or every module of either model, in tree order of the first model;
            added modules come last.
    """

    schema: Literal["rewriter.diff/1"]
    equal: bool
    unrelated: bool
    tolerance: Amount
    carried: bool
    numbers: DiffNumbersJson
    first_divergence: DiffDivergenceJson | None
    modules: Sequence[DiffModuleJson]


def diff_json(found: Diff, chosen: Container[ModulePath] | None = None) -> DiffJson:
    """Convert differences to JSON.

    Args:
        found: the differences.
        chosen: modules to list, by path in either model; None lists all.
    """
    first, numbers = found.first, found.numbers
    return {
        "schema": DIFF,
        "equal": found.equal,
        "unrelated": found.unrelated,
        "tolerance": found.tolerance,
        "carried": found.carried,
        "numbers": {
            "runs": numbers.runs if numbers else 0,
            "random_calls": len(numbers.random_calls(found.tolerance)) if numbers else 0,
            "unmeasured": numbers.unmeasured if numbers else None,
            "skipped": numbers.skipped if numbers else "not asked for",
        },
        "first_divergence": None
        if first is None
        else {
            "module": first.path,
            "call": first.call,
            "before": first.worst.before,
            "after": first.worst.after,
            "max_abs": finite(first.figures[0]),
            "relative": finite(first.figures[1]),
            "own": first.own,
            "measured": first.measured,
        },
        "modules": [
            _module(each, found.tolerance)
            for each in found.modules
            if chosen is None or each.pair.is_among(chosen)
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
        "values": [_value(pair) for pair in call.outputs.pairs],
        "only_before": list(call.outputs.only_before),
        "only_after": list(call.outputs.only_after),
    }


def _value(pair: Pair) -> DiffValueJson:
    local = pair.local
    return {
        "before": pair.before,
        "after": pair.after,
        "max_abs": finite(pair.max_abs),
        "relative": finite(pair.relative),
        "at": list(pair.at),
        "local": local and {"max_abs": finite(local.max_abs), "relative": finite(local.relative)},
        "random": pair.random,
        "began": [list(step) for step in pair.began],
    }


def _verdict(call: CallNumbers, tolerance: float) -> CallVerdict:
    if call.diverges(tolerance):
        return "diverges"
    if call.comparable:
        return "equal"
    return "not comparable" if call.has_unpaired else "no results"
