"""Witness of last resort: a node that nobody names belongs to what reads its results.

It goes to the lowest common ancestor of its readers' modules, never deeper: a constant that two layers share
belongs to neither. The root follows only where a reader is known to stand in the root itself; that readers
have nothing in common says nothing about the node, nor does a result that leaves the graph.
"""

from __future__ import annotations

from collections.abc import Sequence

from rewriter.evidence.claim import Claim, Source
from rewriter.model.graph import NONE, GraphIndex
from rewriter.paths import ModulePath, common_ancestor


def testify(graph: GraphIndex, modules: Sequence[ModulePath | None]) -> list[Claim]:
    """Claims for the nodes without a module, from the modules of the others.

    Args:
        graph: the model.
        modules: node -> its module as far as it is known.
    """
    known = list(modules)
    leaving = {graph.producer[value] for value in graph.bodies[0].results if value != NONE}
    claims = []
    for node in _readers_first(graph, known):
        if node in leaving:
            continue
        readers = {reader for value in graph.writes[node] if value != NONE for reader in graph.readers[value]}
        places = {place for reader in readers if (place := known[reader]) is not None}
        module = common_ancestor(sorted(places))
        if module is None or (not module and module not in places):
            continue
        known[node] = module
        detail = f"{len(readers)} readers in {', '.join(sorted(places)[:4]) or 'the root'}"
        claims.append(Claim(node, module, None, Source.DATAFLOW, None, detail))
    return claims


def _readers_first(graph: GraphIndex, known: list[ModulePath | None]) -> list[int]:
    """The nodes without a module, every one after the nodes that read it, in any file order."""
    order: list[int] = []
    seen = [module is not None for module in known]
    for start in range(len(known)):
        if seen[start]:
            continue
        seen[start] = True
        stack = [(start, _readers(graph, start))]
        while stack:
            node, pending = stack[-1]
            if not pending:
                order.append(node)
                stack.pop()
                continue
            reader = pending.pop()
            if not seen[reader]:
                seen[reader] = True
                stack.append((reader, _readers(graph, reader)))
    return order


def _readers(graph: GraphIndex, node: int) -> list[int]:
    return [reader for value in graph.writes[node] if value != NONE for reader in graph.readers[value]]
