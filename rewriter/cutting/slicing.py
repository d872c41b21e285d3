"""Slices the part of a model that a piece was cut from; the certificate compares it with the piece."""

from __future__ import annotations

from onnx import ModelProto, ValueInfoProto

from rewriter.cutting.piece import Piece
from rewriter.model.index.backward_slice import names_read, nodes_needed


def slice_of(whole: ModelProto, piece: Piece) -> ModelProto:
    """Return the part of a model between the inputs and the outputs of a piece.

    The slice has the nodes of the main graph that the outputs depend on, up to the inputs, and the
    initializers that these nodes read or that are inputs or outputs. It is made from names alone,
    independently of the code that built the piece.

    Args:
        whole: the model that the piece was cut from.
        piece: the piece; its inputs and outputs are values of the main graph of `whole`.
    """
    recorded, graph = piece.recorded, piece.model.graph
    made = ModelProto(ir_version=piece.model.ir_version, opset_import=whole.opset_import)
    made.functions.extend(whole.functions)
    made.graph.input.extend(_called(info, recorded[info.name]) for info in graph.input)
    made.graph.output.extend(_called(info, recorded[info.name]) for info in graph.output)
    made.graph.value_info.extend(whole.graph.value_info)
    starts = {recorded[name] for name in piece.inputs}
    needed = nodes_needed(whole.graph, (info.name for info in made.graph.output), starts)
    read = names_read(whole.graph.node[number] for number in needed) | set(recorded.values())
    made.graph.initializer.extend(tensor for tensor in whole.graph.initializer if tensor.name in read)
    sparse = (each for each in whole.graph.sparse_initializer if each.values.name in read)
    made.graph.sparse_initializer.extend(sparse)
    for number in needed:
        node = made.graph.node.add()
        node.CopyFrom(whole.graph.node[number])
        node.output[:] = [f"{name} of the whole" if name in starts else name for name in node.output]
    return made


def _called(info: ValueInfoProto, name: str) -> ValueInfoProto:
    return ValueInfoProto(name=name, type=info.type)
