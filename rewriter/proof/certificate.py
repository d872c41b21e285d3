"""The certificate: two models have the same symbolic expression at every output."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from onnx import ModelProto, TensorProto, TypeProto, ValueInfoProto

from rewriter.basics import garbage
from rewriter.model.index.slices import nodes_needed
from rewriter.proof.contents import Contents, Table
from rewriter.proof.identical import same_to_run
from rewriter.proof.numbering import Numbering, TypesCount, interface_inputs
from rewriter.proof.scope import Unprovable


@dataclass(frozen=True, slots=True)
class Certificate:
    """The result of comparing two models symbolically.

    Attributes:
        equal: whether every output has the same expression in both models, both have the same inputs and
            outputs (names, types, order, defaults), and the same nodes that may draw random numbers or keep
            state, read or not.
        outputs: number of outputs compared.
        difference: one line on the first difference; None where equal.
        readable: whether the first model can be read as expressions at all; for example, a graph with a cycle
            cannot, and nothing can be proved of it.
        identical: whether the executable parts of both are byte-identical; expressions were
            not compared then.
        interface: whether the difference concerns inputs or outputs: their number, names, types or defaults.
        mismatch: whether no array fits both models: the numbers of inputs or outputs, or their types, differ.
    """

    equal: bool
    outputs: int
    difference: str | None = None
    readable: bool = True
    identical: bool = False
    interface: bool = False
    mismatch: bool = False


def certify(
    before: ModelProto,
    after: ModelProto,
    *,
    before_folder: Path | None = None,
    after_folder: Path | None = None,
    by_position: bool = False,
) -> Certificate:
    """Compare two models: first the bytes of their executable parts, then their expressions.

    Models with the same executable part are equal whatever they contain, even if they cannot be read as
    expressions.

    Args:
        before: a model.
        after: the model that should compute the same.
        before_folder: folder of the external data of `before`; None without any.
        after_folder: the same for `after`. In one folder, external data counts by reference and is not read;
            in two, its bytes are read once and compared by digest.
        by_position: whether inputs and outputs may have other names, in the same order.
    """
    if same_to_run(before, after, (before_folder, after_folder)):
        return Certificate(True, len(before.graph.output), identical=True)
    return compare_expressions(
        before, after, before_folder=before_folder, after_folder=after_folder, by_position=by_position
    )


@garbage.paused()
def compare_expressions(
    before: ModelProto,
    after: ModelProto,
    *,
    before_folder: Path | None = None,
    after_folder: Path | None = None,
    by_position: bool = False,
) -> Certificate:
    """Compare two models symbolically, functions inlined, in time linear in their nodes; see `certify`."""
    if (found := _interface(before, after, by_position)) is not None:
        return found
    table = Table(Contents(by_content=before_folder != after_folder))
    left = _numbered(before, table, before_folder)
    right = _numbered(after, table, after_folder)
    if isinstance(left, str) or isinstance(right, str):
        reason = left if isinstance(left, str) else right
        return Certificate(False, 0, f"no proof: {reason}", readable=not isinstance(left, str))
    return _difference(before, left, right) or Certificate(True, len(left.outputs))


def _numbered(model: ModelProto, table: Table, folder: Path | None) -> Numbering | str:
    """The numbers of a model, or the reason why it has none."""
    try:
        try:
            return Numbering(model, table, folder)
        except TypesCount:
            return Numbering(model, table, folder, typed=True)
    except Unprovable as error:
        return str(error)
    except RecursionError:
        return "functions or graphs nest too deep"


def _difference(before: ModelProto, left: Numbering, right: Numbering) -> Certificate | None:
    """The first difference between the numbers of two models of one interface; None if there is none."""
    outputs = len(left.outputs)
    for info, ours, theirs in zip(before.graph.output, left.outputs, right.outputs, strict=True):
        if ours != theirs:
            return Certificate(False, outputs, _explain(info.name, before, left, right))
    for info, ours, theirs in zip(interface_inputs(before), left.inputs, right.inputs, strict=True):
        if ours != theirs:
            return Certificate(False, outputs, f"input {info.name!r} has another default", interface=True)
    if sorted(left.apart) != sorted(right.apart):
        return Certificate(
            False,
            outputs,
            "nodes that draw random numbers, or may keep state, were added, dropped or changed",
        )
    if (left.scans or right.scans) and (name := _stated_otherwise(left, right)) is not None:
        return Certificate(
            False, outputs, f"value {name!r} is stated with another type, and a Loop or Scan may go by that"
        )
    return None


def _stated_otherwise(left: Numbering, right: Numbering) -> str | None:
    """A value for which the models state different types: onnxruntime relies on stated types."""
    for number, (name, kinds) in left.stated.items():
        if number in right.stated and kinds.isdisjoint(right.stated[number][1]):
            return name
    return None


def _interface(before: ModelProto, after: ModelProto, by_position: bool) -> Certificate | None:
    """The first difference between the inputs or outputs of two models."""
    inputs = interface_inputs(before), interface_inputs(after)
    outputs = list(before.graph.output), list(after.graph.output)
    required = len(_required(before, inputs[0])) == len(_required(after, inputs[1]))
    for side, (ours, theirs), fits in (("input", inputs, required), ("output", outputs, False)):
        if len(ours) != len(theirs):
            difference = f"one model has {len(ours)} {side}s, the other {len(theirs)}"
            return Certificate(False, 0, difference, interface=True, mismatch=not fits)
        for left, right in zip(ours, theirs, strict=True):
            if left.name != right.name and not by_position:
                difference = f"{side} {left.name!r} is called {right.name!r} in the other model"
                return Certificate(False, 0, difference, interface=True)
            if _said(left.type) != _said(right.type):
                kinds = described(left.type), described(right.type)
                apart = (
                    "{}, in the other model {}".format(*kinds)
                    if kinds[0] != kinds[1]
                    else "described otherwise"
                )
                mismatch = _element(left.type) != _element(right.type)
                return Certificate(
                    False, 0, f"{side} {left.name!r} is {apart}", interface=True, mismatch=mismatch
                )
    return None


def _required(model: ModelProto, inputs: list[ValueInfoProto]) -> list[ValueInfoProto]:
    """The inputs without a default."""
    defaults = {each.name for each in model.graph.initializer}
    defaults |= {each.values.name for each in model.graph.sparse_initializer}
    return [info for info in inputs if info.name not in defaults]


def _said(kind: TypeProto) -> bytes:
    return kind.SerializeToString(deterministic=True)


def _element(kind: TypeProto) -> tuple[str | None, int]:
    return kind.WhichOneof("value"), kind.tensor_type.elem_type


def described(kind: TypeProto) -> str:
    """A type in words: `float 2 x seq x 128`, `bool scalar`, `sequence`."""
    which = kind.WhichOneof("value")
    if which != "tensor_type":
        return (which or "no type").removesuffix("_type").replace("_", " ")
    tensor = kind.tensor_type
    names = {number: name for name, number in TensorProto.DataType.items()}
    element = names.get(tensor.elem_type, str(tensor.elem_type)).lower()
    if not tensor.HasField("shape"):
        return f"{element} of any shape"
    dims = [str(d.dim_value) if d.HasField("dim_value") else d.dim_param or "?" for d in tensor.shape.dim]
    return f"{element} {' x '.join(dims) or 'scalar'}"


def _explain(output: str, before: ModelProto, left: Numbering, right: Numbering) -> str:
    """Name the first node an output depends on whose result the other model does not compute."""
    for number in nodes_needed(before.graph, [output]):
        node = before.graph.node[number]
        results = [left.numbers[name] for name in node.output if name in left.numbers]
        if any(result not in right.computed for result in results):
            name = node.name or node.output[0]
            return f"output {output!r} is computed otherwise, first at node {name!r} ({node.op_type})"
    return f"output {output!r} is computed from other values"
