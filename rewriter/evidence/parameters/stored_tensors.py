"""Lists the tensors that a file stores: dense and sparse initializers, and values of `Constant` nodes.

Only shapes and types are read, never contents.
"""

from __future__ import annotations

from functools import cache, lru_cache
from math import prod
from typing import NamedTuple

from onnx import GraphProto, NodeProto, SparseTensorProto, TensorProto

from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.model.storage.external_data import demand_sizes
from rewriter.model.tensors import FLOATS

_BITS = {
    **dict.fromkeys(("FLOAT", "INT32", "UINT32"), 32),
    **dict.fromkeys(("DOUBLE", "INT64", "UINT64", "COMPLEX64"), 64),
    **dict.fromkeys(("FLOAT16", "BFLOAT16", "INT16", "UINT16"), 16),
    **dict.fromkeys(("INT4", "UINT4", "FLOAT4E2M1"), 4),
    **dict.fromkeys(("INT2", "UINT2"), 2),
    "COMPLEX128": 128,
    "STRING": 0,
    "UNDEFINED": 0,
}
"""Element type -> bits; 8 for all other types of onnx, 0 for unknown numbers."""


class Stored(NamedTuple):
    """A tensor of the file.

    Attributes:
        dims: its shape.
        data_type: one of `TensorProto.DataType`.
        size: number of bytes in storage; 0 for strings, unknown types, and inputs of the graph.
    """

    dims: tuple[int, ...]
    data_type: int
    size: int

    @property
    def elements(self) -> int:
        """Number of elements."""
        return prod(self.dims)

    @property
    def is_float(self) -> bool:
        """Whether its elements have a floating-point type that is not a quantised one."""
        return self.data_type in FLOATS


def stored_tensors(graph: GraphIndex) -> dict[int, Stored]:
    """Return value -> the tensor that the file stores for it.

    Raises:
        UnreadableModel: a size in the shape of a tensor is negative, so its number of elements is unknown.
    """
    found = {value: _of(tensor) for value, tensor in graph.initializers.items()}
    for body in graph.bodies:
        if isinstance(body.proto, GraphProto):
            for sparse in body.proto.sparse_initializer:
                found[body.values[sparse.values.name]] = _of_sparse(sparse)
    for node, (_, operator) in enumerate(graph.operators):
        if operator == "Constant" and graph.writes[node] and (value := graph.writes[node][0]) != NONE:
            found[value] = _of_constant(graph.nodes[node])
    return found


def _of(tensor: TensorProto) -> Stored:
    dims = tuple(tensor.dims)
    if dims and min(dims) < 0:
        demand_sizes(tensor)
    return _stored(dims, tensor.data_type)


def _of_sparse(sparse: SparseTensorProto) -> Stored:
    demand_sizes(sparse)
    size = _of(sparse.values).size + _of(sparse.indices).size
    return Stored(tuple(sparse.dims), sparse.values.data_type, size)


@lru_cache(maxsize=4096)  # the layers of a model have the same shapes
def _stored(dims: tuple[int, ...], data_type: int) -> Stored:
    return Stored(dims, data_type, -(-prod(dims) * _bits(data_type) // 8))


def _of_constant(node: NodeProto) -> Stored:
    for attribute in node.attribute:
        if attribute.name == "value":
            return _of(attribute.t)
        if attribute.name == "sparse_value":
            return _of_sparse(attribute.sparse_tensor)
        if attribute.name in _PLAIN:
            data_type = _PLAIN[attribute.name]
            several = len(attribute.floats) + len(attribute.ints) + len(attribute.strings)
            return _stored((several,) if attribute.name.endswith("s") else (), data_type)
    return Stored((0,), TensorProto.UNDEFINED, 0)


_PLAIN = {
    "value_float": TensorProto.FLOAT,
    "value_floats": TensorProto.FLOAT,
    "value_int": TensorProto.INT64,
    "value_ints": TensorProto.INT64,
    "value_string": TensorProto.STRING,
    "value_strings": TensorProto.STRING,
}


@cache
def _bits(data_type: int) -> int:
    known = data_type in TensorProto.DataType.values()
    return _BITS.get(TensorProto.DataType.Name(data_type), 8) if known else 0
