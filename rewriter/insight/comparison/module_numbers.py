"""Compares a run of a torch module with an ONNX model of it, module by module. The torch module is exact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

from rewriter.evidence.trace.module_run import ModuleRun
from rewriter.insight.comparison.call_numbers import CallNumbers
from rewriter.insight.comparison.call_values import Ends, ends_by_module, matched_calls
from rewriter.insight.comparison.divergence import Numbers, Writer
from rewriter.insight.comparison.execution_order import RecordedOrder
from rewriter.insight.comparison.module_diff import Diff, ModuleDiff
from rewriter.insight.comparison.module_pairs import ModulePair, pair_paths
from rewriter.modules.analysis import Analysis
from rewriter.paths import ModulePath
from rewriter.runtime.child.error_text import one_line
from rewriter.runtime.compare.outcome import Stage
from rewriter.runtime.compare.value_pairs import PortRequest
from rewriter.runtime.compare.values import compare_values
from rewriter.runtime.inputs.feeds import Array, Drawing
from rewriter.runtime.inputs.input import FeedError
from rewriter.runtime.inputs.planning import plan


def diff_with_run(
    run: ModuleRun, analysis: Analysis, *, feeds: Mapping[str, Array], tolerance: float, timeout: float
) -> Diff:
    """Compare a run of a torch module with a model of it; see `compare_with_run`."""
    pairs = pairs_of_run(run, analysis)
    numbers = compare_with_run(run, analysis, pairs, feeds=feeds, tolerance=tolerance, timeout=timeout)
    calls: dict[ModulePath, list[CallNumbers]] = {}
    for call in numbers.calls:
        calls.setdefault(call.path, []).append(call)
    modules = (ModuleDiff(pair, calls=tuple(calls.get(pair.path, ()))) for pair in pairs)
    return Diff(run, analysis, tuple(modules), numbers, tolerance)


def pairs_of_run(run: ModuleRun, analysis: Analysis) -> tuple[ModulePair, ...]:
    """Match the modules of torch and of the model by path; modules that only one of them has are left out."""
    partner, how = pair_paths(dict.fromkeys(run.modules), analysis.tree.modules)
    return tuple(ModulePair(path, partner[path], how[path]) for path in run.modules if path in partner)


def compare_with_run(
    run: ModuleRun,
    analysis: Analysis,
    pairs: Sequence[ModulePair],
    *,
    feeds: Mapping[str, Array],
    tolerance: float,
    timeout: float,
) -> Numbers:
    """Run a model on the inputs of a module and compare the inputs and outputs of the calls of both.

    Args:
        run: the run of the module.
        analysis: the model.
        pairs: the matched modules.
        feeds: input of the model -> array, the same as those of the run.
        tolerance: the largest relative deviation of values that count as equal.
        timeout: seconds for the run of the model.

    Returns:
        The deviations. If the model fails, `skipped` has the reason.
    """
    try:
        drawing = plan(analysis.model)
    except FeedError as error:
        return Numbers(0, (), one_line(str(error)))
    partner = {pair.before: pair.after for pair in pairs if pair.before is not None}
    theirs = ends_by_module(analysis)
    folded = _folded(run, {path for path, other in partner.items() if other in theirs})
    calls = matched_calls(_ends_of(run, folded), theirs, partner)
    ports = tuple(port for _, _, *both in calls for port in both)
    found = compare_values(
        {Stage.SECOND: analysis.model},
        {Stage.SECOND: analysis.path.parent if analysis.path else None},
        PortRequest(Drawing(drawing, 1, given=feeds), Stage.SECOND, ports, {}, tolerance, run.files),
        timeout=timeout,
    )
    if found.skipped is not None:
        return Numbers(0, (), found.skipped)
    order = RecordedOrder(run.files)
    numbers = tuple(
        CallNumbers(path, call, found.ports[2 * at], found.ports[2 * at + 1], order, len(outputs.before))
        for at, (path, call, outputs, _) in enumerate(calls)
    )
    writers = {value: Writer(*run.writers[value]) for value in run.writers}
    for value, result in folded.items():  # in the order of the calls
        if value in writers:
            writers[result] = writers[value]
    return Numbers(
        found.runs, numbers, writers=writers, unmeasured=found.unmeasured, drawn=_drawn(run, numbers)
    )


def _drawn(run: ModuleRun, calls: Sequence[CallNumbers]) -> frozenset[str]:
    """Return the values that may depend on random numbers: those recorded since the first such value."""
    random = {pair.before for call in calls for pair in call.outputs.pairs if pair.random}
    seen = list(run.files)
    first = min(map(seen.index, random), default=len(seen))
    return frozenset(seen[first:])


def _folded(run: ModuleRun, held: Set[ModulePath]) -> dict[str, str]:
    """Return the input -> the output of the calls that an exporter may have folded into the module before.

    That is how it treats a batch norm behind a convolution: the result of the convolution in the file is that
    of the norm in torch, and the file has no call of the norm.

    Args:
        run: the run.
        held: the modules with calls in the file.
    """
    return {
        call.inputs[0]: call.outputs[0]
        for call in run.calls
        if call.module not in held and len(call.inputs) == len(call.outputs) == 1
    }


def _ends_of(run: ModuleRun, folded: Mapping[str, str]) -> dict[ModulePath, list[Ends]]:
    """Return module -> its calls by number, enclosing modules first.

    The outputs of a call, but not of the root, include what folded calls make of them.
    """
    found: dict[ModulePath, list[Ends]] = {path: [] for path in run.modules}
    for call in sorted(run.calls, key=lambda each: each.number):
        outputs = dict.fromkeys(call.outputs)
        for value in call.outputs if call.module else ():
            while (value := folded.get(value, "")) and value not in outputs:
                outputs[value] = None
        found[call.module].append(Ends(tuple(outputs), call.inputs))
    return {path: calls for path, calls in found.items() if calls}
