"""The border of a module: its nodes in the model, and the values that enter and leave it.

The border is that of the piece that `extract` makes of the module, so whatever `extract` takes out can be put
back. Every value has two names: that in the piece, and that in the body of the model that holds the nodes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from onnx import TypeProto

from rewriter.cutting.check import Checking
from rewriter.cutting.common_body import outermost_body
from rewriter.cutting.extract import Extraction, Target, plan_extractions
from rewriter.errors import RewriterError
from rewriter.model.index.graph import GraphIndex
from rewriter.modules.analysis import Analysis


@dataclass(frozen=True, slots=True)
class Crossing:
    """A value at the border.

    Attributes:
        name: its name in the piece that `extract` makes.
        value: its name in the body of the model.
        type: its type in the model.
    """

    name: str
    value: str
    type: TypeProto


@dataclass(frozen=True, slots=True)
class Border:
    """The border of some modules.

    Attributes:
        target: the modules, and their call.
        body: number of the body of the model that holds the nodes.
        nodes: the nodes that a piece replaces. Constants of the modules that other nodes read are not among
            them.
        inputs: the values that the modules read and do not compute, without weights.
        outputs: the values of the modules that other nodes read, or that are outputs of the body.
    """

    target: Target
    body: int
    nodes: frozenset[int]
    inputs: tuple[Crossing, ...]
    outputs: tuple[Crossing, ...]


def borders_of(analysis: Analysis, targets: Sequence[Target], how: Checking) -> dict[Target, Border]:
    """Return the border of each target.

    Args:
        analysis: the model.
        targets: the modules.
        how: options of the runs that measure the ranks that the file does not state.

    Raises:
        CannotCut: the modules of a target cannot be a model of their own, see `extract`.
        UsageError: a module is called several times and its target names no call, or there is no such call.
    """
    planned = plan_extractions(analysis, targets, how)
    borders: dict[Target, Border] = {}
    for target, found in planned.found.items():
        if isinstance(found, RewriterError):
            raise found
        borders[target] = _border(analysis.graph, found, planned.names)
    return borders


def _border(graph: GraphIndex, found: Extraction, names: Mapping[str, str]) -> Border:
    own = {
        node
        for node in found.nodes
        if found.nodes.isdisjoint(graph.enclosing(node)) and outermost_body(graph, node) == 0
    }
    body = graph.body_of[min(own)]
    piece = found.piece

    def ports(kept: Iterable[str], side: str) -> tuple[Crossing, ...]:
        types = {info.name: info.type for info in getattr(piece.model.graph, side)}
        recorded = {name: piece.recorded[name] for name in kept}
        return tuple(Crossing(name, names.get(flat, flat), types[name]) for name, flat in recorded.items())

    outputs = ports(piece.outputs, "output")
    leaving = {graph.value(port.value, body) for port in outputs}
    return Border(
        found.wanted,
        body,
        frozenset(own - _staying(graph, own, leaving)),
        ports(piece.inputs, "input"),
        outputs,
    )


def _staying(graph: GraphIndex, own: set[int], leaving: set[int]) -> set[int]:
    """Return the nodes of a module that other nodes need, although no output of the module shows it.

    These are constants: each piece that reads one has a copy of it.
    """

    def is_read_outside(value: int) -> bool:
        readers = graph.readers[value]
        inside = all(reader in own or not own.isdisjoint(graph.enclosing(reader)) for reader in readers)
        return not inside or value in graph.bodies[0].results

    waiting = [
        node
        for node in own
        if any(value not in leaving and is_read_outside(value) for value in graph.writes[node])
    ]
    found: set[int] = set()
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting += own.intersection(graph.predecessors(node))
    return found
