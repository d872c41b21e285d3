"""Makes keys of declared types; `model.operator_set.body_types` finds nodes whose results depend on types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from onnx import GraphProto, TypeProto, ValueInfoProto

Declared = tuple[object, ...]


def body_types(bodies: Sequence[GraphProto]) -> tuple[Declared, ...]:
    """Return the types that bodies of a Loop or Scan declare for inputs and results.

    Symbolic dimensions of tensors count as unknown, whatever their names.
    """
    return tuple(tuple(_shape(info.type) for info in (*body.input, *body.output)) for body in bodies)


def types_of(graph: GraphProto) -> Mapping[str, bytes]:
    """Return the serialized types that a graph declares, by value name; undeclared values are left out."""
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
