"""Witness of last resort: places a node without a claim by the readers of its results.

The node belongs to the lowest common ancestor of its readers' modules: a constant that two layers share
belongs to neither. For a Reshape of a transposed value, the Transpose counts as a reader. The root follows
only from a reader placed in the root itself: otherwise, a node whose readers have only the root in common
stays unplaced, as does a node that writes a result of the graph. For a node of a layer that the file does not
name, the known nodes around the layer count too (see `unnamed_layers`).

A ModuleList is never called, and a Sequential computes nothing itself. So the node moves up from a module
that is not known to be called, or that holds the readers in numbered children, unless a reader is placed in
that module itself. The node also moves up from a leaf that cannot contain it (see `leaves`).

Three cases are certain enough to infer, if no reader is guessed: a constant that one module reads; a node
that reads from one module and whose results go back to it; and a node that quantises for one module, or
computes with the results of such nodes alone, such as the product of two scales.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set

from rewriter.basics.display import counted
from rewriter.evidence.certainty import PlacementRule
from rewriter.evidence.claims import SHOWN, Claim, Source, Testimony
from rewriter.evidence.graph import unnamed_layers
from rewriter.evidence.graph.leaves import Leaves
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.paths import ModulePath, common_ancestor

_QUANTISING = frozenset(
    {"DynamicQuantizeLinear", "QuantizeLinear", "DequantizeLinear", "MatMulInteger", "ConvInteger"}
)


def testify(
    graph: GraphIndex,
    modules: Sequence[ModulePath | None],
    called: Set[ModulePath] = frozenset(),
    guessed: Set[int] = frozenset(),
) -> Testimony:
    """Return claims on the nodes without a module, from the modules of the others.

    Args:
        graph: the model.
        modules: node -> its module, if known.
        called: the modules known to be called; empty if calls are not known.
        guessed: the nodes whose module is a guess.
    """
    known = list(modules)
    leaves = Leaves(graph, modules)
    unnamed = unnamed_layers.places(graph, modules)
    leaving = {graph.producer[value] for value in graph.bodies[0].results if value != NONE}
    claims = []
    doubtful = {*guessed}
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
        rule = (
            _rule(graph, node, module, places, modules)
            if doubtful.isdisjoint(around)
            else PlacementRule.READERS
        )
        if rule is PlacementRule.READERS:
            doubtful.add(node)
        named = ", ".join(place[:SHOWN] for place in sorted(places)[:4])  # a name may be megabytes long
        detail = f"{counted(len(around), 'reader')} in {named or 'the root'}"
        claims.append(Claim(node, module, None, Source.DATAFLOW, None, detail, rule))
    return Testimony(tuple(claims))


def _rule(
    graph: GraphIndex,
    node: int,
    module: ModulePath,
    places: Set[ModulePath],
    modules: Sequence[ModulePath | None],
) -> PlacementRule:
    """Return the rule that places a node with readers in `places`."""
    if places != {module}:
        return PlacementRule.READERS
    computed = [value for value in graph.reads[node] if value != NONE and value not in graph.constants]
    if not computed:
        return PlacementRule.CONSTANT
    makers = {graph.producer[value] for value in computed}
    if {modules[maker] if maker != NONE else None for maker in makers} == {module}:
        return PlacementRule.WITHIN
    operators = {graph.operators[maker][1] if maker != NONE else None for maker in makers}
    quantises = graph.operators[node][1] in _QUANTISING or operators <= _QUANTISING
    return PlacementRule.QUANTISES if quantises else PlacementRule.READERS


def _common(module: ModulePath, around: ModulePath | None) -> ModulePath | None:
    return None if around is None else common_ancestor((module, around))


def _makes_nothing(module: ModulePath, places: Set[ModulePath], called: Set[ModulePath]) -> bool:
    numbered = all(map(module.holds_numbered, places))
    return numbered or (not called.isdisjoint(places) and module not in called)


def _merged_with(graph: GraphIndex, node: int) -> Iterator[int]:
    """Yield the Transpose before a Reshape, which comes from the same module.

    Tools put a Reshape before a matrix product and merge it with one of the model. The module that transposed
    a value also reshaped it.
    """
    if graph.operators[node][1] == "Reshape":
        yield from (n for n in graph.predecessors(node) if graph.operators[n][1] == "Transpose")


def _readers_first(graph: GraphIndex, known: list[ModulePath | None]) -> list[int]:
    """Return the nodes without a module, each after its readers among them, whatever the file order."""
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
