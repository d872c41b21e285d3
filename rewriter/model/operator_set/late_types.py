"""Finds values of types that came late to ONNX: 8-bit floats, types of 4 and 2 bits, optionals.

The types come from these sources: the file states them or stores a tensor of such a type; an attribute names
the type of an output, as that of a cast does; by ONNX's operator schemas, an output is an optional or has the
type of an input; a body and its owner pass the value to each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from functools import lru_cache

import onnx
from onnx import AttributeProto, GraphProto, NodeProto, TensorProto, TypeProto

from rewriter.model.index.graph import NONE, Body, GraphIndex
from rewriter.model.operator_set.operators import canonical, schema_of, versions_of

_LAST_EARLY = TensorProto.BFLOAT16
"""The last of the early types: `TensorProto.DataType` numbers types in the order in which they were added."""
_NAMES_TYPE = frozenset({"to", "dtype", "output_dtype"})
"""Attributes that set the type of an operator's outputs."""


def late_values(graph: GraphIndex) -> set[int]:
    """Return the values of the main graph known to have a late type; other values may have one too."""
    return all_late_values(graph).intersection(graph.bodies[0].values.values())


def all_late_values(graph: GraphIndex) -> set[int]:
    """Return the values of the main graph and the bodies in it that are known to have a late type."""
    bodies = _bodies(graph)
    found = {value for value, tensor in graph.initializers.items() if tensor.data_type > _LAST_EARLY}
    for body in bodies.values():
        proto = body.proto
        assert isinstance(proto, GraphProto)
        for info in (*proto.input, *proto.value_info, *proto.output):
            if info.name in body.values and _is_late(info.type):
                found.add(body.values[info.name])
    opsets = versions_of(graph.model.opset_import)
    known = -1
    while known < len(found):  # results of a body reach readers of its owner in the next round
        known = len(found)
        for node, (domain, op_type) in enumerate(graph.operators):
            if graph.body_of[node] in bodies:
                opset, reads = opsets.get(canonical(domain), 0), graph.reads[node]
                if may_make_late(op_type, canonical(domain), opset) or not found.isdisjoint(reads):
                    found.update(_written(graph.nodes[node], reads, graph.writes[node], found, opsets))
        for body in bodies.values():
            if body.owner != NONE:
                found.update(_through(graph, body, found))
        if len(bodies) == 1:
            break
    return found


def _bodies(graph: GraphIndex) -> dict[int, Body]:
    """Return the main graph and all graph bodies inside, by number."""
    found: dict[int, Body] = {}
    for number, body in enumerate(graph.bodies):
        if number == 0 or body.outer in found:
            found[number] = body
    return found


def _through(graph: GraphIndex, body: Body, late: Set[int]) -> Iterator[int]:
    """Yield the values that are late at the boundary of a body: its inputs, and the outputs of its owner."""
    assert isinstance(body.proto, GraphProto)
    loop = graph.nodes[body.owner].op_type == "Loop"
    inputs = [body.values[info.name] for info in body.proto.input]
    first = 2 if loop else 0  # a Loop also passes in iteration and condition, and takes the condition back
    given = zip(graph.reads[body.owner][first:], inputs[first:], strict=False)
    taken = zip(body.results[first // 2 :], graph.writes[body.owner], strict=False)
    yield from (target for value, target in (*given, *taken) if value in late and target != NONE)


@lru_cache(maxsize=4096)
def may_make_late(op_type: str, domain: str, version: int) -> bool:
    """Whether a node of an operator may write a value of a late type without reading one."""
    schema = schema_of(op_type, domain, version)
    return (
        schema is None
        or any(
            name in _NAMES_TYPE or attribute.type == onnx.defs.OpSchema.AttrType.TENSOR
            for name, attribute in schema.attributes.items()
        )
        or any(_optional(output.types) for output in schema.outputs)
    )


@lru_cache(maxsize=4096)
def may_be_optional(op_type: str, domain: str, version: int) -> bool:
    """Whether an output of an operator has an optional type alone."""
    schema = schema_of(op_type, domain, version)
    return schema is not None and any(_optional(output.types) for output in schema.outputs)


def _is_late(type_: TypeProto) -> bool:
    match type_.WhichOneof("value"):
        case "tensor_type":
            return bool(type_.tensor_type.elem_type > _LAST_EARLY)
        case "sequence_type":
            return _is_late(type_.sequence_type.elem_type)
    return type_.HasField("optional_type")


def _written(
    node: NodeProto, reads: Sequence[int], writes: Sequence[int], late: Set[int], opsets: dict[str, int]
) -> Iterator[int]:
    if any(map(_tells_late, node.attribute)):
        yield from (value for value in writes if value != NONE)
        return
    domain = canonical(node.domain)
    op_type, version = node.op_type, opsets.get(domain, 0)
    if late.isdisjoint(reads) and not may_be_optional(op_type, domain, version):
        return
    schema = schema_of(op_type, domain, version)
    if schema is None or not schema.outputs:
        return
    inputs, outputs = schema.inputs, schema.outputs
    same = {
        inputs[min(position, len(inputs) - 1)].type_str
        for position, value in enumerate(reads)
        if value in late and inputs
    }
    for position, value in enumerate(writes):
        formal = outputs[min(position, len(outputs) - 1)]
        if value != NONE and (formal.type_str in same or _optional(formal.types)):
            yield value


def _tells_late(attribute: AttributeProto) -> bool:
    if attribute.type == AttributeProto.INT:
        return attribute.name in _NAMES_TYPE and attribute.i > _LAST_EARLY
    return attribute.type == AttributeProto.TENSOR and attribute.t.data_type > _LAST_EARLY


def _optional(types: Sequence[str]) -> bool:
    return bool(types) and all(each.startswith("optional(") for each in types)
