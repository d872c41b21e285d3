"""Openings: the nodes of a body that a piece replaces, or that replace them, found by names alone.

A model with an opening instead of the nodes has two nodes of an unknown operator there: one that gives all
outputs of the nodes, from nothing, and one that takes all their inputs. The certificate counts unknown
operators one by one. So if two models with the same openings are equal, all that surrounds the nodes is
equal, whatever the nodes compute: the values that they are given, and all that happens to their results.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from onnx import GraphProto, ModelProto, NodeProto, helper

from rewriter.model.index.graph import NONE, GraphIndex, graphs_of

Address = tuple[tuple[str, int], ...]
"""Way from the main graph to a body: an output of each owner of a body, and the number of the body in it."""

_DOMAIN = "rewriter.opening"


@dataclass(frozen=True, slots=True)
class Opening:
    """Nodes of one body, and the values that cross their border.

    Attributes:
        address: the body.
        written: the names of all values that the nodes write.
        takes: the values that they are given.
        gives: the values that they compute for other nodes, or as outputs of the body.
    """

    address: Address
    written: frozenset[str]
    takes: tuple[str, ...]
    gives: tuple[str, ...]

    def holds(self, node: NodeProto) -> bool:
        """Whether a node of the body is one of these nodes."""
        return not self.written.isdisjoint(filter(None, node.output))

    def filled(self, written: frozenset[str]) -> Opening:
        """Return the same opening with other nodes."""
        return replace(self, written=written)


def address_of(graph: GraphIndex, body: int) -> Address:
    """Return the address of the main graph or of a graph body."""
    steps: list[tuple[str, int]] = []
    while (owner := graph.bodies[body].owner) != NONE:
        first = next(name for name in graph.nodes[owner].output if name)
        of_owner = [number for number, each in enumerate(graph.bodies) if each.owner == owner]
        steps.append((first, of_owner.index(body)))
        body = graph.bodies[body].outer
    return tuple(reversed(steps))


def body_at(model: ModelProto, address: Address) -> GraphProto:
    """Return the body at an address."""
    graph = model.graph
    for output, number in address:
        owner = next(node for node in graph.node if output in node.output)
        graph = [each for attribute in owner.attribute for each in graphs_of(attribute)][number]
    return graph


def opened(model: ModelProto, openings: Sequence[Opening]) -> ModelProto:
    """Return a copy of a model with openings instead of nodes."""
    copy = ModelProto()
    copy.CopyFrom(model)
    for number, opening in enumerate(openings):
        graph = body_at(copy, opening.address)
        around = [node for node in graph.node if not opening.holds(node)]
        start = helper.make_node("Gives", [], opening.gives, domain=_DOMAIN, number=number)
        end = helper.make_node("Takes", opening.takes, [], domain=_DOMAIN, number=number)
        del graph.node[:]
        graph.node.extend([start, *around, end])
    return copy
