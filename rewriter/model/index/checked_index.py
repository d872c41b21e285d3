"""Builds the index of a model and checks that the model has a single meaning.

The index answers most of the checks in `checks`, at a tenth of the cost of reading the messages.
`checks.check` reads the messages if the index shows a possible fault, or if the model has functions or graph
attributes, for whose names and calls the integers do not suffice. It then refuses the model, or finds that
there is no fault.
"""

from __future__ import annotations

from onnx import ModelProto

from rewriter.basics import garbage
from rewriter.errors import UnreadableModel
from rewriter.model.index.checks import check
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.model.limits import current
from rewriter.model.operator_set.operators import canonical


@garbage.paused()
def indexed(model: ModelProto, *, ordered: bool = False, provable: bool = True) -> GraphIndex:
    """Index a model and check it.

    Args:
        model: the model.
        ordered: whether nodes must be sorted; see `checks.check`.
        provable: whether the model is read for a proof; see `checks.check`.

    Raises:
        UnreadableModel: the model has no single meaning, or exceeds the limits.
    """
    if model.functions:
        check(model, ordered=ordered, provable=provable)
        return GraphIndex(model)
    graph = GraphIndex(model)
    if not (_is_flat(graph) and _names_one_value_each(graph) and _is_sorted(graph) and _imports_all(graph)):
        check(model, ordered=ordered, provable=provable)
    return graph


def _is_flat(graph: GraphIndex) -> bool:
    return len(graph.bodies) == 1 and len(graph.nodes) <= current().nodes


def _names_one_value_each(graph: GraphIndex) -> bool:
    """Whether every value is defined exactly once, as an input or initializer or by one node."""
    main = graph.model.graph
    given = len(main.input) + len(main.initializer) + len(main.sparse_initializer)
    makers = graph.producer
    return (
        makers[:given].count(NONE) == makers.count(NONE) == given  # inputs and initializers come first
        and len(makers) == given + sum(len(values) - values.count(NONE) for values in graph.writes)
    )


def is_sorted(graph: GraphIndex) -> bool:
    """Whether every node comes after the nodes whose values it reads, or its graph bodies capture.

    A body may write a name that a graph around it has, too; a node of it that reads the name before means the
    value of the graph around.
    """
    if _is_sorted(graph):
        return True
    try:
        check(graph.model, ordered=True, provable=False)
    except UnreadableModel:
        return False
    return True


def _is_sorted(graph: GraphIndex) -> bool:
    """Whether `is_sorted` holds if every name means the value of the innermost body that writes it."""
    producer = graph.producer
    return all(
        producer[value] < node for node, values in enumerate(graph.reads) for value in values if value != NONE
    ) and not any(
        producer[value] > body.owner and graph.body_of[producer[value]] != number
        for number, body in enumerate(graph.bodies)
        if body.owner != NONE
        for value in body.results
        if value != NONE
    )


def _imports_all(graph: GraphIndex) -> bool:
    """Whether all operator sets that nodes use are imported, and no operator set is imported twice."""
    imported = [canonical(each.domain) for each in graph.model.opset_import]
    used = {canonical(domain) for domain, _ in set(graph.operators)}
    return len(imported) == len(set(imported)) and used.issubset(imported)
