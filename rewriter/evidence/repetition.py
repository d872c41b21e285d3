"""Which call a node belongs to, where no witness counts calls: a module called again repeats itself.

The dynamo exporter marks no calls. What shows them is order: a module's nodes (those of its children
included) stand in runs without strangers in between, and where it is called k times, what it does repeats
k times, run by run. A module called k times in direct succession is one long run; that it repeats only
counts there if every repetition reads one of its parameters anew, since plain arithmetic repeats by itself.
Where the exporter left out of later calls what the first one had computed, only the children repeat evenly;
the calls of all of them are the module's.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import TypeVar

from rewriter.model.graph import NONE, GraphIndex
from rewriter.paths import ModulePath

T = TypeVar("T")


def count_calls(
    graph: GraphIndex, modules: Sequence[ModulePath | None]
) -> tuple[dict[int, int], dict[ModulePath, int]]:
    """Tell calls apart.

    Args:
        graph: the model.
        modules: node -> its module, None for nodes to be left out.

    Returns:
        node -> number of the call of its module, for nodes of modules called more than once; and module ->
        number of its calls, likewise.
    """
    inside: dict[ModulePath, list[int]] = {}
    for node, module in enumerate(modules):
        if module:
            inside.setdefault(module, []).append(node)
    levels: dict[int, list[ModulePath]] = {}
    for path in inside:
        levels.setdefault(path.depth, []).append(path)
    tokens = _tokens(graph, modules)
    children: dict[ModulePath, list[ModulePath]] = {}
    told: dict[ModulePath, dict[int, int]] = {}
    for depth in range(max(levels, default=0), 0, -1):  # innermost first
        for path in levels.get(depth, ()):
            nodes = sorted(inside[path])
            if calls := _count(
                graph, nodes, tokens, [told.get(child, {}) for child in children.get(path, ())]
            ):
                told[path] = calls
            if depth > 1:
                parent = ModulePath(path.rpartition(".")[0])
                if parent not in inside:
                    inside[parent] = []
                    levels.setdefault(depth - 1, []).append(parent)
                inside[parent] += nodes
                children.setdefault(parent, []).append(path)
    counts = {path: max(calls.values()) + 1 for path, calls in told.items()}
    return {node: told[m][node] for node, m in enumerate(modules) if m in told}, counts


def _count(
    graph: GraphIndex, nodes: list[int], tokens: Sequence[int], parts: list[dict[int, int]]
) -> dict[int, int]:
    """The calls of a module by the repetition of its nodes or by those of its children; {} for one call."""
    starts = _calls(graph, nodes, tokens) if len(nodes) > 1 else ()
    if len(starts) > 1:
        calls = accumulate(position in starts for position in range(len(nodes)))
        return {node: call - 1 for node, call in zip(nodes, calls, strict=True)}
    return _with_children(graph, nodes, parts) if parts and all(parts) else {}


def _with_children(graph: GraphIndex, nodes: list[int], parts: list[dict[int, int]]) -> dict[int, int]:
    """The calls of a module whose own nodes repeat unevenly, by those of its children, called several times.

    A node that reads what a call made belongs to that call, unless it stands where the next one has begun.
    """
    counts = [max(part.values()) + 1 for part in parts]
    least = min(counts)
    calls: dict[int, int] = {}
    for part, count in zip(parts, counts, strict=True):
        per_call = count // least
        calls.update((node, min(call // per_call, least - 1)) for node, call in part.items())
    begins = [min(node for node, call in calls.items() if call == wanted) for wanted in range(least)]
    for node in nodes:
        if node not in calls:
            after = max((calls[other] for other in graph.predecessors(node) if other in calls), default=0)
            before = min((calls[other] for other in graph.successors(node) if other in calls), default=after)
            calls[node] = before if before > after and node > begins[before] else after
    return calls


def _tokens(graph: GraphIndex, modules: Sequence[ModulePath | None]) -> list[int]:
    """Node -> a number for its operator and module."""
    known: dict[tuple[str, ModulePath | None], int] = {}
    kinds = zip(graph.operators, modules, strict=True)
    return [known.setdefault((operator, module), len(known)) for (_, operator), module in kinds]


def _calls(graph: GraphIndex, nodes: list[int], tokens: Sequence[int]) -> set[int]:
    """Positions in `nodes` at which a call begins."""
    of_nodes = [tokens[node] for node in nodes]
    if nodes[-1] - nodes[0] >= len(nodes):
        gaps = (place for place in range(1, len(nodes)) if nodes[place] != nodes[place - 1] + 1)
        runs = [slice(*ends) for ends in pairwise((0, *gaps, len(nodes)))]
        period = _period([tuple(of_nodes[run]) for run in runs])
        return {run.start for run in runs[::period]}
    period = _period(of_nodes)
    starts = set(range(0, len(nodes), period))
    if len(starts) > 1 and not _reads_parameters(graph, nodes, period):
        return {0}
    return starts


def _period(items: Sequence[T]) -> int:
    """Length of the shortest block whose repetition is all of `items` (Knuth, Morris and Pratt 1977)."""
    if items.count(items[0]) == 1:
        return len(items)
    border = [0] * len(items)
    for position in range(1, len(items)):
        length = border[position - 1]
        while length and items[position] != items[length]:
            length = border[length - 1]
        border[position] = length + (items[position] == items[length])
    period = len(items) - border[-1]
    return period if len(items) % period == 0 else len(items)


def _reads_parameters(graph: GraphIndex, nodes: list[int], period: int) -> bool:
    """Whether every block of `period` nodes reads the same initializer."""
    shared: set[int] | None = None
    for start in range(0, len(nodes), period):
        block = nodes[start : start + period]
        read = {v for node in block for v in graph.reads[node] if v != NONE and v in graph.initializers}
        shared = read if shared is None else shared & read
    return bool(shared)
