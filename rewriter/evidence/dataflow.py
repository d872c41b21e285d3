"""Witness of last resort: a node that nobody names belongs to what reads its results.

It goes to the lowest common ancestor of its readers' modules, never deeper: a constant that two layers share
belongs to neither. A reshape of what was transposed counts its maker as a reader. The root follows only
where a reader is known to stand in the root itself; that readers have nothing in common says nothing about
the node, nor does a result that leaves the graph. A list of modules is never called and makes nothing, so the
node goes to the caller above it: past modules that are not on any call chain, and past those whose parts are
numbered (a Sequential computes nothing of its own either). Nor does it go into a leaf that does not take it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set

from rewriter.evidence import unnamed_layers
from rewriter.evidence.claim import SHOWN, Claim, Source, Testimony
from rewriter.evidence.leaves import Leaves
from rewriter.model.graph import NONE, GraphIndex
from rewriter.paths import ModulePath, common_ancestor


def testify(
    graph: GraphIndex,
    modules: Sequence[ModulePath | None],
    called: Set[ModulePath] = frozenset(),
) -> Testimony:
    """Claims for the nodes without a module, from the modules of the others.

    Args:
        graph: the model.
        modules: node -> its module as far as it is known.
        called: the modules known to be called; empty where nothing is known of calls.
    """
    known = list(modules)
    leaves = Leaves(graph, modules)
    unnamed = unnamed_layers.places(graph, modules)
    leaving = {graph.producer[value] for value in graph.bodies[0].results if value != NONE}
    claims = []
    for node in _readers_first(graph, known):
        if node in leaving:
            continue
        around = {*graph.successors(node), *_merged_with(graph, node)}
        places = {place for other in around if (place := known[other]) is not None}
        module = common_ancestor(sorted(places))
        if node in unnamed and module is not None:
            module = _common(module, unnamed[node])
        if module and not leaves.take(module, node):
            module = module.parent
        while module and module not in places and _makes_nothing(module, places, called):
            module = module.parent
        if module is None or (not module and module not in places):
            continue
        known[node] = module
        named = ", ".join(place[:SHOWN] for place in sorted(places)[:4])  # one may be a megabyte long
        detail = f"{len(around)} readers in {named or 'the root'}"
        claims.append(Claim(node, module, None, Source.DATAFLOW, None, detail))
    return Testimony(tuple(claims))


def _common(module: ModulePath, around: ModulePath | None) -> ModulePath | None:
    return None if around is None else common_ancestor((module, around))


def _makes_nothing(module: ModulePath, places: Set[ModulePath], called: Set[ModulePath]) -> bool:
    numbered = all(place.relative_to(module).partition(".")[0].isdecimal() for place in places)
    return numbered or (not called.isdisjoint(places) and module not in called)


def _merged_with(graph: GraphIndex, node: int) -> Iterator[int]:
    """What a node nobody names may have served as well: a reshape behind a transpose.

    Tools put reshapes before a matrix product and merge them with the model's own; a value that was
    transposed was reshaped by who transposed it.
    """
    if graph.operators[node][1] == "Reshape":
        yield from (n for n in graph.predecessors(node) if graph.operators[n][1] == "Transpose")


def _readers_first(graph: GraphIndex, known: list[ModulePath | None]) -> list[int]:
    """The nodes without a module, every one after the nodes that read it, in any file order."""
    order: list[int] = []
    seen = [module is not None for module in known]
    for start in range(len(known)):
        if seen[start]:
            continue
        seen[start] = True
        stack = [(start, list(graph.successors(start)))]
        while stack:
            node, pending = stack[-1]
            if not pending:
                order.append(node)
                stack.pop()
                continue
            reader = pending.pop()
            if not seen[reader]:
                seen[reader] = True
                stack.append((reader, list(graph.successors(reader))))
    return order
