"""Finds the arithmetic of norms: nodes that lead to the product with a known scale."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rewriter.model.index.graph import GraphIndex
from rewriter.paths import ModulePath

_ARITHMETIC = frozenset({"Pow", "Mul", "Div", "Sub", "Add", "Sqrt", "Reciprocal", "Cast", "ReduceMean"})


def norms(graph: GraphIndex, modules: Sequence[ModulePath | None]) -> Iterator[tuple[int, set[int]]]:
    """Yield the product of a norm with its scale, and the nodes without a module that lead to it.

    Such arithmetic contains a mean, and only the product uses its results.
    """
    for node, module in enumerate(modules):
        if module is not None and graph.operators[node][1] == "Mul":
            inside = _leading_to(graph, node, modules)
            if any(graph.operators[other][1] == "ReduceMean" for other in inside):
                yield node, inside


def _leading_to(graph: GraphIndex, node: int, modules: Sequence[ModulePath | None]) -> set[int]:
    """Return the unplaced arithmetic nodes whose results lead to `node` alone, through such nodes."""
    inside = {node}
    pending = [node]
    while pending:
        for other in graph.predecessors(pending.pop()):
            if other in inside or modules[other] is not None or not _is_arithmetic(graph, other):
                continue
            if all(reader in inside for reader in graph.successors(other)):
                inside.add(other)
                pending.append(other)
    return inside - {node}


def _is_arithmetic(graph: GraphIndex, node: int) -> bool:
    """Whether a node may be part of a norm: arithmetic, but no sum of two computed values."""
    operator = graph.operators[node][1]
    computed = sum(value not in graph.constants for value in graph.reads[node])
    return operator in _ARITHMETIC and (operator != "Add" or computed < 2)
