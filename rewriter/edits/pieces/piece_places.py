"""Places the nodes of a piece: in its module, if its own evidence names no module below that.

Tools drop names and metadata, and a piece may come from another module or another file. Its evidence would
then place nodes nowhere, or in a module that they are not in any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from onnx import NodeProto

from rewriter.cutting.extract import Target
from rewriter.evidence.metadata import tags
from rewriter.model import metadata
from rewriter.modules.analysis import Analysis
from rewriter.paths import ModulePath

Places = Mapping[tuple[str, ...], ModulePath]
"""Outputs of a node of the main graph -> its module."""


def places_of(piece: Analysis) -> Places:
    """Return the modules that the evidence in a piece gives for its nodes."""
    placed = zip(piece.graph.nodes, piece.graph.body_of, piece.tree.placements, strict=True)
    return {tuple(node.output): place.module for node, body, place in placed if place and body == 0}


def place(pairs: Iterable[tuple[NodeProto, NodeProto]], places: Places, target: Target) -> None:
    """Write the module into the metadata of nodes that their own evidence places elsewhere or nowhere.

    Args:
        pairs: a node of the piece, and its copy in the model, which is edited.
        places: the modules by the evidence in the piece.
        target: the module that the piece replaces; if there are several, nothing is written.
    """
    if len(target.modules) > 1:
        return
    [module] = target.modules
    call = {tags.CALL: str(target.call)} if isinstance(target.call, int) else {}
    for original, copy in pairs:
        found = places.get(tuple(original.output))
        if found is None or not module.holds(found):
            metadata.erase(copy, tags.OF_NODES)
            metadata.write(copy, {tags.MODULE: str(module), **call})
        elif call and metadata.get(copy, tags.MODULE) is not None:
            metadata.write(copy, call)
