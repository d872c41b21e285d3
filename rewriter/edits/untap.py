"""Pass: remove the outputs that `tap` added, with all that it wrote for them.

Before::

    g (float[2] x) => (float[2] y, float[2] "l.0") {
      ["/l.0/Relu"] a = Relu (x)
      ["/l.1/Relu"] y = Relu (a)
      "l.0" = Identity (a)
    }

After::

    g (float[2] x) => (float[2] y) {
      ["/l.0/Relu"] a = Relu (x)
      ["/l.1/Relu"] y = Relu (a)
    }
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from typing import ClassVar

from onnx import GraphProto, NodeProto

from rewriter.cutting.calls import file_of
from rewriter.edits.removal import erase_at
from rewriter.edits.taps.record import read_taps, write_taps
from rewriter.errors import CannotCut, UsageError
from rewriter.model.index.graph import graphs_of, nodes_within
from rewriter.model.operator_set.body_types import SCAN_OUTPUT_LISTS
from rewriter.modules.analysis import Analysis
from rewriter.passes.base import InterfaceEdit, Outcome
from rewriter.passes.preserved_parts import Part


@dataclass(frozen=True, slots=True)
class Untap:
    """Removes the taps that the model records, and the record; nothing else is touched.

    Raises:
        UsageError: the model records no taps.
        CannotCut: a tap has become part of the model since: other nodes read it, or it is in a function; or
            all outputs are taps.
    """

    name: ClassVar[str] = "untap"
    requires: ClassVar[frozenset[Part]] = frozenset()
    preserves: ClassVar[frozenset[Part]] = frozenset({Part.FUNCTIONS})

    def run(self, analysis: Analysis) -> Outcome:
        """Erase the outputs of taps, and the values that exist only for taps."""
        model = analysis.model
        taps = read_taps(model)
        if not taps:
            raise UsageError(f"{file_of(analysis)}: it records no taps; 'rewriter tap' writes some")
        made = {name for tap in taps for name in tap.made}
        used = (node for function in model.functions for node in nodes_within(function.node))
        if held := next((name for node in used for name in node.output if name in made), None):
            raise CannotCut(
                f"{file_of(analysis)}: tap {held!r} is in a function; 'rewriter flatten' inlines it"
            )
        if found := _foreign_reader(model.graph, made):
            raise CannotCut(
                f"{file_of(analysis)}: node {found[0]!r} reads {found[1]!r}, a value of a tap, so it must "
                "stay; untap the file of before this node, or before the tool that merged the tap with it"
            )
        doomed = {tap.output for tap in taps}
        outputs = [info.name for info in model.graph.output if info.name in doomed]
        if len(outputs) == len(model.graph.output):
            raise CannotCut(
                f"{file_of(analysis)}: all outputs are taps, so none would be left; untap the file of "
                "before the others were removed"
            )
        erase_at(model.graph.output, [info.name in doomed for info in model.graph.output])
        _erase_values(model.graph, made)
        write_taps(model, ())
        return Outcome({"outputs removed": len(outputs)}, interface=InterfaceEdit(removed=tuple(outputs)))


def _foreign_reader(graph: GraphProto, made: Set[str]) -> tuple[str, str] | None:
    """Return a node that reads a value made for a tap and writes none, and the value; None if none does."""
    for node in nodes_within(graph.node):
        read = next((name for name in node.input if name in made), None)
        if read is not None and made.isdisjoint(node.output):
            return node.name or next(filter(None, node.output), node.op_type), read
    return None


def _erase_listed(node: NodeProto, doomed: list[bool]) -> None:
    """Erase what a Scan lists of results of its body, the last of which are the stacked ones."""
    for attribute in node.attribute if node.op_type == "Scan" else ():
        if attribute.name in SCAN_OUTPUT_LISTS:
            erase_at(attribute.ints, doomed[len(doomed) - len(attribute.ints) :])


def _erase_values(graph: GraphProto, made: Set[str]) -> None:
    """Erase values from a graph and its bodies: nodes that write nothing else, and their names elsewhere."""
    for node in graph.node:
        for attribute in node.attribute:
            for body in graphs_of(attribute):
                _erase_listed(node, [info.name in made for info in body.output])
                erase_at(body.output, [info.name in made for info in body.output])
                erase_at(body.input, [info.name in made for info in body.input])
                _erase_values(body, made)
    erase_at(graph.node, [bool(node.output) and made >= set(node.output) for node in graph.node])
    erase_at(graph.initializer, [tensor.name in made for tensor in graph.initializer])  # folded by a tool
    erase_at(graph.value_info, [info.name in made for info in graph.value_info])
    for node in graph.node:
        erase_at(node.output, [name in made for name in node.output])
        erase_at(node.input, [name in made for name in node.input])
