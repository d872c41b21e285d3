"""Finds the inputs and outputs of every module call that two models have in common."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import NamedTuple

from rewriter.insight.comparison.blocked_values import blocked_values
from rewriter.insight.comparison.module_pairs import ModulePair
from rewriter.insight.comparison.tool_ancestry import kept_names
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.modules.analysis import Analysis
from rewriter.paths import ROOT, ModulePath
from rewriter.regions.boundary import find_boundaries
from rewriter.regions.region_tree import find_regions
from rewriter.runtime.compare.value_pairs import PortNames


def calls_of_both(
    before: Analysis, after: Analysis, pairs: Sequence[ModulePair]
) -> list[tuple[ModulePath, int, PortNames, PortNames]]:
    """Return module path, call number, outputs and inputs of every call that both models have.

    If the models have different numbers of calls of a module, these calls are merged into one. But if a tool
    made one model from the other (see `kept_names`), return every call of the first model, unmerged: a value
    that kept its name needs no call in the second.
    """
    partner = {pair.before: pair.after for pair in pairs if pair.before is not None}
    ours, theirs = _sides(before), _sides(after)
    kept = kept_names(before, after)
    found = []
    for path, calls in ours.items():
        other = partner.get(path)
        matches = theirs.get(other, []) if other is not None else []
        for number, (call, there) in enumerate(_matched(calls, matches, named=bool(kept))):
            outputs = _port(call.outputs, there.outputs, kept)
            found.append((path, number, outputs, _port(call.inputs, there.inputs, kept)))
    return found


def _matched(
    calls: Sequence[_Ends], matches: Sequence[_Ends], *, named: bool
) -> Sequence[tuple[_Ends, _Ends]]:
    """Return the calls of a module in pairs.

    If the numbers of calls differ, one of the models does not separate them: all calls are merged into one.
    With `named`, no calls are merged: names identify the values, and a call without a counterpart gets an
    empty one.
    """
    if named:
        nothing = [_Ends((), ())] * len(calls)
        return list(zip(calls, (*matches, *nothing), strict=False))
    if matches and len(calls) != len(matches):
        return [(_joined(calls), _joined(matches))]
    return list(zip(calls, matches, strict=False))


def _port(before: tuple[str, ...], after: tuple[str, ...], kept: Set[str]) -> PortNames:
    """Return the inputs or outputs of a call in both models; kept names of the first are listed for both."""
    if not kept:
        return PortNames(before, after)
    named = tuple(name for name in before if name in kept)
    return PortNames(before, tuple(dict.fromkeys((*named, *after))), by_name=True)


class _Ends(NamedTuple):
    """Names of the outputs and inputs of a call."""

    outputs: tuple[str, ...]
    inputs: tuple[str, ...]


def _joined(calls: Sequence[_Ends]) -> _Ends:
    """Merge several calls into one."""
    return _Ends(
        tuple(dict.fromkeys(name for call in calls for name in call.outputs)),
        tuple(dict.fromkeys(name for call in calls for name in call.inputs)),
    )


def _sides(analysis: Analysis) -> dict[ModulePath, list[_Ends]]:
    """Return module -> its calls by number; the root has one call, with the outputs of the model alone."""
    graph = analysis.graph
    regions = find_regions(graph, analysis.tree)
    boundaries = find_boundaries(graph, regions)
    results = tuple(value for value in graph.bodies[0].results if value != NONE)
    found = {ROOT: [_Ends(_names(graph, results), ())]}
    numbered = sorted(range(1, len(regions.regions)), key=lambda each: regions.regions[each].call)
    for each in numbered:
        ends = _Ends(_names(graph, boundaries[each].outputs), _names(graph, boundaries[each].inputs))
        found.setdefault(regions.regions[each].module, []).append(ends)
    return {module.path: found[module.path] for module in analysis.tree if module.path in found}


def _names(graph: GraphIndex, values: Sequence[int]) -> tuple[str, ...]:
    """Return the names of values that nodes compute; names that are not UTF-8 are left out.

    Inputs of the model are left out because both models get the same; constants are compared without a run.
    Values in a blocked layout equal no others element by element.
    """
    names, blocked = [], blocked_values(graph)
    for value in values:
        maker, name = graph.producer[value], graph.value_names[value]
        if maker == NONE or value in blocked or not isinstance(name, str):
            continue
        if graph.nodes[maker].op_type != "Constant":
            names.append(name)
    return tuple(names)
