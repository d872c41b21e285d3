"""Signature of a model: its inputs without initializers, their element types and their dimensions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import onnx
from onnx import GraphProto

from rewriter.model.index.graph import GraphIndex
from rewriter.runtime.inputs.input import Dim, FeedError, Input


@dataclass(frozen=True, slots=True)
class Known:
    """Known type of a value.

    Attributes:
        element: `TensorProto.DataType` of its elements, 0 if unknown.
        dims: one entry per axis, None for an unknown size; None for a tensor of unknown rank.
    """

    element: int
    dims: tuple[Dim, ...] | None

    @property
    def shape(self) -> tuple[int, ...] | None:
        """The shape, if every size is known."""
        if self.dims is None:
            return None
        sizes = tuple(dim for dim in self.dims if isinstance(dim, int))
        return sizes if len(sizes) == len(self.dims) else None


def signature(model: onnx.ModelProto) -> tuple[Input, ...]:
    """Return the inputs that must be fed, in file order.

    Inputs with an initializer are left out. Before IR version 4, every initializer is listed as an input;
    later, some may be.

    Raises:
        FeedError: an input is no dense tensor, or has no element type.
    """
    return tuple(map(_input, required_inputs(model)))


def required_inputs(model: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    """Return the main graph's inputs without initializers, in file order."""
    graph = model.graph
    filled = {tensor.name for tensor in graph.initializer}
    filled.update(tensor.values.name for tensor in graph.sparse_initializer)
    return [value for value in graph.input if value.name not in filled]


def _input(value: onnx.ValueInfoProto) -> Input:
    kind = value.type.WhichOneof("value")
    if kind != "tensor_type":
        called = kind.removesuffix("_type").replace("_", " ") if kind else "no type"
        raise FeedError(f"input {value.name!r} is no tensor ({called})")
    tensor = value.type.tensor_type
    try:
        onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)
    except (KeyError, ValueError, TypeError):
        raise FeedError(f"input {value.name!r} has an unknown element type ({tensor.elem_type})") from None
    return Input(value.name, tensor.elem_type, dims_of(tensor))


def dims_of(tensor: onnx.TypeProto.Tensor) -> tuple[Dim, ...] | None:
    """Return the dimensions in a tensor type; negative sizes, which some tools write, count as unknown."""
    if not tensor.HasField("shape"):
        return None
    dims: list[Dim] = []
    for dim in tensor.shape.dim:
        if dim.WhichOneof("value") == "dim_value":
            dims.append(dim.dim_value if dim.dim_value >= 0 else None)
        else:
            dims.append(dim.dim_param or None)
    return tuple(dims)


def known_of(type_proto: onnx.TypeProto) -> Known | None:
    """Return the known part of a type; None if it is no dense tensor."""
    if type_proto.WhichOneof("value") != "tensor_type":
        return None
    tensor = type_proto.tensor_type
    return Known(tensor.elem_type, dims_of(tensor))


def stated_values(graph: GraphIndex, numbers: GraphIndex) -> dict[int, Known]:
    """Return the shapes and types that a model states, by number of the value.

    Args:
        graph: the model; it may have inferred types, and values that `numbers` lacks.
        numbers: an index with the same bodies, which numbers the values.
    """
    found: dict[int, Known] = {}
    for body, own in zip(graph.bodies, numbers.bodies, strict=True):
        infos = [*body.proto.value_info]
        if isinstance(body.proto, GraphProto):
            for tensor in body.proto.initializer:
                if tensor.name in own.values:
                    found.setdefault(own.values[tensor.name], Known(tensor.data_type, tuple(tensor.dims)))
            infos += [*body.proto.input, *body.proto.output]
        for info in infos:
            known = known_of(info.type)
            if known is not None and info.name in own.values:
                found.setdefault(own.values[info.name], known)
    return found


def expose(model: onnx.ModelProto, names: Iterable[str]) -> None:
    """Add values to the outputs of a model, without types; skip outputs, inputs and dense initializers."""
    graph = model.graph
    there = {info.name for info in (*graph.input, *graph.output)} | {each.name for each in graph.initializer}
    wanted = dict.fromkeys(name for name in names if name not in there)
    graph.output.extend(onnx.ValueInfoProto(name=name) for name in wanted)
