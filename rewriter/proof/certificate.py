"""The certificate: compares the symbolic expressions of two models at every output."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from onnx import ModelProto, TensorProto, TypeProto, ValueInfoProto

from rewriter.basics import garbage
from rewriter.model.index.backward_slice import nodes_needed
from rewriter.model.interface_match import counterparts
from rewriter.proof.contents import Contents, Table
from rewriter.proof.identical import same_to_run
from rewriter.proof.numbering import Numbering, TypesCount, interface_inputs
from rewriter.proof.scope import ReadEarly, Unprovable


@dataclass(frozen=True, slots=True)
class Certificate:
    """Result of a symbolic comparison of two models.

    Attributes:
        equal: whether both models have the same inputs and outputs (types, order, defaults, and names unless
            they were compared by position), the same expression at every output, and the same nodes that may
            draw random numbers or keep state, including nodes that no output depends on. If a model has a
            Loop or Scan, the types that both state for a value must agree, too.
        outputs: number of outputs; 0 if the comparison ended before the first output.
        difference: the first difference, or the reason why nothing can be proved, in one line; None if equal.
        readable: False if the comparison failed because the first model cannot be read as expressions, for
            example because its graph has a cycle.
        identical: whether the executable parts of both models are byte-identical; if so, expressions were not
            compared.
        interface: whether the difference concerns inputs or outputs: their number, names, types or defaults.
        mismatch: whether the difference shows that the same arrays cannot serve both models: they differ both
            in the number of inputs and in the number of required inputs, the number of outputs differs, or an
            input or output differs in kind (tensor, sequence and others) or in the element type of a tensor.
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

    Models with byte-identical executable parts are equal even if they cannot be read as expressions.

    Args:
        before: the original model.
        after: the model that should compute the same.
        before_folder: folder of the external data of `before`; None if it has none.
        after_folder: folder of the external data of `after`; None if it has none. If both folders are the
            same, external data is compared by reference and not read; otherwise it is compared by digest.
        by_position: whether to match inputs and outputs by position, so that their names may differ; a name
            that stands at another position in the other model is a difference.
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
    """Compare the expressions of two models; see `certify`.

    Functions are inlined; the time is linear in the number of nodes after inlining.
    """
    if (found := interface_difference(before, after, by_position)) is not None:
        return found
    table = Table(Contents(by_content=before_folder != after_folder))
    left = numbered(before, table, before_folder)
    right = numbered(after, table, after_folder)
    if isinstance(left, str) or isinstance(right, str):
        reason = left if isinstance(left, str) else right
        return Certificate(False, 0, f"no proof: {reason}", readable=not isinstance(left, str))
    return _difference(before, left, right) or Certificate(True, len(left.outputs))


def numbered(model: ModelProto, table: Table, folder: Path | None) -> Numbering | str:
    """Return the numbers of a model, or the reason why it has none."""
    typed = sorts = False
    try:
        while True:
            try:
                return Numbering(model, table, folder, typed=typed, sorts=sorts)
            except TypesCount:
                typed = True
            except ReadEarly:
                if sorts:  # then no node at all writes the value
                    raise
                sorts = True
    except Unprovable as error:
        return str(error)
    except RecursionError:
        return "functions or graphs nest too deep"


def _difference(before: ModelProto, left: Numbering, right: Numbering) -> Certificate | None:
    """Return the first difference between two models whose inputs and outputs have the same types.

    None if the models are equal.
    """
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
            False, outputs, f"value {name!r} is stated with another type, and a Loop or Scan may depend on it"
        )
    return None


def _stated_otherwise(left: Numbering, right: Numbering) -> str | None:
    """Return a value for which the models state different types; None without one.

    onnxruntime relies on stated types.
    """
    for number, (name, kinds) in left.stated.items():
        if number in right.stated and kinds.isdisjoint(right.stated[number][1]):
            return name
    return None


def interface_difference(before: ModelProto, after: ModelProto, by_position: bool) -> Certificate | None:
    """Return the first difference in number, names or types of inputs or outputs; None if there is none."""
    inputs = interface_inputs(before), interface_inputs(after)
    outputs = list(before.graph.output), list(after.graph.output)
    required = len(_required(before, inputs[0])) == len(_required(after, inputs[1]))
    for side, (ours, theirs), fits in (("input", inputs, required), ("output", outputs, False)):
        if len(ours) != len(theirs):
            difference = f"one model has {len(ours)} {side}s, the other {len(theirs)}"
            return Certificate(False, 0, difference, interface=True, mismatch=not fits)
        # By position, `a` of one model may be `b` of the other, but callers give values by name.
        names = [each.name for each in ours], [each.name for each in theirs]
        moved = counterparts(*names) != list(range(len(ours)))
        for left, right in zip(ours, theirs, strict=True):
            if left.name != right.name and (moved or not by_position):
                told = "stands where {!r} does" if moved else "is called {!r}"
                difference = f"{side} {left.name!r} {told.format(right.name)} in the other model"
                return Certificate(False, 0, difference, interface=True)
            if _serialized(left.type) != _serialized(right.type):
                kinds = described(left.type), described(right.type)
                apart = (
                    "{}, in the other model {}".format(*kinds)
                    if kinds[0] != kinds[1]
                    else "described otherwise"
                )
                mismatch = _element_type(left.type) != _element_type(right.type)
                return Certificate(
                    False, 0, f"{side} {left.name!r} is {apart}", interface=True, mismatch=mismatch
                )
    return None


def _required(model: ModelProto, inputs: list[ValueInfoProto]) -> list[ValueInfoProto]:
    """Return the inputs without a default."""
    defaults = {each.name for each in model.graph.initializer}
    defaults |= {each.values.name for each in model.graph.sparse_initializer}
    return [info for info in inputs if info.name not in defaults]


def _serialized(kind: TypeProto) -> bytes:
    return kind.SerializeToString(deterministic=True)


def _element_type(kind: TypeProto) -> tuple[str | None, int]:
    return kind.WhichOneof("value"), kind.tensor_type.elem_type


def described(kind: TypeProto) -> str:
    """Describe a type in words: `float 2 x seq x 128`, `bool scalar`, `sequence`."""
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
    """Describe why an output differs.

    Name the first node, among those that the output depends on, with a result that the other model does not
    compute in its main graph. If the other model computes all of these results, name no node.
    """
    for number in nodes_needed(before.graph, [output]):
        node = before.graph.node[number]
        results = [left.numbers[name] for name in node.output if name in left.numbers]
        if any(result not in right.computed for result in results):
            name = node.name or node.output[0]
            return f"output {output!r} is computed otherwise, first at node {name!r} ({node.op_type})"
    return f"output {output!r} is computed from other values"
