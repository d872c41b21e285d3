"""The law of implant: an extracted module that is put back unchanged gives the model back."""

from __future__ import annotations

from pathlib import Path

from onnx import ModelProto

from rewriter.edits.pieces.border import Border
from rewriter.edits.pieces.joining import join
from rewriter.edits.pieces.matching import match
from rewriter.edits.pieces.openings import body_at
from rewriter.edits.pieces.outside import certify_outside, first_change
from rewriter.edits.pieces.seats import Seat
from rewriter.modules.analysis import Analysis
from rewriter.proof.certificate import certify


def fault_of(analysis: Analysis, border: Border, piece: ModelProto) -> str | None:
    """Return the reason why an unchanged piece does not give the model back; None if it does."""
    folder = analysis.path.parent if analysis.path else Path()
    seat = Seat(border, piece, "piece", match(border, piece, "piece"))
    made, [seated] = join(analysis.graph, [seat], folder)
    before, after = seated.before, seated.after
    proofs = (
        certify_outside(analysis.model, made, [seated], folder),
        certify(analysis.model, made, before_folder=folder, after_folder=folder),
    )
    if found := next((proof.difference for proof in proofs if not proof.equal), None):
        return found
    if changed := first_change(made, seated, folder):
        return f"{changed} was changed"
    around = [node for node in body_at(analysis.model, before.address).node if not before.holds(node)]
    kept = [node for node in body_at(made, after.address).node if not after.holds(node)]
    if [node.SerializeToString() for node in kept] != [node.SerializeToString() for node in around]:
        return "nodes outside of the module have other bytes or another order"
    same = made.graph.initializer == analysis.model.graph.initializer
    return None if same else "other weights, or another order of weights"
