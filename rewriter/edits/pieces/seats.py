"""The place of a piece in a model, before and after it is taken."""

from __future__ import annotations

from dataclasses import dataclass, field

from onnx import ModelProto, NodeProto

from rewriter.edits.pieces.border import Border
from rewriter.edits.pieces.matching import MatchedEnds
from rewriter.edits.pieces.openings import Opening
from rewriter.edits.pieces.piece_places import Places
from rewriter.model.index.functions import Identity


@dataclass(frozen=True, slots=True)
class Seat:
    """A piece and the place that it takes.

    Attributes:
        border: the border of the modules.
        piece: the piece; its operator sets are those of the model, or are not in the model.
        name: the name of the piece for messages.
        matched: the values that its inputs and outputs stand for.
        places: the modules of its nodes, by the evidence in it.
    """

    border: Border
    piece: ModelProto
    name: str
    matched: MatchedEnds
    places: Places = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Seated:
    """The nodes of a piece in the model.

    Attributes:
        seat: the piece and its place.
        before: the opening with the nodes of the modules.
        after: the same opening with the nodes of the piece.
        kept: positions of the nodes of the piece that were written; the others are constants that the model
            has.
        nodes: these nodes, as they were written.
        names: name of a value or node of the piece -> its name in the model.
        functions: function of the piece -> its name in the model.
        added: the Identity nodes for outputs of the piece that are inputs or weights of it.
    """

    seat: Seat
    before: Opening
    after: Opening
    kept: tuple[int, ...]
    nodes: tuple[NodeProto, ...]
    names: dict[str, str]
    functions: dict[Identity, str]
    added: tuple[NodeProto, ...]
