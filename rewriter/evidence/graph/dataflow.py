"""Witness of last resort: a node without a claim belongs to the readers of its results.

It goes to the lowest common ancestor of its readers' modules, never deeper: a constant that two layers share
belongs to neither. A Reshape of a transposed value counts the Transpose as a reader. The root follows only
from a reader known to stand in the root itself; readers without a common module say nothing about
the node, nor does a result that leaves the graph. A list of modules is never called and computes nothing, so
the node goes to the caller above it: past modules that are on no call chain, and past those whose parts are
numbered (a Sequential computes nothing of its own either). Nor does it go into a leaf that does not take it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set

from rewriter.evidence.claims import SHOWN, Claim, Source, Testimony
from rewriter.evidence.graph import unnamed_layers
from rewriter.evidence.graph.leaves import Leaves
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.paths import ModulePath, common_ancestor


def testify(
    graph: GraphIndex,
    modules: Sequence[ModulePath | None],
    called: Set[ModulePath] = frozenset(),
) -> Testimony:
    """Claims for the nodes without a module, from the modules of the others.

    Args:
        graph: the model.
        modules: node -> its module, if known.
        called: the modules known to be called; empty if calls are not known.
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
        named = ", ".join(place[:SHOWN] for place in sorted(places)[:4])  # a name may have megabytes
        detail = f"{len(around)} readers in {named or 'the root'}"
        claims.append(Claim(node, module, None, Source.DATAFLOW, None, detail))
    return Testimony(tuple(claims))


def _common(module: ModulePath, around: ModulePath | None) -> ModulePath | None:
    return None if around is None else common_ancestor((module, around))


def _makes_nothing(module: ModulePath, places: Set[ModulePath], called: Set[ModulePath]) -> bool:
    numbered = all(map(module.holds_numbered, places))
    return numbered or (not called.isdisjoint(places) and module not in called)


def _merged_with(graph: GraphIndex, node: int) -> Iterator[int]:
    """Nodes that an unclaimed node may have been merged with: the Transpose before a Reshape.

    Tools put reshapes before a matrix product and merge them with the model's own; the module that
    transposed a value also reshaped it.
    """
    if graph.operators[node][1] == "Reshape":
        yield from (n for n in graph.predecessors(node) if graph.operators[n][1] == "Transpose")


def _readers_first(graph: GraphIndex, known: list[ModulePath | None]) -> list[int]:
    """The nodes without a module, each after its readers, in any file order."""
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
