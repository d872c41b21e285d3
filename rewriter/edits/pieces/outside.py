"""Proves that a model with pieces is the model without them everywhere outside of the pieces."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from onnx import ModelProto, NodeProto

from rewriter.edits.pieces.naming import forget_sizes
from rewriter.edits.pieces.openings import body_at, opened
from rewriter.edits.pieces.piece_data import same_content
from rewriter.edits.pieces.piece_functions import call_by
from rewriter.edits.pieces.seats import Seated
from rewriter.evidence.metadata import tags
from rewriter.model import metadata
from rewriter.model.index.graph import GraphIndex
from rewriter.passes.functions.value_names import rename
from rewriter.proof.certificate import Certificate, certify


def certify_outside(
    before: ModelProto, after: ModelProto, seated: Sequence[Seated], folder: Path | None
) -> Certificate:
    """Certify two models with openings instead of the modules and of the pieces.

    Args:
        before: the model.
        after: the model with the pieces.
        seated: the pieces in it.
        folder: the folder of the external data of the model.
    """
    return certify(
        opened(before, [each.before for each in seated]),
        opened(after, [each.after for each in seated]),
        before_folder=folder,
        after_folder=folder,
    )


def first_change(model: ModelProto, seated: Seated, home: Path) -> str | None:
    """Return the first node or weight of a piece that is not in the model as it is; None if all are.

    Nodes are compared byte for byte, but for names of nodes, values and functions, and metadata on their
    modules. Constants that the model had already do not count.

    Args:
        model: the model with the piece.
        seated: the piece in it.
        home: the folder that references to external data are relative to.
    """
    graph = body_at(model, seated.after.address)
    there = {tuple(node.output): node for node in graph.node if seated.after.holds(node)}
    weights = {tensor.name: tensor for tensor in GraphIndex(model).initializers.values()}
    piece = seated.seat.piece.graph
    for original in (piece.node[at] for at in seated.kept):
        written = there.get(tuple(seated.names[name] if name else "" for name in original.output))
        if written is None or not _is_copy(original, written, seated):
            return str(original.name or original.op_type)
    for tensor in piece.initializer:
        if not same_content(weights[seated.names[tensor.name]], tensor, home):
            return str(tensor.name)
    for name, wanted in seated.seat.matched.outputs.items():
        source = seated.names[name]
        if source != wanted and not _passes(there.get((wanted,)), source):
            return name
    return None


def _passes(node: NodeProto | None, source: str) -> bool:
    """Whether a node is an Identity of a value."""
    return node is not None and (node.domain, node.op_type, *node.input) == ("", "Identity", source)


def _is_copy(original: NodeProto, written: NodeProto, seated: Seated) -> bool:
    """Whether a node of the model is a node of the piece but for names, and metadata on its module."""
    before, back = NodeProto(), NodeProto()
    before.CopyFrom(original)
    back.CopyFrom(written)
    rename(back, {new: old for old, new in seated.names.items()})
    call_by(back, {(domain, new, over): old for (domain, old, over), new in seated.functions.items()})
    for node in (before, back):
        node.ClearField("name")
        forget_sizes(node)
        metadata.erase(node, tags.OF_NODES)
    return before.SerializeToString() == back.SerializeToString()
