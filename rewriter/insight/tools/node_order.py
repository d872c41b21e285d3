"""Counts nodes that read a value before it is written; ONNX requires topologically sorted nodes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from onnx import NodeProto

from rewriter.model.index.cycles import captured_by
from rewriter.model.index.graph import graphs_of


@dataclass(slots=True)
class Unsorted:
    """Number of nodes that read a value written by a later node of the same list.

    A node also reads the values that its graph bodies capture.

    Attributes:
        own: such nodes in the list itself.
        captured: such nodes in the list itself whose graph bodies capture the value.
        inner: such nodes in graph bodies.
    """

    own: int = 0
    captured: int = 0
    inner: int = 0


def unsorted_in(nodes: Sequence[NodeProto]) -> Unsorted:
    """Count unsorted nodes of a main graph or function and of all its graph bodies.

    The time is linear in the number of nodes times the nesting depth.
    """
    found = Unsorted()
    _count(nodes, found, is_body=False)
    return found


def _count(nodes: Sequence[NodeProto], found: Unsorted, *, is_body: bool) -> None:
    """Count the unsorted nodes of one list and of the graph bodies in it."""
    place = {name: at for at, node in enumerate(nodes) for name in node.output if name}
    for at, node in enumerate(nodes):
        captures_later = False
        for attribute in node.attribute:
            for graph in graphs_of(attribute):
                captures_later |= _is_later(captured_by(graph), place, at)
                _count(graph.node, found, is_body=True)
        if captures_later or _is_later(node.input, place, at):
            found.inner += is_body
            found.own += not is_body
            found.captured += captures_later and not is_body


def _is_later(names: Iterable[str], place: dict[str, int], at: int) -> bool:
    return any(place.get(name, -1) > at for name in names)
