"""A model made to begin and end where a piece of it does, for the certificate to compare the piece with."""

from __future__ import annotations

from collections.abc import Iterator

from onnx import GraphProto, ModelProto, NodeProto, ValueInfoProto

from rewriter.cutting.piece import Piece
from rewriter.model.graph import graphs_of


def slice_of(whole: ModelProto, piece: Piece) -> ModelProto:
    """The part of a model between the inputs and the outputs of a piece.

    It holds the nodes of the main graph that the outputs depend on, up to the inputs. It is made from names
    alone, without anything that made the piece.

    Args:
        whole: the model that the piece was cut from.
        piece: the piece; its inputs and outputs are values of the main graph of `whole`.
    """
    recorded, graph = piece.recorded, piece.model.graph
    made = ModelProto(ir_version=piece.model.ir_version, opset_import=whole.opset_import)
    made.functions.extend(whole.functions)
    made.graph.input.extend(_called(info, recorded[info.name]) for info in graph.input)
    made.graph.output.extend(_called(info, recorded[info.name]) for info in graph.output)
    made.graph.initializer.extend(whole.graph.initializer)
    made.graph.sparse_initializer.extend(whole.graph.sparse_initializer)
    made.graph.value_info.extend(whole.graph.value_info)
    starts = {recorded[name] for name in piece.inputs}
    made.graph.node.extend(_needed(whole.graph, [info.name for info in made.graph.output], starts))
    return made


def _called(info: ValueInfoProto, name: str) -> ValueInfoProto:
    return ValueInfoProto(name=name, type=info.type)


def _needed(graph: GraphProto, ends: list[str], starts: set[str]) -> Iterator[NodeProto]:
    """The nodes that `ends` depend on through no value of `starts`, in the order of the file."""
    makers = {name: number for number, node in enumerate(graph.node) for name in node.output if name}
    found: set[int] = set()
    waiting = list(ends)
    while waiting:
        name = waiting.pop()
        number = makers.get(name)
        if name not in starts and number is not None and number not in found:
            found.add(number)
            waiting.extend(_names_in(graph.node[number]))
    for number in sorted(found):
        node = NodeProto()
        node.CopyFrom(graph.node[number])
        node.output[:] = [f"{name} of the whole" if name in starts else name for name in node.output]
        yield node


def _names_in(node: NodeProto) -> Iterator[str]:
    """The names that a node reads, in its bodies as well."""
    yield from filter(None, node.input)
    for attribute in node.attribute:
        for body in graphs_of(attribute):
            yield from (info.name for info in body.output)
            for inner in body.node:
                yield from _names_in(inner)
