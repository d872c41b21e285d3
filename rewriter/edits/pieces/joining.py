"""Writes pieces into a model in place of the nodes of modules; all other nodes stay as they are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from onnx import ModelProto, NodeProto, ValueInfoProto

from rewriter.edits.pieces.leftovers import Leftovers
from rewriter.edits.pieces.naming import Naming
from rewriter.edits.pieces.openings import body_at
from rewriter.edits.pieces.opsets import add_imports
from rewriter.edits.pieces.seats import Seat, Seated
from rewriter.errors import CannotImplant
from rewriter.model.index.cycles import Circle, in_dataflow_order, title
from rewriter.model.index.graph import GraphIndex
from rewriter.model.operator_set.ir_version import list_initializers


def join(graph: GraphIndex, seats: Sequence[Seat], home: Path) -> tuple[ModelProto, tuple[Seated, ...]]:
    """Return a copy of a model with pieces in it, and the nodes of each piece.

    Args:
        graph: the index of the model.
        seats: the pieces; no two borders have a node in common.
        home: the folder that references to external data are relative to.

    Raises:
        CannotImplant: nodes of a piece and others would feed each other.
    """
    model = ModelProto()
    model.CopyFrom(graph.model)
    left = Leftovers(graph, {node for seat in seats for node in seat.border.nodes})
    naming = Naming(graph, left, model, home)
    seated = tuple(naming.name(seat) for seat in seats)
    for each in seated:
        _put(model, each)
    left.clear(model)
    for each in seated:
        add_imports(model, each.seat.piece)
        _describe(model, graph, each)
    list_initializers(model)
    return model, seated


def _put(model: ModelProto, seated: Seated) -> None:
    """Replace the nodes of the modules; nodes of the piece come where the last of them was."""
    graph = body_at(model, seated.before.address)
    nodes = list(graph.node)
    gone = [at for at, node in enumerate(nodes) if seated.before.holds(node)]
    around = [at for at in range(len(nodes)) if at not in set(gone)]
    split = sum(at < gone[-1] for at in around)
    listed = (
        [nodes[at] for at in around[:split]]
        + [*seated.nodes, *seated.added]
        + [nodes[at] for at in around[split:]]
    )
    try:
        order = in_dataflow_order(listed)
    except Circle as found:
        raise CannotImplant(
            f"{seated.seat.name}: {title(listed[found.members[0]])} would feed itself: one output of the "
            "piece depends on an input that other nodes compute from that output; keep the two apart"
        ) from None
    copies = [_copied(listed[at]) for at in order]
    del graph.node[:]
    graph.node.extend(copies)


def _describe(model: ModelProto, graph_before: GraphIndex, seated: Seated) -> None:
    """State the types of the inner values of a piece, as far as its names of sizes mean the same."""
    graph, piece = body_at(model, seated.before.address), seated.seat.piece.graph
    before = {info.name: info for info in graph_before.bodies[seated.seat.border.body].proto.value_info}
    inner = seated.after.written.difference(seated.before.gives)
    stated = {info.name for info in graph.value_info}
    for info in piece.value_info:
        name = seated.names.get(info.name, "")
        if name in inner and name not in stated:
            graph.value_info.append(_stated(info, name, before.get(name)))
    for each in piece.quantization_annotation:
        if each.tensor_name in seated.names:
            added = graph.quantization_annotation.add()
            added.CopyFrom(each)
            added.tensor_name = seated.names[each.tensor_name]
            for entry in added.quant_parameter_tensor_names:
                entry.value = seated.names.get(entry.value, entry.value)


def _stated(info: ValueInfoProto, name: str, before: ValueInfoProto | None) -> ValueInfoProto:
    """Return a type of a piece for the model: a name of a size may mean another size in the model."""
    made = ValueInfoProto()
    made.CopyFrom(info)
    made.name = name
    if before is None or before.type != info.type:
        for dim in made.type.tensor_type.shape.dim if made.type.HasField("tensor_type") else ():
            dim.ClearField("dim_param")
    return made


def _copied(node: NodeProto) -> NodeProto:
    copy = NodeProto()
    copy.CopyFrom(node)
    return copy
