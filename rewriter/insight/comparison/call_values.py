"""Finds the inputs and outputs of every module call that two models have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import NamedTuple

from rewriter.insight.comparison.blocked_values import blocked_values
from rewriter.insight.comparison.body_calls import calls_in_bodies, ends_of
from rewriter.insight.comparison.module_pairs import ModulePair
from rewriter.insight.comparison.tool_ancestry import kept_names
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.modules.analysis import Analysis
from rewriter.paths import ROOT, ModulePath
from rewriter.regions.boundary import find_boundaries
from rewriter.regions.region_tree import find_regions
from rewriter.runtime.compare.value_pairs import PortNames
from rewriter.runtime.recording.body_names import value_keys


def calls_of_both(
    before: Analysis, after: Analysis, pairs: Sequence[ModulePair]
) -> list[tuple[ModulePath, int, PortNames, PortNames]]:
    """Return module path, call number, outputs and inputs of every call that both models have.

    If the models have different numbers of calls of a module, these calls are merged into one. But if a tool
    made one model from the other (see `kept_names`), return every call of the first model, unmerged: a value
    that kept its name needs no call in the second.
    """
    partner = {pair.before: pair.after for pair in pairs if pair.before is not None}
    return matched_calls(ends_by_module(before), ends_by_module(after), partner, kept_names(before, after))


def matched_calls(
    ours: Mapping[ModulePath, Sequence[Ends]],
    theirs: Mapping[ModulePath, Sequence[Ends]],
    partner: Mapping[ModulePath, ModulePath | None],
    kept: Set[str] = frozenset(),
) -> list[tuple[ModulePath, int, PortNames, PortNames]]:
    """Match the calls of modules; see `calls_of_both`.

    Args:
        ours: module of the first model -> its calls by number.
        theirs: the same of the second model.
        partner: module of the first model -> its counterpart in the second.
        kept: names of values that both models have, if a tool made one from the other.
    """
    found = []
    for path, calls in ours.items():
        other = partner.get(path)
        matches = theirs.get(other, []) if other is not None else []
        for number, (call, there) in enumerate(_matched(calls, matches, named=bool(kept))):
            outputs = _port(call.outputs, there.outputs, kept)
            found.append((path, number, outputs, _port(call.inputs, there.inputs, kept)))
    return found


def _matched(calls: Sequence[Ends], matches: Sequence[Ends], *, named: bool) -> Sequence[tuple[Ends, Ends]]:
    """Return the calls of a module in pairs.

    If the numbers of calls differ, one of the models does not separate them: all calls are merged into one.
    With `named`, no calls are merged: names identify the values, and a call without a counterpart gets an
    empty one.
    """
    if named:
        nothing = [Ends((), ())] * len(calls)
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


class Ends(NamedTuple):
    """Names of the outputs and inputs of a call."""

    outputs: tuple[str, ...]
    inputs: tuple[str, ...]


def _joined(calls: Sequence[Ends]) -> Ends:
    """Merge several calls into one."""
    return Ends(
        tuple(dict.fromkeys(name for call in calls for name in call.outputs)),
        tuple(dict.fromkeys(name for call in calls for name in call.inputs)),
    )


def ends_by_module(analysis: Analysis) -> dict[ModulePath, list[Ends]]:
    """Return module -> its calls by number; the root has one call, with the outputs of the model alone."""
    graph, keys = analysis.graph, value_keys(analysis.graph)
    regions = find_regions(graph, analysis.tree)
    boundaries = find_boundaries(graph, regions)
    results = tuple(value for value in graph.bodies[0].results if value != NONE)
    found: dict[ModulePath, dict[int, list[Ends]]] = {ROOT: {0: [Ends(_names(graph, keys, results), ())]}}
    for each in range(1, len(regions.regions)):
        region, boundary = regions.regions[each], boundaries[each]
        ends = Ends(_names(graph, keys, boundary.outputs), _names(graph, keys, boundary.inputs))
        found.setdefault(region.module, {}).setdefault(region.call, []).append(ends)
    for (module, call), nodes in calls_in_bodies(analysis).items():
        if module != ROOT and call not in found.get(module, {}):
            ends = Ends(*(_names(graph, keys, values) for values in ends_of(graph, nodes)))
            found.setdefault(module, {})[call] = [ends]
    return {
        module.path: [ends for _, each in sorted(found[module.path].items()) for ends in each]
        for module in analysis.tree
        if module.path in found
    }


def _names(graph: GraphIndex, keys: Mapping[int, str], values: Sequence[int]) -> tuple[str, ...]:
    """Return the keys of values that nodes compute or that bodies get; names that are not UTF-8 are left out.

    Inputs of the model are left out because both models get the same; constants are compared without a run.
    Values in a blocked layout equal no others element by element.
    """
    main, blocked = graph.bodies[0].values, blocked_values(graph)
    names = []
    for value in values:
        maker = graph.producer[value]
        outside = value in graph.initializers or main.get(str(graph.value_names[value])) == value
        given = maker == NONE and outside
        constant = maker != NONE and graph.nodes[maker].op_type == "Constant"
        if value in keys and value not in blocked and not given and not constant:
            names.append(keys[value])
    return tuple(names)
