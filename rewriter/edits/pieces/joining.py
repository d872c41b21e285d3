"""Writes pieces into a model in place of the nodes of modules; all other nodes stay as they are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from onnx import ModelProto, NodeProto

from rewriter.cutting.main_graph import MainGraph
from rewriter.edits.pieces.leftovers import Leftovers
from rewriter.edits.pieces.naming import Naming
from rewriter.edits.pieces.openings import body_at
from rewriter.edits.pieces.opsets import add_imports
from rewriter.edits.pieces.seats import Seat, Seated
from rewriter.edits.removal import erase_at
from rewriter.errors import CannotImplant
from rewriter.model.index.cycles import Circle, in_dataflow_order, title
from rewriter.model.index.functions import Identity, identity_of
from rewriter.model.index.graph import GraphIndex
from rewriter.model.operator_set.ir_version import list_initializers


def join(graph: GraphIndex, seats: Sequence[Seat], home: Path) -> tuple[ModelProto, tuple[Seated, ...]]:
    """Return a copy of a model with pieces in it, and the nodes of each piece.

    Args:
        graph: the index of the model.
        seats: the pieces; no two borders have a node in common.
        home: the folder that references to external data are relative to.

    Raises:
        CannotImplant: nodes of a piece and others would feed each other, or pieces need different versions of
            an operator set.
    """
    model = ModelProto()
    model.CopyFrom(graph.model)
    left = Leftovers(graph, {node for seat in seats for node in seat.border.nodes})
    naming = Naming(graph, left, model, home)
    seated = tuple(naming.name(seat) for seat in seats)
    for each in seated:
        _put(model, each)
    typed: dict[int, set[str]] = {}
    for each in seated:
        typed.setdefault(each.seat.border.body, set()).update(_typed_alike(graph, each))
    left.clear(model, typed)
    for each in seated:
        add_imports(model, each.seat.piece, each.seat.name)
        _describe(model, each)
    list_initializers(model)
    doomed = _called(graph) - _called(GraphIndex(model))
    erase_at(model.functions, [identity_of(function) in doomed for function in model.functions])
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


def _typed_alike(graph: GraphIndex, seated: Seated) -> set[str]:
    """Return the values of a piece for which the model states the type already: outputs, and equal types."""
    before = {info.name: info.type for info in graph.bodies[seated.seat.border.body].proto.value_info}
    infos = seated.seat.piece.graph.value_info
    inner = ((seated.names.get(info.name, ""), info.type) for info in infos)
    return {*seated.before.gives, *(name for name, kind in inner if before.get(name) == kind)}


def _describe(model: ModelProto, seated: Seated) -> None:
    """State the types of the inner values of a piece, without names of sizes.

    A name of a size may mean another size in the model.
    """
    graph, piece = body_at(model, seated.before.address), seated.seat.piece.graph
    inner = seated.after.written.difference(info.name for info in graph.value_info)
    inner = inner.difference(seated.before.gives)
    for info in piece.value_info:
        name = seated.names.get(info.name, "")
        if name in inner:
            added = graph.value_info.add()
            added.CopyFrom(info)
            added.name = name
            for dim in added.type.tensor_type.shape.dim if added.type.HasField("tensor_type") else ():
                dim.ClearField("dim_param")
    for each in piece.quantization_annotation:
        if each.tensor_name in seated.names:
            annotation = graph.quantization_annotation.add()
            annotation.CopyFrom(each)
            annotation.tensor_name = seated.names[each.tensor_name]
            for entry in annotation.quant_parameter_tensor_names:
                entry.value = seated.names.get(entry.value, entry.value)


def _called(graph: GraphIndex) -> set[Identity]:
    """Return the functions that the nodes of a model call, directly or not."""
    main = MainGraph(graph)
    return main.called(main.nodes) if graph.model.functions else set()


def _copied(node: NodeProto) -> NodeProto:
    copy = NodeProto()
    copy.CopyFrom(node)
    return copy
