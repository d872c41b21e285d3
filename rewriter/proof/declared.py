"""Declared types as keys; `model.operator_set.body_types` finds the nodes whose results depend on them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from onnx import GraphProto, TypeProto, ValueInfoProto

Declared = tuple[object, ...]


def body_types(bodies: Sequence[GraphProto]) -> tuple[Declared, ...]:
    """Element types and shapes that the bodies of a Loop or Scan declare for their inputs and results."""
    return tuple(tuple(_shape(info.type) for info in (*body.input, *body.output)) for body in bodies)


def types_of(graph: GraphProto) -> Mapping[str, bytes]:
    """Value -> the type that a graph declares for it, serialized; undeclared values are left out."""
    infos: Iterable[ValueInfoProto] = (*graph.input, *graph.value_info, *graph.output)
    found = {info.name: info.type.SerializeToString(deterministic=True) for info in infos}
    return {name: said for name, said in found.items() if said}


def _shape(kind: TypeProto) -> Declared | bytes:
    if not kind.HasField("tensor_type"):
        return kind.SerializeToString(deterministic=True)
    tensor = kind.tensor_type
    if not tensor.HasField("shape"):
        return (tensor.elem_type, None)
    dims = tuple(dim.dim_value if dim.HasField("dim_value") else None for dim in tensor.shape.dim)
    return (tensor.elem_type, dims)
