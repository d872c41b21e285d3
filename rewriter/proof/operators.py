"""What is known of operators without running them: their version, their purity, what a Constant holds."""

from __future__ import annotations

from functools import lru_cache

import onnx
from onnx import AttributeProto, NodeProto, TensorProto, helper

from rewriter.proof.scope import Unprovable, canonical

_RANDOM = frozenset(
    {"RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Multinomial", "Bernoulli"}
)
_STANDARD = frozenset({"", "ai.onnx.ml"})
_OF_RUNTIMES = ("ai.onnx.", "com.microsoft", "com.ms.", "org.pytorch.aten")
_DROPOUT_WITHOUT_IS_TEST = 7
_MESSAGES = ("t", "g", "sparse_tensor", "tp", "tensors", "graphs", "sparse_tensors", "type_protos")

_NEWEST: dict[str, int] = {}
for _domain, _version in helper.OP_SET_ID_VERSION_MAP:
    _NEWEST[canonical(_domain)] = max(_NEWEST.get(canonical(_domain), 0), _version)


@lru_cache(maxsize=4096)
def since(op_type: str, domain: str, version: int) -> int:
    """The opset in which an operator got the meaning it has at `version`.

    `version` itself where it is newer than the installed onnx knows, and minus `version` for an operator
    that onnx does not know.
    """
    try:
        schema = onnx.defs.get_schema(op_type, version, domain)
    except (onnx.defs.SchemaError, TypeError):  # unknown, or a name that is not UTF-8
        return -version
    return version if version > _NEWEST.get(domain, 0) else int(schema.since_version)


def counts_apart(node: NodeProto, domain: str, version: int, inputs: int) -> bool:
    """Whether a node may give other results than an equal node: it draws random numbers, or may keep state.

    Args:
        node: the node.
        domain: its domain, canonical.
        version: what `since` says of it.
        inputs: the number of its inputs, without those left out at the end.
    """
    if domain not in _STANDARD or version <= 0:
        return True  # nothing in the file says whether an operator we do not know keeps state
    if node.op_type == "Dropout" and version < _DROPOUT_WITHOUT_IS_TEST:
        return not any(attribute.name == "is_test" and attribute.i for attribute in node.attribute)
    return node.op_type in _RANDOM or (node.op_type == "Dropout" and inputs > 2)


def left_to_runtimes(domain: str) -> bool:
    """Whether runtimes have operators of their own in a domain, which they may prefer to a function.

    onnx.proto leaves a function that bears the name of an operator to the runtime; onnxruntime 1.31 ignores
    the function, onnx's reference evaluator calls it.
    """
    return not domain or domain.startswith(_OF_RUNTIMES)


def plain(attribute: AttributeProto) -> bytes:
    """What an attribute of numbers, strings or types holds, bit for bit.

    Raises:
        Unprovable: the attribute does not say that it holds a tensor or graph, but does.
    """
    bare = AttributeProto()
    bare.CopyFrom(attribute)
    bare.name = ""
    bare.ClearField("doc_string")
    if attribute.type == AttributeProto.UNDEFINED:
        for field, _ in bare.ListFields():
            if field.name in _MESSAGES:
                raise Unprovable(f"attribute {attribute.name!r} has no type")
    return bare.SerializeToString(deterministic=True)


def constant_tensor(name: str, attribute: AttributeProto) -> TensorProto | None:
    """The tensor a Constant yields, given its only attribute; None for the forms without a dense tensor."""
    made: TensorProto | None = None
    match name, attribute.type:
        case "value", AttributeProto.TENSOR:
            made = attribute.t
        case "value_float", AttributeProto.FLOAT:
            made = _floats([], [attribute.f])
        case "value_floats", AttributeProto.FLOATS:
            made = _floats([len(attribute.floats)], list(attribute.floats))
        case "value_int", AttributeProto.INT:
            made = TensorProto(data_type=TensorProto.INT64, int64_data=[attribute.i])
        case "value_ints", AttributeProto.INTS:
            dims = [len(attribute.ints)]
            made = TensorProto(data_type=TensorProto.INT64, dims=dims, int64_data=attribute.ints)
        case "value_string", AttributeProto.STRING:
            made = TensorProto(data_type=TensorProto.STRING, string_data=[attribute.s])
        case "value_strings", AttributeProto.STRINGS:
            dims = [len(attribute.strings)]
            made = TensorProto(data_type=TensorProto.STRING, dims=dims, string_data=attribute.strings)
    return made


def _floats(dims: list[int], values: list[float]) -> TensorProto | None:
    """None where a NaN is among them: its payload does not survive the way through Python's floats."""
    if any(value != value for value in values):  # noqa: PLR0124  NaN is what differs from itself
        return None
    return TensorProto(data_type=TensorProto.FLOAT, dims=dims, float_data=values)
