"""Places weightless children of a Sequential by the numbers missing between two children with weights.

`net.1` feeds a Relu and nothing else, and the Relu feeds `net.3`: the Relu is `net.2`. This holds only if the
nodes in between form as many torch modules as numbers are missing. If a module left no node (a dropout, a
folded batch norm), the numbers are ambiguous, and nothing is claimed.
"""

from __future__ import annotations

from collections.abc import Sequence

from rewriter.evidence.certainty import PlacementRule
from rewriter.evidence.claims import SHOWN, Claim, Source
from rewriter.evidence.parameters.leaf_classes import class_of
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.paths import ModulePath

_LONGEST = 32
"""Maximum nodes between two children, and missing numbers. Few leaves without weights have over six nodes."""
_DIGITS = 9
"""Maximum digits of a child's number to read: a name may have thousands."""


def fill(graph: GraphIndex, modules: Sequence[ModulePath | None]) -> list[Claim]:
    """Return claims on nodes between two numbered children of one module.

    Args:
        graph: the model.
        modules: node -> its module, if parameters show it.
    """
    known = {module for module in modules if module is not None}
    above = {each for module in known for each in module.ancestors()}
    claims = []
    for node, first in enumerate(modules):
        if first is None or not first.name.isdecimal() or first in above:
            continue
        inside, end = _between(graph, node, modules)
        if end == NONE or (last := modules[end]) is None or last in above:
            continue
        missing = _missing(first, last)
        if missing and not (known | above).intersection(missing):
            pieces = _pieces(graph, node, inside)
            if len(pieces) == len(missing):
                detail = f"the number missing between {first[:SHOWN]} and {last[:SHOWN]}"
                for part, piece in zip(missing, pieces, strict=True):
                    claims += [
                        Claim(each, part, None, Source.DATAFLOW, None, detail, PlacementRule.NUMBER)
                        for each in piece
                    ]
    return claims


def _missing(first: ModulePath, last: ModulePath) -> list[ModulePath]:
    """Return the children between two children of one module, by their numbers."""
    parent = first.parent
    if parent is None or last.parent != parent or not last.name.isdecimal():
        return []
    numbers = range(int(first.name[:_DIGITS]) + 1, int(last.name[:_DIGITS]))
    return [parent.child(str(number)) for number in numbers] if len(numbers) <= _LONGEST else []


def _between(graph: GraphIndex, node: int, modules: Sequence[ModulePath | None]) -> tuple[list[int], int]:
    """Return the nodes computed from `node` and constants alone, and the one placed node that reads them.

    Return [] and NONE if there are none or too many, if several placed nodes read them, if the placed node
    reads `node` itself, or if one of these nodes reads other computed values or inputs of the graph.
    """
    inside: dict[int, None] = {}
    ends: set[int] = set()
    pending = [node]
    for current in pending:
        for reader in graph.successors(current):
            if modules[reader] is not None or current == node == reader:
                ends.add(reader)
            elif reader not in inside:
                inside[reader] = None
                pending.append(reader)
            if len(inside) > _LONGEST or len(ends) > 1:
                return [], NONE
    fed = (value for each in (*inside, *ends) for value in graph.reads[each])
    made = {graph.producer[value] for value in fed if value != NONE and value not in graph.constants}
    if not inside or not ends or not made <= {node, *inside} or not ends.isdisjoint(graph.successors(node)):
        return [], NONE
    return sorted(inside), ends.pop()


def _pieces(graph: GraphIndex, node: int, inside: list[int]) -> list[list[int]]:
    """Split the nodes between two children into consecutive torch modules; [] if that is impossible."""
    place = {each: number for number, each in enumerate(inside)}
    pieces: list[list[int]] = []
    piece: list[int] = []
    needed = 0  # last position that reads a result of the nodes so far
    for number, each in enumerate((node, *inside), -1):
        piece += [each] if each != node else []
        if piece and needed <= number:
            if pieces and not _is_leaf(graph, piece) and _is_leaf(graph, pieces[-1] + piece):
                pieces[-1] += piece
                piece = []
            elif _is_leaf(graph, piece):
                pieces.append(piece)
                piece = []
        needed = max(needed, *(place.get(reader, 0) for reader in graph.successors(each)), 0)
    return [] if piece else pieces


def _is_leaf(graph: GraphIndex, nodes: Sequence[int]) -> bool:
    """Whether nodes look like one module of torch without weights."""
    operators = {graph.operators[node][1] for node in nodes}
    return operators == {"Flatten"} or class_of(dict.fromkeys(operators, 1), {}) is not None
