"""Moves nodes that onnxruntime cannot run inside functions to the main graph or to an outer caller.

Measured with onnxruntime 1.31.1:

- A value of a late type (8-bit floats, 4 and 2 bits, optionals) may be an input of a function whose operators
  read it. If the function passes the value on to another function, onnxruntime refuses the model. So
  quantised weights are unpacked at most one call below the graph that holds them. A body in a function reads
  captured values of these types outside of further functions.
- A node must state all attributes that have defaults if onnx defines its operator by a function and without
  type inference: the defaults are lost when onnxruntime inlines functions.
- A function must import the operator sets of all its nodes; the main graph need not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from rewriter.model.index.checks import unimported
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.model.operator_set.late_types import late_values
from rewriter.model.operator_set.operators import canonical, schema_of, versions_of
from rewriter.refusals import Reason, Refusal
from rewriter.regions.region_tree import TOP, Regions, keep_outside, main_node, name_of, shared_calls


def lift_uninferable(graph: GraphIndex, regions: Regions) -> list[Refusal]:
    """Move out of all regions the nodes whose defaults would be lost, or the owners of their bodies.

    Returns:
        A refusal for each node that moved.
    """
    opsets = versions_of(graph.model.opset_import)
    refusals = []
    for number, node in enumerate(graph.nodes):
        owner = main_node(graph, number)
        home = regions.region_of[owner]
        if home is None or home == TOP:
            continue
        domain = canonical(node.domain)
        schema = schema_of(node.op_type, domain, opsets.get(domain, 0))
        if schema is None or not schema.has_function or schema.has_type_and_shape_inference_function:
            continue
        stated = {attribute.name for attribute in node.attribute}
        if any(each.default_value.type and name not in stated for name, each in schema.attributes.items()):
            refusals.append(Refusal(regions.regions[home].module, Reason.LOST_DEFAULT, name_of(graph, owner)))
            regions.keep_outside(owner)
    return refusals


def lift_unimported(graph: GraphIndex, regions: Regions) -> list[Refusal]:
    """Move out of all regions the nodes of operator sets without import, or the owners of their bodies.

    Returns:
        A refusal for each node that moved.
    """
    domains = unimported(graph)
    if not domains:
        return []
    owners = {
        main_node(graph, node)
        for node, (domain, _) in enumerate(graph.operators)
        if canonical(domain) in domains
    }
    in_main = (owner for owner in owners if graph.body_of[owner] == 0)
    return keep_outside(graph, regions, in_main, Reason.NO_IMPORT)


class LateTypes:
    """Values of late types of a body; `lift` moves their readers.

    Args:
        graph: an index whose main graph is the body.
        captured: its captured values of late types.
        passed: whether a function may pass these on to the body, since it calls the node with the body.

    Attributes:
        graph: the index.
        values: the values of its main graph that are known to have a late type, in file order.
    """

    def __init__(self, graph: GraphIndex, captured: Collection[int] = (), *, passed: bool = False) -> None:
        self.graph = graph
        self.values = sorted(late_values(graph).union(captured))
        self._passed = frozenset(captured if passed else ())
        self._functions = {(canonical(f.domain), f.name) for f in graph.model.functions}

    def lift(self, regions: Regions) -> list[Refusal]:
        """Move readers of these values to outer regions, in place, until no function passes such a value on.

        Returns:
            A refusal for each move; a node may move several times.
        """
        refusals: list[Refusal] = []
        chains = regions.chains()
        while moves := list(self._too_deep(regions, chains)):
            for node, number in moves:
                home = regions.region_of[node] or TOP
                if number in chains[home][:-1]:  # else the node has moved for another value
                    module = regions.regions[home].module
                    refusals.append(Refusal(module, Reason.LATE_TYPE, name_of(self.graph, node)))
                    regions.move({node: number})
        return refusals

    def _too_deep(self, regions: Regions, chains: list[tuple[int, ...]]) -> Iterator[tuple[int, int]]:
        """Yield (reader of a value, region to which it must move)."""
        graph = self.graph
        for value in self.values:
            producer = graph.producer[value]
            made = chains[TOP if producer == NONE else regions.region_of[producer] or TOP]
            for reader in graph.readers[value]:
                node = main_node(graph, reader)
                if (home := regions.region_of[node]) is not None:
                    used = chains[home]
                    passed = value in self._passed or self._calls(node)
                    furthest = shared_calls(made, used) + (not passed)
                    if len(used) > furthest:
                        yield node, used[furthest - 1]

    def _calls(self, node: int) -> bool:
        """Whether a node calls a function, which passes the value on."""
        proto = self.graph.nodes[node]
        return (canonical(proto.domain), proto.op_type) in self._functions
