"""The certificate: two models bear the same symbolic expression at every output."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from onnx import ModelProto

from rewriter import garbage
from rewriter.proof.contents import Contents, Table
from rewriter.proof.numbering import Numbering
from rewriter.proof.scope import Unprovable


@dataclass(frozen=True, slots=True)
class Certificate:
    """The outcome of comparing two models symbolically.

    Attributes:
        equal: whether every output bears the same expression in both models, both have the same inputs and
            outputs (names, types, order, defaults), and the same nodes that may draw random numbers or keep
            state, read or not.
        outputs: number of outputs compared.
        difference: one line on the first difference; None where equal.
        readable: whether the first model can be read as expressions at all; a graph with a cycle, say, has
            none, and nothing can be proved of it.
    """

    equal: bool
    outputs: int
    difference: str | None = None
    readable: bool = True


@garbage.paused()
def certify(
    before: ModelProto,
    after: ModelProto,
    *,
    before_folder: Path | None = None,
    after_folder: Path | None = None,
) -> Certificate:
    """Compare two models symbolically, functions entered, in time linear in their nodes.

    Args:
        before: a model.
        after: the model that should compute the same.
        before_folder: where the external data of `before` lies; None where it has none.
        after_folder: the same for `after`. In one folder, external data counts by reference and is not read;
            in two, its bytes are read once and compared by digest.
    """
    table = Table(Contents(by_content=before_folder != after_folder))
    for side in ("input", "output"):
        if difference := _interface(side, before, after):
            return Certificate(False, 0, difference)
    left = _numbered(before, table, before_folder)
    right = _numbered(after, table, after_folder)
    if isinstance(left, str) or isinstance(right, str):
        reason = left if isinstance(left, str) else right
        return Certificate(False, 0, f"no proof: {reason}", readable=not isinstance(left, str))
    difference = _difference(left, right)
    return Certificate(difference is None, len(left.outputs), difference)


def _numbered(model: ModelProto, table: Table, folder: Path | None) -> Numbering | str:
    """The numbers of a model, or why it has none."""
    try:
        return Numbering(model, table, folder)
    except Unprovable as error:
        return str(error)
    except RecursionError:
        return "functions or graphs nest too deep"


def _difference(left: Numbering, right: Numbering) -> str | None:
    for name, number in left.outputs.items():
        if right.outputs[name] != number:
            return _explain(name, left, right)
    for name, number in left.inputs.items():
        if right.inputs[name] != number:
            return f"input {name!r} has another default"
    if sorted(left.apart) != sorted(right.apart):
        return "nodes that draw random numbers, or may keep state, were added, dropped or changed"
    return None


def _interface(side: str, before: ModelProto, after: ModelProto) -> str | None:
    left, right = getattr(before.graph, side), getattr(after.graph, side)
    if [info.name for info in left] != [info.name for info in right]:
        return f"the models have different {side}s"
    for ours, theirs in zip(left, right, strict=True):
        if ours.type.SerializeToString(deterministic=True) != theirs.type.SerializeToString(
            deterministic=True
        ):
            return f"{side} {ours.name!r} changed its type or shape"
    return None


def _explain(output: str, left: Numbering, right: Numbering) -> str:
    """Name the first node of one model whose result the other does not compute."""
    for number, node in left.node_of.items():
        if number not in right.node_of:
            return (
                f"output {output!r} differs, first at node {node.name or node.output[0]!r} ({node.op_type})"
            )
    return f"output {output!r} is computed from other values"
